//! Whether a value that was brought to a known schema says what the newer value said. Written anew
//! and by other means than the code that is judged by it.

use apache_avro::Schema;
use apache_avro::types::Value;
use schemas::wire::scan::{Names, followed};

/// What the newer value may hold that the known one does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Anything: the record's sender vouches for it.
    Any,
    /// Defaults, which say nothing.
    OnlyDefaults,
}

/// A newer value, its schema, and the types that are named there.
pub(crate) type Newer<'a> = (&'a Value, &'a Schema, &'a Names<'a>);

pub(crate) fn says_the_same(
    (newer, schema, names): Newer<'_>,
    known: &Value,
    unknown: Unknown,
) -> bool {
    let schema = followed(schema, names);
    let alike = |newer, schema, known| says_the_same((newer, schema, names), known, unknown);
    match (newer, schema, known) {
        (Value::Record(fields), Schema::Record(of), Value::Record(known)) => {
            let one = |name: &String| known.iter().find(|(other, _)| other == name);
            let are_there = known
                .iter()
                .all(|(name, _)| fields.iter().any(|(other, _)| other == name));
            are_there
                && fields.iter().zip(&of.fields).all(|((name, value), field)| {
                    match (one(name), &field.default) {
                        (Some((_, known)), _) => alike(value, &field.schema, known),
                        (None, _) if unknown == Unknown::Any => true,
                        (None, Some(default)) => says(value) == Some(default.clone()),
                        (None, None) => false,
                    }
                })
        }
        (Value::Array(items), Schema::Array(of), Value::Array(known)) => {
            items.len() == known.len()
                && (items.iter().zip(known)).all(|(item, known)| alike(item, &of.items, known))
        }
        (Value::Union(branch, value), Schema::Union(of), Value::Union(_, known)) => {
            let variant = of.variants().get(usize::try_from(*branch).unwrap());
            variant.is_some_and(|variant| alike(value, variant, known))
        }
        // The index is the schema's own affair; the symbol is what was said.
        (Value::Enum(_, symbol), Schema::Enum(_), Value::Enum(_, known)) => symbol == known,
        (newer, _, known) => newer == known,
    }
}

/// What a value is in the JSON of a default.
fn says(value: &Value) -> Option<serde_json::Value> {
    match value {
        Value::Union(_, inner) => says(inner),
        Value::TimestampMicros(micros) => Some((*micros).into()),
        plain => serde_json::Value::try_from(plain.clone()).ok(),
    }
}
