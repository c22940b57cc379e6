//! From a record to an event: the schema that wrote it, the struct of that version, the domain.
//!
//! The order of the checks is part of the contract. Sizes and key first, since a record that is
//! parked is parked by its key; then `ce_minreader`, since a record of a newer version may hold
//! what this build would call wrong; then bytes, values, and whether the record around them agrees.

use std::sync::Arc;

use crate::domain::{DeliveryTier, Event, Purchase};
use crate::headers::{self, RawHeaders, SCHEMA_HEADER};
use crate::released::{self, Released};
use crate::typed::{fact, typed};
use crate::validate::{self, Times};
use crate::versions;
use crate::versions::v1::PurchaseV1;
use crate::versions::v2::PurchaseV2;
use crate::versions::v3::PurchaseV3;
use crate::wire::framing::{self, SCHEMA_ID_HEADER, SchemaName, WireForm};
use crate::wire::newer::Newer;
use crate::wire::scan;
use crate::{DATUM_BYTES_MAX, Refused};

/// The header that names the lowest reader version which understands the record.
pub const MIN_READER_HEADER: &str = "ce_minreader";

/// A record as it came, borrowed.
#[derive(Clone, Copy)]
pub struct RawRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The payload; none for a tombstone.
    pub payload: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a dyn RawHeaders,
    /// The broker's time, microseconds since the epoch, by which the event's own is judged; 0
    /// when there is none.
    pub timestamp_micros: i64,
}

/// What a record was written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The record's name without the namespace.
    pub name: String,
    /// The version of that record.
    pub version: u32,
    /// How it names its schema.
    pub form: WireForm,
}

/// An event, and what it was written with.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Validated and upcast.
    pub event: Event,
    /// The writer's version and form.
    pub written: Written,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub enum Found {
    /// A schema of this build.
    Released(&'static Released),
    /// A newer version of a record of this build.
    Newer(Arc<Newer>),
}

/// Where schemas are found that a record names by a registry's id.
pub trait SchemaSource: Send + Sync {
    /// The schema of that name.
    ///
    /// # Errors
    /// [`Refused::Poison`] when the registry says that there is none or that it is not ours,
    /// [`Refused::RegistryAway`] when it does not say.
    fn find(&self, name: SchemaName) -> Result<Found, Refused>;
}

/// Reads records at one reader version.
#[derive(Clone)]
pub struct Decoder {
    reader_version: u32,
    source: Option<Arc<dyn SchemaSource>>,
}

impl Decoder {
    /// A decoder without a registry that stands for a reader of `reader_version`: 1 to 3, the
    /// newest being [`versions::READER`]. A lower one parks what it would misunderstand.
    #[must_use]
    pub fn new(reader_version: u32) -> Self {
        crate::init();
        Self {
            reader_version,
            source: None,
        }
    }

    /// Looks up ids and GUIDs there.
    #[must_use]
    pub fn with_source(mut self, source: Arc<dyn SchemaSource>) -> Self {
        self.source = Some(source);
        self
    }

    /// The version that it reads as.
    #[must_use]
    pub fn reader_version(&self) -> u32 {
        self.reader_version
    }

    /// Reads one record.
    ///
    /// # Errors
    /// See [`Refused`]: set aside, park, or wait for the registry.
    pub fn decode(&self, record: &RawRecord<'_>) -> Result<Decoded, Refused> {
        let payload = record.payload.filter(|payload| !payload.is_empty());
        let payload =
            payload.ok_or_else(|| Refused::bytes("empty", "the record has no payload"))?;
        if payload.len() > DATUM_BYTES_MAX {
            let detail = format!("{} bytes; at most {DATUM_BYTES_MAX}", payload.len());
            return Err(Refused::bytes("too_large", detail));
        }
        headers::check(record.headers.extent())?;
        let key = record.key.filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| Refused::bytes("key_mismatch", "the record has no key"))?;
        let stated_min_reader = stated_min_reader(record.headers)?;
        self.understands(stated_min_reader.unwrap_or(0))?;

        let frame = framing::frame(payload, record.headers.last(SCHEMA_ID_HEADER))?;
        let times = Times::known_by(record.timestamp_micros);
        let (schema, version, (event, min_reader)) =
            match self.schema(frame.schema, record.headers)? {
                Found::Released(schema) => {
                    belongs(schema, record.topic)?;
                    check_bytes(schema, frame.datum)?;
                    (
                        schema,
                        schema.version,
                        read_event(schema, frame.datum, times)?,
                    )
                }
                Found::Newer(newer) => {
                    let schema = newer.known();
                    belongs(schema, record.topic)?;
                    let datum = newer.as_known(frame.datum, stated_min_reader.is_some())?;
                    (schema, newer.version(), read_event(schema, &datum, times)?)
                }
            };
        agrees(&event, key, record.headers)?;
        self.understands(min_reader)?;
        let written = Written {
            name: schema.name.to_owned(),
            version,
            form: frame.form,
        };
        Ok(Decoded { event, written })
    }

    fn understands(&self, min_reader: u32) -> Result<(), Refused> {
        if min_reader > self.reader_version && !mutants::on("minreader-ignored") {
            return Err(Refused::NeedsReader(min_reader));
        }
        Ok(())
    }

    fn schema(&self, name: SchemaName, headers: &dyn RawHeaders) -> Result<Found, Refused> {
        if let SchemaName::Fingerprint(fingerprint) = name {
            if let Some(schema) = released::by_fingerprint(fingerprint) {
                return Ok(Found::Released(schema));
            }
            // Nobody can be asked for a fingerprint, but a newer build will know it.
            if let Some(version) = newer_version(headers) {
                return Err(Refused::NeedsReader(version));
            }
        }
        match &self.source {
            Some(source) => source.find(name),
            None => Err(Refused::bytes(
                "unknown_schema",
                format!("{name} is not of this build, and no registry is configured"),
            )),
        }
    }
}

