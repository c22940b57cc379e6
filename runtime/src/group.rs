//! What a consumer group is: tables, a pure function, and how its events are read and written.

use crate::{
    record::{Outgoing, Record},
    refusal::Refusal,
    rows::Rows,
    store::Migration,
    task::{Answer, NewTask, NewTimer, Task, Timer},
};

/// Microseconds since the Unix epoch. The runtime reads the clock once per batch and passes it in.
pub type Timestamp = i64;

/// A consumer group: everything that the runtime has to know about one.
///
/// All methods are pure: no I/O, no clock, no randomness. `decide` must give the same rows whatever
/// the order between topics, and must take an event that it has already seen as
/// [`Decision::Duplicate`]: that, together with the position that moves in the same transaction, is
/// what makes an effect happen once.
pub trait Group: Send + Sync + 'static {
    /// The group's name: its consumer group id, its schema in a shared database, its metric label.
    const NAME: &'static str;
    /// A decoded input: a record's event, a task's answer or a timer that is due.
    type Event: Send + Sync;
    /// An event that follows.
    type Fact: Send;
    /// The rows of its tables.
    type Rows: Rows;

    /// The tables as numbered SQL.
    fn migrations(&self) -> &'static [Migration];
    /// The topics that it reads. All must have the same number of partitions and the same
    /// partitioner; partition `p` of all of them is shard `p`. A topic with another key
    /// (`shop.stock.v1`) belongs to the shard of its own partition all the same.
    fn topics(&self) -> Vec<String>;
    /// The topics to which its facts go, dead letters aside: the topics of what
    /// [`Group::encode`] makes. Nothing is read before all of them are there, with as many
    /// partitions as those that are read.
    fn publishes(&self) -> Vec<String>;
    /// Reads a record.
    ///
    /// # Errors
    /// [`Refusal`] when it cannot be read, or not yet.
    fn decode(&self, record: &Record) -> Result<Self::Event, Refusal>;
    /// Turns the answer of a task into an input.
    ///
    /// # Errors
    /// [`Refusal`] when this build does not know the task.
    fn answered(&self, task: &Task, answer: &Answer) -> Result<Self::Event, Refusal>;
    /// Turns a timer that is due into an input.
    ///
    /// # Errors
    /// [`Refusal`] when this build does not know the timer.
    fn due(&self, timer: &Timer) -> Result<Self::Event, Refusal>;
    /// Names the rows that `decide` will look at for this event, as far as the event tells.
    fn touches(&self, event: &Self::Event, keys: &mut <Self::Rows as Rows>::Keys);
    /// Names the rows that only other rows tell: a release names its purchase, and the purchase's
    /// lines name the stock.
    ///
    /// Called for every event of the batch once the rows of [`Group::touches`] are loaded, with
    /// the keys named so far; what is added here is then loaded in a second step. Rows that are
    /// there already are not loaded again, and naming nothing new costs no statement.
    ///
    /// A table whose rows are shared between shards must be named in one of the two steps only:
    /// its rows are locked in key order, all at once, so that two batches cannot wait for each
    /// other. Loading such a table twice panics.
    fn touches_after(
        &self,
        rows: &Self::Rows,
        event: &Self::Event,
        keys: &mut <Self::Rows as Rows>::Keys,
    ) {
        let _ = (rows, event, keys);
    }
    /// Applies one event to the rows.
    ///
    /// # Errors
    /// [`Refusal`] sets the event aside; what it changed until then is taken back.
    fn decide(
        &self,
        rows: &mut Self::Rows,
        event: &Self::Event,
        now: Timestamp,
        effects: &mut Effects<Self::Fact>,
    ) -> Result<Decision, Refusal>;
    /// Encodes an event that follows.
    fn encode(&self, fact: &Self::Fact) -> Outgoing;
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It had its effect.
    Applied,
    /// It was seen before and changed nothing.
    Duplicate,
    /// It does not concern the group, or comes too late to; the reason, for the log and the metric.
    Ignored(&'static str),
}

/// What follows from an event, besides changed rows.
#[derive(Debug)]
pub struct Effects<F> {
    /// Events to publish, in order.
    pub facts: Vec<F>,
    /// Remote work to do.
    pub tasks: Vec<NewTask>,
    /// Timers to set; one with the id of an existing timer replaces it.
    pub timers: Vec<NewTimer>,
    /// Ids of timers that are no longer wanted.
    pub cancelled_timers: Vec<String>,
    /// Why the input is set aside though it was applied, if it is: reason and detail, as in
    /// [`Refusal::Poison`].
    pub set_aside: Option<(&'static str, String)>,
}

impl<F> Default for Effects<F> {
    fn default() -> Self {
        Self {
            facts: vec![],
            tasks: vec![],
            timers: vec![],
            cancelled_timers: vec![],
            set_aside: None,
        }
    }
}

impl<F> Effects<F> {
    /// Publishes an event.
    pub fn emit(&mut self, fact: F) {
        self.facts.push(fact);
    }
    /// Starts a task.
    pub fn task(&mut self, task: NewTask) {
        self.tasks.push(task);
    }
    /// Sets a timer.
    pub fn timer(&mut self, timer: NewTimer) {
        self.timers.push(timer);
    }
    /// Cancels a timer; one that does not exist is no error.
    pub fn cancel_timer(&mut self, timer_id: impl Into<String>) {
        self.cancelled_timers.push(timer_id.into());
    }
    /// Sets the input aside for a person, and keeps what it changed: for what must be remembered
    /// and must not be believed.
    pub fn set_aside(&mut self, reason: &'static str, detail: impl Into<String>) {
        self.set_aside = Some((reason, detail.into()));
    }
}
