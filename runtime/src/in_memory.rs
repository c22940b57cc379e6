//! Runs a group's pure core without a broker or a database: for properties, simulation and
//! benchmarks of business rules.
//!
//! It does what the consumer does around `decide` and nothing else: shows it only the rows that
//! `touches` and `touches_after` named, takes back what a refused event changed, and keeps the rows
//! from one event to the next. Whoever drives it decides when facts are delivered, tasks answered and timers due, and
//! so can put them in any order. The consumer promises less disorder: it fires a timer only after
//! everything that was in the topics when it became due. A driver that means to show what a group
//! does in operation keeps to that; one that looks for what a group survives need not.

use crate::{
    group::{Decision, Effects, Group, Timestamp},
    refusal::Refusal,
    rows::Rows,
    task::{NewTask, NewTimer, Task, Timer},
};

/// A group and all its rows, in memory.
#[derive(Debug)]
pub struct InMemory<G: Group> {
    group: G,
    rows: G::Rows,
}

impl<G: Group> InMemory<G> {
    /// A group without rows.
    #[must_use]
    pub fn new(group: G) -> Self {
        Self {
            group,
            rows: G::Rows::default(),
        }
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> &G {
        &self.group
    }

    /// Applies one event. A refused event changes nothing and has no effects.
    pub fn apply(
        &mut self,
        event: &G::Event,
        now: Timestamp,
    ) -> (Result<Decision, Refusal>, Effects<G::Fact>) {
        let mut keys = <G::Rows as Rows>::Keys::default();
        self.group.touches(event, &mut keys);
        self.rows.swap_in(Some(&keys));
        self.group.touches_after(&self.rows, event, &mut keys);
        self.rows.swap_in(Some(&keys));
        self.rows.mark();
        let mut effects = Effects::default();
        let decision = (self.group).decide(&mut self.rows, event, now, &mut effects);
        if decision.is_err() {
            self.rows.undo();
            effects = Effects::default();
        }
        (decision, effects)
    }

    /// All rows as they are now.
    pub fn rows(&mut self) -> &mut G::Rows {
        self.rows.swap_in(None);
        &mut self.rows
    }
}

/// A task as a worker would be given it.
#[must_use]
pub fn stored_task(task: &NewTask, created_at: Timestamp) -> Task {
    Task {
        task_id: task.task_id.clone(),
        shard: 0,
        sequence: 0,
        key: task.key.clone(),
        kind: task.kind.to_owned(),
        payload: task.payload.clone(),
        causation_id: task.causation_id.clone(),
        traceparent: None,
        created_at,
        attempts: 0,
    }
}

/// A timer as it comes back when it is due.
#[must_use]
pub fn stored_timer(timer: &NewTimer) -> Timer {
    Timer {
        timer_id: timer.timer_id.clone(),
        shard: 0,
        key: timer.key.clone(),
        kind: timer.kind.to_owned(),
        due_at: timer.due_at,
        causation_id: timer.causation_id.clone(),
        traceparent: None,
    }
}

#[cfg(test)]
#[expect(
    unreachable_pub,
    reason = "the macros declare public types, as groups need them"
)]
mod tests {
    use super::InMemory;
    use crate::{
        Answer, Decision, Effects, Group, Outgoing, Record, Refusal, Task, Timer, Timestamp,
        store::Migration,
    };

    crate::table! {
        /// How much was added under a name.
        pub struct Tally in "tallies" {
            key {
                /// The name.
                name: String,
            }
            /// The sum.
            sum: i64,
        }
    }
    crate::table! {
        /// One addition.
        pub struct Addition in "additions" {
            key {
                /// A name for ever.
                addition_id: String,
            }
            /// How much.
            amount: i64,
        }
    }
    crate::row_sets! {
        /// Rows of the group under test.
        pub struct Tallies, keys TallyKeys {
            load tallies: Tally,
            append additions: Addition,
        }
    }

    struct Adder;

    impl Group for Adder {
        const NAME: &'static str = "adder";
        type Event = (&'static str, &'static str, i64);
        type Fact = i64;
        type Rows = Tallies;

        fn migrations(&self) -> &'static [Migration] {
            &[]
        }
        fn topics(&self) -> Vec<String> {
            vec![]
        }
        fn publishes(&self) -> Vec<String> {
            vec![]
        }
        fn decode(&self, _: &Record) -> Result<Self::Event, Refusal> {
            Err(Refusal::decode("unused", ""))
        }
        fn answered(&self, _: &Task, _: &Answer) -> Result<Self::Event, Refusal> {
            Err(Refusal::decode("unused", ""))
        }
        fn due(&self, _: &Timer) -> Result<Self::Event, Refusal> {
            Err(Refusal::decode("unused", ""))
        }
        fn touches(&self, (named, _, _): &Self::Event, keys: &mut TallyKeys) {
            keys.tallies.insert((*named).to_owned());
        }
        fn decide(
            &self,
            rows: &mut Tallies,
            (_, name, amount): &Self::Event,
            now: Timestamp,
            effects: &mut Effects<i64>,
        ) -> Result<Decision, Refusal> {
            let key = ((*name).to_owned(),);
            let sum = rows.tallies.get(&key).map_or(0, |tally| tally.sum) + amount;
            rows.tallies.put(Tally { name: key.0, sum });
            rows.additions.push(Addition {
                addition_id: format!("{name}:{now}"),
                amount: *amount,
            });
            effects.emit(sum);
            if sum < 0 {
                return Err(Refusal::decide("negative", ""));
            }
            Ok(Decision::Applied)
        }
        fn encode(&self, _: &i64) -> Outgoing {
            unreachable!("nothing is published here")
        }
    }

    #[test]
    fn rows_are_carried_from_event_to_event() {
        let mut adder = InMemory::new(Adder);
        adder.apply(&("a", "a", 2), 1).0.unwrap();
        adder.apply(&("b", "b", 5), 2).0.unwrap();
        let (decision, effects) = adder.apply(&("a", "a", 3), 3);
        assert_eq!(decision, Ok(Decision::Applied));
        assert_eq!(effects.facts, [5]);
        let sums: Vec<i64> = adder.rows().tallies.iter().map(|tally| tally.sum).collect();
        assert_eq!(sums, [5, 5]);
    }

    #[test]
    fn a_refused_event_leaves_nothing_behind() {
        let mut adder = InMemory::new(Adder);
        adder.apply(&("a", "a", 2), 1).0.unwrap();
        let (decision, effects) = adder.apply(&("a", "a", -3), 2);
        assert!(decision.is_err() && effects.facts.is_empty());
        let rows = adder.rows();
        assert_eq!(rows.tallies.get(&("a".to_owned(),)).unwrap().sum, 2);
        assert_eq!(rows.additions.iter().count(), 1);
    }

    #[test]
    #[should_panic(expected = "not named in touches")]
    fn a_row_that_was_not_named_cannot_be_written() {
        InMemory::new(Adder).apply(&("a", "b", 1), 1).0.ok();
    }
}
