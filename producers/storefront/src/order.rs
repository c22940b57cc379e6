//! The JSON of a purchase, checked field by field: all that is wrong is reported at once, and a
//! field that nobody knows is wrong too. Pure.

use std::ops::RangeInclusive;

use schemas::domain::{Channel, DeliveryTier, Line, Purchase, Tender, TenderKind};
use schemas::validate;
use serde_json::{Map, Value};

use crate::problem::FieldError;

/// Who, which and when: what does not come from the body.
pub(crate) struct Origin<'a> {
    pub(crate) purchase_id: &'a str,
    /// Microseconds since the epoch.
    pub(crate) now: i64,
    pub(crate) written_version: u8,
}

/// Reads a purchase out of a body.
pub(crate) fn purchase(body: &Value, origin: &Origin<'_>) -> Result<Purchase, Vec<FieldError>> {
    let mut faults = Faults::default();
    let Some(mut fields) = Fields::of(body, "", &mut faults) else {
        return Err(faults.0);
    };
    let purchase = Purchase {
        event_id: schemas::ids::derived(origin.purchase_id, "storefront.purchased"),
        purchase_id: origin.purchase_id.to_owned(),
        customer_id: fields.text("customer_id", &mut faults),
        occurred_at: origin.now,
        currency: fields.text("currency", &mut faults),
        channel: fields.choice("channel", Some(Channel::Web), &CHANNELS, &mut faults),
        delivery_tier: fields.choice(
            "delivery_tier",
            Some(DeliveryTier::Standard),
            &TIERS,
            &mut faults,
        ),
        lines: lines(&mut fields, &mut faults),
        shipping_minor: fields.amount("shipping_minor", Some(0), &mut faults),
        tenders: tenders(&mut fields, &mut faults),
        instructions: fields.optional_text("instructions", &mut faults),
        written_version: origin.written_version,
    };
    fields.refuse_the_rest(&mut faults);
    if !faults.0.is_empty() {
        return Err(faults.0);
    }
    // The last word is the readers': what they would set aside is not accepted.
    let times = validate::Times::known_by(origin.now);
    validate::purchase(&purchase, times).map_err(|refused| vec![of_refused(&refused)])?;
    Ok(purchase)
}

/// A reader's refusal, as a field error.
pub(crate) fn of_refused(refused: &schemas::Refused) -> FieldError {
    match refused {
        schemas::Refused::Poison { reason, detail, .. } => FieldError {
            field: String::new(),
            code: reason,
            detail: detail.clone(),
        },
        other => FieldError {
            field: String::new(),
            code: "invalid",
            detail: other.to_string(),
        },
    }
}

const CHANNELS: [(&str, Channel); 3] = [
    ("WEB", Channel::Web),
    ("APP", Channel::App),
    ("STORE", Channel::Store),
];
const TIERS: [(&str, DeliveryTier); 3] = [
    ("STANDARD", DeliveryTier::Standard),
    ("TWO_DAY", DeliveryTier::TwoDay),
    ("NEXT_DAY", DeliveryTier::NextDay),
];
const KINDS: [(&str, TenderKind); 2] = [
    ("CARD", TenderKind::Card),
    ("GIFT_CARD", TenderKind::GiftCard),
];

fn lines(fields: &mut Fields<'_>, faults: &mut Faults) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, item) in fields.list("lines", validate::LINES_MAX, faults) {
        let Some(mut line) = Fields::of(item, &at, faults) else {
            continue;
        };
        let quantity = line.whole(
            "quantity",
            Some(1),
            1..=i64::from(validate::QUANTITY_MAX),
            faults,
        );
        lines.push(Line {
            line_no: i32::try_from(lines.len() + 1).expect("lines are bounded"),
            item_id: line.whole("item_id", None, 1..=i64::MAX, faults),
            quantity: i32::try_from(quantity).expect("its range was checked"),
            unit_price_minor: line.amount("unit_price_minor", None, faults),
            tax_minor: line.amount("tax_minor", Some(0), faults),
            gift_wrap: line.flag("gift_wrap", faults),
        });
        line.refuse_the_rest(faults);
    }
    lines
}

