//! What a schema from outside may be before it is parsed.
//!
//! Separate because parsing itself is what a hostile schema attacks: by size, by depth, by number
//! of fields, by types that contain themselves (a datum of those could nest without end).

use apache_avro::Schema;
use serde_json::Value;

/// Bytes of a schema's text.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
/// JSON values inside JSON values.
pub const DEPTH_MAX: usize = 32;
/// Fields of all records together.
pub const FIELDS_MAX: usize = 1_000;

/// Parses a schema that keeps within the limits.
///
/// The error is a sentence for a person.
pub(super) fn parse(text: &str) -> Result<Schema, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("{} bytes; at most {TEXT_BYTES_MAX}", text.len()));
    }
    let json: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    if depth(&json) > DEPTH_MAX {
        return Err(format!("nested more than {DEPTH_MAX} deep"));
    }
    let fields = fields(&json);
    if fields > FIELDS_MAX {
        return Err(format!("{fields} fields; at most {FIELDS_MAX}"));
    }
    let schema = Schema::parse(&json).map_err(|error| format!("not an Avro schema: {error}"))?;
    if refers(&schema) {
        return Err("uses a named type more than once, and may contain itself".to_owned());
    }
    Ok(schema)
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

/// Whether a type is referred to by name. No released schema does, and without references no type
/// can contain itself.
fn refers(schema: &Schema) -> bool {
    match schema {
        Schema::Ref { .. } => true,
        Schema::Record(record) => record.fields.iter().any(|field| refers(&field.schema)),
        Schema::Array(array) => refers(&array.items),
        Schema::Map(map) => refers(&map.types),
        Schema::Union(union) => union.variants().iter().any(refers),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_schema_keeps_within_the_limits() {
        for schema in crate::released::all() {
            assert_eq!(parse(schema.text).as_ref(), Ok(schema.schema), "{schema:?}");
        }
    }

    #[test]
    fn a_hostile_schema_is_refused_before_it_is_parsed() {
        let long = format!("\"{}\"", "x".repeat(TEXT_BYTES_MAX));
        let mut deep = String::from("\"int\"");
        for _ in 0..60 {
            deep = format!(r#"{{"type":"array","items":{deep}}}"#);
        }
        let very_deep = "[".repeat(100_000);
        let fields: Vec<String> = (0..2_000)
            .map(|n| format!(r#"{{"name":"f{n}","type":"int"}}"#))
            .collect();
        let wide = format!(
            r#"{{"type":"record","name":"R","fields":[{}]}}"#,
            fields.join(",")
        );
        let recursive =
            r#"{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]}"#;
        for (hostile, what) in [
            (long.as_str(), "bytes"),
            (&deep, "deep"),
            (&very_deep, "JSON"),
            (&wide, "fields"),
            (recursive, "contain itself"),
            (r#"{"type":"nonsense"}"#, "Avro"),
        ] {
            let error = parse(hostile).unwrap_err();
            assert!(error.contains(what), "{what}: {error}");
        }
    }
}
