//! The way through the storefront. A lane works off its actions one after the other, and a key
//! always takes the same lane, so that the actions of one purchase keep their order.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use schemas::domain::{Channel, Purchase};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::action::{Action, Deed};
use crate::journal::Outcome;
use crate::shop::ACCOUNT;

const TRIES: u32 = 5;
const LANE_ACTIONS: usize = 8;

/// The lanes; closed when dropped.
pub(crate) struct Lanes {
    senders: Vec<mpsc::Sender<Action>>,
    workers: JoinSet<()>,
}

impl Lanes {
    /// Opens lanes to a storefront. What became of the actions comes out of the receiver.
    pub(crate) fn open(
        base: &str,
        lanes: usize,
    ) -> reqwest::Result<(Self, mpsc::UnboundedReceiver<(Action, Outcome)>)> {
        let client = Client::builder().timeout(Duration::from_secs(15)).build()?;
        // Bounded by what the lanes hold.
        let (done, outcomes) = mpsc::unbounded_channel();
        let mut workers = JoinSet::new();
        let mut senders = Vec::with_capacity(lanes);
        for _ in 0..lanes.max(1) {
            let (sender, mut inbox) = mpsc::channel::<Action>(LANE_ACTIONS);
            senders.push(sender);
            let (client, base, done) = (client.clone(), base.to_owned(), done.clone());
            workers.spawn(async move {
                while let Some(action) = inbox.recv().await {
                    let outcome = act(&client, &base, &action).await;
                    if done.send((action, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        Ok((Self { senders, workers }, outcomes))
    }

    /// Hands an action to its lane, waiting for room.
    pub(crate) async fn send(&self, action: Action) {
        let hash = action.key.bytes().fold(0_usize, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        let lane = &self.senders[hash % self.senders.len()];
        if lane.send(action).await.is_err() {
            tracing::error!("a lane to the storefront has ended");
        }
    }

    /// Waits until every lane has worked off its actions.
    pub(crate) async fn finish(mut self) {
        self.senders.clear();
        while self.workers.join_next().await.is_some() {}
    }
}

/// Sends a request until its outcome is known, or it was tried often enough.
async fn act(client: &Client, base: &str, action: &Action) -> Outcome {
    let Some(request) = request(client, base, action) else {
        return Outcome::Refused;
    };
    let mut may_have_been_taken = false;
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
        }
        let Some(again) = request.try_clone() else {
            break;
        };
        match again.send().await.map(|response| response.status()) {
            Ok(StatusCode::ACCEPTED) => return Outcome::Accepted,
            // Busy: nothing was taken.
            Ok(StatusCode::TOO_MANY_REQUESTS) => {}
            Ok(status) if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => {
                // A refusal speaks of this try: one whose answer was lost may have been taken.
                return if may_have_been_taken {
                    Outcome::Unknown
                } else {
                    Outcome::Refused
                };
            }
            // The answer was lost, or says that nobody knows: the key makes another try the same purchase.
            Ok(_) | Err(_) => may_have_been_taken = true,
        }
    }
    Outcome::Unknown
}

fn request(client: &Client, base: &str, action: &Action) -> Option<RequestBuilder> {
    let request = match &action.deed {
        Deed::Buy { purchase, .. } => (client.post(format!("{base}/v1/purchases")))
            .header("Idempotency-Key", format!("\"{}\"", action.key))
            .json(&body(purchase)),
        Deed::Cancel { request, .. } => {
            let id = &request.purchase_id;
            client.post(format!("{base}/v1/purchases/{id}/cancel"))
        }
        Deed::Poison(_) => return None,
    };
    Some(request.header("X-Account", ACCOUNT))
}

fn body(purchase: &Purchase) -> Value {
    let lines: Vec<Value> = (purchase.lines.iter())
        .map(|line| {
            json!({
                "item_id": line.item_id,
                "quantity": line.quantity,
                "unit_price_minor": line.unit_price_minor,
                "tax_minor": line.tax_minor,
                "gift_wrap": line.gift_wrap,
            })
        })
        .collect();
    json!({
        "customer_id": purchase.customer_id,
        "currency": purchase.currency,
        "channel": (purchase.channel != Channel::Unknown).then_some(purchase.channel),
        "delivery_tier": purchase.delivery_tier,
        "lines": lines,
        "shipping_minor": purchase.shipping_minor,
        "tenders": purchase.tenders,
        "instructions": purchase.instructions,
    })
}
