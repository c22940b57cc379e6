//! Where each partition of a taken shard starts, or why it does not.
//!
//! A position that lies outside of its topic, or belongs to another topic of the same name, halts
//! its partition: records were lost to the group, and only an operator can say what to do about it.
//! The other partitions of the shard go on: facts of different topics may come in any order and at
//! any distance, so one that stands still is a topic that lags. What is decided here is computed
//! from what was found in the database and in Kafka, and is in the database before anything is read.

use crate::{
    bookkeeping::{
        halts::{Halt, Present},
        rows::Position,
        shard::Found,
        statements,
    },
    group::Timestamp,
    kafka::{Gap, Trial},
    lane::Shared,
    rows::Row,
    store::{Cells, Mode, Store, StoreError},
};

/// How long asking Kafka for the ends of one partition may take.
const WATERMARKS_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// What Kafka says of the assigned partitions.
pub(crate) type Seen = Vec<(String, i32, Present)>;

/// What follows from what was found.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Topic, partition, and the offset to start at.
    pub(crate) starts: Vec<(String, i32, i64)>,
    /// The halts that stand.
    pub(crate) standing: Vec<Halt>,
    positions: Vec<Position>,
    halts: Vec<Halt>,
}

/// Asks Kafka. Blocks.
pub(crate) fn look<G>(
    shared: &Shared<G>,
    assigned: &[(String, i32)],
    found: &[Found],
) -> Result<Seen, String> {
    let positions = || found.iter().flat_map(|found| &found.positions);
    // A topic that has once told its id is not read without comparing it.
    let is_needed = positions().any(|position| position.topic_id.is_some());
    let ids = shared.broker.topic_ids(&shared.topics, is_needed)?;
    let mut seen = Seen::new();
    for (topic, partition) in assigned {
        let bounds = shared
            .broker
            .watermarks(topic, *partition, WATERMARKS_TIMEOUT)?;
        let number = shared.topics.iter().position(|known| known == topic);
        let topic_id = number.and_then(|number| ids[number].clone());
        let mut known = positions().filter(|position| position.topic == *topic);
        if topic_id.is_none() && known.any(|position| position.topic_id.is_some()) {
            return Err(format!("the cluster does not tell the id of {topic}"));
        }
        let present = Present {
            first: bounds.0,
            end: bounds.1,
            topic_id,
        };
        seen.push((topic.clone(), *partition, present));
    }
    Ok(seen)
}

/// What is damaged where reading would go on: each partition is tried by itself. Blocks.
pub(crate) fn damaged<G>(
    shared: &Shared<G>,
    seen: &Seen,
    found: &[Found],
) -> Result<Vec<Gap>, String> {
    let config = &shared.config;
    let trial = Trial::new(&config.bootstrap_servers, &config.kafka_options)?;
    let positions = || found.iter().flat_map(|found| &found.positions);
    let mut gaps = Vec::new();
    for (topic, partition, present) in seen {
        let mut positions = positions();
        let position = positions.find(|one| one.topic == *topic && one.partition == *partition);
        let from = position.map_or(present.first, |position| position.next_offset);
        if from >= present.first {
            gaps.extend(trial.gap(topic, *partition, from, present.end)?);
        }
    }
    Ok(gaps)
}

/// Decides for each partition. A partition that was never read gets its first position, which is
/// stored before anything is read: what is deleted from then on is noticed.
pub(crate) fn plan(found: &mut [Found], seen: &Seen, gaps: &[Gap], now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    for (topic, partition, present) in seen {
        let Some(shard) = found.iter_mut().find(|found| found.shard == *partition) else {
            continue;
        };
        let index = shard.positions.iter().position(|one| one.topic == *topic);
        let index = index.unwrap_or_else(|| {
            let first = Position::new(topic, *partition, present.first);
            plan.positions.push(first.clone());
            shard.positions.push(first);
            shard.positions.len() - 1
        });
        let position = &mut shard.positions[index];
        let before = position.clone();
        let of_partition = shard.halts.iter().filter(|halt| halt.topic == *topic);
        let last = of_partition.max_by_key(|halt| halt.number).cloned();
        let mut gaps = gaps.iter();
        let gap = gaps.find(|gap| gap.topic == *topic && gap.partition == *partition);
        plan.decide(position, last, (present, gap), now);
        if *position != before {
            plan.positions.retain(|new| new.key() != position.key());
            plan.positions.push(position.clone());
        }
    }
    plan
}

