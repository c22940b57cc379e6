//! A message of version 0: what becomes of it is a purchase whose every field stands in the message,
//! or a list of what is wrong.

use schemas::domain::{Channel, DeliveryTier, Purchase, TenderKind};
use schemas::v0::{self, DateOrder, FieldError, Origin, Rules};
use schemas::validate::{self, Times};
use schemas::{currency, ids};
use serde_json::Value;

use crate::input::Input;
use crate::readers::{self, AT};

const ACCOUNT: &str = "shop-7";

/// The rules as a byte, the idempotency key as a chunk, then the message.
pub(crate) fn run(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let rules = rules(input.byte());
    let key = input.text();
    let Ok(message) = serde_json::from_slice::<Value>(input.rest()) else {
        return false;
    };
    let origin = Origin {
        account: ACCOUNT,
        key: &key,
        times: Times::known_by(AT),
    };
    match v0::read(&message, &rules, origin) {
        Ok(purchase) => {
            stands_in(&purchase, &message, &rules);
            let id = ids::imported_purchase_id(ACCOUNT, &purchase.customer_id, &key);
            assert_eq!(purchase.purchase_id, id);
            assert_eq!(purchase.event_id, ids::derived(&id, "storefront.purchased"));
            assert_eq!(validate::purchase(&purchase, origin.times), Ok(()));
            assert_eq!(purchase.written_version, 1);
            readers::is_written_back_at_every_version(&purchase);
            true
        }
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a reason");
            assert!(faults.len() <= 9, "{} faults", faults.len());
            faults.iter().for_each(is_about_the_form);
            false
        }
    }
}

/// By the low bits the order of dates, by the next the currency without a sign.
fn rules(byte: u8) -> Rules {
    let orders = [
        None,
        Some(DateOrder::DayMonthYear),
        Some(DateOrder::MonthDayYear),
        Some(DateOrder::YearMonthDay),
    ];
    let currencies = [None, Some("USD"), Some("JPY"), Some("KWD")];
    Rules {
        date_order: orders[usize::from(byte & 3)],
        currency_without_sign: currencies[usize::from(byte >> 2 & 3)].map(str::to_owned),
        ..Rules::default()
    }
}

/// Every field of the purchase is the message's own, and what the message has no word for is what
/// version 0 always meant.
fn stands_in(purchase: &Purchase, message: &Value, rules: &Rules) {
    let text = |name: &str| message[name].as_str();
    assert_eq!(text("Type"), Some("PurchasedItemOnWebsite"));
    assert_eq!(text("UserId"), Some(purchase.customer_id.as_str()));

    let [line] = purchase.lines.as_slice() else {
        panic!("one item was bought: {:?}", purchase.lines);
    };
    let item_id = text("ItemId").map_or_else(|| message["ItemId"].to_string(), str::to_owned);
    assert_eq!(item_id.trim_start_matches('0'), line.item_id.to_string());
    assert_eq!((line.line_no, line.quantity, line.tax_minor), (1, 1, 0));
    assert!(!line.gift_wrap);

    let price = text("Price").unwrap();
    assert!(
        purchase.currency == currency_of(price, rules),
        "{price}: {}",
        purchase.currency
    );
    assert_eq!(
        line.unit_price_minor,
        minor_units(price, &purchase.currency),
        "{price}"
    );
    let [tender] = purchase.tenders.as_slice() else {
        panic!("paid in one way: {:?}", purchase.tenders);
    };
    assert_eq!(
        (tender.kind, tender.amount_minor),
        (TenderKind::Card, line.unit_price_minor)
    );
    assert_eq!(tender.reference, None);
    assert_eq!(
        (purchase.shipping_minor, purchase.channel),
        (0, Channel::Web)
    );

    let is_prime = purchase.delivery_tier == DeliveryTier::TwoDay;
    assert!(is_prime || purchase.delivery_tier == DeliveryTier::Standard);
    assert_eq!(text("Prime"), Some(if is_prime { "YES" } else { "NO" }));
    let instructions = text("Instructions").filter(|text| !text.trim().is_empty());
    assert_eq!(purchase.instructions.as_deref(), instructions);
    assert!(is_midnight_of(
        purchase.occurred_at,
        text("Date").unwrap(),
        rules
    ));
}

/// The sign or code around the number, or what the source is known to mean without one.
fn currency_of(price: &str, rules: &Rules) -> String {
    let is_of_number = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
    let sign = price.replace(is_of_number, "");
    match sign.trim() {
        "" => rules.currency_without_sign.clone().unwrap(),
        sign => (rules.currency_of_sign.get(sign).cloned()).unwrap_or_else(|| sign.to_owned()),
    }
}

/// The digits as they stand, and zeros for the minor digits that were not written.
fn minor_units(price: &str, currency: &str) -> i64 {
    let digits: String = price.chars().filter(char::is_ascii_digit).collect();
    let digits: i64 = digits.parse().unwrap();
    let minor_digits = currency::minor_digits(currency).unwrap();
    if price.contains('.') {
        digits
    } else {
        digits * 10_i64.pow(minor_digits)
    }
}

/// A day has 86 400 seconds, and its year, month and day are the three numbers of the text.
fn is_midnight_of(micros: i64, text: &str, rules: &Rules) -> bool {
    let numbers: Vec<i64> = (text.split(|c: char| !c.is_ascii_digit()))
        .map(|number| number.parse().unwrap())
        .collect();
    let (year, month, day) = civil(micros.div_euclid(86_400_000_000));
    let year_of = |number: i64| number == year || number + 2_000 == year;
    let [a, b, c] = numbers.as_slice() else {
        return false;
    };
    let is_date = match rules.date_order {
        Some(DateOrder::DayMonthYear) => (*a, *b) == (day, month) && year_of(*c),
        Some(DateOrder::MonthDayYear) => (*a, *b) == (month, day) && year_of(*c),
        Some(DateOrder::YearMonthDay) => year_of(*a) && (*b, *c) == (month, day),
        None => {
            (year_of(*c) && ((*a, *b) == (day, month) || (*a, *b) == (month, day)))
                || (year_of(*a) && (*b, *c) == (month, day))
        }
    };
    is_date && micros % 86_400_000_000 == 0
}

/// Year, month and day of a number of days since 1970, counted one by one.
fn civil(days: i64) -> (i64, i64, i64) {
    let (mut year, mut left) = (1970, days);
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while left >= 365 + i64::from(is_leap(year)) {
        left -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + i64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

/// A fault names a field of version 0 and says what kind of value was there, never the value.
fn is_about_the_form(fault: &FieldError) {
    let fields = [
        "(message)",
        "(other)",
        "(purchase)",
        "Type",
        "ItemId",
        "Date",
        "UserId",
        "Price",
        "Prime",
        "Instructions",
    ];
    assert!(fields.contains(&fault.field.as_str()), "{}", fault.field);
    assert!(fault.found.len() <= 64, "{}: {}", fault.field, fault.found);
    assert!(
        fault.expected.len() <= 256,
        "{}: {}",
        fault.field,
        fault.expected
    );
}
