//! A price as text: a sign or code, digits, and a point. Never a floating point number.

use super::Rules;
use crate::currency;

/// Minor units and the currency.
///
/// The error is the form that is expected.
pub(super) fn minor_units(text: &str, rules: &Rules) -> Result<(i64, String), String> {
    let text = text.trim();
    let digits_at = text.find(|c: char| c.is_ascii_digit());
    let digits_at = digits_at.ok_or_else(|| "a price with digits".to_owned())?;
    let (sign, rest) = text.split_at(digits_at);
    let end = rest
        .rfind(|c: char| c.is_ascii_digit())
        .map_or(0, |at| at + 1);
    let (number, behind) = rest.split_at(end);
    let currency = currency_of(sign.trim(), behind.trim(), rules)?;
    let Some(minor_digits) = currency::minor_digits(&currency) else {
        return Err("a currency that is in use".to_owned());
    };
    let minor = number_in_minor_units(number, minor_digits).ok_or_else(|| form(minor_digits))?;
    Ok((minor, currency))
}

fn currency_of(before: &str, behind: &str, rules: &Rules) -> Result<String, String> {
    let sign = match (before, behind) {
        ("", "") => {
            let currency = rules.currency_without_sign.clone();
            return currency.ok_or_else(|| "a currency sign or code with the price".to_owned());
        }
        (sign, "") | ("", sign) => sign,
        _ => return Err("one currency sign or code, before or behind the number".to_owned()),
    };
    if let Some(code) = rules.currency_of_sign.get(sign) {
        return Ok(code.clone());
    }
    match currency::minor_digits(sign) {
        Some(_) => Ok(sign.to_owned()),
        None => Err("a currency sign that is configured, or an ISO 4217 code".to_owned()),
    }
}

fn form(minor_digits: u32) -> String {
    match minor_digits {
        0 => "a number without a point, such as 32349 or 32,349".to_owned(),
        digits => format!("a number with a point and {digits} digits behind it, such as 1,323.49"),
    }
}

/// Digits, in groups of three between commas if grouped at all, then a point and exactly the
/// minor digits. A number without a point is a whole number of major units.
fn number_in_minor_units(number: &str, minor_digits: u32) -> Option<i64> {
    let (major, minor) = match number.split_once('.') {
        Some((major, minor)) if minor.len() == minor_digits as usize && minor_digits > 0 => {
            (major, minor)
        }
        Some(_) => return None,
        None => (number, ""),
    };
    let groups: Vec<&str> = major.split(',').collect();
    let is_grouped = groups.len() == 1
        || ((1..=3).contains(&groups[0].len()) && groups[1..].iter().all(|group| group.len() == 3));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_grouped
        || major.is_empty()
        || !groups.iter().all(|group| is_digits(group))
        || !is_digits(minor)
    {
        return None;
    }
    let major: i64 = groups.concat().parse().ok()?;
    let minor: i64 = if minor.is_empty() {
        0
    } else {
        minor.parse().ok()?
    };
    major
        .checked_mul(10_i64.checked_pow(minor_digits)?)?
        .checked_add(minor)
}
