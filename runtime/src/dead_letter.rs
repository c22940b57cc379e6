//! A dead letter: the input as it came, why it was set aside, and the record that tells others.

use crate::{
    bookkeeping::rows::DeadLetter,
    group::Timestamp,
    lane::{Item, Origin, Surroundings},
    record::{Headers, Outgoing},
    refusal::Stage,
    task::Timer,
};

/// Above this size a dead letter is published without its payload, which stays in the database: the
/// headers that say why would carry the record over the broker's limit.
const PUBLISHED_BYTES_MAX: usize = 900_000;

/// How much of a detail is kept.
const DETAIL_CHARS_MAX: usize = 500;

/// What the ids of dead letters that were timers begin with; a topic's name has no colon.
const TIMER: &str = "timer:";

/// Builds the row of an input that is set aside.
pub(crate) fn of(
    item: &Item,
    reason: &str,
    detail: &str,
    stage: Stage,
    now: Timestamp,
) -> DeadLetter {
    let mut letter = DeadLetter {
        dead_letter_id: String::new(),
        shard: item.shard,
        topic: String::new(),
        partition: item.shard,
        record_offset: 0,
        record_key: None,
        payload: None,
        headers: Vec::new(),
        record_time: 0,
        reason: reason.to_owned(),
        detail: printable(detail),
        stage: stage.as_str().to_owned(),
        first_failed_at: now,
        last_failed_at: now,
        redrives: 0,
        state: "set_aside".to_owned(),
    };
    match &item.origin {
        Origin::Answer(row, answer) => {
            letter.dead_letter_id = format!("{}{}", DeadLetter::OF_TASK, row.task_id);
            letter.record_key = Some(row.task_key.clone().into_bytes());
            letter.payload = Some(answer.0.to_string().into_bytes());
            letter.redrives = row.redrives;
        }
        Origin::Timer(timer) => {
            letter.dead_letter_id = format!("{TIMER}{}", timer.timer_id);
            letter.record_key = Some(timer.key.clone().into_bytes());
            letter.payload = Some(timer_as_json(timer));
        }
        Origin::Redrive(earlier, _) => {
            // What it holds stays as it came.
            letter = DeadLetter {
                reason: letter.reason,
                detail: letter.detail,
                stage: letter.stage,
                last_failed_at: now,
                redrives: earlier.redrives + 1,
                state: letter.state,
                ..earlier.as_ref().clone()
            };
            return letter;
        }
        Origin::Record(_) | Origin::Unparked(..) => {}
    }
    if let Some(record) = item.as_record() {
        letter.dead_letter_id = record.at.to_string();
        letter.topic = record.at.topic.to_string();
        letter.partition = record.at.partition;
        letter.record_offset = record.at.offset;
        letter.record_key = record.key.clone();
        letter.payload = record.payload.clone();
        letter.headers = record.headers.to_bytes();
        letter.record_time = record.timestamp_micros;
    }
    letter
}

/// The row of a timer is gone once it is set aside, so its dead letter holds all of it.
fn timer_as_json(timer: &Timer) -> Vec<u8> {
    let timer = serde_json::json!({
        "timer_id": timer.timer_id,
        "key": timer.key,
        "kind": timer.kind,
        "due_at": timer.due_at,
        "causation_id": timer.causation_id,
        "traceparent": timer.traceparent,
    });
    timer.to_string().into_bytes()
}

/// The timer that a dead letter holds.
pub(crate) fn timer_of(letter: &DeadLetter) -> Option<Timer> {
    letter.dead_letter_id.strip_prefix(TIMER)?;
    let held: serde_json::Value = serde_json::from_slice(letter.payload.as_deref()?).ok()?;
    let text = |name: &str| Some(held.get(name)?.as_str()?.to_owned());
    Some(Timer {
        timer_id: text("timer_id")?,
        shard: letter.shard,
        key: text("key")?,
        kind: text("kind")?,
        due_at: held.get("due_at")?.as_i64()?,
        causation_id: text("causation_id")?,
        traceparent: text("traceparent"),
    })
}

/// The record on the group's dead-letter topic: key, payload and headers as they came, and headers
/// that say why.
pub(crate) fn outgoing(letter: &DeadLetter, around: &Surroundings<'_>) -> Outgoing {
    let mut headers = Headers::from_bytes(&letter.headers);
    let original: usize = headers
        .0
        .iter()
        .map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len))
        .sum();
    let content = letter.payload.as_ref().map_or(0, Vec::len)
        + letter.record_key.as_ref().map_or(0, Vec::len);
    // Headers of an earlier round say nothing new.
    headers.0.retain(|(name, _)| !name.starts_with("dlq."));
    let fits = original + content <= PUBLISHED_BYTES_MAX;
    if original > PUBLISHED_BYTES_MAX / 2 {
        headers = Headers::default();
    }
    for (name, value) in [
        ("dlq.original.topic", letter.topic.clone()),
        ("dlq.original.partition", letter.partition.to_string()),
        ("dlq.original.offset", letter.record_offset.to_string()),
        ("dlq.original.timestamp", letter.record_time.to_string()),
        ("dlq.group", around.group.to_owned()),
        ("dlq.client-id", around.member.to_owned()),
        ("dlq.error.code", letter.reason.clone()),
        ("dlq.error.message", letter.detail.clone()),
        ("dlq.stage", letter.stage.clone()),
        ("dlq.first-failed-at", letter.first_failed_at.to_string()),
        ("dlq.last-failed-at", letter.last_failed_at.to_string()),
        ("dlq.redrive.count", letter.redrives.to_string()),
        (
            "dlq.payload",
            if fits { "whole" } else { "in-store" }.to_owned(),
        ),
    ] {
        headers.push(name, value);
    }
    Outgoing {
        event_id: format!("{}:{}", letter.dead_letter_id, letter.redrives),
        topic: around.dead_letter_topic.to_owned(),
        key: if fits {
            letter.record_key.clone().unwrap_or_default()
        } else {
            Vec::new()
        },
        payload: if fits { letter.payload.clone() } else { None },
        headers,
    }
}

/// Text for people: bounded, and without characters that could forge a line of a log.
fn printable(text: &str) -> String {
    let clean = text
        .chars()
        .map(|one| if one.is_control() { '\u{fffd}' } else { one });
    clean.take(DETAIL_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_is_set_aside_comes_back_as_it_was_however_often() {
        let timer = Timer {
            timer_id: "p:expire".to_owned(),
            shard: 3,
            key: "p".to_owned(),
            kind: "expire".to_owned(),
            due_at: 7,
            causation_id: "c".to_owned(),
            traceparent: None,
        };
        let letter = of(
            &Item::timer(timer.clone()),
            "panicked",
            "",
            Stage::Decide,
            9,
        );
        assert_eq!(timer_of(&letter), Some(timer.clone()));
        let again = of(&Item::redrive(letter), "panicked", "", Stage::Decide, 10);
        assert_eq!(timer_of(&again), Some(timer));
        assert_eq!((again.redrives, again.first_failed_at), (1, 9));
        assert_eq!(again.last_failed_at, 10);
    }

    #[test]
    fn a_detail_cannot_forge_a_line_of_a_log() {
        assert!(!printable("a\nlevel=error \u{1b}[31m").contains(['\n', '\u{1b}']));
        assert_eq!(printable(&"x".repeat(5_000)).len(), DETAIL_CHARS_MAX);
    }
}
