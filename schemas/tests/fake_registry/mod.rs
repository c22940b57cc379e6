//! A registry on loopback that answers as it is told, and counts what it was asked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use schemas::registry::Config;
use schemas::released::text_digest;

/// Status and body by method and path.
type Answers = HashMap<String, (u16, String)>;

#[derive(Default)]
struct State {
    answers: Answers,
    asked: Vec<String>,
    stopping: bool,
}

/// Stops when dropped.
pub(crate) struct FakeRegistry {
    state: Arc<Mutex<State>>,
    address: std::net::SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl FakeRegistry {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.lock().unwrap().stopping {
                    return;
                }
                serve(stream.unwrap(), &shared);
            }
        });
        Self {
            state,
            address,
            thread: Some(thread),
        }
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            url: format!("http://{}", self.address),
            authorization: None,
        }
    }

    /// From now on this is the answer to `GET /schemas/ids/7` and the like.
    pub(crate) fn answers(&self, request: &str, status: u16, body: impl Into<String>) {
        let answer = (status, body.into());
        self.state
            .lock()
            .unwrap()
            .answers
            .insert(request.to_owned(), answer);
    }

    /// From now on this is the answer to a request that sends this schema.
    pub(crate) fn answers_to(
        &self,
        request: &str,
        text: &str,
        status: u16,
        body: impl Into<String>,
    ) {
        self.answers(&format!("{request} {}", text_digest(text)), status, body);
    }

    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked.len()
    }
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.state.lock().unwrap().stopping = true;
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return;
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = first.rsplit_once(' ').unwrap().0.to_owned();
    let sent: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let text = sent
        .as_ref()
        .and_then(|sent| sent.get("schema"))
        .and_then(|text| text.as_str());
    let with_schema = text.map(|text| format!("{request} {}", text_digest(text)));
    let (status, answer) = {
        let mut state = state.lock().unwrap();
        state.asked.push(request.clone());
        let of_schema = with_schema.and_then(|request| state.answers.get(&request));
        let answer = of_schema.or_else(|| state.answers.get(&request));
        answer
            .cloned()
            .unwrap_or((500, "no answer is set".to_owned()))
    };
    // The client may have given up; that is its business.
    drop(write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    ));
}
