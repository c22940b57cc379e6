//! A schema that is newer than this build, learnt from a registry.
//!
//! Separate because it is the one slow path, and the one that could misunderstand. A datum is read
//! by the newer schema, written again and compared (a decoder that lost something is caught), and
//! what this build knows of it is written as its own newest version. A field that this build does
//! not know must say nothing, which is to hold its default; otherwise a newer reader is needed.

use std::collections::{BTreeMap, HashMap};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::{RecordField, RecordSchema};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;

use crate::Refused;
use crate::released::{self, Released};
use crate::versions;
use crate::wire::scan::{self, Names, followed};

/// A newer version of a record that this build knows.
#[derive(Debug)]
pub struct Newer {
    schema: Schema,
    version: u32,
    known: &'static Released,
}

impl Newer {
    /// Takes a schema whose record this build knows by name; none otherwise.
    #[must_use]
    pub fn of(schema: Schema) -> Option<Self> {
        let Schema::Record(record) = &schema else {
            return None;
        };
        if record.name.namespace() != Some("shop") {
            return None;
        }
        let known = released::newest(record.name.name())?;
        let stated = record
            .attributes
            .get("version")
            .and_then(serde_json::Value::as_u64);
        let stated = stated
            .and_then(|version| u32::try_from(version).ok())
            .unwrap_or(0);
        let version = stated.max(known.version + 1);
        Some(Self {
            schema,
            version,
            known,
        })
    }

    /// Its version: what the schema states, and in any case above what this build knows.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The newest version of the record that this build knows.
    #[must_use]
    pub fn known(&self) -> &'static Released {
        self.known
    }

    /// Its schema.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The datum as the newest known version would have written it.
    ///
    /// `is_vouched_for` is whether the record's `ce_minreader` says that this build understands
    /// it; without that word every field that is not known must hold its default.
    ///
    /// # Errors
    /// [`Refused::Poison`] when the datum is not one of its schema, [`Refused::NeedsReader`] when
    /// it says what this build cannot understand.
    pub fn as_known(&self, datum: &[u8], is_vouched_for: bool) -> Result<Vec<u8>, Refused> {
        let undecodable = |what: &str| {
            Refused::bytes(
                "undecodable",
                format!("{} v{}: {what}", self.known.name, self.version),
            )
        };
        let names = scan::names(&self.schema);
        let length = scan::scan(&self.schema, &names, datum)
            .map_err(|fault| Refused::bytes(fault.reason, fault.detail))?;
        if length != datum.len() {
            let more = datum.len() - length;
            return Err(Refused::bytes(
                "trailing_bytes",
                format!("{more} bytes behind the datum"),
            ));
        }
        let reader = GenericDatumReader::builder(&self.schema).build();
        let mut rest = datum;
        let value = reader.and_then(|reader| reader.read_value(&mut rest));
        let value = value.map_err(|_| undecodable("not a datum of its schema"))?;
        let writer = GenericDatumWriter::builder(&self.schema).build();
        let again = writer.and_then(|writer| writer.write_value_to_vec(value.clone()));
        if again.ok().as_deref() != Some(datum) {
            return Err(undecodable("written again it is not the same"));
        }
        let needs_newer = || Refused::NeedsReader(versions::reader_after(self.version));
        let narrowing = Narrowing {
            from: &names,
            to: self.known.names(),
            is_vouched_for,
        };
        let known = narrowing.value(value, &self.schema, self.known.schema);
        let known = known.ok_or_else(needs_newer)?;
        let writer = GenericDatumWriter::builder(self.known.schema).build();
        let bytes = writer.and_then(|writer| writer.write_value_to_vec(known));
        bytes.map_err(|_| needs_newer())
    }
}

/// From a newer schema's values to what a known schema can say; none when it cannot say it.
///
/// A type that is used a second time stands there by name, in one schema and perhaps not in the
/// other; what is compared is always what the name stands for, never the name.
struct Narrowing<'a> {
    from: &'a Names<'a>,
    to: &'a Names<'a>,
    is_vouched_for: bool,
}

impl<'a> Narrowing<'a> {
    fn value(&self, value: Value, from: &'a Schema, to: &'a Schema) -> Option<Value> {
        let (from, to) = (followed(from, self.from), followed(to, self.to));
        match (value, from, to) {
            (Value::Record(fields), Schema::Record(from), Schema::Record(to)) => {
                self.record(fields, from, to)
            }
            (Value::Array(items), Schema::Array(from), Schema::Array(to)) => {
                let items = items.into_iter();
                let items = items.map(|item| self.value(item, &from.items, &to.items));
                items.collect::<Option<Vec<_>>>().map(Value::Array)
            }
            (Value::Map(entries), Schema::Map(from), Schema::Map(to)) => {
                let entries = entries.into_iter().map(|(key, value)| {
                    let value = self.value(value, &from.types, &to.types)?;
                    Some((key, value))
                });
                entries.collect::<Option<HashMap<_, _>>>().map(Value::Map)
            }
            (Value::Enum(_, symbol), Schema::Enum(_), Schema::Enum(to)) => {
                let index = to.symbols.iter().position(|known| *known == symbol)?;
                Some(Value::Enum(u32::try_from(index).ok()?, symbol))
            }
            (Value::Union(branch, value), Schema::Union(from), Schema::Union(to)) => {
                let index = usize::try_from(branch).ok()?;
                let (from, to) = (from.variants().get(index)?, to.variants().get(index)?);
                let value = self.value(*value, from, to)?;
                Some(Value::Union(branch, Box::new(value)))
            }
            // What is left has no types inside it.
            (value, from, to) if from == to => Some(value),
            _ => None,
        }
    }

    fn record(
        &self,
        fields: Vec<(String, Value)>,
        from: &'a RecordSchema,
        to: &'a RecordSchema,
    ) -> Option<Value> {
        let mut by_name: BTreeMap<String, Value> = fields.into_iter().collect();
        let mut known = Vec::with_capacity(to.fields.len());
        for field in &to.fields {
            let written = &from.fields[*from.lookup.get(&field.name)?];
            let value = by_name.remove(&field.name)?;
            let value = self.value(value, &written.schema, &field.schema)?;
            known.push((field.name.clone(), value));
        }
        let says_nothing = |(name, value): (&String, &Value)| {
            from.lookup
                .get(name)
                .is_some_and(|index| is_default(&from.fields[*index], value))
        };
        (self.is_vouched_for || by_name.iter().all(says_nothing)).then_some(Value::Record(known))
    }
}

/// Whether a field holds its default. Only plain defaults are compared; any other says something.
fn is_default(field: &RecordField, value: &Value) -> bool {
    let Some(default) = &field.default else {
        return false;
    };
    let value = match value {
        Value::Union(0, inner) => inner,
        other => other,
    };
    match value {
        Value::Null => default.is_null(),
        Value::Boolean(it) => default.as_bool() == Some(*it),
        Value::Int(it) => default.as_i64() == Some(i64::from(*it)),
        Value::Long(it) | Value::TimestampMicros(it) => default.as_i64() == Some(*it),
        Value::String(it) | Value::Enum(_, it) => default.as_str() == Some(it),
        Value::Array(items) => items.is_empty() && default.as_array().is_some_and(Vec::is_empty),
        _ => false,
    }
}
