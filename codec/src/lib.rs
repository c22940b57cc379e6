//! Between the runtime, which knows no purchases, and the schemas, which know no Kafka: how every
//! group of the pipeline reads a record and writes a fact.

use std::sync::Arc;

use runtime::{Headers, Outgoing, Record, Refusal};
use schemas::headers::Extent;
use schemas::{Decoder, Encoded, Encoder, Event, Fact, RawHeaders, RawRecord, Refused, Written};

/// Reads records into events and writes facts as records. Cheap to clone, and shared by lanes.
#[derive(Clone)]
pub struct Codec {
    inner: Arc<Inner>,
}

struct Inner {
    decoder: Decoder,
    encoder: Encoder,
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Codec")
            .field("encoder", &self.inner.encoder)
            .finish_non_exhaustive()
    }
}

impl Codec {
    /// The newest reader of this build, without a registry: records name schemas by fingerprint.
    #[must_use]
    pub fn without_registry() -> Self {
        Self::new(Decoder::new(schemas::versions::NEWEST), Encoder::new())
    }

    /// A codec of these two.
    #[must_use]
    pub fn new(decoder: Decoder, encoder: Encoder) -> Self {
        Self {
            inner: Arc::new(Inner { decoder, encoder }),
        }
    }

    /// Reads an event: validated, and upcast to the one shape of the domain.
    ///
    /// # Errors
    /// [`Refusal::Poison`], [`Refusal::Parked`], or [`Refusal::Wait`] for `registry`.
    pub fn read(&self, record: &Record) -> Result<Event, Refusal> {
        self.read_written(record).map(|(event, _)| event)
    }

    /// Reads an event, and says which version and wire form it was written with.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_written(&self, record: &Record) -> Result<(Event, Written), Refusal> {
        let raw = RawRecord {
            topic: &record.at.topic,
            key: record.key.as_deref(),
            payload: record.payload.as_deref(),
            headers: &KafkaHeaders(&record.headers),
            timestamp_micros: record.timestamp_micros,
        };
        match self.inner.decoder.decode(&raw) {
            Ok(decoded) => Ok((decoded.event, decoded.written)),
            Err(refused) => Err(refusal(refused)),
        }
    }

    /// The record that states a fact.
    #[must_use]
    pub fn write(&self, fact: &Fact) -> Outgoing {
        outgoing(self.inner.encoder.encode_fact(fact))
    }

    /// The decoder.
    #[must_use]
    pub fn decoder(&self) -> &Decoder {
        &self.inner.decoder
    }

    /// The encoder.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.inner.encoder
    }
}

/// An encoded event as the runtime publishes it.
#[must_use]
pub fn outgoing(encoded: Encoded) -> Outgoing {
    let headers = (encoded.headers.into_iter())
        .map(|(name, value)| (name, Some(value)))
        .collect();
    Outgoing {
        event_id: encoded.event_id,
        topic: encoded.topic.to_owned(),
        key: encoded.key,
        payload: Some(encoded.payload),
        headers: Headers(headers),
    }
}

struct KafkaHeaders<'a>(&'a Headers);

impl RawHeaders for KafkaHeaders<'_> {
    fn last(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name)
    }

    fn extent(&self) -> Extent {
        let value_bytes = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        Extent::of((self.0.0.iter()).map(|(name, value)| (name.len(), value_bytes(value))))
    }
}

fn refusal(refused: Refused) -> Refusal {
    match refused {
        Refused::Poison {
            reason,
            detail,
            in_values: true,
        } => Refusal::validate(reason, detail),
        Refused::Poison {
            reason,
            detail,
            in_values: false,
        } => Refusal::decode(reason, detail),
        Refused::NeedsReader(min_reader) => Refusal::Parked { min_reader },
        Refused::RegistryAway(detail) => Refusal::Wait {
            dependency: "registry",
            detail,
        },
    }
}

#[cfg(test)]
mod tests;