impl Plan {
    fn decide(
        &mut self,
        position: &mut Position,
        mut last: Option<Halt>,
        (present, gap): (&Present, Option<&Gap>),
        now: Timestamp,
    ) {
        if let Some(asked) = last.as_mut().filter(|halt| halt.state == "asked") {
            asked.follow(position, present, now);
            self.halts.push(asked.clone());
        }
        if let Some(standing) = last.as_ref().filter(|halt| halt.is_open()) {
            position.halted = Some(standing.to_string());
            self.standing.push(standing.clone());
            return;
        }
        let number = last.map_or(1, |last| last.number + 1);
        let halt = Halt::found(position, present, number, now);
        let damaged = || {
            let gap = gap.filter(|gap| gap.from == position.next_offset)?;
            Some(Halt::damaged(position, gap.to, present, number, now))
        };
        if let Some(halt) = halt.or_else(damaged) {
            position.halted = Some(halt.to_string());
            self.halts.push(halt.clone());
            self.standing.push(halt);
            return;
        }
        position.halted = None;
        if position.topic_id.is_none() {
            position.topic_id.clone_from(&present.topic_id);
        }
        let (topic, partition) = (position.topic.clone(), position.partition);
        self.starts.push((topic, partition, position.next_offset));
    }

    /// Stores what was decided; false when a shard has another owner by now.
    pub(crate) async fn store(
        &self,
        store: &dyn Store,
        found: &[Found],
    ) -> Result<bool, StoreError> {
        if self.positions.is_empty() && self.halts.is_empty() {
            return Ok(true);
        }
        let fence = vec![
            Cells::longs(found.iter().map(|one| i64::from(one.shard))),
            Cells::longs(found.iter().map(|one| one.epoch)),
            Cells::longs(found.iter().map(|one| one.next_sequence)),
            Cells::longs(found.iter().map(|one| one.published_sequence)),
        ];
        let mut transaction = store.begin(Mode::Write).await?;
        let held = transaction.execute(&statements::FENCE, fence).await?;
        if usize::try_from(held).ok() != Some(found.len()) {
            return Ok(false);
        }
        for (statement, columns) in [
            (Position::TABLE.upsert(), columns(&self.positions)),
            (Halt::TABLE.upsert(), columns(&self.halts)),
        ] {
            if !columns[0].is_empty() {
                transaction.execute(&statement, columns).await?;
            }
        }
        transaction.commit().await?;
        Ok(true)
    }
}

