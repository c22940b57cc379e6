//! Messages of version 0, and requests to the storefront.

use fuzz::input::Seed;
use serde_json::{Value, json};

/// The message that everything began with.
fn message() -> Value {
    json!({
        "Type": "PurchasedItemOnWebsite",
        "ItemId": "2341083",
        "Date": "2020-12-03",
        "UserId": "customer-417",
        "Price": "$323.49",
        "Prime": "YES",
        "Instructions": "Please put a ribbon on my package",
    })
}

fn changed(mut body: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else {
        panic!("changes are fields");
    };
    for (name, value) in changes {
        body[name] = value;
    }
    body
}

/// As it should be, and each field in its other forms.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let seed = |rules: u8, message: Value| {
        let seed = Seed::default().byte(rules).chunk(b"order-1");
        seed.rest(message.to_string().as_bytes()).bytes()
    };
    let with = |changes| changed(message(), changes);
    vec![
        seed(0, message()),
        seed(
            0,
            with(json!({ "ItemId": 2_341_083, "Prime": "NO", "Instructions": null })),
        ),
        seed(
            1,
            with(json!({ "Date": "03/12/20", "Price": "1,323.49 EUR" })),
        ),
        seed(2, with(json!({ "Date": "12/03/2020", "Price": "£5" }))),
        seed(
            3,
            with(json!({ "Date": "20.12.03", "Price": "JPY 32,349" })),
        ),
        seed(4, with(json!({ "Price": "323.49", "Instructions": "  " }))),
        seed(8, with(json!({ "Price": "32349", "ItemId": "0002341083" }))),
        seed(
            12,
            with(json!({ "Price": "KWD 1.234", "UserId": "ключ-1" })),
        ),
        seed(0, with(json!({ "Date": "03/12/20" }))),
        seed(
            0,
            with(json!({ "Price": 323.49, "Prime": true, "Date": "2020-02-30" })),
        ),
        seed(
            0,
            with(json!({ "Price": "$0.00", "Coupon": "FREE", "UserId": " a" })),
        ),
        seed(0, json!([message()])),
    ]
}

const PURCHASE: u8 = 2;
const CANCELLATION: u8 = 1;
const IMPORT: u8 = 0;
/// The storefront knows accounts by their keys.
const CLOSED: u8 = 4;
const CONTENT_TYPE: (u8, &str) = (0, "application/json");
const KEY: (u8, &str) = (1, "\"order-1\"");

fn request(which: u8, headers: &[(u8, &str)], body: &str) -> Vec<u8> {
    let mut seed = Seed::default()
        .byte(which)
        .byte(u8::try_from(headers.len()).unwrap());
    for (name, value) in headers {
        seed = seed.byte(*name).chunk(value.as_bytes());
    }
    seed.rest(body.as_bytes()).bytes()
}

fn order() -> Value {
    json!({
        "customer_id": "customer-1",
        "currency": "USD",
        "channel": "APP",
        "delivery_tier": "TWO_DAY",
        "shipping_minor": 499,
        "lines": [
            { "item_id": 2_341_083, "quantity": 1, "unit_price_minor": 32_349, "tax_minor": 12 },
            { "item_id": 77, "unit_price_minor": 250, "gift_wrap": true },
        ],
        "tenders": [
            { "kind": "GIFT_CARD", "amount_minor": 5_000, "ref": "gc-1" },
            { "kind": "CARD", "amount_minor": 32_349 + 12 + 250 + 499 - 5_000, "ref": "pm_card_visa" },
        ],
        "instructions": "Grüße\n„für Anna“ 🎁",
    })
}

fn plain() -> Value {
    json!({
        "customer_id": "customer-1",
        "currency": "EUR",
        "lines": [{ "item_id": 1, "unit_price_minor": 1 }],
        "tenders": [{ "kind": "CARD", "amount_minor": 1 }],
    })
}

/// As they should be, and with what clients get wrong.
pub(crate) fn requests() -> Vec<Vec<u8>> {
    let both = &[CONTENT_TYPE, KEY];
    let submit = |body: Value| request(PURCHASE, both, &body.to_string());
    let with = |changes| submit(changed(order(), changes));
    let twice = plain()
        .to_string()
        .replace('{', r#"{"item_id":1,"\u0069tem_id":2,"#);
    let account = (2, "shop-7");
    let bearer = (3, "Bearer secret");
    vec![
        submit(order()),
        submit(plain()),
        with(json!({ "tenders": null, "lines": [], "shipping_minor": -1 })),
        with(json!({ "currency": "usd", "delivery_tier": "SOON", "instructions": 7 })),
        with(json!({ "lines": [{ "item_id": 1e3, "quantity": 10_001, "sku": "a" }] })),
        with(json!({ "tenders": [{ "kind": "CARD", "amount_minor": 100_000_000 }] })),
        request(PURCHASE, both, &twice),
        request(PURCHASE, both, "{\"lines\": [1, 2"),
        request(PURCHASE, &[(0, "text/plain"), KEY], "{}"),
        request(PURCHASE, &[CONTENT_TYPE], "{}"),
        request(
            PURCHASE,
            &[
                (0, "a/b+json; charset=utf-8"),
                (1, "\"a\\\"b\"; p=1"),
                account,
            ],
            &plain().to_string(),
        ),
        request(
            PURCHASE | CLOSED,
            &[CONTENT_TYPE, KEY, bearer],
            &plain().to_string(),
        ),
        request(
            PURCHASE | CLOSED,
            &[CONTENT_TYPE, KEY, (3, "Bearer other")],
            &plain().to_string(),
        ),
        request(IMPORT, both, &message().to_string()),
        request(IMPORT, both, "[]"),
        request(CANCELLATION, &[], ""),
        request(CANCELLATION, both, r#"{"reason":"fraud"}"#),
        request(
            CANCELLATION | CLOSED,
            &[CONTENT_TYPE, bearer],
            r#"{"reason":null}"#,
        ),
        request(CANCELLATION, &[CONTENT_TYPE], r#"{"reason":"bored"}"#),
    ]
}
