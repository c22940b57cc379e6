//! Whether a new version of a record may stand on a topic beside all earlier ones.
//!
//! Stricter than Avro's own rules, on purpose: Avro calls renames by alias, wider numbers and
//! logical types compatible, and decoders then fail on them or change the meaning in silence.
//! Here a field may be added with a default or removed when it had one, and nothing may change.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::schema::{EnumSchema, RecordField, RecordSchema};

/// Every fault between two versions of one record, in either direction, as sentences that name
/// the field; empty when any reader may meet any writer.
#[must_use]
pub fn faults(one: &Schema, other: &Schema) -> Vec<String> {
    let mut faults = rule_faults(one);
    faults.extend(rule_faults(other));
    compare(one, other, "", &mut faults);
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

fn compare(one: &Schema, other: &Schema, path: &str, faults: &mut Vec<String>) {
    match (one, other) {
        (Schema::Record(one), Schema::Record(other)) => records(one, other, path, faults),
        (Schema::Enum(one), Schema::Enum(other)) => enums(one, other, path, faults),
        (Schema::Array(one), Schema::Array(other)) => {
            compare(&one.items, &other.items, path, faults)
        }
        (Schema::Map(one), Schema::Map(other)) => compare(&one.types, &other.types, path, faults),
        (Schema::Union(one), Schema::Union(other)) => {
            if one.variants().len() != other.variants().len() {
                faults.push(format!("{path}: the union has other branches"));
            }
            for (one, other) in one.variants().iter().zip(other.variants()) {
                compare(one, other, path, faults);
            }
        }
        (one, other) if one != other => faults.push(format!("{path}: the type changes")),
        _ => {}
    }
}

fn records(one: &RecordSchema, other: &RecordSchema, path: &str, faults: &mut Vec<String>) {
    if one.name != other.name {
        faults.push(format!(
            "{path}: {} becomes {}",
            one.name.name(),
            other.name.name()
        ));
    }
    let of_other: BTreeMap<&str, &RecordField> = other
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field))
        .collect();
    for field in &one.fields {
        match of_other.get(field.name.as_str()) {
            Some(same) => {
                let deeper = format!("{path}{}.", field.name);
                compare(&field.schema, &same.schema, &deeper, faults);
                if field.default != same.default {
                    faults.push(format!("{path}{}: the default changes", field.name));
                }
            }
            None => only_in_one(field, path, faults),
        }
    }
    for field in &other.fields {
        if !one.lookup.contains_key(&field.name) {
            only_in_one(field, path, faults);
        }
    }
}

fn only_in_one(field: &RecordField, path: &str, faults: &mut Vec<String>) {
    if field.default.is_none() {
        faults.push(format!(
            "{path}{}: added or removed without a default",
            field.name
        ));
    }
}

/// Symbols may be added at the end: an older reader takes the type-level default for them.
fn enums(one: &EnumSchema, other: &EnumSchema, path: &str, faults: &mut Vec<String>) {
    if one.name != other.name {
        faults.push(format!(
            "{path}: {} becomes {}",
            one.name.name(),
            other.name.name()
        ));
    }
    if one.default != other.default {
        faults.push(format!("{path}: the enum's default changes"));
    }
    let shorter = one.symbols.len().min(other.symbols.len());
    if one.symbols[..shorter] != other.symbols[..shorter] {
        faults.push(format!("{path}: symbols are removed, renamed or moved"));
    }
}
