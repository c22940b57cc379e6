//! One member of a group: it takes shards when partitions are given to it, starts reading once they
//! are taken, and lets go when partitions are revoked.
//!
//! Taking is retried for as long as the database is away: the member keeps its place in the group
//! meanwhile, and a revocation in between ends the attempt. There is one way to begin to read, and
//! whatever makes a position doubtful leads back to it: the shards are taken again, under a new
//! epoch, and every position is held against its topic anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use crate::{
    bookkeeping::shard::Found,
    group::Group,
    kafka::{Command, Gap, PollEvent, PollThread, lane_of},
    lane::{Control, Shared, backoff},
    starting::{self, Plan, Seen},
    store::StoreError,
    takeover,
    topic_check::{self, NotYet},
    topic_watch::TopicWatch,
    wait::Wait,
};

/// Why the shards are not taken.
enum Untaken {
    /// A dependency is away: which, and what it said.
    Later(&'static str, String),
    /// The topics are not what they have to be: what is wrong with them.
    Topics(String),
    /// Waiting will not help.
    Never(String),
}

impl From<StoreError> for Untaken {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Fatal(why) => Self::Never(why),
            error => Self::Later("database", error.to_string()),
        }
    }
}

impl From<NotYet> for Untaken {
    fn from(not_yet: NotYet) -> Self {
        match not_yet {
            NotYet::Away(why) => Self::Later("kafka", why),
            NotYet::Wrong(why) => Self::Topics(why),
        }
    }
}

/// The member's view of its assignment.
pub(crate) struct Member<G> {
    shared: Arc<Shared<G>>,
    poll: PollThread,
    lanes: Vec<mpsc::UnboundedSender<Control>>,
    ticket: u64,
    assigned: BTreeSet<(String, i32)>,
    /// Whether lanes hold shards.
    holds: bool,
    /// When to try to take the assigned shards (again).
    take_at: Option<Instant>,
    tries: u32,
    wait: Wait,
    /// Set when a position has left its topic: how far each partition was polled by then.
    polled: Option<Vec<(String, i32, i64)>>,
    /// Whether records of some partition are damaged, and it is not known of which.
    is_damaged: bool,
    topic_watch: TopicWatch,
}

impl<G: Group> Member<G> {
    pub(crate) fn new(
        shared: Arc<Shared<G>>,
        poll: PollThread,
        lanes: Vec<mpsc::UnboundedSender<Control>>,
    ) -> Self {
        let topic_watch = TopicWatch::new(shared.machine.instant());
        Self {
            wait: Wait::new("assignment", Arc::clone(&shared.status)),
            shared,
            poll,
            lanes,
            ticket: 0,
            assigned: BTreeSet::new(),
            holds: false,
            take_at: None,
            tries: 0,
            polled: None,
            is_damaged: false,
            topic_watch,
        }
    }

    pub(crate) fn stop(&self) {
        self.poll.tell(Command::Stop);
    }

    pub(crate) fn has_left(&self) -> bool {
        self.poll.has_ended()
    }

    pub(crate) fn resume(&self) {
        for lane in &self.lanes {
            drop(lane.send(Control::Resume));
        }
    }

    /// When [`Member::take`] is to be called, if it is.
    pub(crate) fn take_at(&self) -> Option<Instant> {
        self.take_at
    }

    /// Follows an event of the poll thread; an error ends the process.
    pub(crate) async fn follow(&mut self, event: PollEvent) -> Result<(), String> {
        match event {
            PollEvent::Assigned { partitions } => {
                tracing::info!(partitions = partitions.len(), "assigned");
                self.assigned.extend(partitions);
                self.tries = 0;
                self.take_at = Some(self.shared.machine.instant());
            }
            PollEvent::Revoked {
                partitions,
                lost,
                done,
            } => {
                tracing::info!(partitions = partitions.len(), lost, "revoked");
                self.shared.status.set_assigned(false);
                self.take_at = None;
                self.polled = None;
                for partition in &partitions {
                    self.assigned.remove(partition);
                }
                self.release(&partitions, lost).await;
                drop(done);
                if !self.assigned.is_empty() {
                    self.take_at = Some(self.shared.machine.instant());
                }
            }
            PollEvent::OutOfRange { polled } => self.polled = Some(polled),
            PollEvent::Damaged { polled } => {
                self.polled = Some(polled);
                self.is_damaged = true;
            }
            PollEvent::Fatal(reason) => return Err(reason),
        }
        Ok(())
    }

