//! The state, the journal and the faults of a running sandbox, and how a change passes through them.
//!
//! Deciding, applying and queueing happen under one short lock, so that the journal has the order
//! of the state. Waiting for the disk happens outside it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::{
    carrier,
    config::Config,
    faults::{Fault, Faults, Operation},
    journal::{Journal, Lost},
    provider::{self, Command, failure},
    state::{
        Answer, State,
        keys::Begin,
        record::{Change, KeyMark, Record, Reply, Scope},
    },
};

/// A running sandbox.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) journal: Journal,
    state: Mutex<State>,
    faults: RwLock<Arc<Active>>,
    requests: AtomicU64,
    met: Mutex<BTreeMap<&'static str, u64>>,
}

/// Faults, and since when.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) faults: Faults,
    since: Instant,
}

impl Active {
    fn new(faults: Faults) -> Arc<Self> {
        Arc::new(Self {
            faults,
            since: Instant::now(),
        })
    }
}

impl Service {
    pub(crate) fn new(config: Config, journal: Journal, state: State) -> Self {
        Self {
            faults: RwLock::new(Active::new(config.faults.clone())),
            config,
            journal,
            state: Mutex::new(state),
            requests: AtomicU64::new(0),
            met: Mutex::default(),
        }
    }

    /// The state. A panic under the lock leaves it whole: records are applied before anything that
    /// could panic, so a poisoned lock is taken as it is.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> Arc<Active> {
        Arc::clone(&self.faults.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = Active::new(faults);
    }

    /// What this request meets, and how long its answer takes.
    pub(crate) fn meet(
        &self,
        operation: Operation,
        key: Option<(Scope, &str)>,
        path: &str,
    ) -> (Option<Fault>, Duration) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let active = self.faults();
        let (name, attempt) = match key {
            Some((scope, key)) => (key, u64::from(self.state().keys.attempt(scope, key))),
            None => (path, number),
        };
        let (drawn, latency) = active
            .faults
            .draw(operation, name, attempt, self.config.latency);
        let storm = active
            .faults
            .storm
            .is_some_and(|storm| storm.blows(active.since.elapsed()));
        let retry_after_s = active.faults.shares(operation).retry_after_s;
        let fault = if storm {
            Some(Fault::Unavailable { retry_after_s })
        } else {
            drawn
        };
        if let Some(fault) = fault {
            let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
            *met.entry(fault.as_str()).or_default() += 1;
        }
        (fault, latency)
    }

    /// Asks to run a request under its key.
    pub(crate) fn begin(&self, scope: Scope, key: &str, fingerprint: Uuid) -> Begin {
        let retention = i64::try_from(self.config.key_retention.as_micros()).unwrap_or(i64::MAX);
        let mut state = self.state();
        state.keys.forget(now().saturating_sub(retention));
        state.keys.begin(scope, key, fingerprint)
    }

    /// Runs a command: decided, applied, on disk when this returns.
    pub(crate) async fn execute(
        &self,
        command: &Command,
        key: Option<KeyMark>,
        fault: Option<Fault>,
    ) -> Result<Answer, Lost> {
        let (answer, committed) = {
            let mut state = self.state();
            let (at, sequence) = (now(), state.next_sequence());
            let name = format!(
                "{sequence}:{at}:{}",
                key.as_ref().map_or("", |mark| mark.key.as_str())
            );
            let (change, reply) = if fault == Some(Fault::ErrorSaved) {
                (Change::Nothing, broken(command))
            } else {
                provider::decide(&state, command, at, &name)
            };
            let record = Record {
                sequence,
                at,
                key,
                change,
                reply: altered(reply, fault),
            };
            if record.key.is_none() && record.change == Change::Nothing {
                // Nothing happened and nothing is to be remembered.
                return Ok(state
                    .unchanged(&record)
                    .expect("it was decided on this very state"));
            }
            let answer = state
                .apply(&record)
                .expect("it was decided on this very state");
            (answer, self.journal.append(record))
        };
        committed.wait().await?;
        Ok(answer)
    }

    /// Counts, by name.
    pub(crate) fn counts(&self) -> serde_json::Value {
        let written = self.journal.written();
        let state = self.state().counts();
        let met = self
            .met
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        serde_json::json!({
            "requests": self.requests.load(Ordering::Relaxed),
            "state": state,
            "faults_met": met,
            "journal": {
                "records": written.records.load(Ordering::Relaxed),
                "commits": written.commits.load(Ordering::Relaxed),
                "bytes": written.bytes.load(Ordering::Relaxed),
                "durable_sequence": written.durable.load(Ordering::Acquire),
            },
        })
    }
}

/// The reply of a request that fails once it has begun.
fn broken(command: &Command) -> Reply {
    match command {
        Command::HandOver { .. } => carrier::failure(carrier::BROKEN),
        _ => Reply::Failure(failure::server_error(500)),
    }
}

/// The reply as a fault after the effect makes it; it is saved and replayed so.
fn altered(reply: Reply, fault: Option<Fault>) -> Reply {
    match (fault, reply) {
        (
            Some(Fault::ErrorAfterEffect),
            Reply::Shipment | Reply::KnownShipment { .. } | Reply::CarrierFailure { .. },
        ) => carrier::failure(carrier::BROKEN),
        (Some(Fault::ErrorAfterEffect), _) => Reply::Failure(failure::server_error(500)),
        (Some(Fault::WrongAmount), Reply::Intent { intent_id, .. }) => Reply::Intent {
            intent_id,
            skew_minor: 1,
        },
        (Some(Fault::WrongAmount), Reply::Refund { .. }) => Reply::Refund { skew_minor: 1 },
        (_, reply) => reply,
    }
}

/// Microseconds since the epoch.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}
