//! Rules for text: ids and bounded words, and what a customer writes.
//!
//! Separate because the same rules hold for every event. Quotes, percent signs and SQL are data
//! like any other; what is refused is what could break a log line or pass for another id.

use crate::Refused;

/// Characters in an id.
pub const ID_CHARS_MAX: usize = 128;

/// Checks an id, a reference or a bounded word: not empty, at most [`ID_CHARS_MAX`] characters, no
/// control or invisible formatting character, no space at either end.
///
/// # Errors
/// [`Refused::Poison`] with `reason`; the detail names `field` and never what it holds.
pub fn id(reason: &'static str, field: &'static str, value: &str) -> Result<(), Refused> {
    let fault = if value.is_empty() {
        "is empty"
    } else if value.len() > ID_CHARS_MAX && value.chars().count() > ID_CHARS_MAX {
        "is longer than 128 characters"
    } else if value.chars().any(|c| c.is_control() || is_invisible(c)) {
        "has a control or invisible character"
    } else if value.trim().len() != value.len() {
        "begins or ends with a space"
    } else {
        return Ok(());
    };
    Err(Refused::values(reason, format!("{field} {fault}")))
}

/// Checks an id that may be absent.
pub(super) fn optional_id(
    reason: &'static str,
    field: &'static str,
    value: Option<&str>,
) -> Result<(), Refused> {
    value.map_or(Ok(()), |value| id(reason, field, value))
}

/// Checks what a customer wrote: any language and direction, line breaks and tabs, at most
/// `chars_max` characters.
pub(super) fn free_text(
    reason: &'static str,
    field: &'static str,
    value: &str,
    chars_max: usize,
) -> Result<(), Refused> {
    if value.chars().count() > chars_max {
        return Err(Refused::values(
            reason,
            format!("{field} is longer than {chars_max} characters"),
        ));
    }
    if value
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err(Refused::values(
            reason,
            format!("{field} has a control character"),
        ));
    }
    Ok(())
}

/// Characters that show nothing, or change how their neighbours are shown: zero width, marks and
/// overrides of direction, line and paragraph separators, byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{00AD}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_data_and_breaks_nothing() {
        for value in ["'; DROP TABLE stock", "%s%n", "2341083", "ключ-1"] {
            assert_eq!(id("invalid_sku", "sku", value), Ok(()), "{value}");
        }
    }

    #[test]
    fn an_id_that_could_break_a_log_line_is_refused() {
        let long = "x".repeat(129);
        for value in [
            "",
            " a",
            "a\n",
            "a\0b",
            "\u{1b}[31m",
            "\u{feff}a",
            "a\u{202e}b",
            &long,
        ] {
            assert!(id("invalid_sku", "sku", value).is_err(), "{value:?}");
        }
        assert_eq!(id("invalid_sku", "sku", &"é".repeat(128)), Ok(()));
    }

    #[test]
    fn instructions_may_have_lines_and_any_direction() {
        assert_eq!(
            free_text("invalid_instructions", "instructions", "שלום\n\tbye", 20),
            Ok(())
        );
        assert!(free_text("invalid_instructions", "instructions", "a\u{1b}b", 20).is_err());
        assert!(free_text("invalid_instructions", "instructions", "aaa", 2).is_err());
    }
}
