//! The fault proxy does what it says and no more: each fault is seen from both ends of a connection.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use harness::{
    eventually,
    proxy::{Fault, Line, Proxy},
};

const DEADLINE: Duration = Duration::from_secs(10);
/// Long enough for a byte that should not come to come.
const SILENCE: Duration = Duration::from_millis(300);

/// A server that passes on what it receives to the test and answers every piece with the same bytes.
fn echo() -> (u16, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (arrived, arrivals) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, arrived) = (connection.unwrap(), arrived.clone());
            thread::spawn(move || {
                let mut piece = [0; 1024];
                while let Ok(read_bytes @ 1..) = connection.read(&mut piece) {
                    let kept = arrived.send(piece[..read_bytes].to_vec());
                    if kept.is_err() || connection.write_all(&piece[..read_bytes]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, arrivals)
}

fn connect(proxy: &Proxy) -> TcpStream {
    let client = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client
}

fn ask(client: &mut TcpStream, text: &str) -> std::io::Result<String> {
    client.write_all(text.as_bytes())?;
    answer(client, text.len())
}

fn answer(client: &mut TcpStream, bytes: usize) -> std::io::Result<String> {
    let mut answer = vec![0; bytes];
    client.read_exact(&mut answer)?;
    Ok(String::from_utf8(answer).unwrap())
}

/// Asserts that nothing comes, and leaves the connection as it is.
#[track_caller]
fn assert_silent(client: &mut TcpStream) {
    client.set_read_timeout(Some(SILENCE)).unwrap();
    let read = client.read(&mut [0; 16]);
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let kind = read.as_ref().map_err(std::io::Error::kind);
    assert!(
        matches!(kind, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)),
        "{read:?}"
    );
}

#[test]
fn without_a_fault_everything_passes_and_is_counted() {
    let (port, _arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    let mut client = connect(&proxy);

    assert_eq!(ask(&mut client, "hello").unwrap(), "hello");

    assert_eq!((proxy.connections(), proxy.bytes_to_server()), (1, 5));
    eventually(DEADLINE, "the answer is counted", || {
        proxy.bytes_to_client() == 5
    });
}

#[test]
fn latency_is_added_in_each_direction() {
    let (port, _arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    let mut client = connect(&proxy);
    let latency = Duration::from_millis(150);
    proxy.set(Fault::Latency(latency));

    let asked = Instant::now();
    assert_eq!(ask(&mut client, "slow").unwrap(), "slow");

    assert!(asked.elapsed() >= latency * 2, "{:?}", asked.elapsed());
}

#[test]
fn a_cut_holds_everything_and_healing_lets_it_pass() {
    let (port, arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    let mut client = connect(&proxy);
    proxy.set(Fault::Cut);

    client.write_all(b"held").unwrap();
    assert!(arrivals.recv_timeout(SILENCE).is_err(), "it passed a cut");

    proxy.heal();
    assert_eq!(answer(&mut client, 4).unwrap(), "held");
}

#[test]
fn a_cut_to_the_server_lets_its_words_pass() {
    let (port, arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    let mut client = connect(&proxy);
    proxy.set(Fault::CutToClient);
    client.write_all(b"asked").unwrap();
    assert_eq!(arrivals.recv_timeout(DEADLINE).unwrap(), b"asked");

    proxy.set(Fault::CutToServer);

    assert_eq!(
        answer(&mut client, 5).unwrap(),
        "asked",
        "what the server said arrives"
    );
    client.write_all(b"more").unwrap();
    assert!(arrivals.recv_timeout(SILENCE).is_err(), "it passed a cut");
}

#[test]
fn a_cut_to_the_client_lets_the_effect_happen_and_holds_the_answer() {
    let (port, arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    let mut client = connect(&proxy);
    proxy.set(Fault::CutToClient);

    client.write_all(b"charge").unwrap();

    assert_eq!(arrivals.recv_timeout(DEADLINE).unwrap(), b"charge");
    assert_silent(&mut client);
}

#[test]
fn a_dropped_reply_leaves_the_effect_and_closes_the_connection() {
    let (port, arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    proxy.set(Fault::DropReply);
    let mut client = connect(&proxy);

    client.write_all(b"charge").unwrap();

    assert_eq!(arrivals.recv_timeout(DEADLINE).unwrap(), b"charge");
    let end = client.read(&mut [0; 16]);
    let is_end = matches!(&end, Ok(0))
        || end
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionReset);
    assert!(is_end, "{end:?}");
    assert_eq!((proxy.replies_dropped(), proxy.bytes_to_client()), (1, 0));
    proxy.heal();
    assert_eq!(ask(&mut connect(&proxy), "again").unwrap(), "again");
}

#[test]
fn a_reset_is_seen_as_one_by_open_connections_and_new_ones() {
    let (port, _arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    let mut open = connect(&proxy);
    assert_eq!(ask(&mut open, "open").unwrap(), "open");

    proxy.set(Fault::Reset);

    let seen = open.read(&mut [0; 16]).map_err(|error| error.kind());
    assert_eq!(seen, Err(ErrorKind::ConnectionReset));
    let seen = connect(&proxy)
        .read(&mut [0; 16])
        .map_err(|error| error.kind());
    assert_eq!(seen, Err(ErrorKind::ConnectionReset));
    proxy.heal();
    assert_eq!(ask(&mut connect(&proxy), "again").unwrap(), "again");
}

#[test]
fn a_server_that_is_not_there_is_a_reset() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let proxy = Proxy::start(gone).unwrap();

    let seen = connect(&proxy)
        .read(&mut [0; 16])
        .map_err(|error| error.kind());

    assert_eq!(seen, Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_slow_line_takes_its_time_for_every_piece_and_every_byte() {
    let (port, _arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    let mut client = connect(&proxy);
    let line = Line {
        latency: Duration::from_millis(50),
        jitter: Duration::from_millis(50),
        bytes_per_second: 10_000,
    };
    proxy.set(Fault::Slow(line));

    let (asked, text) = (Instant::now(), "x".repeat(1_000));
    assert_eq!(ask(&mut client, &text).unwrap(), text);

    let at_least = line.latency * 2 + Duration::from_millis(100);
    assert!(asked.elapsed() >= at_least, "{:?}", asked.elapsed());
}

#[test]
fn slices_come_byte_by_byte() {
    let (port, arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    let mut client = connect(&proxy);
    proxy.set(Fault::Slices);

    let text = "sliced".repeat(100);
    assert_eq!(ask(&mut client, &text).unwrap(), text);

    assert!(arrivals.try_iter().count() > 1, "in more than one piece");
}

#[test]
fn every_connection_is_reset_when_it_is_old() {
    let (port, _arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    proxy.set(Fault::ResetEvery(SILENCE));

    for _ in 0..2 {
        let mut client = connect(&proxy);
        assert_eq!(ask(&mut client, "young").unwrap(), "young");
        let seen = client.read(&mut [0; 16]).map_err(|error| error.kind());
        assert_eq!(seen, Err(ErrorKind::ConnectionReset));
    }
    eventually(DEADLINE, "both were counted", || proxy.resets() == 2);
}

#[test]
fn the_reply_to_a_request_is_dropped_as_often_as_asked_for_and_no_other() {
    let (port, arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    proxy.drop_replies_to(b"COMMIT", 1);
    let mut client = connect(&proxy);
    assert_eq!(ask(&mut client, "BEGIN").unwrap(), "BEGIN");

    assert!(ask(&mut client, "COMMIT").is_err());

    let arrived: Vec<u8> = arrivals.try_iter().flatten().collect();
    assert_eq!(arrived, b"BEGINCOMMIT");
    assert_eq!(proxy.replies_dropped(), 1);
    assert_eq!(ask(&mut connect(&proxy), "COMMIT").unwrap(), "COMMIT");
}

#[test]
fn a_cut_to_the_coordinator_holds_what_members_say_and_nothing_else() {
    let (port, arrivals) = echo();
    let proxy = Proxy::start(port).unwrap();
    proxy.set(Fault::CutToCoordinator);
    let (mut of_member, mut of_another) = (connect(&proxy), connect(&proxy));

    let heartbeat = [0, 0, 0, 4, 0, 12, 0, 4];
    of_member.write_all(&heartbeat).unwrap();
    assert!(arrivals.recv_timeout(SILENCE).is_err(), "it passed a cut");
    assert_eq!(ask(&mut of_another, "fetch").unwrap(), "fetch");

    proxy.heal();
    let answered = answer(&mut of_member, heartbeat.len()).unwrap();
    assert_eq!(answered.as_bytes(), heartbeat);
}