/// The reader that knows the schema which the record's headers state, when that is a version of
/// ours above all that this build knows.
fn newer_version(headers: &dyn RawHeaders) -> Option<u32> {
    let (name, version) = headers::stated_schema(headers.last(SCHEMA_HEADER)?)?;
    let known = released::newest(name)?;
    (version > known.version).then(|| versions::reader_after(version))
}

fn stated_min_reader(headers: &dyn RawHeaders) -> Result<Option<u32>, Refused> {
    let Some(stated) = headers.last(MIN_READER_HEADER) else {
        return Ok(None);
    };
    match std::str::from_utf8(stated)
        .ok()
        .and_then(|text| text.parse().ok())
    {
        Some(version) => Ok(Some(version)),
        None => {
            let detail = format!("{MIN_READER_HEADER} is not a version number");
            Err(Refused::bytes("header_mismatch", detail))
        }
    }
}

fn belongs(schema: &Released, topic: &str) -> Result<(), Refused> {
    if schema.topic == topic {
        return Ok(());
    }
    Err(Refused::bytes(
        "wrong_topic",
        format!("{} belongs on {}", schema.name, schema.topic),
    ))
}

/// Whether the datum is one whole datum of the schema and nothing more.
pub(crate) fn check_bytes(schema: &Released, datum: &[u8]) -> Result<(), Refused> {
    let length = scan::scan(schema.schema, schema.names(), datum).map_err(|fault| {
        Refused::bytes(fault.reason, format!("{}: {}", schema.name, fault.detail))
    })?;
    match datum.len() - length {
        0 => Ok(()),
        more => Err(Refused::bytes(
            "trailing_bytes",
            format!("{more} bytes behind the datum"),
        )),
    }
}

/// Decodes into the struct of the writer's version; returns the domain's event, validated, and
/// the lowest reader version that the content itself asks for.
fn read_event(schema: &Released, datum: &[u8], times: Times) -> Result<(Event, u32), Refused> {
    let event = match (schema.name, schema.version) {
        ("Purchase", 1) => {
            let second = PurchaseV2::from(typed::<PurchaseV1>(schema, datum)?);
            return purchase(second.into(), 1, times);
        }
        ("Purchase", 2) => return purchase(typed::<PurchaseV2>(schema, datum)?.into(), 2, times),
        ("Purchase", _) => return purchase(typed(schema, datum)?, 3, times),
        ("PurchaseCancellationRequested", _) => Event::CancellationRequested(typed(schema, datum)?),
        (name, _) => Event::Fact(fact(name, schema, datum)?),
    };
    validate::event(&event, times)?;
    Ok((event, 1))
}

fn purchase(stated: PurchaseV3, version: u8, times: Times) -> Result<(Event, u32), Refused> {
    let old_fields_are_unstated = stated.old_fields_are_unstated();
    let prime_contradicts = stated.prime != (stated.delivery_tier == DeliveryTier::TwoDay);
    let totals = validate::stated_totals(&stated);
    let purchase: Purchase = stated.into_domain(version);
    // The finer fault first: a sum over values that are themselves wrong says little.
    validate::purchase(&purchase, times)?;
    totals?;
    let version = u32::from(version);
    let min_reader = if old_fields_are_unstated || prime_contradicts {
        version
    } else {
        versions::min_reader(&purchase, version)
    };
    Ok((Event::Purchase(purchase), min_reader))
}

/// Whether key and headers say the same as the payload. Headers may be absent, never wrong.
fn agrees(event: &Event, key: &[u8], headers: &dyn RawHeaders) -> Result<(), Refused> {
    if key != event.key().as_bytes() {
        let detail = "the record's key is not the event's key";
        return Err(Refused::bytes("key_mismatch", detail));
    }
    if headers
        .last("ce_id")
        .is_some_and(|id| id != event.event_id().as_bytes())
    {
        return Err(Refused::bytes(
            "header_mismatch",
            "ce_id is not the event_id of the payload",
        ));
    }
    let is_its_type =
        |stated: &[u8]| stated.strip_prefix(b"shop.") == Some(event.kind().as_bytes());
    if headers
        .last("ce_type")
        .is_some_and(|stated| !is_its_type(stated))
    {
        return Err(Refused::bytes(
            "header_mismatch",
            format!("ce_type is not shop.{}", event.kind()),
        ));
    }
    Ok(())
}
