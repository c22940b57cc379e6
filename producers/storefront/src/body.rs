//! A request's body as JSON, and a purchase's id out of its address.
//!
//! Separate because every request is read the same way. What must stay true: nothing is chosen
//! between two meanings. A name that stands twice in an object has two values, and programs differ
//! in which of them they take (RFC 8259, section 4; refused by I-JSON, RFC 7493, section 2.3).

use std::fmt;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequestParts, Path};
use axum::http::{HeaderMap, header, request::Parts};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::problem::{Code, Problem};

/// The body as JSON.
pub(crate) fn json(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Value, Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") && !kind.ends_with("+json") {
        let detail = "send content-type: application/json";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    let body = body.map_err(unreadable)?;
    let read = serde_json::from_slice(&body).map(|Unambiguous(value)| value);
    read.map_err(|error| {
        // Where, not what: the text may be personal.
        let place = format!("line {}, column {}", error.line(), error.column());
        let detail = match error.is_data() {
            true => format!("{place}: a name stands twice in an object"),
            false => place,
        };
        Problem::new(Code::InvalidJson, detail)
    })
}

/// Why a body did not arrive.
pub(crate) fn unreadable(rejection: BytesRejection) -> Problem {
    if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(Code::BodyTooLarge, "send less at a time");
    }
    Problem::new(Code::ConnectionBroken, "the body ended too early")
}

/// The purchase that an address names. No purchase has an id that [`schemas::validate::id`]
/// refuses, so there is nothing at such an address.
pub(crate) struct PurchaseId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PurchaseId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let nothing = |detail| Problem::new(Code::NoSuchAddress, detail);
        let found: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        let Path(purchase_id) = found.map_err(|_| nothing("the purchase's id is not UTF-8"))?;
        schemas::validate::id("invalid_purchase_id", "purchase_id", &purchase_id)
            .map_err(|_| nothing("no purchase can have this id"))?;
        Ok(Self(purchase_id))
    }
}

/// A value in whose objects every name stands once.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unambiguous(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Unambiguous(value))) = fields.next_entry::<String, _>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, serde_json::Error> {
        serde_json::from_str(text).map(|Unambiguous(value)| value)
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_at_any_depth() {
        let texts = [
            r#"{"a":1,"a":1}"#,
            r#"[{"b":{"a":1,"a":2}}]"#,
            r#"{"a":1,"\u0061":2}"#,
        ];
        for text in texts {
            assert!(read(text).unwrap_err().is_data(), "{text}");
        }
    }

    #[test]
    fn any_other_value_is_what_it_was() {
        let texts = [
            r#"{"a":[1,-2,3.5,1e300,18446744073709551615],"b":{"a":null,"c":true},"d":"é\n"}"#,
            "[]",
            "7",
            r#""""#,
        ];
        for text in texts {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read(text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_not_blamed_on_a_name() {
        for text in ["{", r#"{"a":}"#, "", "nul", "[1,]"] {
            assert!(!read(text).unwrap_err().is_data(), "{text}");
        }
    }
}
