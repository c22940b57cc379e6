//! The `Idempotency-Key` header: an RFC 8941 string in quotes, as the IETF draft has it; a bare
//! word, as most clients send it, means the same.

use axum::http::HeaderMap;

use crate::problem::{Code, Problem};

/// The header.
pub(crate) const HEADER: &str = "idempotency-key";
/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// The request's key.
pub(crate) fn required(headers: &HeaderMap) -> Result<String, Problem> {
    optional(headers)?.ok_or_else(|| {
        Problem::new(
            Code::IdempotencyKeyMissing,
            "send a key that is new for each purchase and the same for each try of it",
        )
    })
}

/// The request's key, if it has one.
pub(crate) fn optional(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let invalid = |detail: &str| Problem::new(Code::IdempotencyKeyInvalid, detail);
    if values.next().is_some() {
        return Err(invalid("the header was sent more than once"));
    }
    let text = value
        .to_str()
        .map_err(|_| invalid("only ASCII is allowed"))?;
    let key = parse(text.trim()).ok_or_else(|| {
        invalid("expected \"a quoted string\" or a bare word of letters, digits and -._~:/+=")
    })?;
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(invalid("a key has 1 to 255 characters"));
    }
    Ok(Some(key))
}

fn parse(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || "-._~:/+=".contains(c);
        return text.chars().all(is_bare).then(|| text.to_owned());
    };
    let mut key = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => match chars.next()? {
                escaped @ ('"' | '\\') => key.push(escaped),
                _ => return None,
            },
            plain @ ' '..='~' => key.push(plain),
            _ => return None,
        }
    }
    // Parameters behind the string mean nothing here and are allowed by its grammar.
    let rest = chars.as_str().trim_start();
    (rest.is_empty() || rest.starts_with(';')).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(value: &'static str) -> Result<Option<String>, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, value.parse().unwrap());
        optional(&headers)
    }

    #[test]
    fn quoted_and_bare_keys_are_the_same_key() {
        for value in [
            r#""8e03978e-40d5""#,
            "8e03978e-40d5",
            r#"  "8e03978e-40d5" ; a=1"#,
        ] {
            assert_eq!(key_of(value).unwrap().as_deref(), Some("8e03978e-40d5"));
        }
        assert_eq!(
            key_of(r#""a \"b\" \\ c""#).unwrap().unwrap(),
            r#"a "b" \ c"#
        );
    }

    #[test]
    fn what_is_no_string_is_refused() {
        for value in [
            r#""open"#,
            r#""a"b"#,
            r#""a\n""#,
            "two words",
            "",
            r#""""#,
            "a,b",
        ] {
            let refused = key_of(value).unwrap_err();
            assert_eq!(refused.code, Code::IdempotencyKeyInvalid, "{value}");
        }
    }

    #[test]
    fn a_missing_doubled_or_long_key_is_refused() {
        let mut headers = HeaderMap::new();
        assert_eq!(
            required(&headers).unwrap_err().code,
            Code::IdempotencyKeyMissing
        );
        headers.append(HEADER, "a".repeat(256).parse().unwrap());
        assert_eq!(
            required(&headers).unwrap_err().code,
            Code::IdempotencyKeyInvalid
        );
        headers.insert(HEADER, "a".parse().unwrap());
        headers.append(HEADER, "a".parse().unwrap());
        assert_eq!(
            required(&headers).unwrap_err().code,
            Code::IdempotencyKeyInvalid
        );
    }
}
