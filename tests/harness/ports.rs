//! Free loopback ports. They are taken from below the kernel's range for outgoing connections, so that
//! a service that is down for a while finds its port free when it comes back: nobody's client socket
//! can have been given it in the meantime.

use std::net::{Ipv4Addr, TcpListener};

/// Below Linux's default `ip_local_port_range` (32768 and up), above what services claim for good.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// A port of loopback on which nothing listens now. Whoever binds it may lose the race to another test
/// program, which is rare: the range is wide and the port drawn.
///
/// # Errors
/// When none of a hundred drawn ports is free.
pub fn free() -> anyhow::Result<u16> {
    let span = u128::from(RANGE.end - RANGE.start);
    for _ in 0..100 {
        let drawn = uuid::Uuid::new_v4().as_u128() % span;
        let port = RANGE.start + u16::try_from(drawn)?;
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
