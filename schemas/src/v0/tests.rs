//! The rule of every field, and that a refusal never repeats what the message said.

use serde_json::{Value, json};

use super::{DateOrder, FieldError, Origin, Rules};
use crate::domain::{DeliveryTier, Purchase};
use crate::ids;
use crate::validate::{AHEAD_MAX_MICROS, Times};

fn message() -> Value {
    json!({
        "Type": "PurchasedItemOnWebsite",
        "ItemId": 2_341_083,
        "Date": "03/12/20",
        "UserId": "user-77",
        "Price": "$323.49",
        "Prime": "NO",
        "Instructions": "Please put a ribbon on my package",
    })
}

fn origin<'a>(account: &'a str, key: &'a str) -> Origin<'a> {
    Origin {
        account,
        key,
        times: Times::of_this_century(),
    }
}

fn read(message: &Value, rules: &Rules, key: &str) -> Result<Purchase, Vec<FieldError>> {
    super::read(message, rules, origin("default", key))
}

fn rules(order: DateOrder) -> Rules {
    Rules {
        date_order: Some(order),
        ..Rules::default()
    }
}

fn with(field: &str, value: Value) -> Value {
    let mut message = message();
    message[field] = value;
    message
}

fn faults(message: &Value, rules: &Rules) -> Vec<String> {
    let faults = read(message, rules, "key-1").unwrap_err();
    faults
        .into_iter()
        .map(|fault: FieldError| fault.field)
        .collect()
}

#[test]
fn the_first_message_becomes_a_purchase_once_the_date_order_is_known() {
    let purchase = read(&message(), &rules(DateOrder::MonthDayYear), "key-1").unwrap();
    assert_eq!(purchase.lines[0].item_id, 2_341_083);
    assert_eq!(purchase.total_minor(), 32_349);
    assert_eq!(purchase.currency, "USD");
    assert_eq!(purchase.delivery_tier, DeliveryTier::Standard);
    // 2020-03-12T00:00:00Z
    assert_eq!(purchase.occurred_at, 1_583_971_200_000_000);
    assert_eq!(
        purchase.instructions.as_deref(),
        Some("Please put a ribbon on my package")
    );

    let again = read(&message(), &rules(DateOrder::MonthDayYear), "key-1").unwrap();
    assert_eq!(again, purchase);
    let other = read(&message(), &rules(DateOrder::MonthDayYear), "key-2").unwrap();
    assert_ne!(other.purchase_id, purchase.purchase_id);
}

#[test]
fn an_ambiguous_date_is_refused_and_an_unambiguous_one_is_not() {
    assert_eq!(faults(&message(), &Rules::default()), ["Date"]);
    for (date, micros) in [
        ("2020-12-03", 1_606_953_600_000_000),
        ("25/12/2020", 1_608_854_400_000_000),
        ("12/25/2020", 1_608_854_400_000_000),
        ("07.07.2020", 1_594_080_000_000_000),
    ] {
        let read = read(&with("Date", json!(date)), &Rules::default(), "k").unwrap();
        assert_eq!(read.occurred_at, micros, "{date}");
    }
    for date in [
        "25/12/20",
        "31/31/2020",
        "2020-02-30",
        "2020-12",
        "today",
        "",
        "1999-01-01",
    ] {
        assert!(
            read(&with("Date", json!(date)), &Rules::default(), "k").is_err(),
            "{date}"
        );
    }
}

#[test]
fn a_date_that_readers_would_set_aside_is_refused_by_its_field() {
    // 2026-11-22T00:00:00Z
    let midnight = 1_795_305_600_000_000;
    let tomorrow = with("Date", json!("2026-11-22"));
    let rules = Rules::default();
    let at = |now: i64| {
        let times = Times::known_by(now);
        super::read(
            &tomorrow,
            &rules,
            Origin {
                times,
                ..origin("default", "k")
            },
        )
    };
    let read = at(midnight - AHEAD_MAX_MICROS).unwrap();
    assert_eq!(read.occurred_at, midnight);
    let refused = at(midnight - AHEAD_MAX_MICROS - 1).unwrap_err();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0].field, "Date");
    assert_eq!(refused[0].expected, "a date from 2000-01-01 to tomorrow");
}