    /// A shard turned out to have another owner. Either a rebalance is on its way and says so, or,
    /// once a session time-out has passed without one, the assignment stands and it is taken again.
    pub(crate) fn fenced(&mut self) {
        if self.take_at.is_none() {
            self.take_at = Some(self.shared.machine.instant() + self.shared.config.session_timeout);
        }
    }

    /// An operator has said where a halted partition goes on.
    pub(crate) fn decided(&mut self) {
        self.take_again("an operator has decided about a halted partition");
    }

    /// Looks from time to time whether the positions still lie within the topics that are read.
    pub(crate) async fn watch(&mut self) {
        if self
            .polled
            .as_ref()
            .is_some_and(|polled| self.is_done_with(polled))
        {
            self.polled = None;
            self.take_again("a position is outside of its topic, or before what is damaged");
        }
        if self.holds && self.topic_watch.sees_another(&self.shared).await {
            self.take_again("a topic was created again");
        }
    }

    /// Whether all of what was polled is in the database: what is in memory is not lost with the
    /// records of the topic.
    fn is_done_with(&self, polled: &[(String, i32, i64)]) -> bool {
        let positions = self.shared.status.positions();
        polled.iter().all(|(topic, partition, next_offset)| {
            let position = positions.get(&(topic.clone(), *partition));
            position.is_none_or(|position| position >= next_offset)
        })
    }

    fn take_again(&mut self, why: &str) {
        // A try that is under way, or waits for a dependency, looks at everything anyway.
        if self.holds && self.tries == 0 && !self.assigned.is_empty() {
            tracing::info!(why, "taking the shards again");
            self.take_at = Some(self.shared.machine.instant());
        }
    }

    async fn release(&mut self, partitions: &[(String, i32)], lost: bool) {
        let shards: BTreeSet<i32> = partitions.iter().map(|(_, partition)| *partition).collect();
        let shards: Vec<i32> = shards.into_iter().collect();
        // A lost assignment has other owners already: nothing is waited for.
        let patience = if lost {
            Duration::ZERO
        } else {
            self.shared.config.drain_timeout * 3 / 4
        };
        let deadline = self.shared.machine.instant() + patience;
        let (released, mut all_released) = mpsc::channel(1);
        for lane in &self.lanes {
            let released = released.clone();
            drop(lane.send(Control::Release {
                shards: shards.clone(),
                deadline,
                released,
            }));
        }
        drop(released);
        let limit = self.shared.config.drain_timeout;
        (self.shared.machine.within(limit, all_released.recv())).await;
    }

    /// Takes the shards of the assignment and starts reading.
    pub(crate) async fn take(&mut self) -> Result<(), String> {
        self.take_at = None;
        match self.try_to_take().await {
            Ok(()) => {
                self.tries = 0;
                self.wait.over();
                self.shared.status.set_assigned(true);
                Ok(())
            }
            Err(Untaken::Later(dependency, why)) => {
                self.take_later(dependency, &why);
                Ok(())
            }
            // Shown whole: it is for a person to mend, and what is mended of it is told.
            Err(Untaken::Topics(why)) => {
                self.take_later(&format!("topics: {why}"), &why);
                Ok(())
            }
            Err(Untaken::Never(why)) => Err(why),
        }
    }

