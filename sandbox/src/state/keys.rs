//! Idempotency keys: running, saved, forgotten.
//!
//! A key is running from the arrival of its first request until the reply is on disk, and saved
//! from then until it is older than the retention. Only saved keys are in the journal: a request
//! that a crash cut off before its record was written has had no effect and may run again.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use uuid::Uuid;

use super::{Answer, record::Scope};

type Name = (Scope, Arc<str>);

/// What a request with a key is told before it runs.
#[derive(Debug, Clone)]
pub(crate) enum Begin {
    /// It runs, and nobody else with this key does.
    Begun,
    /// It ran before; this is what was answered.
    Replay(Answer),
    /// Its first request still runs.
    InUse,
    /// The key belongs to other parameters.
    OtherParameters,
}

#[derive(Debug)]
struct Saved {
    fingerprint: Uuid,
    at: i64,
    answer: Answer,
    /// Counts replays, so that each attempt meets a fault of its own.
    replays: u32,
}

/// All keys of both scopes.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    saved: HashMap<Name, Saved>,
    /// Saved keys, oldest first.
    order: VecDeque<(i64, Name)>,
    running: HashMap<Name, Uuid>,
    /// Attempts at keys that are not saved yet.
    attempts: HashMap<Name, u32>,
}

/// Attempts are remembered for this many unsaved keys. They only steer faults; beyond it the count
/// begins again.
const ATTEMPTS_MAX: usize = 100_000;

impl Keys {
    /// Counts an attempt: 0 for the first.
    pub(crate) fn attempt(&mut self, scope: Scope, key: &str) -> u32 {
        let name = (scope, Arc::from(key));
        if let Some(saved) = self.saved.get_mut(&name) {
            saved.replays = saved.replays.saturating_add(1);
            return saved.replays;
        }
        if self.attempts.len() >= ATTEMPTS_MAX {
            self.attempts.clear();
        }
        let count = self.attempts.entry(name).or_insert(0);
        *count = count.saturating_add(1);
        *count - 1
    }

    /// Asks to run a request.
    pub(crate) fn begin(&mut self, scope: Scope, key: &str, fingerprint: Uuid) -> Begin {
        let name = (scope, Arc::from(key));
        if let Some(saved) = self.saved.get(&name) {
            return match (
                self.running.contains_key(&name),
                saved.fingerprint == fingerprint,
            ) {
                (_, false) => Begin::OtherParameters,
                (true, true) => Begin::InUse,
                (false, true) => Begin::Replay(saved.answer.clone()),
            };
        }
        match self.running.get(&name) {
            Some(first) if *first == fingerprint => Begin::InUse,
            Some(_) => Begin::OtherParameters,
            None => {
                self.running.insert(name, fingerprint);
                Begin::Begun
            }
        }
    }

    /// Ends a run, whether or not a reply was saved.
    pub(crate) fn finish(&mut self, scope: Scope, key: &str) {
        self.running.remove(&(scope, Arc::from(key)));
    }

    /// Saves the reply of a run.
    pub(crate) fn save(
        &mut self,
        scope: Scope,
        key: &str,
        fingerprint: Uuid,
        at: i64,
        answer: Answer,
    ) {
        let name: Name = (scope, Arc::from(key));
        let replays = self.attempts.remove(&name).unwrap_or(1) - 1;
        self.order.push_back((at, name.clone()));
        self.saved.insert(
            name,
            Saved {
                fingerprint,
                at,
                answer,
                replays,
            },
        );
    }

    /// Forgets the keys that were saved at or before `horizon`.
    pub(crate) fn forget(&mut self, horizon: i64) {
        while self.order.front().is_some_and(|(at, _)| *at <= horizon) {
            let Some((at, name)) = self.order.pop_front() else {
                break;
            };
            // A forgotten key may have been used again since: that use has a later time.
            if self.saved.get(&name).is_some_and(|saved| saved.at == at) {
                self.saved.remove(&name);
            }
        }
    }

    pub(crate) fn saved_len(&self) -> usize {
        self.saved.len()
    }

    pub(crate) fn running_len(&self) -> usize {
        self.running.len()
    }
}
