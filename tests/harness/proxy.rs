//! A TCP proxy on loopback that misbehaves on request: slow, cut in one direction or both, resetting, or
//! dropping the answer to what it has already passed on. It runs on a thread of its own, so that a test
//! that blocks does not stop it. What stays true: bytes are delayed or lost with their connection, never
//! altered, reordered or lost in the middle of one that goes on.

use std::{
    net::{Ipv4Addr, TcpListener as StdListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// What is wrong with the network just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Every piece is passed on this much later, in each direction.
    Latency(Duration),
    /// Nothing passes in either direction; connections stay open, new ones are taken and hang.
    Cut,
    /// What the client sends no longer arrives; what the server sends does.
    CutToServer,
    /// What the client sends arrives; what the server sends does not: the effect happens, and the
    /// answer never comes.
    CutToClient,
    /// Open connections are reset, and new ones at once.
    Reset,
    /// A connection is passed on until the server has begun to answer; then the answer is dropped and the
    /// connection closed.
    DropReply,
}

/// A running proxy. Dropping it closes its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    fault: watch::Sender<Fault>,
    counts: Arc<Counts>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    bytes_to_server: AtomicU64,
    bytes_to_client: AtomicU64,
    replies_dropped: AtomicU64,
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
                        () = accept(listener, upstream, faults, counted) => {}
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

    /// How many answers [`Fault::DropReply`] has dropped: a test asserts that its fault has happened.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

async fn accept(
    listener: TcpListener,
    upstream: u16,
    faults: watch::Receiver<Fault>,
    counts: Arc<Counts>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        counts.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(connection(
            client,
            upstream,
            faults.clone(),
            Arc::clone(&counts),
        ));
    }
}

async fn connection(
    client: TcpStream,
    upstream: u16,
    faults: watch::Receiver<Fault>,
    counts: Arc<Counts>,
) {
    let mut resets = faults.clone();
    let server = tokio::select! {
        connected = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)) => connected,
        _ = resets.wait_for(|fault| *fault == Fault::Reset) => return reset(&client),
    };
    let Ok(server) = server else {
        return reset(&client);
    };
    // Latency is the proxy's to add, not the kernel's.
    let _best_effort = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut up = Pump {
        from: from_client,
        to: to_server,
        direction: Direction::ToServer,
    };
    let mut down = Pump {
        from: from_server,
        to: to_client,
        direction: Direction::ToClient,
    };
    let is_reset = tokio::select! {
        () = both(&mut up, &mut down, &faults, &counts) => false,
        _ = resets.wait_for(|fault| *fault == Fault::Reset) => true,
    };
    if is_reset {
        for half in [down.to, up.to] {
            reset(half.as_ref());
            // Dropping it would first say goodbye with a FIN.
            half.forget();
        }
    }
}

/// Passes on until one side closes and the other has had everything, or a reply is dropped.
async fn both(up: &mut Pump, down: &mut Pump, faults: &watch::Receiver<Fault>, counts: &Counts) {
    let upwards = up.run(faults.clone(), counts);
    let downwards = down.run(faults.clone(), counts);
    tokio::pin!(upwards, downwards);
    tokio::select! {
        ended = &mut upwards => if ended == Ended::Closed { downwards.await; },
        ended = &mut downwards => if ended == Ended::Closed { upwards.await; },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The side that is read from has sent everything; the other direction may go on.
    Closed,
    /// The connection is of no use any more.
    Broken,
}

struct Pump {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    direction: Direction,
}

impl Pump {
    async fn run(&mut self, mut faults: watch::Receiver<Fault>, counts: &Counts) -> Ended {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read_bytes = match self.from.read(&mut buffer).await {
                Ok(0) => {
                    let _closed_already = self.to.shutdown().await;
                    return Ended::Closed;
                }
                Ok(read_bytes) => read_bytes,
                Err(_) => return Ended::Broken,
            };
            if !self.hold(&mut faults).await {
                counts.replies_dropped.fetch_add(1, Ordering::Relaxed);
                return Ended::Broken;
            }
            if self.to.write_all(&buffer[..read_bytes]).await.is_err() {
                return Ended::Broken;
            }
            let passed = match self.direction {
                Direction::ToServer => &counts.bytes_to_server,
                Direction::ToClient => &counts.bytes_to_client,
            };
            passed.fetch_add(read_bytes as u64, Ordering::Relaxed);
        }
    }

    /// Waits as long as the fault of the moment holds this direction up; false when the piece is to be
    /// dropped with its connection.
    async fn hold(&self, faults: &mut watch::Receiver<Fault>) -> bool {
        let passes = |fault: &Fault| match (fault, self.direction) {
            (Fault::Cut, _) => false,
            (Fault::CutToServer, direction) => direction != Direction::ToServer,
            (Fault::CutToClient, direction) => direction != Direction::ToClient,
            (Fault::None | Fault::Latency(_) | Fault::Reset | Fault::DropReply, _) => true,
        };
        let Ok(fault) = faults.wait_for(passes).await.map(|fault| *fault) else {
            return false;
        };
        if let Fault::Latency(latency) = fault {
            tokio::time::sleep(latency).await;
        }
        !(fault == Fault::DropReply && self.direction == Direction::ToClient)
    }
}

/// Makes the kernel close with an RST instead of a FIN, and drop what is not sent yet.
fn reset(stream: &TcpStream) {
    let _closed_already = stream.set_zero_linger();
}
