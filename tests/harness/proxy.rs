//! A TCP proxy on loopback that misbehaves on request: slow, in slices, cut in one direction or both,
//! resetting, or dropping the answer to what it has already passed on. It runs on a thread of its own, so
//! that a test that blocks does not stop it. What stays true: bytes are delayed or lost with their
//! connection, never altered, reordered or lost in the middle of one that goes on.

mod fault;
mod pump;

use std::{
    net::{Ipv4Addr, TcpListener as StdListener},
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
};

use anyhow::Context as _;
use tokio::{net::TcpListener, sync::watch};

pub use fault::{Fault, Line};

use fault::Counts;

/// A running proxy. Dropping it closes its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    fault: watch::Sender<Fault>,
    counts: Arc<Counts>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy in front of a loopback port. Nothing needs to listen there yet.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(upstream: u16) -> anyhow::Result<Self> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind the proxy")?;
        let port = listener.local_addr()?.port();
        listener.set_nonblocking(true)?;
        let (fault, faults) = watch::channel(Fault::None);
        let counts = Arc::new(Counts::default());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let counted = Arc::clone(&counts);
        let thread = thread::Builder::new()
            .name("fault-proxy".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let listener = TcpListener::from_std(listener).expect("it is non-blocking");
                    tokio::select! {
                        () = pump::accept(listener, upstream, faults, counted) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            port,
            fault,
            counts,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets what is wrong from now on, for open connections and new ones.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Lets everything pass again. What was held back by a cut passes now; a connection that was closed
    /// stays closed.
    pub fn heal(&self) {
        self.set(Fault::None);
    }

    /// How many connections it has taken.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// How many bytes reached the server.
    #[must_use]
    pub fn bytes_to_server(&self) -> u64 {
        self.counts.bytes_to_server.load(Ordering::Relaxed)
    }

    /// How many bytes reached the client.
    #[must_use]
    pub fn bytes_to_client(&self) -> u64 {
        self.counts.bytes_to_client.load(Ordering::Relaxed)
    }

    /// Drops the replies to the next so many pieces from a client in which `request` stands, each with
    /// its connection, once the server has begun to answer: what was asked for has happened.
    pub fn drop_replies_to(&self, request: &[u8], times: u32) {
        self.counts.unreplied.set(request, times);
    }

    /// How many connections were reset while they were open.
    #[must_use]
    pub fn resets(&self) -> u64 {
        self.counts.resets.load(Ordering::Relaxed)
    }

    /// How many answers were dropped by [`Fault::DropReply`] and [`Proxy::drop_replies_to`]: a test asserts
    /// that its fault has happened.
    #[must_use]
    pub fn replies_dropped(&self) -> u64 {
        self.counts.replies_dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            eprintln!("harness: the fault proxy's thread panicked");
        }
    }
}