    fn take_later(&mut self, dependency: &str, why: &str) {
        let wait = backoff(self.shared.config.backoff, self.tries);
        self.tries = self.tries.saturating_add(1);
        self.wait.on(dependency, why);
        self.take_at = Some(self.shared.machine.instant() + wait);
    }

    async fn try_to_take(&mut self) -> Result<(), Untaken> {
        let partitions = topic_check::check(&self.shared).await?;
        self.shared.partitions.store(partitions, Ordering::Relaxed);
        if self.holds {
            // What the lanes have begun is finished first: a new epoch would fence it.
            let held: Vec<(String, i32)> = self.assigned.iter().cloned().collect();
            self.release(&held, false).await;
            self.holds = false;
        }
        let shards: BTreeSet<i32> = self.assigned.iter().map(|(_, shard)| *shard).collect();
        let shards: Vec<i32> = shards.into_iter().collect();
        let shared = Arc::clone(&self.shared);
        let (store, member) = (shared.store.as_ref(), &shared.config.member);
        let mut found = takeover::take(store, &shards, &shared.topics, member).await?;
        let (seen, gaps);
        (found, seen, gaps) = self.look(found).await?;
        let plan = starting::plan(&mut found, &seen, &gaps, self.shared.machine.now());
        if !plan.store(store, &found).await? {
            let why = "another member has taken them meanwhile".to_owned();
            return Err(Untaken::Later("assignment", why));
        }
        self.is_damaged = false;
        self.tell(&found, &seen, &plan);
        self.ticket += 1;
        self.hand_over(found).await;
        self.holds = true;
        let (ticket, partitions) = (self.ticket, plan.starts);
        self.poll.tell(Command::Start { ticket, partitions });
        Ok(())
    }

    async fn look(&self, found: Vec<Found>) -> Result<(Vec<Found>, Seen, Vec<Gap>), Untaken> {
        let assigned: Vec<(String, i32)> = self.assigned.iter().cloned().collect();
        let shared = Arc::clone(&self.shared);
        let is_damaged = self.is_damaged;
        let looked = self.shared.machine.blocking(move || {
            let seen = starting::look(&shared, &assigned, &found)?;
            let gaps = match is_damaged {
                true => starting::damaged(&shared, &seen, &found)?,
                false => vec![],
            };
            Ok((found, seen, gaps))
        });
        let looked = looked.await.unwrap_or_else(|error| Err(error.to_string()));
        looked.map_err(|why| Untaken::Later("kafka", why))
    }

    /// Shows where everything stands. Positions are told to Kafka too, so that lag shows before the
    /// first batch.
    fn tell(&mut self, found: &[Found], seen: &Seen, plan: &Plan) {
        let status = &self.shared.status;
        for (topic, partition, present) in seen {
            status.set_end(topic, *partition, present.end);
            self.topic_watch
                .reading(&self.shared.topics, topic, present.topic_id.as_deref());
        }
        for position in found.iter().flat_map(|found| &found.positions) {
            status.set_position(&position.topic, position.partition, position.next_offset);
        }
        status.set_halted(&plan.standing);
        for halt in &plan.standing {
            let (topic, partition, since) = (&halt.topic, halt.partition, halt.halted_at);
            tracing::error!(topic, partition, since, why = %halt, "partition halted");
        }
    }

    async fn hand_over(&self, found: Vec<Found>) {
        let mut by_lane: BTreeMap<usize, Vec<Found>> = BTreeMap::new();
        for found in found {
            by_lane
                .entry(lane_of(found.shard, self.lanes.len()))
                .or_default()
                .push(found);
        }
        let (taken, mut all_taken) = mpsc::channel(1);
        for (number, lane) in self.lanes.iter().enumerate() {
            let found = by_lane.remove(&number).unwrap_or_default();
            let (ticket, taken) = (self.ticket, taken.clone());
            drop(lane.send(Control::Take {
                ticket,
                found,
                taken,
            }));
        }
        drop(taken);
        all_taken.recv().await;
    }
}
