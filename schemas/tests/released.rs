//! The released schemas themselves: never edited, documented, and what the structs say.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::schema::RecordSchema;
use schemas::{released, versions};

/// Fingerprints of the canonical form and of the whole text. A change here is a change of a
/// released schema: make a new version instead. The canonical form leaves out defaults and
/// logical types, so the text is pinned as well.
const PINNED: &str = include_str!("released.pinned");

fn records(schema: &Schema) -> Vec<&RecordSchema> {
    match schema {
        Schema::Record(record) => {
            let inner = record
                .fields
                .iter()
                .flat_map(|field| records(&field.schema));
            std::iter::once(record).chain(inner).collect()
        }
        Schema::Array(array) => records(&array.items),
        Schema::Union(union) => union.variants().iter().flat_map(records).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_released_schema_is_never_edited() {
    let mut now = String::new();
    for schema in released::all() {
        let canonical = u64::from_le_bytes(schema.fingerprint);
        let text: String = released::text_digest(schema.text);
        now.push_str(&format!(
            "{} v{} {canonical:016x} {text}\n",
            schema.name, schema.version
        ));
    }
    assert_eq!(now, PINNED);
}

/// Without it, what an older build has parked of the new version would wait for a reader that never
/// comes, or be read again and again by one that cannot.
#[test]
fn every_release_of_a_schema_makes_a_newer_reader() {
    // The facts and requests that there were when readers began to be counted; not to be changed.
    const BESIDE_PURCHASES_AT_FIRST: usize = 18;
    let counted = released::all().len() - BESIDE_PURCHASES_AT_FIRST;
    assert_eq!(versions::READER as usize, counted);
}

#[test]
fn every_field_is_documented_and_personal_fields_are_marked() {
    let mut personal: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for schema in released::all() {
        for record in records(schema.schema) {
            assert!(
                record.doc.is_some(),
                "{schema:?}: {} has no doc",
                record.name.name()
            );
            for field in &record.fields {
                assert!(field.doc.is_some(), "{schema:?}: {} has no doc", field.name);
                if field.custom_attributes.get("pii") == Some(&serde_json::Value::Bool(true)) {
                    personal.entry(schema.name).or_default().push(&field.name);
                }
            }
        }
    }
    let per_version = ["customer_id", "instructions"];
    let expected = BTreeMap::from([("Purchase", per_version.repeat(3))]);
    assert_eq!(personal, expected);
}

#[test]
fn every_event_states_its_id_its_subject_its_time_and_its_cause() {
    for schema in released::all() {
        let Schema::Record(record) = schema.schema else {
            panic!("{schema:?} is no record")
        };
        let has = |name: &str| record.lookup.contains_key(name);
        assert!(has("event_id") && has("occurred_at"), "{schema:?}");
        assert!(has("purchase_id") || has("sku"), "{schema:?}");
        assert!(
            has("causation_id") || schema.name == "Purchase",
            "{schema:?}"
        );
        let at = &record.fields[record.lookup["occurred_at"]];
        assert_eq!(at.schema, Schema::TimestampMicros, "{schema:?}");
        assert_eq!(record.name.fullname(None), schema.full_name());
        let stated = record
            .attributes
            .get("version")
            .and_then(serde_json::Value::as_u64);
        assert_eq!(stated, Some(u64::from(schema.version)), "{schema:?}");
    }
}

#[test]
fn a_subject_is_named_by_topic_and_record() {
    let purchase = released::newest("Purchase").unwrap();
    assert_eq!(purchase.subject(), "shop.purchases.v1-shop.Purchase");
}
