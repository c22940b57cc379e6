//! The inputs of a batch: records, answers of tasks, timers that are due, redriven dead letters and
//! records that were parked. All take the same way through `decide`.

use std::sync::Arc;

use crate::{
    bookkeeping::rows::{DeadLetter, Parked, TaskRow},
    dead_letter,
    group::Group,
    partitioner::partition_of,
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
    Redrive(Box<DeadLetter>, Again),
    /// A record that was parked, and its place in the order in which records were.
    Unparked(Arc<Record>, i64),
}

/// What a dead letter holds, to be applied again.
#[derive(Debug, Clone)]
pub(crate) enum Again {
    Record(Arc<Record>),
    Timer(Timer),
    /// Nothing that could be: it comes back.
    Nothing,
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

    /// A dead letter that is not the answer of a task: those are asked for again.
    pub(crate) fn redrive(letter: DeadLetter) -> Self {
        let again = match letter.record() {
            Some(record) => Again::Record(Arc::new(record)),
            None => dead_letter::timer_of(&letter).map_or(Again::Nothing, Again::Timer),
        };
        Self {
            shard: letter.shard,
            origin: Origin::Redrive(Box::new(letter), again),
        }
    }

    pub(crate) fn unparked(parked: Parked) -> Self {
        Self {
            shard: parked.shard,
            origin: Origin::Unparked(Arc::new(parked.clone().record()), parked.sequence),
        }
    }

    /// The record behind the input, if there is one.
    pub(crate) fn as_record(&self) -> Option<&Record> {
        match &self.origin {
            Origin::Record(record)
            | Origin::Redrive(_, Again::Record(record))
            | Origin::Unparked(record, _) => Some(record),
            Origin::Answer(..) | Origin::Timer(_) | Origin::Redrive(..) => None,
        }
    }

    /// Whether it is the answer of a task.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self.origin, Origin::Answer(..))
    }

    /// Whether it is a timer that is due.
    pub(crate) fn is_timer(&self) -> bool {
        matches!(self.origin, Origin::Timer(_))
    }

    /// The trace that it belongs to.
    pub(crate) fn traceparent(&self) -> Option<String> {
        match &self.origin {
            Origin::Answer(row, _) => row.traceparent.clone(),
            Origin::Timer(timer) | Origin::Redrive(_, Again::Timer(timer)) => {
                timer.traceparent.clone()
            }
            _ => {
                let headers = &self.as_record()?.headers;
                let header = headers.text("traceparent")?;
                is_traceparent(header).then(|| header.to_owned())
            }
        }
    }

    /// Reads the input. A record whose key belongs to another of the topic's partitions is poison.
    pub(crate) fn decode<G: Group>(&self, group: &G, partitions: i32) -> Result<G::Event, Refusal> {
        match &self.origin {
            Origin::Record(record)
            | Origin::Redrive(_, Again::Record(record))
            | Origin::Unparked(record, _) => {
                is_at_home(record, partitions)?;
                group.decode(record)
            }
            Origin::Answer(row, answer) => group.answered(&row.task(), answer),
            Origin::Timer(timer) | Origin::Redrive(_, Again::Timer(timer)) => group.due(timer),
            Origin::Redrive(_, Again::Nothing) => Err(Refusal::decode(
                "not_redrivable",
                "neither a record nor a timer",
            )),
        }
    }
}

/// Whether a record is on the partition of its key, and so in the shard of whatever follows from it.
/// A record without a key is the group's to refuse.
fn is_at_home(record: &Record, partitions: i32) -> Result<(), Refusal> {
    let Some(key) = &record.key else {
        return Ok(());
    };
    let home = partition_of(key, partitions);
    if home == record.at.partition {
        return Ok(());
    }
    let at = record.at.partition;
    Err(Refusal::decode(
        "wrong_partition",
        format!("its key belongs to partition {home} (murmur2) and it is on {at}"),
    ))
}

/// Whether it is a W3C trace context: what a foreign producer writes there goes into text columns
/// and on into our own events.
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, digits: usize| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        part.len() == digits && part.bytes().all(is_digit)
    };
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, span, flags] = parts.as_slice() else {
        return false;
    };
    hex(version, 2)
        && *version != "ff"
        && hex(trace, 32)
        && !is_zero(trace)
        && hex(span, 16)
        && !is_zero(span)
        && hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trace_context_is_passed_on() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good));
        for bad in [
            "",
            "00",
            "\0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473\0-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert!(!is_traceparent(bad), "{bad:?}");
        }
    }
}
