//! The carrier: takes a shipment and gives it a number, or refuses it. Pure.
//!
//! The number is a function of the shipment. A second hand-over of one shipment under another key
//! is journaled as a second hand-over: goods that left twice must show.

use serde::Deserialize;
use uuid::Uuid;

use crate::{
    provider::{Command, Outcome},
    state::record::{Change, Reply, Shipment},
};

/// The name in every answer.
const CARRIER: &str = "counterflow-parcel";
const WORD_BYTES_MAX: usize = 255;

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

/// Decides a hand-over.
pub(crate) fn decide(shipment_id: &str, purchase_id: &str, tier: &str, refused: bool) -> Outcome {
    if refused {
        let change = Change::Refused {
            shipment_id: shipment_id.to_owned(),
            purchase_id: purchase_id.to_owned(),
        };
        let reply = failure(422, "refused", "the carrier does not take this shipment");
        return (change, reply);
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

/// An error in the carrier's form.
pub(crate) fn failure(status: u16, code: &str, message: &str) -> Reply {
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
