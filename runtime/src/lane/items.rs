//! The inputs of a batch: records, answers of tasks, timers that are due, redriven dead letters and
//! records that were parked. All take the same way through `decide`.

use std::sync::Arc;

use crate::{
    bookkeeping::rows::{DeadLetter, Parked, TaskRow},
    group::Group,
    record::Record,
    refusal::Refusal,
    task::{Answer, Timer},
};

/// Where an input comes from, and so what is written when it is finished.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Record(Arc<Record>),
    Answer(Box<TaskRow>, Answer),
    Timer(Timer),
    Redrive(Box<DeadLetter>, Arc<Record>),
    Unparked(Arc<Record>),
}

/// An input of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) shard: i32,
    pub(crate) origin: Origin,
}

impl Item {
    pub(crate) fn record(record: Arc<Record>) -> Self {
        Self {
            shard: record.at.partition,
            origin: Origin::Record(record),
        }
    }

    pub(crate) fn answer(row: TaskRow, answer: Answer) -> Self {
        Self {
            shard: row.shard,
            origin: Origin::Answer(Box::new(row), answer),
        }
    }

    pub(crate) fn timer(timer: Timer) -> Self {
        Self {
            shard: timer.shard,
            origin: Origin::Timer(timer),
        }
    }

    pub(crate) fn redrive(letter: DeadLetter) -> Option<Self> {
        let record = Arc::new(letter.record()?);
        Some(Self {
            shard: letter.shard,
            origin: Origin::Redrive(Box::new(letter), record),
        })
    }

    pub(crate) fn unparked(parked: Parked) -> Self {
        Self {
            shard: parked.shard,
            origin: Origin::Unparked(Arc::new(parked.record())),
        }
    }

    /// The record behind the input, if there is one.
    pub(crate) fn as_record(&self) -> Option<&Record> {
        match &self.origin {
            Origin::Record(record) | Origin::Redrive(_, record) | Origin::Unparked(record) => {
                Some(record)
            }
            Origin::Answer(..) | Origin::Timer(_) => None,
        }
    }

    /// Whether it is the answer of a task.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self.origin, Origin::Answer(..))
    }

    /// The trace that it belongs to.
    pub(crate) fn traceparent(&self) -> Option<String> {
        match &self.origin {
            Origin::Answer(row, _) => row.traceparent.clone(),
            Origin::Timer(timer) => timer.traceparent.clone(),
            _ => {
                let header = self
                    .as_record()
                    .and_then(|record| record.headers.text("traceparent"));
                header.filter(|value| value.len() <= 64).map(str::to_owned)
            }
        }
    }

    /// Reads the input.
    pub(crate) fn decode<G: Group>(&self, group: &G) -> Result<G::Event, Refusal> {
        match &self.origin {
            Origin::Record(record) | Origin::Redrive(_, record) | Origin::Unparked(record) => {
                group.decode(record)
            }
            Origin::Answer(row, answer) => group.answered(&row.task(), answer),
            Origin::Timer(timer) => group.due(timer),
        }
    }
}
