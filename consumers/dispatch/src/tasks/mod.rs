//! Dispatch's remote work: handing a shipment over to the carrier, under the task id as
//! idempotency key.
//!
//! An outcome that is not known is never assumed: it is asked for again under the same key. Where
//! the key cannot settle it, because the carrier saved an error under it and replays that, or has
//! forgotten it, the carrier is asked what it knows of the shipment. It knows a shipment by its id
//! for ever, so handing over one that it does not know, under whatever key, hands it over once.

mod carrier;
mod reply;

use std::time::Duration;

use remote::{Later, RemoteError, is_older, unreadable};
use runtime::{Answer, Attempt, Task, Worker};

use crate::event::{Ask, HAND_OVER, Outcome};
use carrier::Carrier;
use reply::Reply;

/// Where the carrier is and how long it is waited for.
#[derive(Debug, Clone)]
pub struct CarrierConfig {
    /// Scheme, host and port, before `/carrier/v1/...`.
    pub base_url: String,
    /// How long a connection may take. Default 2 s.
    pub connect_timeout: Duration,
    /// How long a request may take in all. Default 10 s.
    pub request_timeout: Duration,
    /// How long after a task was written its idempotency key is relied on; later the carrier is
    /// asked for the shipment first. Default 23 h.
    pub key_window: Duration,
}

impl CarrierConfig {
    /// The defaults.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(10),
            key_window: Duration::from_secs(23 * 60 * 60),
        }
    }
}

/// Asks the carrier.
#[derive(Debug)]
pub struct CarrierWorker {
    carrier: Carrier,
    key_window: Duration,
}

impl CarrierWorker {
    /// A worker with a pool of connections of its own.
    ///
    /// # Errors
    /// [`RemoteError`] when the address or the machine's TLS set-up is unusable.
    pub fn new(config: &CarrierConfig) -> Result<Self, RemoteError> {
        Ok(Self {
            carrier: Carrier::new(config)?,
            key_window: config.key_window,
        })
    }

    async fn attempt(&self, task: &Task, ask: &Ask) -> Attempt {
        if is_older(task, self.key_window) {
            match self.look_up(ask).await {
                Known::Answer(outcome) => return answered(&outcome),
                Known::Later(later) => return later.into(),
                Known::Nothing => {}
            }
        }
        match self.carrier.hand_over(ask, &task.task_id).await {
            // Under another key, because under this one the carrier would say the same for ever.
            Reply::Broken { replayed: true, .. } | Reply::KeyOfOtherRequest => {
                match self.look_up(ask).await {
                    Known::Answer(outcome) => answered(&outcome),
                    Known::Later(later) => later.into(),
                    Known::Nothing => {
                        let key = format!("{}:{}", task.task_id, u64::from(task.attempts) + 1);
                        self.read(self.carrier.hand_over(ask, &key).await, ask)
                            .await
                    }
                }
            }
            reply => self.read(reply, ask).await,
        }
    }

    /// What a reply to a hand-over means. One that would end the purchase, or fits nothing that was
    /// asked, is not believed before the carrier has been asked what it knows of the shipment.
    async fn read(&self, reply: Reply, ask: &Ask) -> Attempt {
        let unless_known = match reply {
            Reply::Decided(outcome) if fits(&outcome, ask) => return answered(&outcome),
            Reply::Later(later) => return later.into(),
            Reply::Broken { later, .. } => {
                return match self.look_up(ask).await {
                    Known::Answer(outcome) => answered(&outcome),
                    Known::Later(_) | Known::Nothing => later.into(),
                };
            }
            Reply::Decided(other) => other,
            Reply::Rejected { code } => Outcome::Rejected { code },
            Reply::Missing => {
                return Later::unwell("no such shipment, after handing it over").into();
            }
            Reply::KeyOfOtherRequest => Outcome::Mismatch {
                detail: "its idempotency key was used with other parameters".to_owned(),
            },
            Reply::ShipmentOfOtherRequest => {
                return answered(&Outcome::Mismatch {
                    detail: "the carrier knows the shipment with other parameters".to_owned(),
                });
            }
        };
        match self.look_up(ask).await {
            Known::Answer(outcome) => answered(&outcome),
            Known::Later(later) => later.into(),
            Known::Nothing => answered(&unless_known),
        }
    }

    /// What the carrier knows of the shipment: conclusive either way.
    async fn look_up(&self, ask: &Ask) -> Known {
        match self.carrier.shipment(&ask.shipment_id).await {
            Reply::Decided(outcome) if fits(&outcome, ask) => Known::Answer(outcome),
            Reply::Missing => Known::Nothing,
            Reply::Later(later) | Reply::Broken { later, .. } => Known::Later(later),
            other => Known::Later(Later::busy(format!("the look-up was answered {other:?}"))),
        }
    }
}

/// What the carrier knows of a shipment.
enum Known {
    /// It decided so.
    Answer(Outcome),
    /// It was never handed the shipment.
    Nothing,
    /// It could not be asked.
    Later(Later),
}

impl Worker for CarrierWorker {
    const DEPENDENCY: &'static str = "carrier";

    async fn perform(&self, task: &Task) -> Attempt {
        let ask = serde_json::from_value::<Ask>(task.payload.clone());
        match (task.kind.as_str(), ask) {
            (HAND_OVER, Ok(ask)) => self.attempt(task, &ask).await,
            _ => unreadable(task),
        }
    }
}

/// Whether an outcome is about the shipment that was asked for.
fn fits(outcome: &Outcome, ask: &Ask) -> bool {
    match outcome {
        Outcome::HandedOver { shipment_id, .. } => *shipment_id == ask.shipment_id,
        Outcome::Refused | Outcome::Rejected { .. } | Outcome::Mismatch { .. } => true,
    }
}

fn answered(outcome: &Outcome) -> Attempt {
    let answer = serde_json::to_value(outcome).expect("an enum of strings is JSON");
    Attempt::Answered(Answer(answer))
}
