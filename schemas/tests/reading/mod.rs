//! Records that are read with what a registry says.

use std::sync::Arc;

use schemas::decode::SchemaSource;
use schemas::{Decoded, Decoder, Encoded, RawRecord, Refused, Registry, versions};
use serde_json::json;

use crate::cases;
use crate::fake_registry::FakeRegistry;

/// What a registry answers of a schema.
pub(crate) fn schema(text: &str) -> String {
    json!({ "schema": text }).to_string()
}

/// Reads a record with the newest reader, and a registry.
pub(crate) fn decode(source: &Arc<Registry>, encoded: &Encoded) -> Result<Decoded, Refused> {
    let record = RawRecord {
        topic: encoded.topic,
        key: Some(&encoded.key),
        payload: Some(&encoded.payload),
        headers: &encoded.headers,
        timestamp_micros: cases::AT,
    };
    let source: Arc<dyn SchemaSource> = source.clone();
    Decoder::new(versions::NEWEST)
        .with_source(source)
        .decode(&record)
}

/// The record, naming its schema by a registry's id.
pub(crate) fn as_prefix(encoded: &Encoded, id: u32) -> Encoded {
    let payload = [&[0][..], &id.to_be_bytes(), &encoded.payload[10..]].concat();
    Encoded {
        payload,
        ..encoded.clone()
    }
}

/// Why a record was set aside.
pub(crate) fn reason(result: Result<Decoded, Refused>) -> &'static str {
    match result {
        Err(Refused::Poison { reason, .. }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

/// A client that keeps nothing on disk.
pub(crate) fn open(fake: &FakeRegistry) -> Arc<Registry> {
    Arc::new(Registry::open(&fake.config(), None).unwrap())
}