fn columns<R: Row>(rows: &[R]) -> Vec<Cells> {
    let mut columns = R::TABLE.empty_columns();
    for row in rows {
        row.push(&mut columns);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(positions: Vec<Position>, halts: Vec<Halt>) -> Vec<Found> {
        vec![Found {
            shard: 0,
            epoch: 1,
            next_sequence: 1,
            published_sequence: 0,
            positions,
            halts,
            unpublished: vec![],
            tasks: vec![],
            more_tasks: false,
            parked: vec![],
        }]
    }

    fn seen(first: i64, end: i64) -> Seen {
        ["a", "b"]
            .map(|topic| {
                let topic_id = Some(format!("id-of-{topic}"));
                let present = Present {
                    first,
                    end,
                    topic_id,
                };
                (topic.to_owned(), 0, present)
            })
            .to_vec()
    }

    #[test]
    fn a_first_position_is_stored_before_anything_is_read() {
        let mut found = found(vec![], vec![]);
        let plan = plan(&mut found, &seen(3, 9), &[], 1);
        assert_eq!(plan.starts.len(), 2);
        assert_eq!(plan.positions, found[0].positions);
        assert_eq!(plan.positions[0].next_offset, 3);
        assert_eq!(plan.positions[0].topic_id.as_deref(), Some("id-of-a"));
        let again = super::plan(&mut found, &seen(3, 9), &[], 2);
        assert_eq!((again.starts, again.positions), (plan.starts, vec![]));
    }

    #[test]
    fn one_partition_halts_and_the_other_of_the_shard_goes_on() {
        let read = |topic, next_offset| Position {
            next_offset,
            ..Position::new(topic, 0, 0)
        };
        let mut found = found(vec![read("a", 2), read("b", 5)], vec![]);
        let plan = plan(&mut found, &seen(3, 9), &[], 1);
        assert_eq!(plan.starts, [("b".to_owned(), 0, 5)]);
        assert_eq!((plan.standing.len(), plan.standing[0].number), (1, 1));
        assert!(found[0].positions[0].halted.is_some());
        // It stands, even if what was missing seems to be there again.
        found[0].halts = plan.standing;
        let later = super::plan(&mut found, &seen(0, 9), &[], 2);
        assert_eq!((later.starts.len(), later.standing.len()), (1, 1));
        assert_eq!(later.halts, [], "it is not found a second time");
    }

    #[test]
    fn a_partition_halts_before_what_is_damaged_and_goes_on_behind_it() {
        let position = Position {
            next_offset: 5,
            ..Position::new("a", 0, 0)
        };
        let gap = Gap {
            topic: "a".to_owned(),
            partition: 0,
            from: 5,
            to: 7,
        };
        let seen = &seen(0, 9)[..1].to_vec();
        // One that is not reached yet is met again when it is.
        let mut before = found(vec![Position::new("a", 0, 0)], vec![]);
        assert_eq!(
            plan(&mut before, seen, std::slice::from_ref(&gap), 1).standing,
            []
        );

        let mut reached = found(vec![position.clone()], vec![]);
        let halted = plan(&mut reached, seen, &[gap], 1);
        let halt = halted.standing[0].clone();
        assert_eq!((halted.starts.len(), halt.unreadable), (0, Some(2)));
        let asked = Halt {
            state: "asked".to_owned(),
            ..halt
        };
        let mut goes_on = found(vec![position], vec![asked]);
        let followed = plan(&mut goes_on, seen, &[], 2);
        assert_eq!(followed.starts, [("a".to_owned(), 0, 7)]);
        let skipped = (followed.halts[0].skipped_from, followed.halts[0].skipped_to);
        assert_eq!(skipped, (Some(5), Some(7)));
    }

    #[test]
    fn a_decision_is_followed_and_may_lead_into_the_next_gap() {
        let position = Position {
            next_offset: 2,
            ..Position::new("a", 0, 0)
        };
        let (_, _, present) = &seen(3, 9)[0];
        let asked = Halt {
            state: "asked".to_owned(),
            move_to: Some(3),
            ..Halt::found(&position, present, 1, 0).expect("2 lies before 3")
        };
        let mut goes_on = found(vec![position.clone()], vec![asked.clone()]);
        let followed = plan(&mut goes_on, &seen(3, 9)[..1].to_vec(), &[], 1);
        assert_eq!(followed.starts, [("a".to_owned(), 0, 3)]);
        assert_eq!(followed.halts[0].state, "moved");

        let mut too_late = found(vec![position], vec![asked]);
        let followed = plan(&mut too_late, &seen(6, 9)[..1].to_vec(), &[], 1);
        assert_eq!(followed.starts, []);
        let numbers: Vec<i64> = followed.halts.iter().map(|halt| halt.number).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(followed.standing[0].unreadable, Some(3));
    }
}