fn tenders(fields: &mut Fields<'_>, faults: &mut Faults) -> Vec<Tender> {
    let mut tenders = Vec::new();
    for (at, item) in fields.list("tenders", validate::TENDERS_MAX, faults) {
        let Some(mut tender) = Fields::of(item, &at, faults) else {
            continue;
        };
        tenders.push(Tender {
            kind: tender.choice("kind", None, &KINDS, faults),
            amount_minor: tender.whole("amount_minor", None, 1..=validate::TOTAL_MINOR_MAX, faults),
            reference: tender.optional_text("ref", faults),
        });
        tender.refuse_the_rest(faults);
    }
    tenders
}

#[derive(Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn add(&mut self, field: String, code: &'static str, detail: impl Into<String>) {
        // A hostile body must not be answered by a longer one.
        if self.0.len() < 100 {
            self.0.push(FieldError {
                field,
                code,
                detail: detail.into(),
            });
        }
    }
}

/// The fields of one object. What is asked for is known; the rest is refused.
struct Fields<'a> {
    at: String,
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    fn of(value: &'a Value, at: &str, faults: &mut Faults) -> Option<Self> {
        let Some(object) = value.as_object() else {
            faults.add(at.to_owned(), "not_an_object", "expected an object");
            return None;
        };
        Some(Self {
            at: at.to_owned(),
            object,
            known: Vec::new(),
        })
    }

    fn path(&self, name: &str) -> String {
        if self.at.is_empty() {
            return name.to_owned();
        }
        format!("{}.{name}", self.at)
    }

    /// The field; null is the same as absent.
    fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn optional_text(&mut self, name: &'static str, faults: &mut Faults) -> Option<String> {
        let value = self.take(name)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            faults.add(self.path(name), "not_text", "expected a string");
        }
        text
    }

    fn text(&mut self, name: &'static str, faults: &mut Faults) -> String {
        if self.take(name).is_none() {
            faults.add(self.path(name), "missing", "is required");
            return String::new();
        }
        self.optional_text(name, faults).unwrap_or_default()
    }

    fn whole(
        &mut self,
        name: &'static str,
        default: Option<i64>,
        range: RangeInclusive<i64>,
        faults: &mut Faults,
    ) -> i64 {
        let fallback = *range.start();
        let Some(value) = self.take(name) else {
            return default.unwrap_or_else(|| {
                faults.add(self.path(name), "missing", "is required");
                fallback
            });
        };
        match value.as_i64().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let detail = format!(
                    "expected a whole number from {} to {}",
                    range.start(),
                    range.end()
                );
                faults.add(self.path(name), "out_of_range", detail);
                fallback
            }
        }
    }

    fn amount(&mut self, name: &'static str, default: Option<i64>, faults: &mut Faults) -> i64 {
        self.whole(name, default, 0..=validate::AMOUNT_MINOR_MAX, faults)
    }

    fn flag(&mut self, name: &'static str, faults: &mut Faults) -> bool {
        let Some(value) = self.take(name) else {
            return false;
        };
        value.as_bool().unwrap_or_else(|| {
            faults.add(self.path(name), "not_a_flag", "expected true or false");
            false
        })
    }

    fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        default: Option<T>,
        choices: &[(&str, T)],
        faults: &mut Faults,
    ) -> T {
        let (_, fallback) = choices[0];
        let Some(value) = self.take(name) else {
            return default.unwrap_or_else(|| {
                faults.add(self.path(name), "missing", "is required");
                fallback
            });
        };
        let known = choices
            .iter()
            .find(|(word, _)| value.as_str() == Some(word));
        known.map(|(_, choice)| *choice).unwrap_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let detail = format!("expected one of {}", words.join(", "));
            faults.add(self.path(name), "unknown_word", detail);
            fallback
        })
    }

    /// The items of a list of at least one, with their paths.
    fn list(
        &mut self,
        name: &'static str,
        items_max: usize,
        faults: &mut Faults,
    ) -> Vec<(String, &'a Value)> {
        let items = self.take(name).and_then(Value::as_array);
        let Some(items) = items.filter(|items| (1..=items_max).contains(&items.len())) else {
            let detail = format!("expected a list of 1 to {items_max}");
            faults.add(self.path(name), "not_a_list", detail);
            return Vec::new();
        };
        let at = self.path(name);
        (items.iter().enumerate())
            .map(|(place, item)| (format!("{at}[{place}]"), item))
            .collect()
    }

    fn refuse_the_rest(self, faults: &mut Faults) {
        for name in self.object.keys() {
            if !self.known.contains(&name.as_str()) {
                // The name is the sender's own text: cut short, and never used as a label.
                let name: String = name.chars().take(40).collect();
                faults.add(self.path(&name), "unknown_field", "there is no such field");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
}
