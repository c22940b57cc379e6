//! A lane: one database connection's worth of shards, processed batch after batch.
//!
//! A lane is one task. It owns its shards' state, so nothing here is shared or locked: control
//! messages, acknowledgements and answers are looked at between batches. What a batch changes in
//! memory it changes after the commit; after an outcome that is not known, everything is read again.

mod backlog;
mod breaker;
mod changes;
mod commit;
mod decide;
mod ends;
mod items;
mod patience;
mod performer;
mod publish;
mod recover;
mod reopen;
mod report;
mod round;
#[cfg(test)]
mod simulation;
mod tick;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, atomic::AtomicI32},
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinHandle};

use self::{
    backlog::{Backlog, Look},
    performer::Performer,
};
pub(crate) use self::{
    breaker::{backoff, micros},
    changes::Surroundings,
    items::{Item, Origin},
};
use crate::{
    bookkeeping::{
        rows::TaskRow,
        shard::{Found, Shard},
        tally::Tally,
    },
    broker::Broker,
    config::Config,
    group::{Group, Timestamp},
    intake::{Intake, Polled},
    machine::Machine,
    metrics::Metrics,
    record::Outgoing,
    status::Status,
    store::Store,
    task::Worker,
    wait::Wait,
};

/// What a lane is told.
pub(crate) enum Control {
    /// Shards were taken for it; their unfinished business comes along. Dropping `taken` answers.
    Take {
        ticket: u64,
        found: Vec<Found>,
        taken: mpsc::Sender<()>,
    },
    /// Let go of shards: finish, publish what is committed, store the watermark, forget. Dropping
    /// `released` answers.
    Release {
        shards: Vec<i32>,
        deadline: Instant,
        released: mpsc::Sender<()>,
    },
    /// The limit of dead letters was looked at by an operator.
    Resume,
}

/// What a lane tells its member.
#[derive(Debug)]
pub(crate) enum LaneEvent {
    /// A shard turned out to have another owner.
    Fenced,
    /// An operator has said where a halted partition goes on.
    Decided,
    /// The process cannot go on.
    Fatal(String),
}

/// What lanes share.
pub(crate) struct Shared<G> {
    pub(crate) group: G,
    pub(crate) config: Config,
    pub(crate) topics: Vec<String>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) machine: Machine,
    pub(crate) status: Arc<Status>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) events: mpsc::UnboundedSender<LaneEvent>,
    /// How many partitions each topic has; the member counts them before it takes shards.
    pub(crate) partitions: AtomicI32,
}

/// One lane.
pub(crate) struct Lane<G, W> {
    number: usize,
    shared: Arc<Shared<G>>,
    intake: Arc<Intake>,
    control: mpsc::UnboundedReceiver<Control>,
    /// Per shard, the ticket under which it was taken.
    tickets: BTreeMap<i32, u64>,
    shards: BTreeMap<i32, Shard>,
    performer: Performer<W>,
    /// Taken from the intake and not written yet.
    pending: VecDeque<Polled>,
    /// Answers that are not written yet.
    answers: VecDeque<Item>,
    /// Inputs that a tick found in the database.
    found: VecDeque<Item>,
    /// Per shard, what of its topics is known to be read.
    backlogs: BTreeMap<i32, Backlog>,
    looking: Option<JoinHandle<Vec<(i32, Look)>>>,
    next_look: Instant,
    /// Whether the intake had nothing left since the last tick.
    has_emptied: bool,
    last_tick: Instant,
    /// Task rows whose attempts changed, to be written along with the next batch.
    retried: BTreeMap<String, TaskRow>,
    /// Committed events that wait for room in the producer.
    unpublished: VecDeque<(i32, i64, i64, Outgoing)>,
    /// Events that the broker has refused, and whether they were handed to the producer again since.
    refused: BTreeMap<(i32, i64), bool>,
    /// When those are read from the journal to be published again.
    publish_again_at: Option<Instant>,
    refusals: u32,
    tally: Tally,
    /// Set after an outcome that is not known: read the shards again before anything else.
    must_read_again: bool,
    failures: u32,
    blocked_until: Option<Instant>,
    halted: bool,
    awaits_acknowledgement: bool,
    next_tick: Instant,
    next_prune: Instant,
    first_waiting: Option<Instant>,
    wait: Wait,
    /// Whether it waits because a tick found no database.
    tick_waits: bool,
    /// What its tasks wait for.
    task_wait: Wait,
}

impl<G: Group, W: Worker> Lane<G, W> {
    pub(crate) fn new(
        number: usize,
        shared: Arc<Shared<G>>,
        intake: Arc<Intake>,
        control: mpsc::UnboundedReceiver<Control>,
        worker: Arc<W>,
    ) -> Self {
        let config = &shared.config;
        let now = shared.machine.instant();
        Self {
            number,
            performer: Performer::new(
                worker,
                Arc::clone(&intake),
                (config.task_concurrency, config.attempt_timeout),
                config.backoff,
                shared.machine.clone(),
            ),
            tally: Tally::new(config.dead_letter_window, config.dead_letter_share_max),
            intake,
            control,
            tickets: BTreeMap::new(),
            shards: BTreeMap::new(),
            pending: VecDeque::new(),
            answers: VecDeque::new(),
            found: VecDeque::new(),
            backlogs: BTreeMap::new(),
            looking: None,
            next_look: now,
            has_emptied: false,
            last_tick: now,
            retried: BTreeMap::new(),
            unpublished: VecDeque::new(),
            refused: BTreeMap::new(),
            publish_again_at: None,
            refusals: 0,
            must_read_again: false,
            failures: 0,
            blocked_until: None,
            halted: false,
            awaits_acknowledgement: false,
            next_tick: now,
            next_prune: now + Duration::from_secs(60),
            first_waiting: None,
            wait: Wait::new(format!("lane-{number}"), Arc::clone(&shared.status)),
            tick_waits: false,
            task_wait: Wait::new(format!("lane-{number}-tasks"), Arc::clone(&shared.status)),
            shared,
        }
    }

