//! What is in effect, for `counterflow config`: every setting, its value as far as it may be shown,
//! and where it was set.

use serde::Serialize;

use super::{
    layers::{Entry, Layers},
    settings::{SETTINGS, Shown},
    value::without_password,
};

/// One setting in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// `section.name`.
    pub key: String,
    /// Its value; none when it is optional and not set; `(hidden)` for a secret.
    pub value: Option<String>,
    /// Where it was set.
    pub origin: String,
    /// What it does.
    pub doc: &'static str,
}

/// Every setting, in the order of their declaration, and the options that are passed through.
pub(super) fn effective(layers: &Layers) -> Vec<Effective> {
    let mut all = Vec::new();
    for setting in SETTINGS {
        let below = format!("{}.", setting.key);
        let options = layers.iter().filter(|(key, _)| key.starts_with(&below));
        let before = all.len();
        all.extend(options.map(|(key, entry)| line(key, Some(entry), setting.doc)));
        if all.len() == before {
            all.push(line(setting.key, layers.get(setting.key), setting.doc));
        }
    }
    all
}

fn line(key: &str, entry: Option<&Entry>, doc: &'static str) -> Effective {
    let shown = |entry: &Entry| match entry.shown {
        Shown::Whole => entry.text.clone(),
        Shown::WithoutPassword => without_password(&entry.text),
        Shown::Never => "(hidden)".to_owned(),
    };
    Effective {
        key: key.to_owned(),
        value: entry.map(shown),
        origin: entry.map_or_else(|| "not set".to_owned(), |entry| entry.origin.to_string()),
        doc: doc.trim(),
    }
}

/// A line per setting, for people.
#[must_use]
pub fn listing_text(effective: &[Effective]) -> String {
    let mut text = String::new();
    for line in effective {
        let value = line.value.as_deref().unwrap_or("-");
        text.push_str(&format!("{:<36} {value}  ({})\n", line.key, line.origin));
    }
    text
}

/// The same as JSON.
#[must_use]
pub fn listing_json(effective: &[Effective]) -> String {
    serde_json::to_string_pretty(effective).expect("strings are always JSON")
}
