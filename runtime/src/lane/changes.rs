//! What a batch writes besides the group's own rows, computed in memory before anything is sent.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    decide::{Follows, Read, Verdict},
    items::{Item, Origin},
};
use crate::{
    bookkeeping::{
        position::Fate,
        rows::{DeadLetter, JournalEntry, Parked, Position, TaskRow, TimerRow},
        shard::Shard,
    },
    dead_letter,
    group::Timestamp,
    record::{Outgoing, Record},
    refusal::Stage,
};

/// The changes of a batch.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) journal: Vec<(JournalEntry, Outgoing)>,
    pub(crate) new_tasks: Vec<TaskRow>,
    pub(crate) updated_tasks: Vec<TaskRow>,
    /// Tasks that were tried without an answer.
    pub(crate) retried_tasks: Vec<TaskRow>,
    pub(crate) timers: BTreeMap<String, Option<TimerRow>>,
    pub(crate) dead_letters: Vec<DeadLetter>,
    pub(crate) parked: Vec<Parked>,
    /// Keys of which a parked record was read and needs a newer reader still.
    pub(crate) parked_again: BTreeMap<(i32, Vec<u8>), u32>,
    pub(crate) unparked: Vec<(String, i32, i64)>,
    pub(crate) positions: BTreeMap<(String, i32), Position>,
    pub(crate) next_sequences: BTreeMap<i32, i64>,
    pub(crate) fates: Vec<(String, &'static str)>,
    /// Records of the topics, and those of them that were set aside: what the limit of dead
    /// letters is about. Redrives, answers and timers that fail again say nothing of the topics.
    pub(crate) records: u32,
    pub(crate) set_aside: u32,
    /// Inputs that stay where they are, by their place in the batch.
    pub(crate) later: BTreeSet<usize>,
    pub(crate) waits_for: Option<(&'static str, String)>,
}

/// What the computation needs to know.
pub(crate) struct Surroundings<'a> {
    pub(crate) shards: &'a BTreeMap<i32, Shard>,
    pub(crate) dead_letter_topic: &'a str,
    pub(crate) group: &'static str,
    pub(crate) member: &'a str,
    pub(crate) redrives_max: i64,
    /// How many partitions each topic has.
    pub(crate) partitions: i32,
    pub(crate) now: Timestamp,
}

impl Changes {
    /// Computes the changes that follow from the verdicts on a batch.
    pub(crate) fn of<E>(
        inputs: &[Read<E>],
        verdicts: Vec<Verdict>,
        around: &Surroundings<'_>,
    ) -> Self {
        let mut changes = Self::default();
        for (index, (input, verdict)) in inputs.iter().zip(verdicts).enumerate() {
            changes.add(index, &input.item, verdict, around);
        }
        changes
    }

    fn add(&mut self, index: usize, item: &Item, verdict: Verdict, around: &Surroundings<'_>) {
        let fate = match verdict {
            Verdict::Later { dependency, detail } => {
                self.later.insert(index);
                if self.waits_for.is_none() {
                    self.waits_for = Some((dependency, detail));
                }
                return;
            }
            Verdict::Done {
                fate,
                note,
                follows,
            } => {
                if let Some(note) = note {
                    tracing::debug!(note, shard = item.shard, "ignored");
                }
                let mut follows = follows;
                let set_aside = follows.set_aside.take();
                self.follow(item.shard, item.traceparent(), follows, around);
                match set_aside {
                    None => fate,
                    Some((reason, detail)) => {
                        self.set_aside(item, reason, &detail, Stage::Decide, around)
                    }
                }
            }
            Verdict::SetAside {
                reason,
                detail,
                stage,
            } => self.set_aside(item, reason, &detail, stage, around),
            Verdict::Left => {
                self.leave(&item.origin);
                Fate::SetAside
            }
            Verdict::Parked { min_reader } => {
                if let Some(record) = item.as_record() {
                    let sequence = match item.origin {
                        Origin::Unparked(_, sequence) => {
                            let key = record.key.clone().unwrap_or_default();
                            self.parked_again.insert((item.shard, key), min_reader);
                            sequence
                        }
                        _ => self.next_sequence(item.shard, around),
                    };
                    self.parked
                        .push(parked(record, item.shard, min_reader, sequence, around.now));
                }
                Fate::Parked
            }
        };
        self.finish(&item.origin, fate, around);
    }

    /// The letter stays as it is but for the redrive that was asked for. It was told of on the topic
    /// when it was set aside, so nothing is published.
    fn leave(&mut self, origin: &Origin) {
        if let Origin::Redrive(letter, _) = origin {
            let (id, redrives) = (&letter.dead_letter_id, letter.redrives);
            tracing::warn!(
                id,
                redrives,
                "dead letter comes back each time; left for a person"
            );
            let mut letter = letter.as_ref().clone();
            letter.state = "set_aside".to_owned();
            self.dead_letters.push(letter);
        }
    }

