//! A sandbox on a free port, and a caller of it.

#![expect(clippy::unwrap_used, reason = "this is test code")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder, StatusCode};
use sandbox::{Config, Error, Faults};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A sandbox that runs in this process.
pub(crate) struct Running {
    pub(crate) caller: Caller,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), Error>>,
}

/// Sends requests to a sandbox.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) url: Arc<str>,
    pub(crate) http: reqwest::Client,
}

/// An answer, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) replayed: bool,
    pub retry_after: Option<String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

pub(crate) fn config(folder: &Path) -> Config {
    let mut config = Config::new(folder);
    config.search_delay = Duration::ZERO;
    config
}

pub(crate) async fn start(config: Config) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let caller = Caller::new(listener.local_addr().unwrap().port());
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(sandbox::run(listener, config, stopped));
    let running = Running {
        caller,
        stop,
        ended,
    };
    running.caller.healthy().await;
    running
}

impl Running {
    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.ended.await.unwrap().unwrap();
    }

    /// Ends it in the middle of what it does.
    pub(crate) async fn drop_without_shutdown(self) {
        self.ended.abort();
        self.ended.await.unwrap_err();
    }
}

impl Caller {
    pub(crate) fn new(port: u16) -> Self {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .no_proxy()
            .build()
            .unwrap();
        Self {
            url: format!("http://127.0.0.1:{port}").into(),
            http,
        }
    }

    pub(crate) async fn healthy(&self) {
        eventually("healthy", async || {
            let sent = self
                .http
                .get(format!("{}/sandbox/healthz", self.url))
                .send()
                .await;
            sent.is_ok_and(|response| response.status() == StatusCode::OK)
        })
        .await;
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth("sk_test_key")
    }

    pub(crate) async fn post(
        &self,
        path: &str,
        key: Option<&str>,
        form: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let mut request = self.request(Method::POST, path).form(form);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        read(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        read(self.request(Method::GET, path)).await.unwrap()
    }

    /// Authorises 1999 USD cents for a purchase, under the key that payment uses.
    pub(crate) async fn authorise(&self, purchase_id: &str, card: &str) -> reqwest::Result<Answer> {
        let key = format!("{purchase_id}:authorise");
        self.post(
            "/v1/payment_intents",
            Some(&key),
            &authorisation(purchase_id, card),
        )
        .await
    }

    pub(crate) async fn act(
        &self,
        intent_id: &str,
        action: &str,
        key: &str,
    ) -> reqwest::Result<Answer> {
        self.post(
            &format!("/v1/payment_intents/{intent_id}/{action}"),
            Some(key),
            &[],
        )
        .await
    }

    pub(crate) async fn hand_over(
        &self,
        purchase_id: &str,
        shipment_id: &str,
    ) -> reqwest::Result<Answer> {
        let request = self.http.post(format!("{}/carrier/v1/shipments", self.url));
        let body =
            json!({"shipment_id": shipment_id, "purchase_id": purchase_id, "tier": "TWO_DAY"});
        read(
            request
                .header("Idempotency-Key", format!("{purchase_id}:hand_over"))
                .json(&body),
        )
        .await
    }

    /// Hands a shipment over under a key of the caller's choice.
    pub(crate) async fn hand_over_under(&self, key: &str, shipment: [&str; 3]) -> Answer {
        let [shipment_id, purchase_id, tier] = shipment;
        let request = self.http.post(format!("{}/carrier/v1/shipments", self.url));
        let body = json!({"shipment_id": shipment_id, "purchase_id": purchase_id, "tier": tier});
        read(request.header("Idempotency-Key", key).json(&body))
            .await
            .unwrap()
    }

    pub(crate) async fn shipment(&self, shipment_id: &str) -> Answer {
        self.get(&format!("/carrier/v1/shipments/{shipment_id}"))
            .await
    }

    pub(crate) async fn search(&self, purchase_id: &str) -> Vec<Value> {
        let query = format!("metadata['purchase_id']:'{purchase_id}'");
        let request = self
            .request(Method::GET, "/v1/payment_intents/search")
            .query(&[("query", query)]);
        read(request).await.unwrap().json()["data"]
            .as_array()
            .unwrap()
            .clone()
    }

    pub(crate) async fn set_faults(&self, faults: &Faults) {
        let set = self
            .http
            .post(format!("{}/sandbox/faults", self.url))
            .json(faults)
            .send()
            .await
            .unwrap();
        assert_eq!(set.status(), StatusCode::OK);
    }

    pub(crate) async fn state(&self) -> Value {
        self.get("/sandbox/state").await.json()
    }
}

pub(crate) fn authorisation<'a>(purchase_id: &'a str, card: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("amount", "1999"),
        ("currency", "usd"),
        ("payment_method", card),
        ("capture_method", "manual"),
        ("confirm", "true"),
        ("metadata[purchase_id]", purchase_id),
    ]
}

pub(crate) async fn read(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    Ok(Answer {
        status: response.status().as_u16(),
        replayed: header("idempotent-replayed").as_deref() == Some("true"),
        retry_after: header("retry-after"),
        text: response.text().await?,
    })
}

/// Waits for a condition, at most ten seconds.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The journal's entries as (kind, purchase, amount).
pub(crate) fn entries(folder: &Path) -> Vec<sandbox::journal::Entry> {
    sandbox::journal::read(folder)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}