    /// Runs until the control channel is closed.
    pub(crate) async fn run(mut self) {
        loop {
            self.beat(false);
            let wait = self.turn().await;
            let blocked = self.blocked_until.is_some() || self.halted;
            self.beat(blocked || self.shards.is_empty());
            tokio::select! {
                biased;
                told = self.control.recv() => match told {
                    Some(told) => self.obey(told).await,
                    None => break,
                },
                () = self.intake.woken(), if !wait.is_zero() => {}
                () = self.shared.machine.sleep(wait) => {}
            }
        }
    }

    /// The time of day, by the machine that the lane runs on.
    fn now(&self) -> Timestamp {
        self.shared.machine.now()
    }

    /// A time to measure from, by the same machine.
    fn instant(&self) -> Instant {
        self.shared.machine.instant()
    }

    /// Whether something was said that is not obeyed yet.
    fn is_told(&self) -> bool {
        !self.control.is_empty()
    }

    async fn obey(&mut self, told: Control) {
        match told {
            Control::Take {
                ticket,
                found,
                taken,
            } => {
                for found in found {
                    self.drop_work(found.shard);
                    self.tickets.insert(found.shard, ticket);
                    let (shard, unpublished) = Shard::take(found);
                    self.publish_again(&shard, unpublished);
                    self.report_shard(&shard);
                    let topics = self.shared.topics.len();
                    self.backlogs.insert(shard.shard, Backlog::new(topics));
                    self.shards.insert(shard.shard, shard);
                }
                self.drop_written();
                self.next_tick = self.instant();
                drop(taken);
            }
            Control::Release {
                shards,
                deadline,
                released,
            } => {
                self.release(&shards, deadline).await;
                drop(released);
            }
            Control::Resume if self.halted => {
                self.tally.let_pass();
                self.halted = false;
                self.wait.over();
            }
            // The limit holds on for a lane that has not broken it.
            Control::Resume => {}
        }
    }

    /// One turn: everything that can be done now. Returns how long to wait for more.
    async fn turn(&mut self) -> Duration {
        self.collect();
        self.publish_waiting();
        if let Some(until) = self.blocked_until {
            let left = until.saturating_duration_since(self.instant());
            if !left.is_zero() {
                return left;
            }
            self.blocked_until = None;
        }
        self.publish_refused_again().await;
        if self.must_read_again {
            self.beat(true);
        }
        if self.must_read_again && !self.read_again().await {
            return Duration::ZERO;
        }
        if self.shards.is_empty() {
            self.drop_pending();
            return self.shared.config.tick;
        }
        if self.instant() >= self.next_tick {
            // Its statements are the database's to answer; each has a limit of its own.
            self.beat(true);
            self.tick().await;
            self.beat(false);
        }
        let now = self.now();
        self.performer.start(&mut self.shards, now);
        if self.halted {
            return self.shared.config.tick;
        }
        self.take_records();
        if self.is_due() {
            self.round().await;
            return Duration::ZERO;
        }
        self.until_next()
    }

    /// Acknowledgements and ended attempts.
    fn collect(&mut self) {
        self.take_acknowledgements();
        if self.looking.as_ref().is_some_and(JoinHandle::is_finished) {
            self.next_tick = self.instant();
        }
        let now = self.now();
        for ended in self.performer.take_ended(now) {
            self.declare(&ended.attempt);
            self.attempt_ended(ended, now);
        }
    }

    fn drop_shard(&mut self, number: i32) {
        self.drop_work(number);
        self.shared.status.forget_shard(number);
    }

    /// Drops what is held of a shard, but not what its taking has found out about its partitions.
    fn drop_work(&mut self, number: i32) {
        self.shards.remove(&number);
        self.tickets.remove(&number);
        self.backlogs.remove(&number);
        self.forget_pending(|polled| polled.record.at.partition == number);
        self.answers.retain(|item| item.shard != number);
        self.found.retain(|item| item.shard != number);
        self.retried.retain(|_, row| row.shard != number);
        self.unpublished.retain(|(shard, ..)| *shard != number);
        self.refused.retain(|(shard, _), _| *shard != number);
    }

    /// Drops records that wait, and says so to the intake.
    fn forget_pending(&mut self, is_unwanted: impl Fn(&Polled) -> bool) {
        let (mut records, mut bytes) = (0, 0);
        self.pending.retain(|polled| {
            let unwanted = is_unwanted(polled);
            if unwanted {
                records += 1;
                bytes += polled.record.bytes();
            }
            !unwanted
        });
        self.intake.finished(records, bytes);
    }
}

/// `now` and a duration.
pub(crate) fn after(now: Timestamp, duration: Duration) -> Timestamp {
    now.saturating_add(micros(duration))
}
