//! Everything the sandbox knows, as a fold of its journal. No clock, no I/O.
//!
//! Every purchase is kept for as long as the journal is: about a kilobyte each. Keys are forgotten
//! after their retention, intents, refunds and shipments never.

mod answer;
pub(crate) mod intent;
pub(crate) mod keys;
pub(crate) mod record;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

pub(crate) use answer::{Answer, intent_object, refund_object};
use intent::{Intent, Refund, Status, Terms};
use keys::Keys;
use record::{Change, Failure, Movement, Record, Reply, Shipment};

/// The journal says something that does not follow from what it said before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {sequence} names {what}, which no earlier record made")]
pub(crate) struct Inconsistent {
    sequence: u64,
    what: String,
}

/// What the carrier decided about a shipment, and the record that says so. Never forgotten.
#[derive(Debug)]
pub(crate) enum Consigned {
    Taken {
        shipment: Arc<Shipment>,
        sequence: u64,
    },
    Refused {
        purchase_id: String,
        sequence: u64,
    },
}

/// The fold.
#[derive(Debug, Default)]
pub(crate) struct State {
    sequence: u64,
    /// All states of every intent, oldest first, never empty.
    intents: HashMap<Arc<str>, Vec<Arc<Intent>>>,
    by_purchase: HashMap<Arc<str>, Vec<Arc<str>>>,
    refunds: HashMap<Arc<str>, Vec<Arc<Refund>>>,
    /// What the carrier decided about each shipment, by its id.
    consigned: HashMap<Arc<str>, Consigned>,
    shipments: u64,
    refused: u64,
    refunds_len: u64,
    by_status: HashMap<Status, u64>,
    pub(crate) keys: Keys,
}

