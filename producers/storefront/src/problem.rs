//! Refusals as problem documents (RFC 9457). What must stay true: every answer that is not a
//! success has a `code` out of the table here, and says nothing of what is inside.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// One field that is not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// Where, as in `lines[0].quantity`; empty for the whole.
    pub(crate) field: String,
    /// A bounded word.
    pub(crate) code: &'static str,
    /// What is expected.
    pub(crate) detail: String,
}

/// Why a request was not served. The word names the problem type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    BodyTooLarge,
    ConnectionBroken,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InvalidFields,
    InvalidJson,
    MethodNotAllowed,
    NoSuchAddress,
    OutcomeUnknown,
    Overloaded,
    PurchaseNotKnownYet,
    ReadSideAway,
    ReadersBehind,
    Timeout,
    Unauthorised,
    Unexpected,
    UnsupportedMediaType,
}

impl Code {
    /// Status, word, title.
    fn entry(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BodyTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "The body is too large",
            ),
            Self::ConnectionBroken => (
                S::BAD_REQUEST,
                "connection_broken",
                "The body could not be read",
            ),
            Self::IdempotencyKeyInvalid => (
                S::BAD_REQUEST,
                "idempotency_key_invalid",
                "The Idempotency-Key is not a string",
            ),
            Self::IdempotencyKeyMissing => (
                S::BAD_REQUEST,
                "idempotency_key_missing",
                "An Idempotency-Key is required",
            ),
            Self::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The Idempotency-Key belongs to another purchase",
            ),
            Self::InvalidFields => (
                S::UNPROCESSABLE_ENTITY,
                "invalid_fields",
                "The request is not valid",
            ),
            Self::InvalidJson => (S::BAD_REQUEST, "invalid_json", "The body is not JSON"),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The method is not allowed here",
            ),
            Self::NoSuchAddress => (S::NOT_FOUND, "no_such_address", "There is nothing here"),
            Self::OutcomeUnknown => (
                S::SERVICE_UNAVAILABLE,
                "outcome_unknown",
                "It is not known whether this was accepted",
            ),
            Self::Overloaded => (S::SERVICE_UNAVAILABLE, "overloaded", "Too busy now"),
            Self::PurchaseNotKnownYet => (
                S::NOT_FOUND,
                "purchase_not_known_yet",
                "The purchase is not known, or not yet",
            ),
            Self::ReadSideAway => (
                S::SERVICE_UNAVAILABLE,
                "read_side_away",
                "The state of purchases cannot be read now",
            ),
            Self::ReadersBehind => (S::SERVICE_UNAVAILABLE, "readers_behind", "Not possible yet"),
            Self::Timeout => (S::REQUEST_TIMEOUT, "timeout", "The request took too long"),
            Self::Unauthorised => (S::UNAUTHORIZED, "unauthorised", "A valid key is required"),
            Self::Unexpected => (
                S::INTERNAL_SERVER_ERROR,
                "unexpected",
                "Something went wrong here",
            ),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body has to be application/json",
            ),
        }
    }

    /// When it is worth asking again, seconds.
    fn retry_after(self) -> Option<&'static str> {
        match self {
            Self::Overloaded | Self::OutcomeUnknown | Self::PurchaseNotKnownYet => Some("1"),
            Self::ReadSideAway | Self::ReadersBehind => Some("5"),
            _ => None,
        }
    }
}

/// A refusal: an answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub(crate) code: Code,
    pub(crate) detail: String,
    pub(crate) errors: Vec<FieldError>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// The answer for every purchase that cannot be shown, whatever the reason.
    pub(crate) fn not_known() -> Self {
        Self::new(
            Code::PurchaseNotKnownYet,
            "what was accepted shows up here soon; ?wait=10 waits for it",
        )
    }

    pub(crate) fn fields(errors: Vec<FieldError>) -> Self {
        Self {
            code: Code::InvalidFields,
            detail: format!("{} field(s) are not as expected", errors.len()),
            errors,
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, word, title) = self.code.entry();
        let document = Document {
            kind: format!("urn:counterflow:problem:{word}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            code: word,
            errors: &self.errors,
        };
        let mut response = (status, axum::Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.code.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
