//! The provider's HTTP interface: Stripe's, in the part that is used.

use remote::{Remote, RemoteConfig, RemoteError, idempotency_key};
use reqwest::{Method, RequestBuilder};

use super::{
    config::ProviderConfig,
    reply::{Reply, sort},
};
use crate::event::{Ask, Call};

/// A longer reply is none that we know.
const REPLY_BYTES_MAX: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Provider {
    remote: Remote,
    api_key: String,
}

impl Provider {
    pub(crate) fn new(config: &ProviderConfig) -> Result<Self, RemoteError> {
        let remote = Remote::new(&RemoteConfig {
            base_url: config.base_url.clone(),
            connect_timeout: config.connect_timeout,
            request_timeout: config.request_timeout,
            reply_bytes_max: REPLY_BYTES_MAX,
        })?;
        Ok(Self {
            remote,
            api_key: config.api_key.clone(),
        })
    }

    /// Makes a call, with its idempotency key.
    pub(crate) async fn post(&self, call: Call, ask: &Ask, key: &str) -> Reply {
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
            .header("Idempotency-Key", idempotency_key(key))
            .form(&form);
        self.send(request).await
    }

    /// Lets go of an intent, whatever it was made for.
    pub(crate) async fn cancel(&self, intent: &str, key: &str) -> Reply {
        let path = ["payment_intents", intent, "cancel"];
        let request = self
            .request(Method::POST, &path)
            .header("Idempotency-Key", idempotency_key(key))
            .form(&[("cancellation_reason", "abandoned")]);
        self.send(request).await
    }

    /// An intent by its reference.
    pub(crate) async fn intent(&self, intent: &str) -> Reply {
        self.send(self.request(Method::GET, &["payment_intents", intent]))
            .await
    }

    /// The refunds of an intent.
    pub(crate) async fn refunds(&self, intent: &str) -> Reply {
        let request = self.request(Method::GET, &["refunds"]);
        self.send(request.query(&[("payment_intent", intent), ("limit", "10")]))
            .await
    }

    /// The intents that name a purchase.
    pub(crate) async fn find(&self, purchase_id: &str) -> Reply {
        let escaped = purchase_id.replace('\\', "\\\\").replace('\'', "\\'");
        let query = format!("metadata['purchase_id']:'{escaped}'");
        let request = self.request(Method::GET, &["payment_intents", "search"]);
        self.send(request.query(&[("query", query.as_str()), ("limit", "10")]))
            .await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let path: Vec<&str> = (["v1"].iter().chain(path)).copied().collect();
        self.remote
            .request(method, &path)
            .bearer_auth(&self.api_key)
    }

    async fn send(&self, request: RequestBuilder) -> Reply {
        match self.remote.send(request).await {
            Ok(heard) => sort(&heard),
            Err(_) if mutants::on("timeout-taken-for-failure") => Reply::Declined {
                reason: "timed_out".to_owned(),
            },
            Err(later) => Reply::Later(later),
        }
    }
}