impl State {
    /// The sequence of the next record.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence + 1
    }

    /// The present state of an intent.
    pub(crate) fn intent(&self, intent_id: &str) -> Option<&Arc<Intent>> {
        self.intents.get(intent_id).and_then(|states| states.last())
    }

    /// The intents of a purchase as they were at `seen_at`, newest first: what a search index that
    /// lags shows.
    pub(crate) fn search(&self, purchase_id: &str, seen_at: i64) -> Vec<Arc<Intent>> {
        let ids = self
            .by_purchase
            .get(purchase_id)
            .map_or(&[][..], Vec::as_slice);
        ids.iter()
            .rev()
            .filter_map(|id| self.intents.get(id))
            .filter_map(|states| {
                states
                    .iter()
                    .rev()
                    .find(|state| state.changed_at <= seen_at)
            })
            .cloned()
            .collect()
    }

    /// The refunds of an intent, newest first.
    pub(crate) fn refunds(&self, intent_id: &str) -> Vec<Arc<Refund>> {
        self.refunds
            .get(intent_id)
            .map_or_else(Vec::new, |all| all.iter().rev().cloned().collect())
    }

    /// What the carrier decided about a shipment; none when it was never handed over.
    pub(crate) fn consigned(&self, shipment_id: &str) -> Option<&Consigned> {
        self.consigned.get(shipment_id)
    }

    /// Takes a record in and gives the answer that it stands for.
    ///
    /// # Errors
    /// [`Inconsistent`] when it does not fit what came before; nothing is changed then.
    pub(crate) fn apply(&mut self, record: &Record) -> Result<Answer, Inconsistent> {
        if record.sequence != self.next_sequence() {
            return Err(
                self.inconsistent(record, format!("sequence {} next", self.next_sequence()))
            );
        }
        let made = self.change(record)?;
        self.sequence = record.sequence;
        let answer = self.answer(record, made)?;
        if let Some(mark) = &record.key {
            self.keys.save(
                mark.scope,
                &mark.key,
                mark.fingerprint,
                record.at,
                answer.clone(),
            );
        }
        Ok(answer)
    }

    /// The answer of a record that changes nothing and is not kept.
    pub(crate) fn unchanged(&self, record: &Record) -> Result<Answer, Inconsistent> {
        self.answer(record, Made::Nothing)
    }

    fn change(&mut self, record: &Record) -> Result<Made, Inconsistent> {
        match &record.change {
            Change::Nothing => {}
            Change::Opened { terms, status, .. } => self.open(record, terms, *status),
            Change::Captured(Movement {
                intent_id,
                amount_minor,
                ..
            }) => {
                let mut next = self.next_state(record, intent_id)?;
                next.status = Status::Succeeded;
                next.received_minor = *amount_minor;
                self.push(next);
            }
            Change::Voided { movement, reason } => {
                let mut next = self.next_state(record, &movement.intent_id)?;
                next.status = Status::Canceled;
                next.cancelled_at = Some(record.at);
                next.cancellation_reason.clone_from(reason);
                self.push(next);
            }
            Change::Refunded(refund) => {
                let mut next = self.next_state(record, &refund.intent_id)?;
                next.refunded_minor += refund.amount_minor;
                self.push(next);
                let refund = Arc::new(refund.clone());
                let of_intent = self.refunds.entry(Arc::from(refund.intent_id.as_str()));
                of_intent.or_default().push(Arc::clone(&refund));
                self.refunds_len += 1;
                return Ok(Made::Refund(refund));
            }
            Change::HandedOver(shipment) => {
                let shipment = Arc::new(shipment.clone());
                self.shipments += 1;
                let taken = Consigned::Taken {
                    shipment: Arc::clone(&shipment),
                    sequence: record.sequence,
                };
                self.consign(&shipment.shipment_id, taken);
                return Ok(Made::Shipment(shipment));
            }
            Change::Refused {
                shipment_id,
                purchase_id,
            } => {
                self.refused += 1;
                let refused = Consigned::Refused {
                    purchase_id: purchase_id.clone(),
                    sequence: record.sequence,
                };
                self.consign(shipment_id, refused);
            }
        }
        Ok(Made::Nothing)
    }

    /// The first decision about a shipment stands.
    fn consign(&mut self, shipment_id: &str, decided: Consigned) {
        self.consigned
            .entry(Arc::from(shipment_id))
            .or_insert(decided);
    }

    fn open(&mut self, record: &Record, terms: &Terms, status: Status) {
        let intent_id: Arc<str> = Arc::from(terms.intent_id.as_str());
        if let Some(purchase_id) = terms.purchase_id() {
            let ids = self.by_purchase.entry(Arc::from(purchase_id)).or_default();
            ids.push(Arc::clone(&intent_id));
        }
        let intent = Intent {
            terms: Arc::new(terms.clone()),
            status,
            received_minor: 0,
            refunded_minor: 0,
            cancelled_at: None,
            cancellation_reason: None,
            sequence: record.sequence,
            changed_at: record.at,
        };
        *self.by_status.entry(status).or_default() += 1;
        self.intents.insert(intent_id, vec![Arc::new(intent)]);
    }

    fn next_state(&self, record: &Record, intent_id: &str) -> Result<Intent, Inconsistent> {
        let now = self
            .intent(intent_id)
            .ok_or_else(|| self.inconsistent(record, format!("intent {intent_id}")))?;
        Ok(Intent {
            sequence: record.sequence,
            changed_at: record.at,
            ..Intent::clone(now)
        })
    }

    fn push(&mut self, next: Intent) {
        if let Some(states) = self.intents.get_mut(next.terms.intent_id.as_str()) {
            if let Some(last) = states.last() {
                *self.by_status.entry(last.status).or_default() -= 1;
            }
            *self.by_status.entry(next.status).or_default() += 1;
            states.push(Arc::new(next));
        }
    }

    fn answer(&self, record: &Record, made: Made) -> Result<Answer, Inconsistent> {
        let find = |intent_id: &str| {
            self.intent(intent_id).cloned().ok_or_else(|| {
                self.inconsistent(record, format!("intent {intent_id} in its reply"))
            })
        };
        Ok(match (&record.reply, made) {
            (
                Reply::Intent {
                    intent_id,
                    skew_minor,
                },
                _,
            ) => Answer::Intent {
                intent: find(intent_id)?,
                skew_minor: *skew_minor,
            },
            (Reply::Refund { skew_minor }, Made::Refund(refund)) => Answer::Refund {
                refund,
                skew_minor: *skew_minor,
            },
            (Reply::Shipment, Made::Shipment(shipment)) => Answer::Shipment(shipment),
            (Reply::KnownShipment { shipment_id }, _) => match self.consigned(shipment_id) {
                Some(Consigned::Taken { shipment, .. }) => Answer::Shipment(Arc::clone(shipment)),
                _ => {
                    let what = format!("shipment {shipment_id} in its reply");
                    return Err(self.inconsistent(record, what));
                }
            },
            (Reply::Failure(failure), _) => Answer::Failure {
                intent: failure.intent_id.as_deref().map(find).transpose()?,
                failure: Arc::new(Failure::clone(failure)),
            },
            (
                Reply::CarrierFailure {
                    status,
                    code,
                    message,
                },
                _,
            ) => Answer::CarrierFailure {
                status: *status,
                code: code.as_str().into(),
                message: message.as_str().into(),
            },
            (Reply::Refund { .. } | Reply::Shipment, _) => {
                return Err(self.inconsistent(record, "a reply of another kind of change".into()));
            }
        })
    }

    fn inconsistent(&self, record: &Record, what: String) -> Inconsistent {
        Inconsistent {
            sequence: record.sequence,
            what,
        }
    }

    /// Counts, by name.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let mut counts: BTreeMap<&'static str, u64> = Status::ALL
            .iter()
            .map(|status| {
                (
                    status.as_str(),
                    self.by_status.get(status).copied().unwrap_or(0),
                )
            })
            .collect();
        counts.insert("intents", self.intents.len() as u64);
        counts.insert("refunds", self.refunds_len);
        counts.insert("shipments", self.shipments);
        counts.insert("shipments_refused", self.refused);
        counts.insert("keys_saved", self.keys.saved_len() as u64);
        counts.insert("keys_running", self.keys.running_len() as u64);
        counts
    }
}

/// What a change made besides a new state of an intent.
enum Made {
    Nothing,
    Refund(Arc<Refund>),
    Shipment(Arc<Shipment>),
}
