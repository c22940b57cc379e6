//! Orders as customers send them.

use serde_json::{Map, json};

use super::*;

const ORIGIN: Origin<'static> = Origin {
    purchase_id: "5f0c7a5e-0b3d-5c55-9a41-63f2d5f077c1",
    now: 1_700_000_000_000_000,
    written_version: 3,
};

fn body() -> Value {
    json!({
        "customer_id": "customer-1",
        "currency": "USD",
        "lines": [
            {"item_id": 2341083, "quantity": 2, "unit_price_minor": 32349, "tax_minor": 10},
            {"item_id": 7, "unit_price_minor": 100, "gift_wrap": true},
        ],
        "shipping_minor": 500,
        "delivery_tier": "TWO_DAY",
        "tenders": [
            {"kind": "GIFT_CARD", "amount_minor": 1000},
            {"kind": "CARD", "amount_minor": 64308, "ref": "pm_card_visa"},
        ],
        "instructions": "Please put a ribbon on my package",
    })
}

fn fields_of(faults: &[FieldError]) -> Vec<&str> {
    faults.iter().map(|fault| fault.field.as_str()).collect()
}

#[test]
fn a_purchase_is_read_whole() {
    let purchase = purchase(&body(), &ORIGIN).unwrap();
    assert_eq!(purchase.total_minor(), 65_308);
    assert_eq!(purchase.lines[1].line_no, 2);
    assert_eq!(purchase.lines[1].quantity, 1);
    assert_eq!(purchase.channel, Channel::Web);
    assert_eq!(purchase.delivery_tier, DeliveryTier::TwoDay);
    assert_eq!(
        purchase.tenders[1].reference.as_deref(),
        Some("pm_card_visa")
    );
}

#[test]
fn the_event_id_is_a_function_of_the_purchase_and_the_hash_of_the_content() {
    let first = purchase(&body(), &ORIGIN).unwrap();
    let later = Origin {
        now: ORIGIN.now + 5,
        ..ORIGIN
    };
    let second = purchase(&body(), &later).unwrap();
    assert_eq!(first.event_id, second.event_id);
    assert_eq!(first.content_hash(), second.content_hash());
    let mut other = body();
    other["lines"][0]["item_id"] = json!(8);
    let other = purchase(&other, &ORIGIN).unwrap();
    assert_eq!(first.event_id, other.event_id);
    assert_ne!(first.content_hash(), other.content_hash());
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    let mut wrong = body();
    wrong["customer_id"] = Value::Null;
    wrong["currency"] = json!(7);
    wrong["lines"][0]["quantity"] = json!(1.5);
    wrong["lines"][1]["unit_price_minor"] = json!(-1);
    wrong["lines"][1]["giftwrap"] = json!(true);
    wrong["tenders"][0]["kind"] = json!("CASH");
    wrong["prise"] = json!(1);
    let faults = purchase(&wrong, &ORIGIN).unwrap_err();
    assert_eq!(
        fields_of(&faults),
        [
            "customer_id",
            "currency",
            "lines[0].quantity",
            "lines[1].unit_price_minor",
            "lines[1].giftwrap",
            "tenders[0].kind",
            "prise",
        ]
    );
}

#[test]
fn tenders_that_do_not_add_up_are_refused() {
    let mut wrong = body();
    wrong["tenders"][0]["amount_minor"] = json!(999);
    let faults = purchase(&wrong, &ORIGIN).unwrap_err();
    assert_eq!(faults.len(), 1);
}

#[test]
fn a_card_is_charged_no_more_than_a_provider_takes() {
    let with = |card_minor: i64| {
        let mut body = body();
        body["shipping_minor"] = json!(0);
        body["lines"] = json!([{"item_id": 7, "unit_price_minor": card_minor + 1000}]);
        body["tenders"][1]["amount_minor"] = json!(card_minor);
        purchase(&body, &ORIGIN)
    };
    assert_eq!(with(99_999_999).unwrap().total_minor(), 100_000_999);
    let faults = with(100_000_000).unwrap_err();
    assert_eq!(fields_of(&faults), ["tenders[1].amount_minor"]);
    assert!(
        faults[0].detail.contains("99999999"),
        "{}",
        faults[0].detail
    );
}

#[test]
fn what_is_no_purchase_is_refused() {
    for wrong in [
        json!([]),
        json!("x"),
        json!(null),
        json!({}),
        json!({"lines": []}),
    ] {
        assert!(!purchase(&wrong, &ORIGIN).unwrap_err().is_empty());
    }
}

#[test]
fn a_hostile_body_is_not_answered_by_a_longer_one() {
    let fields: Map<String, Value> = (0..10_000)
        .map(|number| (format!("field-{number}"), json!(1)))
        .collect();
    assert_eq!(
        purchase(&Value::Object(fields), &ORIGIN).unwrap_err().len(),
        100
    );
}
