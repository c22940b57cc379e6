//! Version 0: the JSON message that purchases were once sent as, mapped field by field.
//!
//! Separate because it is no Avro and has no schema; each field has a stated rule here, and what a
//! rule does not cover is refused, never guessed at. All faults of a message are reported at once,
//! by field and by the form that was expected, and never with what the message said.

mod date;
mod price;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::{Channel, DeliveryTier, Line, Purchase, Tender, TenderKind};
use crate::validate::{self, Times};
use crate::{Refused, ids};

pub use date::DateOrder;

/// What the source of the messages is known to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The order of day, month and year. Without it only dates that can be read in one way are
    /// taken.
    pub date_order: Option<DateOrder>,
    /// The currency of a sign before a price. `$` is the dollar of many countries: the default
    /// says USD.
    pub currency_of_sign: BTreeMap<String, String>,
    /// The currency of a price without any sign; none refuses it.
    pub currency_without_sign: Option<String>,
}

impl Default for Rules {
    fn default() -> Self {
        let signs = [("$", "USD"), ("€", "EUR"), ("£", "GBP")];
        let owned = |(sign, code): (&str, &str)| (sign.to_owned(), code.to_owned());
        Self {
            date_order: None,
            currency_of_sign: signs.map(owned).into(),
            currency_without_sign: None,
        }
    }
}

/// A field that no rule takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name; for a field that does not belong, only that there is one.
    pub field: String,
    /// What kind of value was there: `text of 8 characters`, `missing`. Never the value.
    pub found: String,
    /// The form that is taken.
    pub expected: String,
}

const FIELDS: [&str; 7] = [
    "Type",
    "ItemId",
    "Date",
    "UserId",
    "Price",
    "Prime",
    "Instructions",
];

/// What does not stand in a message.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Who brings it in: users of different accounts are different users, whatever their ids.
    pub account: &'a str,
    /// What tells this purchase from others of the same user: the idempotency key that came with
    /// the message.
    pub key: &'a str,
    /// The times that readers will take; a date of another time is refused.
    pub times: Times,
}

/// Maps one message. The time of the purchase is midnight UTC of its date.
///
/// # Errors
/// Every field that no rule takes.
pub fn read(
    message: &Value,
    rules: &Rules,
    origin: Origin<'_>,
) -> Result<Purchase, Vec<FieldError>> {
    let Some(fields) = message.as_object() else {
        return Err(vec![error("(message)", Some(message), "a JSON object")]);
    };
    let mut faults: Vec<FieldError> = Vec::new();
    let unknown = fields
        .keys()
        .filter(|name| !FIELDS.contains(&name.as_str()))
        .count();
    if unknown > 0 {
        faults.push(FieldError {
            field: "(other)".to_owned(),
            found: format!("{unknown} fields that are not of version 0"),
            expected: FIELDS.join(", "),
        });
    }
    kind(fields).unwrap_or_else(|fault| faults.push(fault));
    let item_id = kept(item_id(fields), &mut faults);
    let occurred_at = kept(date_of(fields, rules, origin.times), &mut faults);
    let customer_id = kept(user_id(fields), &mut faults);
    let price = kept(price_of(fields, rules), &mut faults);
    let prime = kept(prime(fields), &mut faults);
    let instructions = kept(instructions(fields), &mut faults);
    let all = (
        item_id,
        occurred_at,
        customer_id,
        price,
        prime,
        instructions,
    );
    let (Some(item_id), Some(occurred_at), Some(customer_id), Some(price), Some(prime), Some(text)) =
        all
    else {
        return Err(faults);
    };
    let taken = Taken {
        item_id,
        occurred_at,
        customer_id,
        price,
        prime,
        instructions: text,
    };
    let purchase = taken.into_purchase(origin);
    if let Err(Refused::Poison { reason, detail, .. }) = validate::purchase(&purchase, origin.times)
    {
        let (field, found) = ("(purchase)".to_owned(), reason.to_owned());
        faults.push(FieldError {
            field,
            found,
            expected: detail,
        });
    }
    if faults.is_empty() {
        Ok(purchase)
    } else {
        Err(faults)
    }
}

