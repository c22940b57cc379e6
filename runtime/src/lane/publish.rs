//! What is committed goes to the producer, in order; what the broker refuses is published again.
//!
//! The producer gives nothing up for want of time. What it reports as refused (a topic that is
//! missing, a right that is withheld, an event that is too large for the topic) waits for a person,
//! not for a restart: the event is in the journal, from where it is read and published again, and
//! the watermark stays before it meanwhile. Those behind it go on, until so many have gathered that
//! whoever takes the shard next could not well read them all again.

use std::collections::BTreeSet;

use failpoints::Step;

use super::{Lane, backoff};
use crate::{
    bookkeeping::{outbox::Outbox, rows::JournalEntry, shard::Shard, statements},
    broker::Ticket,
    group::Group,
    record::Outgoing,
    rows,
    store::{Cells, Mode, Store, StoreError},
    task::Worker,
};

/// How many refused events are read at once.
const AGAIN_MAX: usize = 1_000;
/// How much longer than what is not acknowledged the tail behind the watermark may become.
const TAIL_FACTOR: usize = 5;

impl<G: Group, W: Worker> Lane<G, W> {
    /// What the broker has said of published events.
    pub(super) fn take_acknowledgements(&mut self) {
        for acknowledged in self.shared.broker.take_acknowledged(self.number) {
            let (number, sequence) = (acknowledged.shard, acknowledged.sequence);
            let shard = self.shards.get_mut(&number);
            let Some(shard) = shard.filter(|shard| shard.epoch == acknowledged.epoch) else {
                continue;
            };
            if let Some(why) = acknowledged.failure {
                self.refused(number, sequence, &why);
                continue;
            }
            failpoints::at(Step::Published);
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

    /// Publishes what a batch has committed.
    pub(super) fn publish(&mut self, journal: Vec<(JournalEntry, Outgoing)>) {
        for (entry, outgoing) in journal {
            let shard = self.shards.get(&entry.shard);
            let epoch = shard.map_or(-1, |shard| shard.epoch);
            self.unpublished
                .push_back((entry.shard, epoch, entry.sequence, outgoing));
        }
        self.publish_waiting();
    }

    /// Hands committed events to the producer, in order, as far as it has room.
    pub(super) fn publish_waiting(&mut self) {
        while let Some((shard, epoch, sequence, outgoing)) = self.unpublished.front() {
            let (shard, sequence) = (*shard, *sequence);
            let ticket = Ticket {
                lane: self.number,
                shard,
                epoch: *epoch,
                sequence,
            };
            failpoints::at(Step::Publishing);
            match self.shared.broker.publish(ticket, outgoing) {
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

    /// Publishes refused events from the journal again, once it is time: those alone, however many
    /// others are behind them.
    pub(super) async fn publish_refused_again(&mut self) {
        if self.publish_again_at.is_none_or(|at| at > self.instant()) {
            return;
        }
        self.publish_again_at = None;
        let wanted: Vec<(i32, i64)> = (self.refused.iter())
            .filter(|(_, is_under_way)| !**is_under_way)
            .map(|(number, _)| *number)
            .take(AGAIN_MAX)
            .collect();
        let store = std::sync::Arc::clone(&self.shared.store);
        match journalled(store.as_ref(), &wanted).await {
            Ok(entries) => {
                for entry in entries {
                    let number = (entry.shard, entry.sequence);
                    let Some(shard) = self.shards.get(&entry.shard) else {
                        continue;
                    };
                    let (epoch, outgoing) = (shard.epoch, entry.outgoing());
                    (self.unpublished).push_back((number.0, epoch, number.1, outgoing));
                    self.refused.insert(number, true);
                }
                // The others are read once there is room for them.
                if wanted.len() == AGAIN_MAX {
                    self.publish_again_at = Some(self.instant());
                }
                self.publish_waiting();
            }
            Err(error) => {
                tracing::debug!(%error, "refused events not read");
                let wait = backoff(self.shared.config.backoff, self.refusals);
                self.publish_again_at = Some(self.instant() + wait);
            }
        }
    }

    /// Whether so much is not published that no more records are taken, and what is waited for.
    pub(super) fn is_behind(&self) -> Option<&'static str> {
        let sum = |count: fn(&Outbox) -> usize| -> usize {
            (self.shards.values())
                .map(|shard| count(&shard.outbox))
                .sum()
        };
        let most = self.shared.config.unacknowledged_max;
        if sum(Outbox::unacknowledged) >= most {
            return Some("kafka to acknowledge published events");
        }
        let is_long = sum(Outbox::behind_watermark) >= most.saturating_mul(TAIL_FACTOR);
        is_long.then_some("kafka to take an event that it refuses: too many wait behind it")
    }

    /// Whether events of these shards are on their way to Kafka. One that is refused is not waited
    /// for: that may take days.
    pub(super) fn publishes(&self, numbers: &BTreeSet<i32>) -> bool {
        let under_way = |shard: &Shard| {
            let refused = self.refused.keys();
            let refused = refused.filter(|(number, _)| *number == shard.shard).count();
            shard.outbox.unacknowledged() > refused
        };
        (self.shards.iter()).any(|(number, shard)| numbers.contains(number) && under_way(shard))
    }

    fn refused(&mut self, shard: i32, sequence: i64, why: &str) {
        self.refused.insert((shard, sequence), false);
        if self.publish_again_at.is_none() {
            if self.refusals == 0 {
                tracing::error!(shard, sequence, why, "event refused, to be published again");
            }
            let wait = backoff(self.shared.config.backoff, self.refusals);
            self.refusals = self.refusals.saturating_add(1);
            self.publish_again_at = Some(self.instant() + wait);
            self.declare_refused(Some(&format!("kafka: {why}")));
        }
    }

    fn declare_refused(&self, waiting_for: Option<&str>) {
        let part = format!("lane-{}-publishing", self.number);
        self.shared.status.set_waiting(&part, waiting_for);
    }
}

async fn journalled(
    store: &dyn Store,
    numbers: &[(i32, i64)],
) -> Result<Vec<JournalEntry>, StoreError> {
    let parameters = vec![
        Cells::longs(numbers.iter().map(|(shard, _)| i64::from(*shard))),
        Cells::longs(numbers.iter().map(|(_, sequence)| *sequence)),
    ];
    let mut transaction = store.begin(Mode::Snapshot).await?;
    let entries = rows::query(transaction.as_mut(), &statements::JOURNALLED, parameters).await?;
    transaction.commit().await?;
    Ok(entries)
}
