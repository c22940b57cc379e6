//! Every version of a record beside every other, by our own rules and by Avro's.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use apache_avro::Schema;
use apache_avro::schema_compatibility::SchemaCompatibility;
use schemas::{compatibility, released};

fn base(fields: &str) -> Schema {
    let text = format!(
        r#"{{"type":"record","name":"R","fields":[{{"name":"id","type":"long"}},{fields}]}}"#
    );
    Schema::parse_str(&text).unwrap()
}

#[test]
fn every_released_version_may_stand_beside_every_other() {
    for one in released::all() {
        for other in released::all()
            .iter()
            .filter(|other| other.name == one.name)
        {
            if one.version <= other.version {
                let faults = compatibility::faults(one.schema, other.schema);
                assert!(faults.is_empty(), "{one:?} beside {other:?}: {faults:?}");
            }
            let by_avro = SchemaCompatibility::can_read(one.schema, other.schema);
            assert!(
                by_avro.is_ok(),
                "{other:?} cannot read {one:?}: {by_avro:?}"
            );
        }
    }
}

#[test]
fn what_would_change_the_meaning_of_bytes_is_a_fault() {
    let old = base(r#"{"name":"a","type":"int","default":0}"#);
    let cases = [
        ("a wider type", r#"{"name":"a","type":"long","default":0}"#),
        (
            "a nullable type",
            r#"{"name":"a","type":["int","null"],"default":0}"#,
        ),
        (
            "a rename by alias",
            r#"{"name":"b","aliases":["a"],"type":"int","default":0}"#,
        ),
        ("a rename", r#"{"name":"b","type":"int","default":0}"#),
        (
            "another default",
            r#"{"name":"a","type":"int","default":1}"#,
        ),
        (
            "a new field without a default",
            r#"{"name":"a","type":"int","default":0},{"name":"c","type":"int"}"#,
        ),
        (
            "a decimal",
            r#"{"name":"a","type":"int","default":0},{"name":"c","default":"",
          "type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}"#,
        ),
        (
            "an enum without a type-level default",
            r#"{"name":"a","type":"int","default":0},{"name":"c","default":"X",
          "type":{"type":"enum","name":"E","symbols":["X"]}}"#,
        ),
    ];
    for (what, fields) in cases {
        assert!(
            !compatibility::faults(&old, &base(fields)).is_empty(),
            "{what} passes"
        );
    }
    let grown =
        base(r#"{"name":"a","type":"int","default":0},{"name":"b","type":"int","default":0}"#);
    assert!(compatibility::faults(&old, &grown).is_empty());
    let removed = compatibility::faults(&grown, &old);
    assert_eq!(removed, ["b: removed or renamed"]);
}

#[test]
fn a_logical_type_may_not_change() {
    let time = |unit: &str| {
        base(&format!(
            r#"{{"name":"t","type":{{"type":"long","logicalType":"timestamp-{unit}"}}}}"#
        ))
    };
    assert!(!compatibility::faults(&time("millis"), &time("micros")).is_empty());
    assert!(compatibility::faults(&time("micros"), &time("micros")).is_empty());
}

#[test]
fn an_enum_may_grow_at_its_end_only() {
    let of = |symbols: &str| {
        base(&format!(
            r#"{{"name":"e","default":"X","type":{{"type":"enum","name":"E","symbols":[{symbols}],"default":"X"}}}}"#
        ))
    };
    assert!(compatibility::faults(&of(r#""X","Y""#), &of(r#""X","Y","Z""#)).is_empty());
    assert!(!compatibility::faults(&of(r#""X","Y""#), &of(r#""X","Z","Y""#)).is_empty());
    assert!(!compatibility::faults(&of(r#""X","Y""#), &of(r#""X","Z""#)).is_empty());
    assert!(!compatibility::faults(&of(r#""X","Y""#), &of(r#""X""#)).is_empty());
}

#[test]
fn a_defaulted_field_that_bears_load_is_no_business_value() {
    let newest = released::newest("Purchase").unwrap();
    let Schema::Record(record) = newest.schema else {
        panic!("not a record")
    };
    let invalid = [
        ("customer_id", serde_json::json!("")),
        ("item_id", serde_json::json!(0)),
        ("unit_price_minor", serde_json::json!(-1)),
        ("currency", serde_json::json!("XXX")),
        ("quantity", serde_json::json!(0)),
        ("delivery_tier", serde_json::json!("UNKNOWN")),
        ("shipping_minor", serde_json::json!(-1)),
        ("tax_minor", serde_json::json!(-1)),
        ("lines", serde_json::json!([])),
        ("tenders", serde_json::json!([])),
    ];
    for (name, default) in invalid {
        let field = &record.fields[record.lookup[name]];
        assert_eq!(field.default.as_ref(), Some(&default), "{name}");
    }
}
