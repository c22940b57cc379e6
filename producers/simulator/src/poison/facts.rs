//! What can be wrong with a record on the topics of the groups and of the stock keepers: one row
//! each. Whoever may write there can write this; the groups that read it must not be stopped.

use schemas::Fact;
use schemas::domain::{
    PaymentCaptured, PaymentDeclined, PaymentRefunded, ReservedLine, ShipmentHandedOver,
    StockReceived, StockReserved,
};

use super::table::Row;
use super::{Draft, FRAME_BYTES};

/// The table.
pub(super) const TABLE: &[Row] = &[
    ("payment_tombstone", "empty", |draft| {
        draft.state(captured(draft));
        draft.record.payload = None;
    }),
    ("payment_as_json", "bad_magic", |draft| {
        draft.state(captured(draft));
        *draft.payload() = br#"{"event":"PaymentCaptured","amount":1}"#.to_vec();
    }),
    ("payment_cut_short", "truncated", |draft| {
        draft.state(captured(draft));
        draft.cut_short();
    }),
    ("payment_with_more_behind_it", "trailing_bytes", |draft| {
        draft.state(captured(draft));
        draft.payload().push(0);
    }),
    ("payment_of_unknown_schema", "unknown_schema", |draft| {
        draft.state(captured(draft));
        draft.payload()[2..FRAME_BYTES].copy_from_slice(&[0xee; 8]);
    }),
    ("purchase_among_payments", "wrong_topic", |draft| {
        draft.record.topic = schemas::topics::PAYMENTS.into();
    }),
    ("payment_under_another_key", "key_mismatch", |draft| {
        draft.state(captured(draft));
        draft.record.key = Some(b"5f0c7a5e-0000-5c55-9a41-63f2d5f077c1".to_vec());
    }),
    ("payment_below_nothing", "invalid_amount", |draft| {
        let fact = PaymentCaptured {
            amount_minor: -1,
            ..captured(draft)
        };
        draft.state(fact);
    }),
    ("payment_in_no_currency", "invalid_currency", |draft| {
        let fact = PaymentCaptured {
            currency: "XXX".into(),
            ..captured(draft)
        };
        draft.state(fact);
    }),
    (
        "payment_without_a_reference",
        "invalid_provider_ref",
        |draft| {
            let fact = PaymentCaptured {
                provider_ref: String::new(),
                ..captured(draft)
            };
            draft.state(fact);
        },
    ),
    ("refund_of_more_than_there_is", "invalid_amount", |draft| {
        let fact = PaymentRefunded {
            event_id: draft.event_id(),
            purchase_id: draft.base.purchase_id.clone(),
            occurred_at: draft.base.occurred_at,
            causation_id: draft.base.event_id.clone(),
            amount_minor: i64::MAX,
            currency: "USD".into(),
            provider_ref: "re_poison".into(),
            reason: "customer".into(),
        };
        draft.state(fact);
    }),
    (
        "decline_that_forges_a_log_line",
        "invalid_reason",
        |draft| {
            let fact = PaymentDeclined {
                event_id: draft.event_id(),
                purchase_id: draft.base.purchase_id.clone(),
                occurred_at: draft.base.occurred_at,
                causation_id: draft.base.event_id.clone(),
                reason: "stolen\nlevel=error forged=true".into(),
            };
            draft.state(fact);
        },
    ),
    ("reservation_cut_short", "truncated", |draft| {
        draft.state(reserved(draft));
        draft.cut_short();
    }),
    ("payment_among_reservations", "wrong_topic", |draft| {
        draft.state(captured(draft));
        draft.record.topic = schemas::topics::RESERVATIONS.into();
    }),
    ("reservation_of_nothing", "invalid_lines", |draft| {
        let fact = StockReserved {
            lines: Vec::new(),
            ..reserved(draft)
        };
        draft.state(fact);
    }),
    (
        "reservation_of_fewer_than_none",
        "invalid_quantity",
        |draft| {
            let mut fact = reserved(draft);
            fact.lines[0].quantity = i32::MIN;
            draft.state(fact);
        },
    ),
    ("reservation_that_lapsed_in_1970", "invalid_time", |draft| {
        let fact = StockReserved {
            expires_at: Some(0),
            ..reserved(draft)
        };
        draft.state(fact);
    }),
    ("shipment_cut_short", "truncated", |draft| {
        draft.state(handed_over(draft));
        draft.cut_short();
    }),
    ("shipment_without_a_key", "key_mismatch", |draft| {
        draft.state(handed_over(draft));
        draft.record.key = None;
    }),
    ("shipment_without_an_id", "invalid_shipment_id", |draft| {
        let fact = ShipmentHandedOver {
            shipment_id: String::new(),
            ..handed_over(draft)
        };
        draft.state(fact);
    }),
    (
        "tracking_number_with_terminal_codes",
        "invalid_reason",
        |draft| {
            let fact = ShipmentHandedOver {
                tracking: "\u{1b}[2J1".into(),
                ..handed_over(draft)
            };
            draft.state(fact);
        },
    ),
    ("shipment_of_another_type", "header_mismatch", |draft| {
        draft.state(handed_over(draft));
        draft.header("ce_type", b"shop.ShipmentRequested");
    }),
    ("stock_of_nothing", "invalid_quantity", |draft| {
        let fact = StockReceived {
            event_id: draft.event_id(),
            // Of no shop: it must hurt nothing if it were taken.
            sku: draft.base.purchase_id.clone(),
            occurred_at: draft.base.occurred_at,
            causation_id: None,
            quantity: 0,
        };
        draft.state(Fact::StockReceived(fact));
    }),
];

impl Draft {
    /// Puts a good record of a fact, or one that only its values make a bad one, in the place of
    /// the purchase.
    fn state(&mut self, fact: impl Into<Fact>) {
        self.record = super::ENCODER.encode_fact(&fact.into()).into();
    }

    fn event_id(&self) -> String {
        schemas::ids::derived(&self.base.purchase_id, "simulator.poison")
    }
}

fn captured(draft: &Draft) -> PaymentCaptured {
    PaymentCaptured {
        event_id: draft.event_id(),
        purchase_id: draft.base.purchase_id.clone(),
        occurred_at: draft.base.occurred_at,
        causation_id: draft.base.event_id.clone(),
        amount_minor: 1,
        currency: "USD".into(),
        provider_ref: "pi_poison".into(),
    }
}

fn reserved(draft: &Draft) -> StockReserved {
    StockReserved {
        event_id: draft.event_id(),
        purchase_id: draft.base.purchase_id.clone(),
        occurred_at: draft.base.occurred_at,
        causation_id: draft.base.event_id.clone(),
        lines: vec![ReservedLine {
            line_no: 1,
            sku: "1".into(),
            quantity: 1,
        }],
        expires_at: None,
    }
}

fn handed_over(draft: &Draft) -> ShipmentHandedOver {
    ShipmentHandedOver {
        event_id: draft.event_id(),
        purchase_id: draft.base.purchase_id.clone(),
        occurred_at: draft.base.occurred_at,
        causation_id: draft.base.event_id.clone(),
        shipment_id: "shipment".into(),
        carrier: "carrier".into(),
        tracking: "1".into(),
    }
}
