//! What is refused, and what is not.

use serde_json::json;

use super::*;

fn record(name: &str, fields: &[(&str, Value)]) -> Value {
    let fields: Vec<Value> = (fields.iter())
        .map(|(name, of)| json!({ "name": name, "type": of }))
        .collect();
    json!({ "type": "record", "name": name, "fields": fields })
}

/// A record whose every field after the first uses the type of the field before it twice.
fn doubling(levels: usize) -> Value {
    let mut fields = vec![json!({ "name": "t0", "type": record("T0", &[("n", json!("int"))]) })];
    for level in 1..=levels {
        let before = json!(format!("T{}", level - 1));
        let twice = record(
            &format!("T{level}"),
            &[("a", before.clone()), ("b", before)],
        );
        fields.push(json!({ "name": format!("t{level}"), "type": twice }));
    }
    json!({ "type": "record", "name": "R", "fields": fields })
}

fn refused(schema: &Value) -> String {
    parse(&schema.to_string()).unwrap_err()
}

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
    for (hostile, what) in [
        (long.as_str(), "bytes"),
        (&deep, "deep"),
        (&very_deep, "JSON"),
        (&wide, "fields"),
        (r#"{"type":"nonsense"}"#, "Avro"),
    ] {
        let error = parse(hostile).unwrap_err();
        assert!(error.contains(what), "{what}: {error}");
    }
}

#[test]
fn a_schema_is_not_quoted_at_length_when_it_is_refused() {
    let name = "Ж".repeat(50_000);
    let unknown = json!(name);
    let itself = record(&"N".repeat(50_000), &[("r", json!("N".repeat(50_000)))]);
    for hostile in [unknown, itself] {
        let error = refused(&hostile);
        assert!(
            error.len() <= 2 * WHY_CHARS_MAX + 3,
            "{} bytes",
            error.len()
        );
        assert!(error.ends_with("..."), "{error}");
    }
}

#[test]
fn a_type_may_be_used_again_but_not_within_itself() {
    let tier = json!({ "type": "enum", "name": "Tier", "symbols": ["A", "B"] });
    let line = record("Line", &[("first", tier), ("second", json!("Tier"))]);
    let lines = json!({ "type": "array", "items": "Line" });
    let again = record(
        "R",
        &[("one", line), ("more", lines), ("tier", json!("Tier"))],
    );
    assert!(parse(&again.to_string()).is_ok(), "{again}");

    let directly = record("R", &[("r", json!(["null", "R"]))]);
    let inner = record(
        "Inner",
        &[("outer", json!({ "type": "array", "items": "R" }))],
    );
    let through_another = record("R", &[("inner", inner)]);
    let map = json!({ "type": "map", "values": "R" });
    for recursive in [directly, through_another, record("R", &[("r", map)])] {
        let error = refused(&recursive);
        assert!(error.contains("contain itself"), "{error}");
    }
}

#[test]
fn what_references_stand_for_is_within_the_limits_too() {
    assert!(parse(&doubling(3).to_string()).is_ok());
    // Depth is the first limit that a chain of types meets: three for every record.
    let error = refused(&doubling(200));
    assert!(error.contains("deep"), "{error}");
    let error = refused(&doubling(8));
    assert!(error.contains("fields"), "{error}");

    let branches: Vec<Value> = (0..200)
        .map(|n| json!({ "type": "fixed", "name": format!("F{n}"), "size": 1 }))
        .collect();
    let one = record("One", &[("any", json!(branches))]);
    let mut fields = vec![("f0".to_owned(), one)];
    fields.extend((1..100).map(|n| (format!("f{n}"), json!("One"))));
    let fields: Vec<(&str, Value)> = (fields.iter())
        .map(|(name, of)| (name.as_str(), of.clone()))
        .collect();
    let error = refused(&record("R", &fields));
    assert!(error.contains("types"), "{error}");
}

#[test]
fn a_name_with_two_meanings_or_none_is_refused_before_a_default_is_tried_on_it() {
    // Tried on the second meaning, the default would be followed into itself for ever.
    let empty = record("X", &[]);
    let itself = json!({ "type": "record", "name": "X", "fields": [
        { "name": "x", "type": "X", "default": {} }
    ] });
    let twice = json!({ "type": "record", "name": "R", "fields": [
        { "name": "a", "type": empty }, { "name": "b", "type": itself },
        { "name": "c", "type": "X", "default": {} },
    ] });
    let error = refused(&twice);
    assert!(error.contains("twice"), "{error}");

    let aliased = json!({ "type": "enum", "name": "E", "aliases": ["Other"], "symbols": ["A"] });
    let by_alias = record("R", &[("a", aliased), ("b", json!("Other"))]);
    let error = refused(&by_alias);
    assert!(error.contains("does not define"), "{error}");
}

#[test]
fn a_type_without_a_body_is_refused_before_it_is_copied() {
    let mut fields = vec![];
    for level in 0..30 {
        let mut inside = vec![];
        if level > 0 {
            let copy = json!({ "type": "record" });
            let copies = record(
                &format!("n{}.Copies", level - 1),
                &[("a", copy.clone()), ("b", copy)],
            );
            inside.push(("copies", copies));
        }
        let named = record(&format!("n{level}.record"), &inside);
        fields.push((format!("f{level}"), named));
    }
    let fields: Vec<(&str, Value)> = (fields.iter())
        .map(|(name, of)| (name.as_str(), of.clone()))
        .collect();
    let error = refused(&record("R", &fields));
    assert!(error.contains("does not say"), "{error}");
}
