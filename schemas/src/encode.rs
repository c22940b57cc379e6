//! From an event to a record: payload, key and CloudEvents headers.
//!
//! Separate from decoding because only producers choose a version. A purchase is written at a
//! version only when that version can say all of it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::decode::MIN_READER_HEADER;
use crate::domain::{Event, Fact, Purchase};
use crate::headers::{self, SCHEMA_HEADER};
use crate::released::{self, Released};
use crate::validate::{self, Times};
use crate::versions;
use crate::versions::v1::PurchaseV1;
use crate::versions::v2::PurchaseV2;
use crate::versions::v3::PurchaseV3;
use crate::wire::framing;
use crate::{Refused, topics};

/// A record ready to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The topic it belongs on.
    pub topic: &'static str,
    /// The record's key.
    pub key: Vec<u8>,
    /// Frame and datum.
    pub payload: Vec<u8>,
    /// CloudEvents attributes in binary mode, `ce_minreader` and `content-type`.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The event's id.
    pub event_id: String,
}

/// Why an event was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The version cannot say all of this purchase; a higher one can.
    #[error("version {version} cannot say this purchase; version {lowest} can")]
    DoesNotFit {
        /// The version asked for.
        version: u32,
        /// The lowest version that fits.
        lowest: u32,
    },
    /// There is no such version.
    #[error("there is no version {0} of Purchase")]
    UnknownVersion(u32),
    /// Every reader would set it aside, so it is not published.
    #[error("invalid event")]
    Invalid(#[source] Refused),
}

/// Writes records; cheap to clone.
///
/// Clones share what they know of a registry: what one learns, all write by.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// By (record name, version), for every released schema. An id is for ever, so it is set once,
    /// and reading it costs no lock.
    ids: Arc<BTreeMap<(&'static str, u32), OnceLock<u32>>>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder without a registry: records name their schema by fingerprint (single-object).
    #[must_use]
    pub fn new() -> Self {
        crate::init();
        let unnamed = |schema: &Released| ((schema.name, schema.version), OnceLock::new());
        Self {
            ids: Arc::new(released::all().iter().map(unnamed).collect()),
        }
    }

    /// An encoder that names schemas by a registry's ids (prefix), given for (record name,
    /// version). A schema without an id is named by its fingerprint: every reader that knows
    /// the version takes both.
    #[must_use]
    pub fn with_ids(ids: BTreeMap<(&'static str, u32), u32>) -> Self {
        let encoder = Self::new();
        encoder.learn(&ids);
        encoder
    }

    /// Names these schemas by a registry's ids from the next record on, in all clones. A schema
    /// keeps the first id that it is given.
    pub fn learn(&self, ids: &BTreeMap<(&'static str, u32), u32>) {
        for (schema, id) in ids {
            if let Some(known) = self.ids.get(schema) {
                known.get_or_init(|| *id);
            }
        }
    }

    /// The schemas that records name by fingerprint.
    #[must_use]
    pub fn without_id(&self) -> Vec<&'static Released> {
        let all = released::all().iter();
        all.filter(|schema| self.id(schema).is_none()).collect()
    }

    /// Encodes a purchase at a version.
    ///
    /// # Errors
    /// When the version does not fit, does not exist, or the purchase is not valid.
    pub fn encode_purchase(
        &self,
        purchase: &Purchase,
        version: u32,
    ) -> Result<Encoded, EncodeError> {
        validate::purchase(purchase, Times::of_this_century()).map_err(EncodeError::Invalid)?;
        let schema = released::by_name("Purchase", version);
        let schema = schema.ok_or(EncodeError::UnknownVersion(version))?;
        let lowest = versions::lowest_version(purchase);
        if lowest > version {
            return Err(EncodeError::DoesNotFit { version, lowest });
        }
        let (named_by, mut payload) = self.frame(schema);
        let appended = match version {
            1 => schema.append(&mut payload, &PurchaseV1::of(purchase)),
            2 => schema.append(&mut payload, &PurchaseV2::of(purchase)),
            _ => schema.append(&mut payload, &PurchaseV3::of(purchase)),
        };
        appended.expect("a version's struct is what its schema says: pinned by test");
        let min_reader = versions::min_reader(purchase, version);
        let event = EventRef {
            kind: "Purchase",
            topic: topics::PURCHASES,
            key: &purchase.purchase_id,
            event_id: &purchase.event_id,
            occurred_at: purchase.occurred_at,
            causation_id: None,
        };
        Ok(encoded((named_by, schema), &event, payload, min_reader))
    }

    /// Encodes any event; a purchase at the newest version.
    ///
    /// # Errors
    /// When the event is not valid: no reader would take it.
    pub fn encode_event(&self, event: &Event) -> Result<Encoded, EncodeError> {
        match event {
            Event::Purchase(purchase) => self.encode_purchase(purchase, versions::NEWEST),
            Event::Fact(fact) => {
                validate::fact(fact, Times::of_this_century()).map_err(EncodeError::Invalid)?;
                Ok(self.encode_fact(fact))
            }
            Event::CancellationRequested(request) => {
                validate::event(event, Times::of_this_century()).map_err(EncodeError::Invalid)?;
                let schema = newest("PurchaseCancellationRequested");
                let (named_by, mut payload) = self.frame(schema);
                append(schema, &mut payload, request);
                let parts = EventRef::of(event, topics::PURCHASES);
                Ok(encoded((named_by, schema), &parts, payload, 1))
            }
        }
    }

    /// Encodes a fact as it stands. A group states what it has decided already, so there is
    /// nobody to refuse it to; readers validate it like any other record.
    #[must_use]
    pub fn encode_fact(&self, fact: &Fact) -> Encoded {
        let schema = newest(fact.kind());
        let (named_by, mut payload) = self.frame(schema);
        append_fact(schema, &mut payload, fact);
        let event = EventRef {
            kind: fact.kind(),
            topic: fact.topic(),
            key: fact.key(),
            event_id: fact.event_id(),
            occurred_at: fact.occurred_at(),
            causation_id: fact.causation_id(),
        };
        encoded((named_by, schema), &event, payload, 1)
    }

    fn id(&self, schema: &Released) -> Option<u32> {
        self.ids.get(&(schema.name, schema.version))?.get().copied()
    }

    /// The beginning of a payload, and how it names its schema: asked once per record, because the id
    /// may be learnt at any moment.
    fn frame(&self, schema: &Released) -> (NamedBy, Vec<u8>) {
        let mut payload = Vec::with_capacity(256);
        match self.id(schema) {
            Some(id) => {
                framing::write_prefix(&mut payload, id);
                (NamedBy::Id, payload)
            }
            None => {
                framing::write_single_object(&mut payload, schema.fingerprint);
                (NamedBy::Fingerprint, payload)
            }
        }
    }
}

/// How a record names its schema.
#[derive(Clone, Copy)]
enum NamedBy {
    Id,
    Fingerprint,
}

fn encoded(
    (named_by, schema): (NamedBy, &Released),
    event: &EventRef<'_>,
    payload: Vec<u8>,
    min_reader: u32,
) -> Encoded {
    // The payload is framed, so bare `application/avro` would not be true.
    let content_type = match named_by {
        NamedBy::Id => "application/avro; encoding=confluent",
        NamedBy::Fingerprint => "application/avro; encoding=single-object",
    };
    let mut headers = Vec::with_capacity(10);
    let mut push = |name: &str, value: String| headers.push((name.to_owned(), value.into_bytes()));
    push("ce_specversion", "1.0".to_owned());
    push("ce_id", event.event_id.to_owned());
    push("ce_type", format!("shop.{}", event.kind));
    push("ce_source", source(event.topic).to_owned());
    push("ce_subject", event.key.to_owned());
    if let Ok(time) = jiff::Timestamp::from_microsecond(event.occurred_at) {
        push("ce_time", time.to_string());
    }
    if let Some(causation_id) = event.causation_id {
        push("ce_causationid", causation_id.to_owned());
    }
    push(
        SCHEMA_HEADER,
        headers::schema_urn(schema.name, schema.version),
    );
    push(MIN_READER_HEADER, min_reader.to_string());
    push("content-type", content_type.to_owned());
    Encoded {
        topic: event.topic,
        key: event.key.as_bytes().to_vec(),
        payload,
        headers,
        event_id: event.event_id.to_owned(),
    }
}

/// What the headers say of an event.
struct EventRef<'a> {
    kind: &'static str,
    topic: &'static str,
    key: &'a str,
    event_id: &'a str,
    occurred_at: i64,
    causation_id: Option<&'a str>,
}

