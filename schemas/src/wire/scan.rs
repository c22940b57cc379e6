//! Walks a datum by its schema without building anything of it.
//!
//! Separate from decoding because the Avro library forgives what must not be forgiven: integers
//! with bits that do not fit, block sizes that lie, counts that promise more than the bytes hold.
//! After a scan the datum is known to be whole, its text to be UTF-8, its indexes to be in range,
//! and the work of decoding it to be bounded by its length. Runs in the length of the datum.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{DecimalSchema, InnerDecimalSchema, Name, UuidSchema};

/// More items than this in one array or map is refused. Far above what validation allows, so
/// that a large basket is refused as a large basket; far below what could hurt.
pub const ITEMS_MAX: u64 = 10_000;
/// Values inside values: records, arrays, maps and unions together.
const DEPTH_MAX: u32 = 32;
/// Values in one datum, those without any bytes included.
const VALUES_MAX: u32 = 1 << 20;

/// Why a datum is not one of its schema: a bounded word, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `truncated`, `invalid_utf8`, `undecodable`, `too_many_items` or `too_deep`.
    pub reason: &'static str,
    /// What was expected, and at which byte.
    pub detail: String,
}

/// The named types of a schema, so that references in it can be followed.
pub type Names<'s> = HashMap<&'s Name, &'s Schema>;

/// What a schema stands for: itself, or the type that it refers to by name.
#[must_use]
pub fn followed<'s>(schema: &'s Schema, names: &Names<'s>) -> &'s Schema {
    match schema {
        Schema::Ref { name } => names.get(name).copied().unwrap_or(schema),
        _ => schema,
    }
}

/// Collects the named types that a schema defines.
#[must_use]
pub fn names(schema: &Schema) -> Names<'_> {
    let mut found = Names::new();
    collect(schema, &mut found);
    found
}

fn collect<'s>(schema: &'s Schema, found: &mut Names<'s>) {
    match schema {
        Schema::Record(record) => {
            found.insert(&record.name, schema);
            for field in &record.fields {
                collect(&field.schema, found);
            }
        }
        Schema::Enum(symbols) => {
            found.insert(&symbols.name, schema);
        }
        Schema::Fixed(fixed)
        | Schema::Duration(fixed)
        | Schema::Uuid(UuidSchema::Fixed(fixed))
        | Schema::Decimal(DecimalSchema {
            inner: InnerDecimalSchema::Fixed(fixed),
            ..
        }) => {
            found.insert(&fixed.name, schema);
        }
        Schema::Array(array) => collect(&array.items, found),
        Schema::Map(map) => collect(&map.types, found),
        Schema::Union(union) => union
            .variants()
            .iter()
            .for_each(|variant| collect(variant, found)),
        _ => {}
    }
}

/// Walks one datum and returns how many bytes it has.
///
/// # Errors
/// A [`Fault`] when the bytes are not one whole datum of the schema; bytes behind it are the
/// caller's to judge.
pub fn scan(schema: &Schema, names: &Names<'_>, datum: &[u8]) -> Result<usize, Fault> {
    let mut walk = Walk {
        datum,
        at: 0,
        values_left: VALUES_MAX,
        names,
    };
    walk.value(schema, 0)?;
    Ok(walk.at)
}

struct Walk<'a, 's> {
    datum: &'a [u8],
    at: usize,
    values_left: u32,
    names: &'a Names<'s>,
}

impl Walk<'_, '_> {
    fn fault(&self, reason: &'static str, expected: &str) -> Fault {
        Fault {
            reason,
            detail: format!("{expected} at byte {} of {}", self.at, self.datum.len()),
        }
    }

