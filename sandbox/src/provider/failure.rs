//! Errors in Stripe's form: type, code, message, parameter.

use std::borrow::Cow;

use crate::state::record::Failure;

fn failure(status: u16, kind: &'static str, message: impl Into<Cow<'static, str>>) -> Failure {
    Failure {
        status,
        kind: kind.into(),
        code: None,
        decline_code: None,
        param: None,
        message: message.into(),
        intent_id: None,
    }
}

/// A 400 that names the parameter.
pub(crate) fn invalid(
    code: &'static str,
    param: impl Into<Cow<'static, str>>,
    message: impl Into<Cow<'static, str>>,
) -> Box<Failure> {
    Box::new(Failure {
        code: Some(code.into()),
        param: Some(param.into()),
        ..failure(400, "invalid_request_error", message)
    })
}

/// A 400 without a code, as Stripe's older checks answer.
pub(crate) fn invalid_value(
    param: impl Into<Cow<'static, str>>,
    message: impl Into<Cow<'static, str>>,
) -> Box<Failure> {
    Box::new(Failure {
        param: Some(param.into()),
        ..failure(400, "invalid_request_error", message)
    })
}

/// An object that does not exist.
pub(crate) fn missing(status: u16, what: &str, id: &str, param: &'static str) -> Box<Failure> {
    Box::new(Failure {
        code: Some("resource_missing".into()),
        param: Some(param.into()),
        ..failure(
            status,
            "invalid_request_error",
            format!("No such {what}: '{id}'"),
        )
    })
}

/// The intent stands where this cannot be done.
pub(crate) fn unexpected_state(intent_id: &str, message: String) -> Box<Failure> {
    Box::new(Failure {
        code: Some("payment_intent_unexpected_state".into()),
        intent_id: Some(intent_id.to_owned()),
        ..failure(400, "invalid_request_error", message)
    })
}

/// The card was declined.
pub(crate) fn card(
    code: &'static str,
    decline_code: Option<&'static str>,
    message: &'static str,
    intent_id: &str,
) -> Box<Failure> {
    Box::new(Failure {
        code: Some(code.into()),
        decline_code: decline_code.map(Cow::Borrowed),
        intent_id: Some(intent_id.to_owned()),
        ..failure(402, "card_error", message)
    })
}

/// No key, or a wrong one.
pub(crate) fn unauthorised(detail: &'static str) -> Box<Failure> {
    Box::new(failure(401, "invalid_request_error", detail))
}

/// The URL means nothing.
pub(crate) fn unrecognised(method: &str, path: &str) -> Box<Failure> {
    Box::new(failure(
        404,
        "invalid_request_error",
        format!("Unrecognized request URL ({method}: {path})."),
    ))
}

/// The body cannot be taken in.
pub(crate) fn unreadable(status: u16, message: &'static str) -> Box<Failure> {
    Box::new(failure(status, "invalid_request_error", message))
}

/// The idempotency key belongs to another request.
pub(crate) fn other_parameters(key: &str) -> Box<Failure> {
    Box::new(failure(
        400,
        "idempotency_error",
        format!(
            "Keys for idempotent requests can only be used with the same parameters they were first \
             used with. Try using a key other than '{key}' if you meant to execute a different request."
        ),
    ))
}

/// The first request with the key still runs.
pub(crate) fn key_in_use(key: &str) -> Box<Failure> {
    Box::new(Failure {
        code: Some("idempotency_key_in_use".into()),
        ..failure(
            409,
            "idempotency_error",
            format!(
                "There is currently another in-progress request using the idempotent key '{key}'."
            ),
        )
    })
}

/// The key has no valid form.
pub(crate) fn bad_key(message: &'static str) -> Box<Failure> {
    Box::new(failure(400, "idempotency_error", message))
}

/// Something broke on the provider's side.
pub(crate) fn server_error(status: u16) -> Box<Failure> {
    Box::new(failure(
        status,
        "api_error",
        "An unknown error occurred on the provider's side.",
    ))
}

/// Too many requests.
pub(crate) fn too_many_requests() -> Box<Failure> {
    Box::new(Failure {
        code: Some("rate_limit".into()),
        ..failure(429, "invalid_request_error", "Request rate limit exceeded.")
    })
}