impl<'a> EventRef<'a> {
    fn of(event: &'a Event, topic: &'static str) -> Self {
        Self {
            kind: event.kind(),
            topic,
            key: event.key(),
            event_id: event.event_id(),
            occurred_at: event.occurred_at(),
            causation_id: event.causation_id(),
        }
    }
}

/// Who writes a topic: a topic has one kind of writer.
fn source(topic: &str) -> &'static str {
    match topic {
        topics::PURCHASES => "/shop/storefront",
        topics::PAYMENTS => "/shop/payment",
        topics::RESERVATIONS => "/shop/inventory",
        topics::SHIPMENTS => "/shop/dispatch",
        _ => "/shop/stock",
    }
}

fn newest(name: &str) -> &'static Released {
    released::newest(name).expect("every event of the domain has a schema: pinned by test")
}

fn append<T: serde::Serialize>(schema: &Released, payload: &mut Vec<u8>, value: &T) {
    schema
        .append(payload, value)
        .expect("a fact's struct is what its schema says: pinned by test");
}

macro_rules! append_by_kind {
    ($fact:expr, $schema:expr, $payload:expr; $($kind:ident),* $(,)?) => {
        match $fact {
            $(Fact::$kind(value) => append($schema, $payload, value),)*
        }
    };
}

fn append_fact(schema: &Released, payload: &mut Vec<u8>, fact: &Fact) {
    append_by_kind!(fact, schema, payload;
        PaymentAuthorised, PaymentDeclined, PaymentCaptured, PaymentVoided, PaymentRefunded,
        CaptureFailed, StockReserved, StockRejected, StockReleased, ReservationExpired,
        StockCommitted, ShipmentRequested, ShipmentHandedOver, DispatchAtRisk, PurchaseCancelled,
        StockReceived, StockAdjusted,
    );
}