    fn value(&mut self, schema: &Schema, depth: u32) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(self.fault("too_deep", "values nested too deeply"));
        }
        self.values_left = (self.values_left.checked_sub(1))
            .ok_or_else(|| self.fault("too_many_items", "too many values"))?;
        match schema {
            Schema::Null => Ok(()),
            Schema::Boolean => match self.byte()? {
                0 | 1 => Ok(()),
                _ => Err(self.fault("undecodable", "a boolean that is neither 0 nor 1")),
            },
            Schema::Int | Schema::Date | Schema::TimeMillis => self.int().map(|_| ()),
            Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => self.long().map(|_| ()),
            Schema::Float => self.skip(4),
            Schema::Double => self.skip(8),
            Schema::String | Schema::Uuid(UuidSchema::String) => self.text(),
            Schema::Bytes
            | Schema::BigDecimal
            | Schema::Decimal(DecimalSchema {
                inner: InnerDecimalSchema::Bytes,
                ..
            })
            | Schema::Uuid(UuidSchema::Bytes) => self.bytes().map(|_| ()),
            Schema::Fixed(fixed)
            | Schema::Duration(fixed)
            | Schema::Uuid(UuidSchema::Fixed(fixed))
            | Schema::Decimal(DecimalSchema {
                inner: InnerDecimalSchema::Fixed(fixed),
                ..
            }) => self.skip(fixed.size),
            Schema::Enum(symbols) => self
                .index(symbols.symbols.len(), "an enum symbol")
                .map(|_| ()),
            Schema::Union(union) => {
                let index = self.index(union.variants().len(), "a union branch")?;
                self.value(&union.variants()[index], depth + 1)
            }
            Schema::Record(record) => {
                (record.fields.iter()).try_for_each(|field| self.value(&field.schema, depth + 1))
            }
            Schema::Array(array) => self.blocks(|walk| walk.value(&array.items, depth + 1)),
            Schema::Map(map) => self.blocks(|walk| {
                walk.text()?;
                walk.value(&map.types, depth + 1)
            }),
            Schema::Ref { name } => match self.names.get(name) {
                Some(schema) => self.value(schema, depth + 1),
                None => Err(self.fault("undecodable", "a type that the schema does not define")),
            },
        }
    }

    fn blocks(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut items: u64 = 0;
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            let stated_bytes = if count < 0 { Some(self.long()?) } else { None };
            items = items.saturating_add(count.unsigned_abs());
            if items > ITEMS_MAX {
                return Err(self.fault("too_many_items", "an array or map with too many items"));
            }
            let start = self.at;
            for _ in 0..count.unsigned_abs() {
                item(self)?;
            }
            let read_bytes = self.at - start;
            if stated_bytes.is_some_and(|stated| usize::try_from(stated) != Ok(read_bytes)) {
                return Err(self.fault("undecodable", "a block whose stated size is not its size"));
            }
        }
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = self.datum.get(self.at).copied();
        let byte = byte.ok_or_else(|| self.fault("truncated", "the datum ends"))?;
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, count: usize) -> Result<(), Fault> {
        if count > self.datum.len() - self.at {
            return Err(self.fault("truncated", "the datum ends"));
        }
        self.at += count;
        Ok(())
    }

    fn long(&mut self) -> Result<i64, Fault> {
        let mut bits: u64 = 0;
        for position in 0..10 {
            let byte = self.byte()?;
            if position == 9 && byte > 1 {
                return Err(self.fault("undecodable", "an integer of more than 64 bits"));
            }
            bits |= u64::from(byte & 0x7F) << (position * 7);
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok((bits >> 1) as i64 ^ -((bits & 1) as i64))
    }

    fn int(&mut self) -> Result<i32, Fault> {
        let start = self.at;
        let long = self.long()?;
        match i32::try_from(long) {
            Ok(int) if self.at - start <= 5 => Ok(int),
            _ => Err(self.fault("undecodable", "an integer of more than 32 bits")),
        }
    }

    fn index(&mut self, count: usize, what: &str) -> Result<usize, Fault> {
        let index = self.int()?;
        match usize::try_from(index) {
            Ok(index) if index < count => Ok(index),
            _ => Err(self.fault("undecodable", &format!("{what} that does not exist"))),
        }
    }

    fn bytes(&mut self) -> Result<&[u8], Fault> {
        let length = self.long()?;
        let Ok(length) = usize::try_from(length) else {
            return Err(self.fault("undecodable", "a negative length"));
        };
        let start = self.at;
        self.skip(length)?;
        Ok(&self.datum[start..self.at])
    }

    fn text(&mut self) -> Result<(), Fault> {
        if std::str::from_utf8(self.bytes()?).is_err() {
            return Err(self.fault("invalid_utf8", "text that is not UTF-8 ends"));
        }
        Ok(())
    }
}
