//! One request and its reply, or why there is none.

use std::time::Duration;

use failpoints::Step;
use reqwest::{RequestBuilder, header::RETRY_AFTER};

use crate::{Later, Remote, bounded};

/// The longest `Retry-After` that is obeyed: a slip of the service's must not stop a task for ever.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// A reply as it came.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// The status, whatever it is.
    pub status: u16,
    /// `Retry-After`, where it is a number of seconds; at most an hour.
    pub retry_after: Option<Duration>,
    /// Whether the service had saved it under the idempotency key, and so will say it again.
    pub replayed: bool,
    /// The body; empty where it was longer than what is read.
    pub body: Vec<u8>,
}

impl Remote {
    /// Sends a request and reads the reply, whatever its status.
    ///
    /// # Errors
    /// [`Later`] when there is no whole reply. The request may have had its effect.
    pub async fn send(&self, request: RequestBuilder) -> Result<Heard, Later> {
        (self.exchange(request).await).map_err(|error| Later::unwell(failure(&error)))
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Heard, reqwest::Error> {
        let mut response = request.send().await?;
        failpoints::at(Step::Called);
        let header =
            |name: &str| (response.headers().get(name)).and_then(|value| value.to_str().ok());
        let mut heard = Heard {
            status: response.status().as_u16(),
            retry_after: header(RETRY_AFTER.as_str()).and_then(seconds),
            replayed: header("idempotent-replayed") == Some("true"),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await? {
            if heard.body.len() + chunk.len() > self.reply_bytes_max {
                heard.body.clear();
                break;
            }
            heard.body.extend_from_slice(&chunk);
        }
        Ok(heard)
    }
}

fn seconds(retry_after: &str) -> Option<Duration> {
    let seconds = retry_after.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// What went wrong, without the URL: it names what the customer has bought.
fn failure(error: &reqwest::Error) -> String {
    let kind = match error {
        error if error.is_connect() => "cannot connect",
        error if error.is_timeout() => "timed out",
        error if error.is_body() || error.is_decode() => "the reply broke off",
        _ => "the connection failed",
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match std::ptr::addr_eq(cause, error) {
        true => kind.to_owned(),
        false => format!("{kind}: {}", bounded(&cause.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Router, http::StatusCode, routing::get};
    use reqwest::Method;
    use tokio::net::TcpListener;

    use crate::{Later, Remote, RemoteConfig};

    const KNOWN: usize = 8;

    async fn remote(router: Router) -> Remote {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Remote::new(&RemoteConfig {
            base_url,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            reply_bytes_max: KNOWN,
        })
        .unwrap()
    }

    async fn get_it(router: Router) -> Result<super::Heard, Later> {
        let remote = remote(router).await;
        remote.send(remote.request(Method::GET, &["it"])).await
    }

    #[tokio::test]
    async fn a_reply_is_heard_whatever_its_status() {
        let reply = (
            StatusCode::SERVICE_UNAVAILABLE,
            [("retry-after", "7"), ("idempotent-replayed", "true")],
            "later",
        );
        let heard = get_it(Router::new().route("/it", get(move || async move { reply }))).await;
        let heard = heard.unwrap();
        assert_eq!((heard.status, heard.replayed), (503, true));
        assert_eq!(heard.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(heard.body, b"later");
    }

    #[tokio::test]
    async fn a_wait_beyond_reason_is_shortened() {
        for (said, wait) in [("999999999", Some(3600)), ("tomorrow", None)] {
            let reply = (StatusCode::TOO_MANY_REQUESTS, [("retry-after", said)]);
            let heard = get_it(Router::new().route("/it", get(move || async move { reply }))).await;
            assert_eq!(heard.unwrap().retry_after, wait.map(Duration::from_secs));
        }
    }

    #[tokio::test]
    async fn a_reply_longer_than_any_that_is_known_is_left_unread() {
        let long = "x".repeat(KNOWN + 1);
        let heard = get_it(Router::new().route("/it", get(move || async move { long }))).await;
        let heard = heard.unwrap();
        assert_eq!((heard.status, heard.body.len()), (200, 0));
    }

    #[tokio::test]
    async fn a_service_that_is_away_is_unwell_and_its_address_is_not_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let remote = Remote::new(&RemoteConfig {
            base_url: format!("http://{address}"),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            reply_bytes_max: KNOWN,
        });
        let remote = remote.unwrap();
        let request = remote.request(Method::GET, &["secret-purchase"]);
        let later = remote.send(request).await.unwrap_err();
        assert!(later.dependency_failed && later.reason.starts_with("cannot connect"));
        assert!(!later.reason.contains("secret"), "{}", later.reason);
    }
}
