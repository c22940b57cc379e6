//! The schemas of this build: one entry per `.avsc` file, and what is known of each at start.
//!
//! Separate because reading, writing, registration and the compatibility check all go by this one
//! list. A released file is never edited; its fingerprint is pinned by test.

use std::collections::HashMap;
use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::topics;
use crate::wire::scan;

/// One version of one record.
pub struct Released {
    /// The record's name without the namespace.
    pub name: &'static str,
    /// 1, 2, 3, ...
    pub version: u32,
    /// The only topic on which it may stand.
    pub topic: &'static str,
    /// The file, byte for byte.
    pub text: &'static str,
    /// The file, parsed.
    pub schema: &'static Schema,
    /// CRC-64-AVRO of the canonical form, as single-object records carry it: little-endian.
    pub fingerprint: [u8; 8],
    names: scan::Names<'static>,
    reader: GenericDatumReader<'static>,
    writer: GenericDatumWriter<'static>,
}

impl Released {
    /// The record's name with the namespace: `shop.Purchase`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("shop.{}", self.name)
    }

    /// The registry's subject for it, by `TopicRecordNameStrategy`.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("{}-{}", self.topic, self.full_name())
    }

    /// The named types of the schema.
    pub(crate) fn names(&self) -> &scan::Names<'static> {
        &self.names
    }

    /// Decodes a datum that this schema wrote, and returns what is left of the bytes.
    pub(crate) fn read<'b, T: DeserializeOwned>(
        &self,
        mut datum: &'b [u8],
    ) -> Result<(T, &'b [u8]), Box<apache_avro::Error>> {
        let value = self.reader.read_deser(&mut datum).map_err(Box::new)?;
        Ok((value, datum))
    }

    /// Appends the datum of a value to `bytes`.
    pub(crate) fn append<T: Serialize>(
        &self,
        bytes: &mut Vec<u8>,
        value: &T,
    ) -> Result<(), Box<apache_avro::Error>> {
        self.writer
            .write_ser(bytes, value)
            .map(|_| ())
            .map_err(Box::new)
    }
}

impl std::fmt::Debug for Released {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} v{}", self.name, self.version)
    }
}

macro_rules! files {
    ($($name:literal v $version:literal on $topic:ident in $file:literal;)*) => {
        vec![$(parsed($name, $version, topics::$topic, include_str!(concat!("../avsc/", $file)))),*]
    };
}

static ALL: LazyLock<Vec<Released>> = LazyLock::new(|| {
    files! {
        "Purchase" v 1 on PURCHASES in "purchase.v1.avsc";
        "Purchase" v 2 on PURCHASES in "purchase.v2.avsc";
        "Purchase" v 3 on PURCHASES in "purchase.v3.avsc";
        "PurchaseCancellationRequested" v 1 on PURCHASES in "purchase_cancellation_requested.v1.avsc";
        "PaymentAuthorised" v 1 on PAYMENTS in "payment_authorised.v1.avsc";
        "PaymentDeclined" v 1 on PAYMENTS in "payment_declined.v1.avsc";
        "PaymentCaptured" v 1 on PAYMENTS in "payment_captured.v1.avsc";
        "PaymentVoided" v 1 on PAYMENTS in "payment_voided.v1.avsc";
        "PaymentRefunded" v 1 on PAYMENTS in "payment_refunded.v1.avsc";
        "CaptureFailed" v 1 on PAYMENTS in "capture_failed.v1.avsc";
        "StockReserved" v 1 on RESERVATIONS in "stock_reserved.v1.avsc";
        "StockRejected" v 1 on RESERVATIONS in "stock_rejected.v1.avsc";
        "StockReleased" v 1 on RESERVATIONS in "stock_released.v1.avsc";
        "ReservationExpired" v 1 on RESERVATIONS in "reservation_expired.v1.avsc";
        "StockCommitted" v 1 on RESERVATIONS in "stock_committed.v1.avsc";
        "ShipmentRequested" v 1 on SHIPMENTS in "shipment_requested.v1.avsc";
        "ShipmentHandedOver" v 1 on SHIPMENTS in "shipment_handed_over.v1.avsc";
        "DispatchAtRisk" v 1 on SHIPMENTS in "dispatch_at_risk.v1.avsc";
        "PurchaseCancelled" v 1 on SHIPMENTS in "purchase_cancelled.v1.avsc";
        "StockReceived" v 1 on STOCK in "stock_received.v1.avsc";
        "StockAdjusted" v 1 on STOCK in "stock_adjusted.v1.avsc";
    }
});