#[test]
fn one_key_of_one_user_is_another_purchase_in_another_account() {
    let rules = rules(DateOrder::DayMonthYear);
    let of = |account, user: &str, key| {
        let message = with("UserId", json!(user));
        (super::read(&message, &rules, origin(account, key)).unwrap()).purchase_id
    };
    let first = of("shop-1", "user-77", "order-17");
    assert_eq!(first, of("shop-1", "user-77", "order-17"));
    assert!(ids::is_of_account(&first, "shop-1"));
    for other in [
        of("shop-2", "user-77", "order-17"),
        of("shop-1", "user-78", "order-17"),
        of("shop-1", "user-77", "order-18"),
        // What a user is called makes no account of him.
        ids::purchase_id("shop-1", "order-17"),
        of("shop-2", "shop-1", "order-17"),
        ids::purchase_id("user-77", "order-17"),
    ] {
        assert_ne!(first, other);
    }
    assert_ne!(
        of("shop-2", "shop-1", "order-17"),
        ids::purchase_id("shop-1", "order-17")
    );
}

#[test]
fn each_order_reads_the_same_digits_as_another_day() {
    let at = |order| read(&message(), &rules(order), "k").unwrap().occurred_at;
    assert_eq!(at(DateOrder::DayMonthYear), 1_606_953_600_000_000);
    assert_eq!(at(DateOrder::MonthDayYear), 1_583_971_200_000_000);
    assert_eq!(at(DateOrder::YearMonthDay), 1_071_878_400_000_000);
}

#[test]
fn a_price_is_read_exactly_or_not_at_all() {
    let rules = rules(DateOrder::DayMonthYear);
    for (price, minor, currency) in [
        ("$323.49", 32_349, "USD"),
        ("€1,323.49", 132_349, "EUR"),
        ("323.49 USD", 32_349, "USD"),
        ("JPY 32,349", 32_349, "JPY"),
        ("$5", 500, "USD"),
        ("KWD 1.005", 1_005, "KWD"),
    ] {
        let read = read(&with("Price", json!(price)), &rules, "k").unwrap();
        assert_eq!(
            (read.total_minor(), read.currency.as_str()),
            (minor, currency),
            "{price}"
        );
    }
    for price in [
        "323.49",
        "$323.4",
        "$323.499",
        "$1.323,49",
        "$32,34",
        "-$5.00",
        "$-5.00",
        "$0.00",
        "$",
        "",
        "XXX 5.00",
        "₿1.00",
        "$1e5",
        "$9223372036854775807.00",
        "$.50",
        "$5.00 USD",
        "¥500",
    ] {
        assert!(
            read(&with("Price", json!(price)), &rules, "k").is_err(),
            "{price}"
        );
    }
}

#[test]
fn every_fault_of_a_message_is_reported_at_once_and_without_its_contents() {
    let secret = "secret\u{7}";
    let message = json!({
        "Type": secret, "ItemId": secret, "Date": secret, "UserId": secret, "Price": secret,
        "Prime": secret, "Instructions": [secret], "Extra": secret,
    });
    let found = read(&message, &Rules::default(), "k").unwrap_err();
    let fields: Vec<&str> = found.iter().map(|fault| fault.field.as_str()).collect();
    let expected = [
        "(other)",
        "Type",
        "ItemId",
        "Date",
        "UserId",
        "Price",
        "Prime",
        "Instructions",
    ];
    assert_eq!(fields, expected);
    assert!(!format!("{found:?}").contains("secret"));
    assert_eq!(faults(&json!([]), &Rules::default()), ["(message)"]);
}

#[test]
fn what_is_missing_or_of_another_type_is_refused() {
    let rules = rules(DateOrder::DayMonthYear);
    for (field, value) in [
        ("ItemId", json!(0)),
        ("ItemId", json!(-4)),
        ("ItemId", json!(1.5)),
        ("ItemId", json!("+4")),
        ("UserId", json!("")),
        ("Prime", json!(true)),
        ("Prime", json!("yes")),
        ("Instructions", json!("x".repeat(2_001))),
    ] {
        assert!(
            read(&with(field, value.clone()), &rules, "k").is_err(),
            "{field} {value}"
        );
    }
    for field in ["Type", "ItemId", "Date", "UserId", "Price", "Prime"] {
        let mut message = message();
        message.as_object_mut().unwrap().remove(field);
        assert_eq!(faults(&message, &rules), [field]);
    }
}