fn kept<T>(result: Result<T, FieldError>, faults: &mut Vec<FieldError>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

/// What the rules made of the fields.
struct Taken {
    item_id: i64,
    occurred_at: i64,
    customer_id: String,
    /// Minor units and currency.
    price: (i64, String),
    prime: bool,
    instructions: Option<String>,
}

impl Taken {
    /// Version 0 says what version 1 says: one item, once, by a card that the provider knows.
    fn into_purchase(self, origin: Origin<'_>) -> Purchase {
        let (unit_price_minor, currency) = self.price;
        let purchase_id = ids::imported_purchase_id(origin.account, &self.customer_id, origin.key);
        let line = Line {
            line_no: 1,
            item_id: self.item_id,
            quantity: 1,
            unit_price_minor,
            tax_minor: 0,
            gift_wrap: false,
        };
        let card = Tender {
            kind: TenderKind::Card,
            amount_minor: unit_price_minor,
            reference: None,
        };
        Purchase {
            event_id: ids::derived(&purchase_id, "storefront.purchased"),
            purchase_id,
            customer_id: self.customer_id,
            occurred_at: self.occurred_at,
            currency,
            channel: Channel::Web,
            delivery_tier: if self.prime {
                DeliveryTier::TwoDay
            } else {
                DeliveryTier::Standard
            },
            lines: vec![line],
            shipping_minor: 0,
            tenders: vec![card],
            instructions: self.instructions,
            written_version: 1,
        }
    }
}

type Fields = Map<String, Value>;

fn kind(fields: &Fields) -> Result<(), FieldError> {
    match fields.get("Type") {
        Some(Value::String(kind)) if kind == "PurchasedItemOnWebsite" => Ok(()),
        other => Err(error("Type", other, "\"PurchasedItemOnWebsite\"")),
    }
}

fn item_id(fields: &Fields) -> Result<i64, FieldError> {
    let value = fields.get("ItemId");
    let number = match value {
        Some(Value::Number(number)) => number.as_i64(),
        // parse() takes a sign, a message does not.
        Some(Value::String(text)) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    match number {
        Some(item_id) if item_id > 0 => Ok(item_id),
        _ => Err(error(
            "ItemId",
            value,
            "a whole number from 1, as a number or in digits",
        )),
    }
}

fn date_of(fields: &Fields, rules: &Rules, times: Times) -> Result<i64, FieldError> {
    let value = fields.get("Date");
    let text = value.and_then(Value::as_str);
    let micros = match text {
        Some(text) => date::midnight_micros(text, rules.date_order),
        None => Err("a date of three numbers, such as 2020-12-03"),
    };
    let micros = micros.and_then(|micros| {
        // A date of the future is most often one whose order was configured wrongly.
        let is_taken = times.check("Date", micros).is_ok();
        (is_taken.then_some(micros)).ok_or("a date from 2000-01-01 to tomorrow")
    });
    micros.map_err(|expected| error("Date", value, expected))
}

fn user_id(fields: &Fields) -> Result<String, FieldError> {
    match fields.get("UserId") {
        Some(Value::String(id)) if validate::id("", "UserId", id).is_ok() => Ok(id.clone()),
        other => Err(error(
            "UserId",
            other,
            "text of 1 to 128 characters without control characters",
        )),
    }
}

fn price_of(fields: &Fields, rules: &Rules) -> Result<(i64, String), FieldError> {
    let value = fields.get("Price");
    let Some(text) = value.and_then(Value::as_str) else {
        return Err(error("Price", value, "text such as \"$323.49\""));
    };
    let (minor, currency) =
        price::minor_units(text, rules).map_err(|expected| error("Price", value, &expected))?;
    let most = validate::card_minor_max(&currency);
    if minor > most {
        let most = format!("at most {most} minor units");
        return Err(error("Price", value, &most));
    }
    Ok((minor, currency))
}

fn prime(fields: &Fields) -> Result<bool, FieldError> {
    match fields.get("Prime").and_then(Value::as_str) {
        Some("YES") => Ok(true),
        Some("NO") => Ok(false),
        _ => Err(error("Prime", fields.get("Prime"), "\"YES\" or \"NO\"")),
    }
}

fn instructions(fields: &Fields) -> Result<Option<String>, FieldError> {
    match fields.get("Instructions") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        other => Err(error("Instructions", other, "text, null, or nothing")),
    }
}

fn error(field: &str, value: Option<&Value>, expected: &str) -> FieldError {
    let found = match value {
        None => "missing".to_owned(),
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Bool(_)) => "true or false".to_owned(),
        Some(Value::Number(_)) => "a number".to_owned(),
        Some(Value::String(text)) => format!("text of {} characters", text.chars().count()),
        Some(Value::Array(items)) => format!("a list of {}", items.len()),
        Some(Value::Object(_)) => "an object".to_owned(),
    };
    FieldError {
        field: field.to_owned(),
        found,
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests;
