//! From a datum to the struct that its schema pins, by the record's name and version.
//!
//! Separate because the list of all records stands here once for reading and once for showing; the
//! library's own messages may quote values, so none of them leaves this file.

use serde::de::DeserializeOwned;

use crate::Refused;
use crate::domain::{self, CancellationRequested, Fact};
use crate::released::Released;
use crate::versions::v1::PurchaseV1;
use crate::versions::v2::PurchaseV2;
use crate::versions::v3::PurchaseV3;

/// Decodes a datum that is known to be whole.
pub(crate) fn typed<T: DeserializeOwned>(schema: &Released, datum: &[u8]) -> Result<T, Refused> {
    let (value, rest) = schema.read(datum).map_err(|_| {
        Refused::bytes(
            "undecodable",
            format!("not a {} of its schema", schema.name),
        )
    })?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(Refused::bytes(
            "trailing_bytes",
            format!("{} bytes behind the datum", rest.len()),
        ))
    }
}

macro_rules! fact_of {
    ($name:expr, $schema:expr, $datum:expr; $($kind:ident),* $(,)?) => {
        match $name {
            $(stringify!($kind) => Fact::$kind(typed($schema, $datum)?),)*
            other => return Err(Refused::bytes("unknown_schema", format!("no event is called {other}"))),
        }
    };
}

/// Decodes a fact by its record's name.
pub(crate) fn fact(name: &str, schema: &Released, datum: &[u8]) -> Result<Fact, Refused> {
    Ok(fact_of!(name, schema, datum;
        PaymentAuthorised, PaymentDeclined, PaymentCaptured, PaymentVoided, PaymentRefunded,
        CaptureFailed, StockReserved, StockRejected, StockReleased, ReservationExpired,
        StockCommitted, ShipmentRequested, ShipmentHandedOver, DispatchAtRisk, PurchaseCancelled,
        StockReceived, StockAdjusted,
    ))
}

macro_rules! value_of {
    ($name:expr, $schema:expr, $datum:expr; $($kind:ident),* $(,)?) => {
        match $name {
            $(stringify!($kind) => json(&typed::<domain::$kind>($schema, $datum)?),)*
            other => Err(Refused::bytes("unknown_schema", format!("no event is called {other}"))),
        }
    };
}

/// The struct of the writer's version as JSON.
pub(crate) fn event_value(schema: &Released, datum: &[u8]) -> Result<serde_json::Value, Refused> {
    match (schema.name, schema.version) {
        ("Purchase", 1) => json(&typed::<PurchaseV1>(schema, datum)?),
        ("Purchase", 2) => json(&typed::<PurchaseV2>(schema, datum)?),
        ("Purchase", _) => json(&typed::<PurchaseV3>(schema, datum)?),
        ("PurchaseCancellationRequested", _) => {
            json(&typed::<CancellationRequested>(schema, datum)?)
        }
        (name, _) => value_of!(name, schema, datum;
            PaymentAuthorised, PaymentDeclined, PaymentCaptured, PaymentVoided, PaymentRefunded,
            CaptureFailed, StockReserved, StockRejected, StockReleased, ReservationExpired,
            StockCommitted, ShipmentRequested, ShipmentHandedOver, DispatchAtRisk,
            PurchaseCancelled, StockReceived, StockAdjusted,
        ),
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<serde_json::Value, Refused> {
    serde_json::to_value(value)
        .map_err(|_| Refused::bytes("undecodable", "not representable as JSON"))
}
