//! The provider's HTTP interface: Stripe's, in the part that is used.

use reqwest::{Client, Method, RequestBuilder, Url, header::RETRY_AFTER, redirect::Policy};

use super::{
    config::ProviderConfig,
    reply::{Heard, Later, Reply, bounded, sort},
};
use crate::event::{Ask, Call};

/// A longer reply is none that we know.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The provider cannot be asked with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The address is none.
    #[error("the provider's address {0:?} is not an http or https URL")]
    Address(String),
    /// The client cannot be built.
    #[error("build the provider's HTTP client")]
    Client(#[from] reqwest::Error),
}

#[derive(Debug)]
pub(crate) struct Provider {
    client: Client,
    base: Url,
    api_key: String,
}

impl Provider {
    pub(crate) fn new(config: &ProviderConfig) -> Result<Self, ProviderError> {
        let base = (Url::parse(&config.base_url).ok())
            .filter(|url| matches!(url.scheme(), "http" | "https") && !url.cannot_be_a_base())
            .ok_or_else(|| ProviderError::Address(config.base_url.clone()))?;
        let client = Client::builder()
            .connect_timeout(config.connect_timeout)
            .timeout(config.request_timeout)
            // A redirect would carry the key elsewhere and turn a POST into a GET.
            .redirect(Policy::none())
            // Repeating is decided by the task alone, so that each attempt is counted.
            .retry(reqwest::retry::never())
            .build()?;
        Ok(Self {
            client,
            base,
            api_key: config.api_key.clone(),
        })
    }

    /// Makes a call, with its idempotency key.
    pub(crate) async fn post(&self, call: Call, ask: &Ask, idempotency_key: &str) -> Reply {
        let amount = ask.amount_minor.to_string();
        let intent = ask.provider_ref.as_deref().unwrap_or_default();
        let currency = ask.currency.to_lowercase();
        let (path, form) = match call {
            Call::Authorise => (
                vec!["payment_intents"],
                vec![
                    ("amount", amount.as_str()),
                    ("currency", &currency),
                    (
                        "payment_method",
                        ask.payment_method.as_deref().unwrap_or_default(),
                    ),
                    ("payment_method_types[]", "card"),
                    ("capture_method", "manual"),
                    ("confirm", "true"),
                    ("metadata[purchase_id]", &ask.purchase_id),
                ],
            ),
            Call::Capture => (
                vec!["payment_intents", intent, "capture"],
                vec![("amount_to_capture", amount.as_str())],
            ),
            Call::Void | Call::Release => (vec!["payment_intents", intent, "cancel"], vec![]),
            Call::Refund => (
                vec!["refunds"],
                vec![("payment_intent", intent), ("amount", &amount)],
            ),
        };
        let request = self
            .request(Method::POST, &path)
            .header("Idempotency-Key", idempotency_key)
            .form(&form);
        send(request).await
    }

    /// Lets go of an intent, whatever it was made for.
    pub(crate) async fn cancel(&self, intent: &str, idempotency_key: &str) -> Reply {
        let path = ["payment_intents", intent, "cancel"];
        let request = self
            .request(Method::POST, &path)
            .header("Idempotency-Key", idempotency_key)
            .form(&[("cancellation_reason", "abandoned")]);
        send(request).await
    }

    /// An intent by its reference.
    pub(crate) async fn intent(&self, intent: &str) -> Reply {
        send(self.request(Method::GET, &["payment_intents", intent])).await
    }

    /// The refunds of an intent.
    pub(crate) async fn refunds(&self, intent: &str) -> Reply {
        let request = self.request(Method::GET, &["refunds"]);
        send(request.query(&[("payment_intent", intent), ("limit", "10")])).await
    }

    /// The intents that name a purchase.
    pub(crate) async fn find(&self, purchase_id: &str) -> Reply {
        let escaped = purchase_id.replace('\\', "\\\\").replace('\'', "\\'");
        let query = format!("metadata['purchase_id']:'{escaped}'");
        let request = self.request(Method::GET, &["payment_intents", "search"]);
        send(request.query(&[("query", query.as_str()), ("limit", "10")])).await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        self.client.request(method, url).bearer_auth(&self.api_key)
    }
}

async fn send(request: RequestBuilder) -> Reply {
    match exchange(request).await {
        Ok(heard) => sort(&heard),
        Err(error) => Reply::Later(Later::unwell(failure(&error))),
    }
}

async fn exchange(request: RequestBuilder) -> Result<Heard, reqwest::Error> {
    let mut response = request.send().await?;
    let header = |name: &str| {
        (response.headers().get(name))
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let mut heard = Heard {
        status: response.status().as_u16(),
        retry_after: header(RETRY_AFTER.as_str()),
        replayed: header("idempotent-replayed").as_deref() == Some("true"),
        body: Vec::new(),
    };
    while let Some(chunk) = response.chunk().await? {
        if heard.body.len() + chunk.len() > BODY_BYTES_MAX {
            heard.body.clear();
            break;
        }
        heard.body.extend_from_slice(&chunk);
    }
    Ok(heard)
}

/// What went wrong, without the URL: it names the customer's payment.
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
