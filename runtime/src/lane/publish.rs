//! What is committed goes to the producer, in order; what the broker refuses is published again.
//!
//! The producer gives nothing up for want of time. What it reports as refused (a topic that is
//! missing, a right that is withheld, an event that is too large for the topic) waits for a person,
//! not for a restart: the event is in the journal, from where it is read and published again, and
//! the watermark stays before it meanwhile.

use std::time::Instant;

use super::{Lane, backoff};
use crate::{
    bookkeeping::{rows::JournalEntry, shard::Shard},
    group::Group,
    task::Worker,
};

impl<G: Group, W: Worker> Lane<G, W> {
    /// What the broker has said of published events.
    pub(super) fn take_acknowledgements(&mut self) {
        for acknowledged in self.shared.publisher.take_acknowledged(self.number) {
            let (number, sequence) = (acknowledged.shard, acknowledged.sequence);
            let shard = self.shards.get_mut(&number);
            let Some(shard) = shard.filter(|shard| shard.epoch == acknowledged.epoch) else {
                continue;
            };
            if let Some(why) = acknowledged.failure {
                self.refused(number, sequence, &why);
                continue;
            }
            shard.outbox.acknowledged(sequence);
            self.refused.remove(&(number, sequence));
        }
        if self.refusals > 0 && self.refused.is_empty() {
            self.refusals = 0;
            self.publish_again_at = None;
            self.declare_refused(None);
        }
    }

    /// Publishes what was read from the journal.
    pub(super) fn publish_again(&mut self, shard: &Shard, entries: Vec<JournalEntry>) {
        if !entries.is_empty() {
            let events = entries.len();
            tracing::info!(shard = shard.shard, events, "publishing again");
        }
        for entry in entries {
            let (number, epoch, sequence) = (shard.shard, shard.epoch, entry.sequence);
            self.unpublished
                .push_back((number, epoch, sequence, entry.outgoing()));
        }
        self.publish_waiting();
    }

    /// Hands committed events to the producer, in order, as far as it has room.
    pub(super) fn publish_waiting(&mut self) {
        while let Some((shard, epoch, sequence, outgoing)) = self.unpublished.front() {
            let (shard, sequence) = (*shard, *sequence);
            let ticket = (self.number, shard, *epoch, sequence);
            match self.shared.publisher.publish(ticket, outgoing) {
                Ok(true) => {
                    self.unpublished.pop_front();
                }
                Ok(false) => break,
                Err(why) => {
                    self.unpublished.pop_front();
                    self.refused(shard, sequence, &why);
                }
            }
        }
    }

    /// Reads refused events from the journal again, once it is time.
    pub(super) fn read_refused_again(&mut self) {
        if self.publish_again_at.is_some_and(|at| at <= Instant::now()) {
            self.publish_again_at = None;
            self.must_read_again = true;
        }
    }

    fn refused(&mut self, shard: i32, sequence: i64, why: &str) {
        self.refused.insert((shard, sequence), false);
        if self.publish_again_at.is_none() {
            if self.refusals == 0 {
                tracing::error!(shard, sequence, why, "event refused, to be published again");
            }
            let wait = backoff(self.shared.config.backoff, self.refusals);
            self.refusals = self.refusals.saturating_add(1);
            self.publish_again_at = Some(Instant::now() + wait);
            self.declare_refused(Some(&format!("kafka: {why}")));
        }
    }

    fn declare_refused(&self, waiting_for: Option<&str>) {
        let part = format!("lane-{}-publishing", self.number);
        self.shared.status.set_waiting(&part, waiting_for);
    }
}
