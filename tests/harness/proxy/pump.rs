//! One connection through the proxy: two directions, each passed on piece by piece as the fault of the
//! moment allows.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use super::fault::{Counts, Fault};

/// Kafka's requests of a group's members: JoinGroup, Heartbeat, LeaveGroup, SyncGroup and
/// ConsumerGroupHeartbeat.
const OF_MEMBERS: [u16; 5] = [11, 12, 13, 14, 68];
/// So much of a slow line is passed on at a time.
const SLOW_PIECE_BYTES: usize = 2_048;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

pub(super) async fn accept(
    listener: TcpListener,
    upstream: u16,
    faults: watch::Receiver<Fault>,
    counts: Arc<Counts>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        Counts::add(&counts.connections, 1);
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
    let resets = || until_reset(faults.clone());
    let server = tokio::select! {
        connected = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)) => connected,
        () = resets() => return reset(&client),
    };
    let Ok(server) = server else {
        return reset(&client);
    };
    // Latency is the proxy's to add, not the kernel's.
    let _best_effort = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let known = Known::default();
    let pump = |from, to, direction| Pump {
        from,
        to,
        direction,
        pieces: 0,
        known: &known,
        counts: &counts,
    };
    let mut up = pump(from_client, to_server, Direction::ToServer);
    let mut down = pump(from_server, to_client, Direction::ToClient);
    let is_reset = tokio::select! {
        () = both(&mut up, &mut down, &faults) => false,
        () = resets() => true,
    };
    if is_reset {
        Counts::add(&counts.resets, 1);
        for half in [down.to, up.to] {
            reset(half.as_ref());
            // Dropping it would first say goodbye with a FIN.
            half.forget();
        }
    }
}

/// Waits until this connection is to be reset.
async fn until_reset(mut faults: watch::Receiver<Fault>) {
    loop {
        let fault = *faults.borrow_and_update();
        let outcome = match fault {
            Fault::Reset => return,
            Fault::ResetEvery(age) => tokio::select! {
                () = tokio::time::sleep(age) => return,
                changed = faults.changed() => changed,
            },
            _ => faults.changed().await,
        };
        if outcome.is_err() {
            // The proxy ends, and every connection with it.
            return;
        }
    }
}

/// Passes on until one side closes and the other has had everything, or a reply is dropped.
async fn both(up: &mut Pump<'_>, down: &mut Pump<'_>, faults: &watch::Receiver<Fault>) {
    let upwards = up.run(faults.clone());
    let downwards = down.run(faults.clone());
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

/// What has been learnt of a connection from what the client has sent.
#[derive(Debug, Default)]
struct Known {
    /// A member of a group talks to its coordinator on it.
    is_of_member: AtomicBool,
    /// A request has passed whose reply is to be dropped.
    drops_reply: AtomicBool,
}

struct Pump<'a> {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    direction: Direction,
    pieces: u64,
    known: &'a Known,
    counts: &'a Counts,
}

impl Pump<'_> {
    async fn run(&mut self, mut faults: watch::Receiver<Fault>) -> Ended {
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
            let piece = &buffer[..read_bytes];
            self.look_at(piece);
            let Some(fault) = self.hold(&mut faults).await else {
                Counts::add(&self.counts.replies_dropped, 1);
                return Ended::Broken;
            };
            if self.pass(piece, fault).await.is_err() {
                return Ended::Broken;
            }
            let passed = match self.direction {
                Direction::ToServer => &self.counts.bytes_to_server,
                Direction::ToClient => &self.counts.bytes_to_client,
            };
            Counts::add(passed, read_bytes as u64);
        }
    }

    /// Learns from what the client sends, before it is passed on.
    fn look_at(&mut self, piece: &[u8]) {
        self.pieces += 1;
        if self.direction == Direction::ToClient {
            return;
        }
        // A frame of Kafka's is its length in four bytes, and then the request's number.
        let number = piece
            .get(4..6)
            .map(|two| u16::from_be_bytes([two[0], two[1]]));
        if number.is_some_and(|number| OF_MEMBERS.contains(&number)) {
            self.known.is_of_member.store(true, Ordering::Relaxed);
        }
        if self.counts.unreplied.takes(piece) {
            self.known.drops_reply.store(true, Ordering::Relaxed);
        }
    }

    /// Waits as long as the fault of the moment holds this direction up: the fault under which the piece
    /// passes; none when it is to be dropped with its connection.
    async fn hold(&self, faults: &mut watch::Receiver<Fault>) -> Option<Fault> {
        let is_up = self.direction == Direction::ToServer;
        let passes = |fault: &Fault| match fault {
            Fault::Cut => false,
            Fault::CutToServer => !is_up,
            Fault::CutToClient => is_up,
            Fault::CutToCoordinator => !(is_up && self.known.is_of_member.load(Ordering::Relaxed)),
            _ => true,
        };
        let fault = *faults.wait_for(passes).await.ok()?;
        let drops = fault == Fault::DropReply || self.known.drops_reply.load(Ordering::Relaxed);
        (is_up || !drops).then_some(fault)
    }

    async fn pass(&mut self, piece: &[u8], fault: Fault) -> std::io::Result<()> {
        match fault {
            Fault::Latency(latency) => tokio::time::sleep(latency).await,
            Fault::Slow(line) => {
                tokio::time::sleep(line.delay(self.pieces)).await;
                for part in piece.chunks(SLOW_PIECE_BYTES) {
                    let share = part.len() as f64 / f64::from(line.bytes_per_second);
                    tokio::time::sleep(std::time::Duration::from_secs_f64(share)).await;
                    self.to.write_all(part).await?;
                }
                return Ok(());
            }
            Fault::Slices => {
                for byte in piece.chunks(1) {
                    self.to.write_all(byte).await?;
                }
                return Ok(());
            }
            _ => {}
        }
        self.to.write_all(piece).await
    }
}

/// Makes the kernel close with an RST instead of a FIN, and drop what is not sent yet.
fn reset(stream: &TcpStream) {
    let _closed_already = stream.set_zero_linger();
}
