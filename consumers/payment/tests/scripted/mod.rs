//! An HTTP server that answers from a script, one reply per request, and keeps what it heard.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::HeaderMap,
    response::Response,
};
use payment::ProviderConfig;
use tokio::{net::TcpListener, task::JoinHandle};

/// What to say to a request.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// A status, a body, and when to come back.
    Reply(u16, String, Option<&'static str>),
    /// A reply that the provider had saved under the key.
    Replayed(u16, String),
    /// Half a reply, and then the connection ends.
    Close,
    /// Nothing, for longer than anybody waits.
    Nothing,
}

impl Say {
    pub(crate) fn json(status: u16, body: serde_json::Value) -> Self {
        Self::Reply(status, body.to_string(), None)
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::Reply(status, body.to_owned(), None)
    }

    pub(crate) fn after(self, seconds: &'static str) -> Self {
        match self {
            Self::Reply(status, body, _) => Self::Reply(status, body, Some(seconds)),
            other => other,
        }
    }
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) line: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) body: String,
}

#[derive(Clone, Default)]
struct Script {
    says: Arc<Mutex<VecDeque<Say>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

pub(crate) struct Scripted {
    address: String,
    script: Script,
    server: JoinHandle<()>,
}

impl Scripted {
    pub(crate) async fn new(says: impl IntoIterator<Item = Say>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let script = Script::default();
        script.says.lock().unwrap().extend(says);
        let router = Router::new().fallback(reply).with_state(script.clone());
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            address,
            script,
            server,
        }
    }

    /// A short time-out, because a test waits for it.
    pub(crate) fn config(&self) -> ProviderConfig {
        ProviderConfig {
            request_timeout: Duration::from_millis(500),
            ..ProviderConfig::new(&self.address, "sk_test")
        }
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.script.heard.lock().unwrap().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn reply(State(script): State<Script>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let key = |headers: &HeaderMap| {
        let key = headers.get("idempotency-key")?;
        Some(key.to_str().unwrap().to_owned())
    };
    script.heard.lock().unwrap().push(Heard {
        line: format!("{} {}", parts.method, parts.uri),
        idempotency_key: key(&parts.headers),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let say = script.says.lock().unwrap().pop_front();
    match say.expect("a request that the script does not know") {
        Say::Reply(status, body, after) => {
            let mut response = Response::builder().status(status);
            if let Some(after) = after {
                response = response.header("retry-after", after);
            }
            response.body(Body::from(body)).unwrap()
        }
        Say::Replayed(status, body) => Response::builder()
            .status(status)
            .header("idempotent-replayed", "true")
            .body(Body::from(body))
            .unwrap(),
        Say::Close => (Response::builder().header("content-length", "100"))
            .body(Body::from_stream(Broken))
            .unwrap(),
        Say::Nothing => std::future::pending().await,
    }
}

/// A body that breaks off.
#[derive(Default)]
struct Broken;

impl futures_util::Stream for Broken {
    type Item = Result<Vec<u8>, std::io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(Some(Err(std::io::Error::other("broken off"))))
    }
}
