//! The carrier: takes a shipment and gives it a number, or refuses it. Pure.
//!
//! A shipment is known by its id for ever, whatever became of the key that it was handed over with:
//! what was decided about it once is answered to whoever hands it over again, or asks.

use serde::Deserialize;
use uuid::Uuid;

use crate::{
    provider::{Command, Outcome},
    state::{
        Consigned, State,
        record::{Change, Reply, Shipment},
    },
};

/// The name in every answer.
const CARRIER: &str = "counterflow-parcel";
const WORD_BYTES_MAX: usize = 255;

/// Status, code and message of an error of the carrier's.
pub(crate) type Failing = (u16, &'static str, &'static str);

/// The carrier's no to a shipment; final.
pub(crate) const REFUSED: Failing = (422, "refused", "the carrier does not take this shipment");
/// Nothing was decided about such a shipment, and nothing is under way.
pub(crate) const MISSING: Failing = (404, "shipment_missing", "no such shipment was handed over");
/// Something broke on the carrier's side.
pub(crate) const BROKEN: Failing = (500, "internal", "an unknown error occurred");
const MISMATCH: Failing = (
    422,
    "shipment_mismatch",
    "this shipment was handed over for another purchase or with another tier",
);

/// `POST /carrier/v1/shipments`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    shipment_id: String,
    purchase_id: String,
    tier: String,
}

impl Request {
    /// Reads the JSON body.
    ///
    /// # Errors
    /// What is wrong with it, for the caller to read.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let request: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        for (name, value) in [
            ("shipment_id", &request.shipment_id),
            ("purchase_id", &request.purchase_id),
            ("tier", &request.tier),
        ] {
            if value.is_empty() || value.len() > WORD_BYTES_MAX {
                return Err(format!("{name} must have 1 to {WORD_BYTES_MAX} bytes"));
            }
        }
        Ok(request)
    }

    /// The shipment it is about.
    pub(crate) fn shipment_id(&self) -> &str {
        &self.shipment_id
    }

    /// What two requests must share to be the same request.
    pub(crate) fn canonical(&self) -> String {
        let Self {
            shipment_id,
            purchase_id,
            tier,
        } = self;
        format!(
            "{}:{shipment_id} {}:{purchase_id} {}:{tier}",
            shipment_id.len(),
            purchase_id.len(),
            tier.len()
        )
    }

    pub(crate) fn into_command(self, refused: bool) -> Command {
        let Self {
            shipment_id,
            purchase_id,
            tier,
        } = self;
        Command::HandOver {
            shipment_id,
            purchase_id,
            tier,
            refused,
        }
    }
}

/// Decides a hand-over: once per shipment.
pub(crate) fn decide(
    state: &State,
    shipment_id: &str,
    purchase_id: &str,
    tier: &str,
    refused: bool,
) -> Outcome {
    if let Some(known) = state.consigned(shipment_id) {
        return (Change::Nothing, again(known, purchase_id, tier));
    }
    if refused {
        let change = Change::Refused {
            shipment_id: shipment_id.to_owned(),
            purchase_id: purchase_id.to_owned(),
        };
        return (change, failure(REFUSED));
    }
    let shipment = Shipment {
        shipment_id: shipment_id.to_owned(),
        purchase_id: purchase_id.to_owned(),
        tier: tier.to_owned(),
        carrier: CARRIER.to_owned(),
        tracking: tracking(shipment_id),
    };
    (Change::HandedOver(shipment), Reply::Shipment)
}

/// What is answered about a shipment on which was decided before.
fn again(known: &Consigned, purchase_id: &str, tier: &str) -> Reply {
    let same = match known {
        Consigned::Taken { shipment, .. } => {
            shipment.purchase_id == purchase_id && shipment.tier == tier
        }
        Consigned::Refused {
            purchase_id: of, ..
        } => of == purchase_id,
    };
    match known {
        _ if !same => failure(MISMATCH),
        Consigned::Taken { shipment, .. } => Reply::KnownShipment {
            shipment_id: shipment.shipment_id.clone(),
        },
        Consigned::Refused { .. } => failure(REFUSED),
    }
}

/// An error in the carrier's form.
pub(crate) fn failure((status, code, message): Failing) -> Reply {
    Reply::CarrierFailure {
        status,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

/// The carrier's number of a shipment.
fn tracking(shipment_id: &str) -> String {
    let name = Uuid::new_v5(
        &crate::NAMESPACE,
        format!("tracking:{shipment_id}").as_bytes(),
    );
    format!("CF{:016}", name.as_u128() % 10_000_000_000_000_000)
}
