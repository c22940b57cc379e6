//! What a schema from outside may be before it is parsed.
//!
//! Separate because parsing itself is what a hostile schema attacks: by size, by depth, by number
//! of fields, by types that contain themselves (a datum of those could nest without end), by types
//! that are used so often in one another that what they stand for outgrows what is written.

mod expansion;

use apache_avro::Schema;
use serde_json::Value;

/// Bytes of a schema's text.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
/// JSON values inside JSON values, with every reference to a type written out.
pub const DEPTH_MAX: usize = 32;
/// Fields of all records together, with every reference to a type written out.
pub const FIELDS_MAX: usize = 1_000;
/// Types of fields, items and branches together, with every reference to a type written out.
pub const TYPES_MAX: usize = 10_000;

/// Characters of what is said of a schema that is refused.
const WHY_CHARS_MAX: usize = 200;

/// Parses a schema that keeps within the limits.
///
/// The error is a sentence for a person. It goes into every dead letter whose record names the schema,
/// so it is short, however long the names are that it quotes.
pub(super) fn parse(text: &str) -> Result<Schema, String> {
    parse_within_limits(text).map_err(|why| match why.char_indices().nth(WHY_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &why[..end]),
        None => why,
    })
}

fn parse_within_limits(text: &str) -> Result<Schema, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("{} bytes; at most {TEXT_BYTES_MAX}", text.len()));
    }
    let json: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    if depth(&json) > DEPTH_MAX {
        return Err(too_deep());
    }
    let fields = fields(&json);
    if fields > FIELDS_MAX {
        return Err(too_many_fields(fields));
    }
    if let Some(word) = without_body(&json) {
        return Err(format!(
            "a type that is {word:?} and does not say what is in it"
        ));
    }
    // The library tries each field's default on its type, and follows references as it does so:
    // without an end where a name was defined twice. Without defaults nothing is followed.
    let mut bare = json.clone();
    remove_defaults(&mut bare);
    let not_avro = |error: apache_avro::Error| format!("not an Avro schema: {error}");
    let extent = expansion::extent(&Schema::parse(&bare).map_err(not_avro)?)?;
    if extent.depth > DEPTH_MAX {
        return Err(too_deep());
    }
    if extent.fields > FIELDS_MAX {
        return Err(too_many_fields(extent.fields));
    }
    if extent.types > TYPES_MAX {
        return Err(format!("{} types; at most {TYPES_MAX}", extent.types));
    }
    Schema::parse(&json).map_err(not_avro)
}

fn too_deep() -> String {
    format!("nested more than {DEPTH_MAX} deep")
}

fn too_many_fields(fields: usize) -> String {
    format!("{fields} fields; at most {FIELDS_MAX}")
}

/// Depth is bounded by the JSON parser's own limit, so this cannot overflow the stack.
fn depth(json: &Value) -> usize {
    match json {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(entries) => 1 + entries.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn fields(json: &Value) -> usize {
    match json {
        Value::Array(items) => items.iter().map(fields).sum(),
        Value::Object(entries) => {
            let own = entries
                .get("fields")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            own + entries.values().map(fields).sum::<usize>()
        }
        _ => 0,
    }
}

/// A record without fields, an enum without symbols or a fixed without a size, if there is one.
///
/// The library takes it for the use of a type that bears this word as its name, and copies that type
/// into its place: copies of copies double with every line of text.
fn without_body(json: &Value) -> Option<&'static str> {
    const BODIES: [(&str, &str); 3] =
        [("record", "fields"), ("enum", "symbols"), ("fixed", "size")];
    match json {
        Value::Array(items) => items.iter().find_map(without_body),
        Value::Object(entries) => {
            let stated = entries.get("type").and_then(Value::as_str);
            let own = BODIES.into_iter().find_map(|(word, body)| {
                (stated == Some(word) && !entries.contains_key(body)).then_some(word)
            });
            own.or_else(|| entries.values().find_map(without_body))
        }
        _ => None,
    }
}

fn remove_defaults(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(remove_defaults),
        Value::Object(entries) => {
            if let Some(Value::Array(fields)) = entries.get_mut("fields") {
                for field in fields.iter_mut().filter_map(Value::as_object_mut) {
                    field.remove("default");
                }
            }
            entries.values_mut().for_each(remove_defaults);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
