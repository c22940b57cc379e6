//! What can be wrong with a network, and what the proxy counts of it.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What is wrong with the network just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Every piece is passed on this much later, in each direction.
    Latency(Duration),
    /// A bad line, in each direction of every connection.
    Slow(Line),
    /// Every byte is passed on by itself.
    Slices,
    /// Nothing passes in either direction; connections stay open, new ones are taken and hang.
    Cut,
    /// What the client sends no longer arrives; what the server sends does.
    CutToServer,
    /// What the client sends arrives; what the server sends does not: the effect happens, and the
    /// answer never comes.
    CutToClient,
    /// What a member of a Kafka group tells its coordinator no longer arrives; it fetches and produces
    /// as before. The connection is known by the requests of members on it.
    CutToCoordinator,
    /// Open connections are reset, and new ones at once.
    Reset,
    /// Every connection is reset when it is so old, or when this was set so long ago.
    ResetEvery(Duration),
    /// A connection is passed on until the server has begun to answer; then the answer is dropped and the
    /// connection closed.
    DropReply,
}

/// A bad line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Every piece takes at least so long.
    pub latency: Duration,
    /// Up to so much longer, another time for each piece.
    pub jitter: Duration,
    /// So much passes in a second.
    pub bytes_per_second: u32,
}

impl Line {
    /// How long the piece with a number takes, apart from its length.
    pub(super) fn delay(&self, piece: u64) -> Duration {
        // Weyl's sequence: spread evenly, and the same in every run.
        let spread = piece.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
        self.latency + self.jitter * u32::try_from(spread).unwrap_or(0) / 1_024
    }
}

/// What has passed, and what has been done to it.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) connections: AtomicU64,
    pub(super) bytes_to_server: AtomicU64,
    pub(super) bytes_to_client: AtomicU64,
    pub(super) replies_dropped: AtomicU64,
    pub(super) resets: AtomicU64,
    pub(super) unreplied: Unreplied,
}

impl Counts {
    pub(super) fn add(count: &AtomicU64, more: u64) {
        count.fetch_add(more, Ordering::Relaxed);
    }
}

/// Requests whose reply is to be dropped.
#[derive(Debug, Default)]
pub(super) struct Unreplied(Mutex<Option<Awaited>>);

#[derive(Debug)]
struct Awaited {
    request: Vec<u8>,
    left: u32,
}

impl Unreplied {
    pub(super) fn set(&self, request: &[u8], times: u32) {
        let awaited = Awaited {
            request: request.to_vec(),
            left: times,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(awaited);
    }

    /// Whether the reply to a piece is to be dropped; says so as often as was asked for.
    pub(super) fn takes(&self, piece: &[u8]) -> bool {
        let mut awaited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(awaited) = awaited.as_mut().filter(|awaited| awaited.left > 0) else {
            return false;
        };
        let request = &awaited.request;
        let is_it = (piece.windows(request.len())).any(|part| part == request.as_slice());
        awaited.left -= u32::from(is_it);
        is_it
    }
}
