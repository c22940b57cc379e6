//! What the checks' own tests begin with: a purchase that was delivered and paid, at rest.

use crate::{
    Group,
    case::{Bought, Case, Open, Place, Stated},
    checks::Around,
    kept::Kept,
    stores::Books,
    topics::Layout,
    witness::{DispatchRow, PaymentRow},
};

const AT: Place = Place {
    topic: schemas::topics::PURCHASES,
    offset: 0,
    recorded_at: 1,
};

/// Runs a check at a time long after everything.
pub(crate) fn around(check: impl FnOnce(&Around<'_>)) {
    check(&Around {
        books: &Books::default(),
        layout: &Layout::default(),
        kept: Kept::default(),
        now: 1_000_000,
        grace_micros: 0,
        retention_micros: i64::MAX,
        has_provider: true,
        has_intents: false,
    });
}

/// Something that dispatch has yet to do.
pub(crate) fn open() -> Open {
    Open {
        group: Group::Dispatch,
        what: "dispatch waits".to_owned(),
        since: 1,
    }
}

/// A fact of which only the kind matters.
pub(crate) fn fact(kind: &'static str) -> Stated {
    Stated {
        at: AT,
        kind,
        event_id: kind.to_owned(),
        cause: String::new(),
        occurred_at: 1,
        content: 0,
        money: None,
        reference: String::new(),
        lines: [].into(),
        reason: String::new(),
        parcel: None,
        times: None,
        says: 0,
        is_young: false,
    }
}

/// A purchase of one item for 10.00 that three groups know, in states that a test sets.
pub(crate) fn case() -> Case {
    let bought = Bought {
        at: AT,
        hash: "hash".to_owned(),
        currency: "USD".to_owned(),
        total_minor: 1_000,
        card_minor: 1_000,
        tax_minor: 0,
        shipping_minor: 0,
        occurred_at: 1,
        wanted: [("7".to_owned(), 1)].into(),
        basket: vec![(7, 1, 1_000)],
        paired: vec![7],
        event_id: "purchase".to_owned(),
        customer_id: "c".to_owned(),
        channel: None,
        delivery_tier: None,
        written_version: 3,
        says: 0,
    };
    Case {
        bought: Some(bought),
        payment: Some(PaymentRow {
            state: "captured".to_owned(),
            hash: Some("hash".to_owned()),
            currency: Some("USD".to_owned()),
            amount_minor: 1_000,
            card_minor: 1_000,
            tax_minor: 0,
            shipping_minor: 0,
            provider_ref: None,
            refund_ref: None,
            reason: None,
            created_at: 1,
            authorised_at: Some(1),
            captured_at: Some(1),
            ended_at: None,
        }),
        reservation: Some(("committed".to_owned(), Some("hash".to_owned()))),
        dispatch: Some(DispatchRow {
            hash: Some("hash".to_owned()),
            state: "handed_over".to_owned(),
            shipment_id: None,
            cancel_reason: None,
            created_at: 1,
            columns: Vec::new(),
        }),
        ..Case::default()
    }
}
