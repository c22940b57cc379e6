//! How large a schema is with every reference to a named type written out.
//!
//! Separate because the text does not show it: a type that uses another twice, which uses another
//! twice, doubles with every line. Each named type is measured once, so the time is that of the text.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{DecimalSchema, InnerDecimalSchema, Name, UuidSchema};

/// What a schema stands for. Sums stay at the largest number that there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Values in values of its text.
    pub(super) depth: usize,
    /// Fields of all records.
    pub(super) fields: usize,
    /// Types of all fields, items and branches, and the schema itself.
    pub(super) types: usize,
}

/// Measures a schema. An error, a sentence for a person, when a type contains itself, is defined
/// twice or not at all: of such a schema it is not known what its datums are.
pub(super) fn extent(schema: &Schema) -> Result<Extent, String> {
    Measured::default().of(schema)
}

/// The named types that were met, by name: none while what they contain is being measured.
#[derive(Default)]
struct Measured<'s>(HashMap<&'s Name, Option<Extent>>);

impl<'s> Measured<'s> {
    /// The text was parsed with bounded depth and references are not followed, so this cannot
    /// overflow the stack.
    fn of(&mut self, schema: &'s Schema) -> Result<Extent, String> {
        // An object for the record, an array of fields, an object for each.
        const RECORD_DEPTH: usize = 3;
        match schema {
            Schema::Record(record) => {
                self.define(&record.name, None)?;
                let types = record.fields.iter().map(|field| &field.schema);
                let mut extent = self.all(types, RECORD_DEPTH)?;
                extent.fields = extent.fields.saturating_add(record.fields.len());
                self.0.insert(&record.name, Some(extent));
                Ok(extent)
            }
            Schema::Enum(symbols) => self.define(&symbols.name, Some(leaf(2))),
            Schema::Fixed(fixed)
            | Schema::Duration(fixed)
            | Schema::Uuid(UuidSchema::Fixed(fixed))
            | Schema::Decimal(DecimalSchema {
                inner: InnerDecimalSchema::Fixed(fixed),
                ..
            }) => self.define(&fixed.name, Some(leaf(1))),
            Schema::Array(array) => self.all([&*array.items], 1),
            Schema::Map(map) => self.all([&*map.types], 1),
            Schema::Union(union) => self.all(union.variants(), 1),
            Schema::Ref { name } => match self.0.get(name) {
                Some(Some(extent)) => Ok(*extent),
                Some(None) => Err(format!("{name} may contain itself")),
                None => Err(format!("uses {name}, which it does not define")),
            },
            _ => Ok(leaf(0)),
        }
    }

    fn define(&mut self, name: &'s Name, extent: Option<Extent>) -> Result<Extent, String> {
        if self.0.insert(name, extent).is_some() {
            return Err(format!("defines {name} twice"));
        }
        Ok(extent.unwrap_or_default())
    }

    /// What encloses these, by so many JSON values.
    fn all(
        &mut self,
        inside: impl IntoIterator<Item = &'s Schema>,
        enclosed_by: usize,
    ) -> Result<Extent, String> {
        let mut sum = leaf(0);
        for schema in inside {
            let extent = self.of(schema)?;
            sum.depth = sum.depth.max(extent.depth);
            sum.fields = sum.fields.saturating_add(extent.fields);
            sum.types = sum.types.saturating_add(extent.types);
        }
        sum.depth = sum.depth.saturating_add(enclosed_by);
        Ok(sum)
    }
}

fn leaf(depth: usize) -> Extent {
    Extent {
        depth,
        fields: 0,
        types: 1,
    }
}
