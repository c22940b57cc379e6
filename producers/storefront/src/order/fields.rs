//! The fields of a JSON object, checked one by one: all that is wrong is reported at once, and a
//! field that nobody asks for is wrong too. Knows no purchase.

use std::ops::RangeInclusive;

use schemas::validate;
use serde_json::{Map, Value};

use crate::problem::FieldError;

/// What is wrong, so far.
#[derive(Default)]
pub(super) struct Faults(pub(super) Vec<FieldError>);

impl Faults {
    pub(super) fn add(&mut self, field: String, code: &'static str, detail: impl Into<String>) {
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
pub(super) struct Fields<'a> {
    at: String,
    object: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value, at: &str, faults: &mut Faults) -> Option<Self> {
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

    pub(super) fn optional_text(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
    ) -> Option<String> {
        let value = self.take(name)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            faults.add(self.path(name), "not_text", "expected a string");
        }
        text
    }

    pub(super) fn text(&mut self, name: &'static str, faults: &mut Faults) -> String {
        if self.take(name).is_none() {
            faults.add(self.path(name), "missing", "is required");
            return String::new();
        }
        self.optional_text(name, faults).unwrap_or_default()
    }

    pub(super) fn whole(
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

    pub(super) fn amount(
        &mut self,
        name: &'static str,
        default: Option<i64>,
        faults: &mut Faults,
    ) -> i64 {
        self.whole(name, default, 0..=validate::AMOUNT_MINOR_MAX, faults)
    }

    pub(super) fn flag(&mut self, name: &'static str, faults: &mut Faults) -> bool {
        let Some(value) = self.take(name) else {
            return false;
        };
        value.as_bool().unwrap_or_else(|| {
            faults.add(self.path(name), "not_a_flag", "expected true or false");
            false
        })
    }

    pub(super) fn choice<T: Copy>(
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
    pub(super) fn list(
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

    pub(super) fn refuse_the_rest(self, faults: &mut Faults) {
        for name in self.object.keys() {
            if !self.known.contains(&name.as_str()) {
                // The name is the sender's own text: cut short, and never used as a label.
                let name: String = name.chars().take(40).collect();
                faults.add(self.path(&name), "unknown_field", "there is no such field");
            }
        }
    }
}