static BY_FINGERPRINT: LazyLock<HashMap<[u8; 8], &'static Released>> = LazyLock::new(|| {
    ALL.iter()
        .map(|schema| (schema.fingerprint, schema))
        .collect()
});

/// Every released schema, oldest version of a record first.
#[must_use]
pub fn all() -> &'static [Released] {
    &ALL
}

/// The schema with this fingerprint, if this build knows it.
#[must_use]
pub fn by_fingerprint(fingerprint: [u8; 8]) -> Option<&'static Released> {
    BY_FINGERPRINT.get(&fingerprint).copied()
}

/// One version of a record, if this build knows it.
#[must_use]
pub fn by_name(name: &str, version: u32) -> Option<&'static Released> {
    ALL.iter()
        .find(|schema| schema.name == name && schema.version == version)
}

/// The newest version of a record that this build knows.
#[must_use]
pub fn newest(name: &str) -> Option<&'static Released> {
    ALL.iter()
        .filter(|schema| schema.name == name)
        .max_by_key(|schema| schema.version)
}

fn parsed(name: &'static str, version: u32, topic: &'static str, text: &'static str) -> Released {
    let schema = Schema::parse_str(text).expect("a released schema is valid: pinned by test");
    // Readers and writers borrow their schema; the few of them live as long as the process.
    let schema: &'static Schema = Box::leak(Box::new(schema));
    let resolvable = "a released schema refers to nothing outside itself: pinned by test";
    Released {
        name,
        version,
        topic,
        text,
        schema,
        fingerprint: fingerprint(schema),
        names: scan::names(schema),
        reader: GenericDatumReader::builder(schema)
            .build()
            .expect(resolvable),
        writer: GenericDatumWriter::builder(schema)
            .build()
            .expect(resolvable),
    }
}

/// CRC-64-AVRO of the canonical form, little-endian.
///
/// Computed here and not by the library, whose canonical form leaves `{"type":"long"}` where a
/// logical type was taken off, against the specification's rule \[PRIMITIVE\]: no other client would
/// find the schema of our records, nor we of theirs. Pinned by test to what fastavro computes.
pub(crate) fn fingerprint(schema: &Schema) -> [u8; 8] {
    let mut form = schema.canonical_form();
    for primitive in [
        "null", "boolean", "int", "long", "float", "double", "bytes", "string",
    ] {
        // Names and symbols hold neither braces nor quotes, so this is found in types alone.
        let left = format!("{{\"type\":\"{primitive}\"}}");
        form = form.replace(&left, &format!("\"{primitive}\""));
    }
    crc_64_avro(form.as_bytes()).to_le_bytes()
}

/// The specification's fingerprint, bit by bit: it is computed once per schema.
fn crc_64_avro(bytes: &[u8]) -> u64 {
    const EMPTY: u64 = 0xc15d_213a_a4d7_a795;
    bytes.iter().fold(EMPTY, |crc, byte| {
        let mut low = (crc ^ u64::from(*byte)) & 0xff;
        for _ in 0..8 {
            low = (low >> 1) ^ if low & 1 == 1 { EMPTY } else { 0 };
        }
        (crc >> 8) ^ low
    })
}

/// SHA-256 of a schema's text, in hexadecimal. The canonical form leaves out defaults and logical
/// types, so two schemas may share a fingerprint and differ in meaning; they do not share this.
#[must_use]
pub fn text_digest(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
