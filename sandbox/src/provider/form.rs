//! A form as Stripe reads it: flat pairs, nested names in brackets, unknown names refused.

use std::collections::BTreeMap;

use super::failure;
use crate::state::record::Failure;

/// Metadata as Stripe bounds it.
const METADATA_KEYS_MAX: usize = 50;
const METADATA_KEY_CHARS_MAX: usize = 40;
const METADATA_VALUE_CHARS_MAX: usize = 500;

/// The pairs of a form or a query, sorted by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    pairs: BTreeMap<String, String>,
}

impl Form {
    /// Reads `a=b&c%5Bd%5D=e`. Of a name that occurs twice the last counts, as with Stripe.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self {
            pairs: form_urlencoded::parse(bytes).into_owned().collect(),
        }
    }

    /// What two requests must share to be the same request: independent of order and encoding.
    pub(crate) fn canonical(&self, method: &str, path: &str) -> String {
        let mut text = format!("{method} {path}");
        for (name, value) in &self.pairs {
            text.push_str(&format!("\n{}:{name}={}:{value}", name.len(), value.len()));
        }
        text
    }

    /// Refuses names that are neither `known` nor nested in one of `nested`.
    pub(crate) fn only(&self, known: &[&str], nested: &[&str]) -> Result<(), Box<Failure>> {
        for name in self.pairs.keys() {
            let outer = name.split_once('[').map(|(outer, _)| outer);
            if !known.contains(&name.as_str())
                && !outer.is_some_and(|outer| nested.contains(&outer))
            {
                let message = format!("Received unknown parameter: {name}");
                return Err(failure::invalid("parameter_unknown", name.clone(), message));
            }
        }
        Ok(())
    }

    /// A value, if it was given; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// A value that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, Box<Failure>> {
        self.get(name).ok_or_else(|| {
            failure::invalid(
                "parameter_missing",
                name,
                format!("Missing required param: {name}."),
            )
        })
    }

    /// A whole number of minor units, at least 1.
    pub(crate) fn amount(&self, name: &'static str) -> Result<Option<i64>, Box<Failure>> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match text.parse::<i64>() {
            Ok(amount) if amount > super::parse::AMOUNT_MINOR_MAX => Err(failure::invalid(
                "amount_too_large",
                name,
                format!(
                    "Amount must be no more than {}.",
                    super::parse::AMOUNT_MINOR_MAX
                ),
            )),
            Ok(amount) if amount >= 1 => Ok(Some(amount)),
            Ok(_) => Err(failure::invalid(
                "parameter_invalid_integer",
                name,
                "This value must be greater than or equal to 1.",
            )),
            Err(_) => Err(failure::invalid(
                "parameter_invalid_integer",
                name,
                format!("Invalid integer: {text}"),
            )),
        }
    }

    /// `true` or `false`; false when absent.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Box<Failure>> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(failure::invalid_value(
                name,
                format!("Invalid boolean: {other}"),
            )),
        }
    }

    /// One of a few words, if given.
    pub(crate) fn word(
        &self,
        name: &'static str,
        words: &[&str],
    ) -> Result<Option<String>, Box<Failure>> {
        match self.get(name) {
            None => Ok(None),
            Some(value) if words.contains(&value) => Ok(Some(value.to_owned())),
            Some(value) => Err(failure::invalid_value(
                name,
                format!(
                    "Invalid {name}: must be one of {}; not {value}",
                    words.join(", ")
                ),
            )),
        }
    }

    /// `metadata[name]=value`.
    pub(crate) fn metadata(&self) -> Result<BTreeMap<String, String>, Box<Failure>> {
        let mut metadata = BTreeMap::new();
        for (name, value) in &self.pairs {
            let Some(rest) = name.strip_prefix("metadata[") else {
                continue;
            };
            let Some(key) = rest
                .strip_suffix(']')
                .filter(|key| !key.is_empty() && !key.contains(['[', ']']))
            else {
                return Err(failure::invalid_value(
                    name.clone(),
                    "Metadata keys are plain names in brackets.",
                ));
            };
            let fits = key.chars().count() <= METADATA_KEY_CHARS_MAX
                && value.chars().count() <= METADATA_VALUE_CHARS_MAX;
            if !fits {
                return Err(failure::invalid_value(
                    name.clone(),
                    "Metadata keys may have up to 40 characters, values up to 500.",
                ));
            }
            metadata.insert(key.to_owned(), value.clone());
        }
        if metadata.len() > METADATA_KEYS_MAX {
            return Err(failure::invalid_value(
                "metadata",
                "Metadata can have up to 50 keys.",
            ));
        }
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_and_the_encoding_of_a_form_do_not_matter() {
        let one = Form::read(b"amount=1&metadata[purchase_id]=p");
        let two = Form::read(b"metadata%5Bpurchase_id%5D=p&amount=1");
        assert_eq!(one.canonical("POST", "/x"), two.canonical("POST", "/x"));
        assert_ne!(one.canonical("POST", "/x"), one.canonical("POST", "/y"));
    }

    #[test]
    fn names_and_values_cannot_be_shifted_into_each_other() {
        let one = Form::read(b"a=b%0A1%3Ac%3D1%3Ad");
        let two = Form::read(b"a=b&c=d");
        assert_ne!(one.canonical("POST", "/x"), two.canonical("POST", "/x"));
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        let refused = Form::read(b"amount=1&colour=red")
            .only(&["amount"], &[])
            .unwrap_err();
        assert_eq!(refused.param.as_deref(), Some("colour"));
        assert_eq!(refused.code.as_deref(), Some("parameter_unknown"));
    }

    #[test]
    fn metadata_beyond_its_bounds_is_refused() {
        let long = format!("metadata[k]={}", "v".repeat(501));
        assert!(Form::read(long.as_bytes()).metadata().is_err());
        assert!(Form::read(b"metadata[]=v").metadata().is_err());
        assert_eq!(Form::read(b"metadata[k]=v").metadata().unwrap()["k"], "v");
    }
}
