//! The one search that the sandbox knows: by the purchase in the metadata.

use serde_json::{Value, json};

use super::{Form, failure};
use crate::state::{State, intent_object, record::Failure};

const LIMIT_DEFAULT: usize = 10;
const LIMIT_MAX: usize = 100;

/// A search, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search {
    pub(crate) purchase_id: String,
    limit: usize,
    /// How many results earlier pages have shown.
    skip: usize,
}

/// Reads `query=metadata['purchase_id']:'...'`, `limit` and `page`.
pub(crate) fn read(form: &Form) -> Result<Search, Box<Failure>> {
    form.only(&["query", "limit", "page"], &["expand"])?;
    let query = form.required("query")?;
    let purchase_id = purchase_id(query).ok_or_else(|| {
        failure::invalid_value(
            "query",
            "Only queries of the form metadata['purchase_id']:'...' are supported here.",
        )
    })?;
    let number = |name: &'static str, default: usize| match form.get(name) {
        None => Ok(default),
        Some(text) => text.parse::<usize>().map_err(|_| {
            failure::invalid(
                "parameter_invalid_integer",
                name,
                format!("Invalid integer: {text}"),
            )
        }),
    };
    let limit = number("limit", LIMIT_DEFAULT)?;
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(failure::invalid(
            "parameter_invalid_integer",
            "limit",
            "Limit must be from 1 to 100.",
        ));
    }
    Ok(Search {
        purchase_id,
        limit,
        skip: number("page", 0)?,
    })
}

fn purchase_id(query: &str) -> Option<String> {
    let rest = query.trim().strip_prefix("metadata[")?;
    let (name, rest) = quoted(rest)?;
    let (value, rest) = quoted(
        rest.trim_start()
            .strip_prefix(']')?
            .trim_start()
            .strip_prefix(':')?
            .trim_start(),
    )?;
    (name == "purchase_id" && rest.trim().is_empty()).then_some(value)
}

/// A word in single or double quotes, with `\` before a quote inside, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text
        .chars()
        .next()
        .filter(|first| matches!(first, '\'' | '"'))?;
    let mut word = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => word.push(chars.next()?.1),
            end if end == quote => return Some((word, &text[at + quote.len_utf8()..])),
            other => word.push(other),
        }
    }
    None
}

impl Search {
    /// The result as the index shows it that has seen everything up to `seen_at`, and the newest
    /// record that it rests on.
    pub(crate) fn run(&self, state: &State, seen_at: i64) -> (Value, u64) {
        let found = state.search(&self.purchase_id, seen_at);
        let shown = found.iter().skip(self.skip).take(self.limit);
        let seen = self.skip.saturating_add(self.limit);
        let more = found.len() > seen;
        let newest = found
            .iter()
            .map(|intent| intent.sequence)
            .max()
            .unwrap_or(0);
        let body = json!({
            "object": "search_result",
            "url": "/v1/payment_intents/search",
            "data": shown.map(|intent| intent_object(intent, 0)).collect::<Vec<_>>(),
            "has_more": more,
            "next_page": more.then(|| seen.to_string()),
        });
        (body, newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_may_quote_either_way_and_escape() {
        assert_eq!(
            purchase_id("metadata['purchase_id']:'p-1'").as_deref(),
            Some("p-1")
        );
        assert_eq!(
            purchase_id(r#"metadata["purchase_id"]:"p-1""#).as_deref(),
            Some("p-1")
        );
        assert_eq!(
            purchase_id(r"metadata['purchase_id']:'a\'b'").as_deref(),
            Some("a'b")
        );
    }

    #[test]
    fn another_query_is_refused_and_not_guessed_at() {
        for query in [
            "metadata['order']:'p'",
            "status:'succeeded'",
            "metadata['purchase_id']:'p",
            "metadata['purchase_id']:'p' AND status:'x'",
        ] {
            assert_eq!(purchase_id(query), None, "{query}");
        }
    }
}