    fn set_aside(
        &mut self,
        item: &Item,
        reason: &str,
        detail: &str,
        stage: Stage,
        around: &Surroundings<'_>,
    ) -> Fate {
        let letter = dead_letter::of(item, reason, detail, stage, around.now);
        let outgoing = dead_letter::outgoing(&letter, around);
        self.journal(item.shard, outgoing, around);
        self.dead_letters.push(letter);
        if matches!(item.origin, Origin::Record(_)) {
            self.set_aside += 1;
        }
        Fate::SetAside
    }

    /// What is written because the input itself is finished.
    fn finish(&mut self, origin: &Origin, fate: Fate, around: &Surroundings<'_>) {
        match origin {
            Origin::Record(record) => {
                self.records += 1;
                let at = (record.at.topic.to_string(), record.at.partition);
                self.fates.push((at.0.clone(), fate.as_str()));
                let known = around
                    .shards
                    .get(&at.1)
                    .and_then(|shard| shard.positions.get(&at.0));
                let offset = record.at.offset;
                let position = self.positions.entry(at.clone()).or_insert_with(|| {
                    known
                        .cloned()
                        .unwrap_or_else(|| Position::new(&at.0, at.1, offset))
                });
                position.advance(offset, fate);
            }
            Origin::Answer(row, answer) => {
                let state = if fate == Fate::SetAside {
                    "set_aside"
                } else {
                    "answered"
                };
                self.updated_tasks.push(TaskRow {
                    state: state.to_owned(),
                    answer: Some(answer.0.to_string()),
                    answered_at: Some(around.now),
                    ..row.as_ref().clone()
                });
            }
            Origin::Timer(timer) => {
                self.timers.entry(timer.timer_id.clone()).or_insert(None);
            }
            Origin::Redrive(letter, _) => {
                if fate == Fate::SetAside {
                    return;
                }
                let mut letter = letter.as_ref().clone();
                letter.state = "redriven".to_owned();
                self.dead_letters.push(letter);
            }
            Origin::Unparked(record, _) => {
                if fate != Fate::Parked {
                    let at = &record.at;
                    self.unparked
                        .push((at.topic.to_string(), at.partition, at.offset));
                }
            }
        }
    }

    fn follow(
        &mut self,
        shard: i32,
        traceparent: Option<String>,
        follows: Follows,
        around: &Surroundings<'_>,
    ) {
        for mut outgoing in follows.facts {
            if let Some(traceparent) = &traceparent {
                outgoing.headers.push("traceparent", traceparent.as_bytes());
            }
            self.journal(shard, outgoing, around);
        }
        for task in follows.tasks {
            let sequence = self.next_sequence(shard, around);
            self.new_tasks.push(TaskRow {
                task_id: task.task_id,
                shard,
                sequence,
                task_key: task.key,
                kind: task.kind.to_owned(),
                payload: task.payload.to_string(),
                causation_id: task.causation_id,
                traceparent: traceparent.clone(),
                created_at: around.now,
                attempts: 0,
                not_before: 0,
                state: "waiting".to_owned(),
                answer: None,
                answered_at: None,
                redrives: 0,
            });
        }
        for timer_id in follows.cancelled_timers {
            self.timers.insert(timer_id, None);
        }
        for timer in follows.timers {
            let row = TimerRow {
                timer_id: timer.timer_id.clone(),
                shard,
                timer_key: timer.key,
                kind: timer.kind.to_owned(),
                due_at: timer.due_at,
                causation_id: timer.causation_id,
                traceparent: traceparent.clone(),
            };
            self.timers.insert(timer.timer_id, Some(row));
        }
    }

    fn journal(&mut self, shard: i32, outgoing: Outgoing, around: &Surroundings<'_>) {
        let sequence = self.next_sequence(shard, around);
        let entry = JournalEntry {
            shard,
            sequence,
            event_id: outgoing.event_id.clone(),
            topic: outgoing.topic.clone(),
            record_key: outgoing.key.clone(),
            payload: outgoing.payload.clone(),
            headers: outgoing.headers.to_bytes(),
            written_at: around.now,
        };
        self.journal.push((entry, outgoing));
    }

    fn next_sequence(&mut self, shard: i32, around: &Surroundings<'_>) -> i64 {
        let next = self.next_sequences.entry(shard).or_insert_with(|| {
            around
                .shards
                .get(&shard)
                .map_or(1, |shard| shard.outbox.next_sequence())
        });
        *next += 1;
        *next - 1
    }
}

fn parked(record: &Record, shard: i32, min_reader: u32, sequence: i64, now: Timestamp) -> Parked {
    Parked {
        topic: record.at.topic.to_string(),
        partition: record.at.partition,
        record_offset: record.at.offset,
        shard,
        record_key: Some(record.key.clone().unwrap_or_default()),
        payload: record.payload.clone(),
        headers: record.headers.to_bytes(),
        record_time: record.timestamp_micros,
        min_reader: i64::from(min_reader),
        parked_at: now,
        sequence,
    }
}
