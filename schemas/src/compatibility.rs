//! Whether a new version of a record may stand on a topic beside all earlier ones.
//!
//! Stricter than Avro's own rules, on purpose: Avro calls renames by alias, wider numbers and
//! logical types compatible, and decoders then fail on them or change the meaning in silence.
//! Here a field may be added with a default, and nothing may change or go: what is removed, or
//! renamed, reads as its default to an older reader, which cannot know that it says nothing.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::schema::{EnumSchema, RecordField, RecordSchema};

/// Every fault between an older and a newer version of one record, as sentences that name the
/// field; empty when readers of either may meet writers of the other.
#[must_use]
pub fn faults(older: &Schema, newer: &Schema) -> Vec<String> {
    let mut faults = rule_faults(older);
    faults.extend(rule_faults(newer));
    compare(older, newer, "", &mut faults);
    faults.sort();
    faults.dedup();
    faults
}

/// Every fault of one schema by itself: aliases, decimals, enums without a type-level default.
#[must_use]
pub fn rule_faults(schema: &Schema) -> Vec<String> {
    let mut faults = Vec::new();
    inspect(schema, "", &mut faults);
    faults
}

fn inspect(schema: &Schema, path: &str, faults: &mut Vec<String>) {
    match schema {
        Schema::Record(record) => {
            if record
                .aliases
                .as_ref()
                .is_some_and(|aliases| !aliases.is_empty())
            {
                faults.push(format!("{path}{}: has an alias", record.name.name()));
            }
            for field in &record.fields {
                if !field.aliases.is_empty() {
                    faults.push(format!("{path}{}: has an alias", field.name));
                }
                inspect(&field.schema, &format!("{path}{}.", field.name), faults);
            }
        }
        Schema::Enum(symbols) => {
            if symbols.default.is_none() {
                faults.push(format!(
                    "{path}{}: an enum without a type-level default",
                    symbols.name.name()
                ));
            }
            if symbols
                .aliases
                .as_ref()
                .is_some_and(|aliases| !aliases.is_empty())
            {
                faults.push(format!("{path}{}: has an alias", symbols.name.name()));
            }
        }
        Schema::Array(array) => inspect(&array.items, path, faults),
        Schema::Map(map) => inspect(&map.types, path, faults),
        Schema::Union(union) => {
            union
                .variants()
                .iter()
                .for_each(|variant| inspect(variant, path, faults));
        }
        Schema::Decimal(_) | Schema::BigDecimal => {
            faults.push(format!("{path}: a decimal; money is a long in minor units"));
        }
        Schema::Float | Schema::Double => {
            faults.push(format!(
                "{path}: a floating point number; money is a long in minor units"
            ));
        }
        Schema::Ref { name } => faults.push(format!("{path}: refers to {}", name.name())),
        _ => {}
    }
}

fn compare(older: &Schema, newer: &Schema, path: &str, faults: &mut Vec<String>) {
    match (older, newer) {
        (Schema::Record(older), Schema::Record(newer)) => records(older, newer, path, faults),
        (Schema::Enum(older), Schema::Enum(newer)) => enums(older, newer, path, faults),
        (Schema::Array(older), Schema::Array(newer)) => {
            compare(&older.items, &newer.items, path, faults)
        }
        (Schema::Map(older), Schema::Map(newer)) => {
            compare(&older.types, &newer.types, path, faults)
        }
        (Schema::Union(older), Schema::Union(newer)) => {
            if older.variants().len() != newer.variants().len() {
                faults.push(format!("{path}: the union has other branches"));
            }
            for (older, newer) in older.variants().iter().zip(newer.variants()) {
                compare(older, newer, path, faults);
            }
        }
        (older, newer) if older != newer => faults.push(format!("{path}: the type changes")),
        _ => {}
    }
}

fn records(older: &RecordSchema, newer: &RecordSchema, path: &str, faults: &mut Vec<String>) {
    if older.name != newer.name {
        faults.push(format!(
            "{path}: {} becomes {}",
            older.name.name(),
            newer.name.name()
        ));
    }
    let of_newer: BTreeMap<&str, &RecordField> = newer
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field))
        .collect();
    for field in &older.fields {
        match of_newer.get(field.name.as_str()) {
            Some(same) => {
                let deeper = format!("{path}{}.", field.name);
                compare(&field.schema, &same.schema, &deeper, faults);
                if field.default != same.default {
                    faults.push(format!("{path}{}: the default changes", field.name));
                }
            }
            None => faults.push(format!("{path}{}: removed or renamed", field.name)),
        }
    }
    for field in &newer.fields {
        if !older.lookup.contains_key(&field.name) && field.default.is_none() {
            faults.push(format!("{path}{}: added without a default", field.name));
        }
    }
}

/// Symbols may be added at the end: an older reader takes the type-level default for them.
fn enums(older: &EnumSchema, newer: &EnumSchema, path: &str, faults: &mut Vec<String>) {
    if older.name != newer.name {
        faults.push(format!(
            "{path}: {} becomes {}",
            older.name.name(),
            newer.name.name()
        ));
    }
    if older.default != newer.default {
        faults.push(format!("{path}: the enum's default changes"));
    }
    if !newer.symbols.starts_with(&older.symbols) {
        faults.push(format!("{path}: symbols are removed, renamed or moved"));
    }
}
