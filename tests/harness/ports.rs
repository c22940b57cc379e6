//! Free loopback ports. They are taken from below the kernel's range for outgoing connections, so that
//! a service that is down for a while finds its port free when it comes back: nobody's client socket
//! can have been given it in the meantime.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{
        OnceLock,
        atomic::{AtomicU16, Ordering},
    },
};

/// Below Linux's default `ip_local_port_range` (32768 and up), above what services claim for good.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// Which one was given out last. Every program begins somewhere else and goes up from there, so that
/// none of its processes is given what another is about to bind, or binds again after a while.
static LAST: OnceLock<AtomicU16> = OnceLock::new();

/// A port of loopback on which nothing listens now, and which this program gives to nobody else before
/// it has been through the whole range. Whoever binds it may still lose the race to another program,
/// which is rare: the range is wide.
///
/// # Errors
/// When none of a hundred ports is free.
pub fn free() -> anyhow::Result<u16> {
    let span = RANGE.end - RANGE.start;
    let last = LAST.get_or_init(|| {
        let drawn = uuid::Uuid::new_v4().as_u128() % u128::from(span);
        AtomicU16::new(u16::try_from(drawn).unwrap_or_default())
    });
    for _ in 0..100 {
        // It wraps by itself, at a place that does not matter.
        let port = RANGE.start + last.fetch_add(1, Ordering::Relaxed) % span;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!(
        "no free port on 127.0.0.1 between {} and {}",
        RANGE.start,
        RANGE.end
    )
}
