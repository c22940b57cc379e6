//! `counterflow dead-letters show`: one dead letter, whole.
//!
//! What stands in a record may be personal: by default its size, its frame and those headers are
//! shown that this pipeline itself writes, and its content only when that is asked for.

use clap::Args;
use runtime::{Headers, bookkeeping::rows::DeadLetter, store::Store};
use serde_json::{Value, json};

use crate::{exit::End, groups::GroupName, output, rows};

const EXAMPLE: &str = "\
Example:
  counterflow dead-letters show payment 'shop.purchases.v1[3]@1841'
  counterflow dead-letters show payment 'shop.purchases.v1[3]@1841' --personal-data --json";

/// The frame that names the schema: the single-object form has 10 bytes, Confluent's prefix 5.
const SINGLE_OBJECT_BYTES: usize = 10;
const PREFIX_BYTES: usize = 5;

/// Shows one dead letter: where it came from, why it was set aside, its headers and its payload
///
/// Content may be personal, and is shown with --personal-data only.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Arguments {
    /// The group
    #[arg(value_enum)]
    pub(super) group: GroupName,
    /// The id, as listed
    id: String,
    /// Show the payload and all headers, personal data included
    #[arg(long)]
    personal_data: bool,
}

pub(super) async fn run(
    store: &dyn Store,
    asked: &Arguments,
    is_json: bool,
) -> anyhow::Result<End> {
    let found = rows::of_lead::<DeadLetter>(store, &asked.id).await?.pop();
    let Some(letter) = found else {
        let group = asked.group.as_str();
        output::line(format!("{group} has no dead letter {}", asked.id))?;
        return Ok(End::No);
    };
    let shown = shown(&letter, asked.personal_data);
    match is_json {
        true => output::json(&shown)?,
        false => output::text(&as_text(&shown))?,
    }
    Ok(End::Done)
}

fn shown(letter: &DeadLetter, is_whole: bool) -> Value {
    let headers: Vec<Value> = (Headers::from_bytes(&letter.headers).0.iter())
        .map(|(name, value)| {
            let value = value.as_deref().map(|value| header(name, value, is_whole));
            json!({ "name": text(name.as_bytes()), "value": value })
        })
        .collect();
    let payload = letter.payload.as_deref();
    json!({
        "dead_letter_id": letter.dead_letter_id,
        "state": letter.state,
        "reason": letter.reason,
        "detail": letter.detail,
        "stage": letter.stage,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.record_offset,
        "key": letter.record_key.as_deref().map(text),
        "record_time": output::time(letter.record_time),
        "first_failed_at": output::time(letter.first_failed_at),
        "last_failed_at": output::time(letter.last_failed_at),
        "redrives": letter.redrives,
        "headers": headers,
        "payload": payload.map(|payload| content(payload, is_whole)),
    })
}

/// Only headers of this pipeline's own are known to hold nothing personal.
fn header(name: &str, value: &[u8], is_whole: bool) -> String {
    let is_own = name.starts_with("ce_") || name.starts_with("dlq.");
    let is_plain = matches!(name, "content-type" | "traceparent" | "__value_schema_id");
    match is_whole || is_own || is_plain {
        true => text(value),
        false => format!("({} bytes hidden)", value.len()),
    }
}

fn content(payload: &[u8], is_whole: bool) -> Value {
    if is_whole {
        return json!({ "bytes": payload.len(), "hex": hex(payload), "text": text(payload) });
    }
    let frame_bytes = match payload {
        [0xC3, 0x01, ..] => SINGLE_OBJECT_BYTES,
        [0x00, ..] => PREFIX_BYTES,
        _ => 0,
    };
    json!({
        "bytes": payload.len(),
        "frame_hex": hex(&payload[..frame_bytes.min(payload.len())]),
        "hidden": "content may be personal; --personal-data shows it",
    })
}

/// As text, with nothing in it that a terminal would obey.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.escape_debug().to_string(),
        Err(_) => {
            let plain = |one: char| match one.is_control() || one == '\u{fffd}' {
                true => '.',
                false => one,
            };
            String::from_utf8_lossy(bytes).chars().map(plain).collect()
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn as_text(shown: &Value) -> String {
    let mut lines = Vec::new();
    flatten("", shown, &mut lines);
    output::columns(&lines)
}

fn flatten(prefix: &str, value: &Value, lines: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(fields) => match (fields.get("name"), fields.get("value")) {
            (Some(Value::String(name)), Some(value)) => {
                flatten(&format!("header {name}"), value, lines);
            }
            _ => {
                for (name, value) in fields {
                    flatten(format!("{prefix} {name}").trim_start(), value, lines);
                }
            }
        },
        Value::Array(items) => {
            for item in items {
                flatten(prefix, item, lines);
            }
        }
        Value::Null => lines.push(vec![prefix.to_owned(), "-".to_owned()]),
        Value::String(text) => lines.push(vec![prefix.to_owned(), text.clone()]),
        other => lines.push(vec![prefix.to_owned(), other.to_string()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> DeadLetter {
        let mut headers = Headers::default();
        headers.push("ce_id", *b"event-1");
        headers.push("x-customer", *b"Ada Lovelace");
        DeadLetter {
            dead_letter_id: "shop.purchases.v1[3]@1841".to_owned(),
            shard: 3,
            topic: "shop.purchases.v1".to_owned(),
            partition: 3,
            record_offset: 1841,
            record_key: Some(b"p-1".to_vec()),
            payload: Some(b"\0\0\0\0\x07please ring at Ada Lovelace's".to_vec()),
            headers: headers.to_bytes(),
            record_time: 0,
            reason: "truncated".to_owned(),
            detail: "the datum ends early".to_owned(),
            stage: "decode".to_owned(),
            first_failed_at: 1,
            last_failed_at: 2,
            redrives: 0,
            state: "set_aside".to_owned(),
        }
    }

    #[test]
    fn what_may_be_personal_is_shown_only_when_asked_for() {
        let hidden = as_text(&shown(&letter(), false));
        assert!(!hidden.contains("Ada"), "{hidden}");
        assert!(!hidden.contains("706c65617365"), "{hidden}");
        assert!(hidden.contains("header ce_id"), "{hidden}");
        assert!(hidden.contains("0000000007"), "{hidden}");
        let whole = as_text(&shown(&letter(), true));
        assert!(whole.contains("please ring at Ada Lovelace"), "{whole}");
        assert!(whole.contains("706c65617365"), "{whole}");
    }

    #[test]
    fn bytes_cannot_command_a_terminal() {
        assert!(!text(b"\x1b[31mred").contains('\u{1b}'));
        assert!(!text(b"\xff\x1b[31mred").contains('\u{1b}'));
    }
}
