//! What an HTTP reply of the provider means for the task that asked, before its contents are read.

use remote::{Heard, Later, bounded};
use serde_json::Value;

/// A reply, sorted by what its status and its error type mean.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// 2xx with JSON.
    Body(Value),
    /// 402 `card_error`: no, for good.
    Declined { reason: String },
    /// 400 `idempotency_error`.
    KeyOfOtherParameters,
    /// The request is wrong.
    Rejected { code: String, detail: String },
    /// 500, with or without effect. `replayed` is one that was saved under the key, so that trying
    /// again under it would be answered the same for ever.
    ServerError { later: Later, replayed: bool },
    /// Anything that says "later", or nothing that can be understood.
    Later(Later),
}

/// Sorts a reply.
pub(crate) fn sort(heard: &Heard) -> Reply {
    let status = heard.status;
    let body = serde_json::from_slice::<Value>(&heard.body).ok();
    let error = body.as_ref().and_then(|body| body.get("error"));
    let word = |name: &str| {
        (error.and_then(|error| error.get(name)))
            .and_then(Value::as_str)
            .map(bounded)
            .filter(|word| !word.is_empty())
    };
    let later = |dependency_failed| Later {
        reason: match word("code").or_else(|| word("type")) {
            Some(code) => format!("http {status} {code}"),
            None => format!("http {status}"),
        },
        after: heard.retry_after,
        dependency_failed,
    };
    match (status, word("type").as_deref()) {
        (200..300, _) => match body {
            Some(body) => Reply::Body(body),
            None => Reply::Later(Later::unwell(format!("http {status} without JSON"))),
        },
        (402, Some("card_error")) => Reply::Declined {
            reason: (word("decline_code").or_else(|| word("code")))
                .unwrap_or_else(|| "card_error".to_owned()),
        },
        (400, Some("idempotency_error")) => Reply::KeyOfOtherParameters,
        (500, _) => Reply::ServerError {
            later: later(true),
            replayed: heard.replayed,
        },
        (409, _) => Reply::Later(later(false)),
        // Our key is wrong, or we are too many: nothing is wrong with this request.
        (401 | 403 | 408 | 429, _) => Reply::Later(later(true)),
        (400..500, Some(kind)) => Reply::Rejected {
            code: word("code").unwrap_or_else(|| kind.to_owned()),
            detail: match word("param") {
                Some(param) => format!("http {status} {kind} ({param})"),
                None => format!("http {status} {kind}"),
            },
        },
        // Not the provider's own words: a proxy between us, or a 5xx.
        _ => Reply::Later(later(true)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use remote::{Heard, Later};

    use super::Reply;

    fn sort(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Reply {
        super::sort(&Heard {
            status,
            retry_after,
            replayed: false,
            body: body.to_vec(),
        })
    }

    fn error(kind: &str, code: &str) -> Vec<u8> {
        serde_json::json!({"error": {"type": kind, "code": code, "message": "m"}})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn a_card_error_is_a_decline_and_no_other_402_is() {
        let declined = sort(402, None, &error("card_error", "expired_card"));
        let reason = "expired_card".to_owned();
        assert_eq!(declined, Reply::Declined { reason });
        assert!(matches!(sort(402, None, b"pay up"), Reply::Later(_)));
    }

    #[test]
    fn a_busy_provider_is_obeyed() {
        let wait = Some(Duration::from_secs(7));
        let busy = Later {
            after: wait,
            ..Later::unwell("http 429")
        };
        assert_eq!(sort(429, wait, b""), Reply::Later(busy));
    }

    #[test]
    fn a_key_in_use_concerns_this_task_alone() {
        let reply = sort(
            409,
            None,
            &error("idempotency_error", "idempotency_key_in_use"),
        );
        let reason = "http 409 idempotency_key_in_use";
        assert_eq!(reply, Reply::Later(Later::busy(reason)));
    }

    #[test]
    fn a_wrong_request_is_told_from_a_wrong_proxy() {
        let ours = sort(
            404,
            None,
            &error("invalid_request_error", "resource_missing"),
        );
        assert!(matches!(ours, Reply::Rejected { .. }));
        assert!(matches!(sort(404, None, b"<html>"), Reply::Later(_)));
        assert!(matches!(
            sort(401, None, &error("invalid_request_error", "x")),
            Reply::Later(_)
        ));
    }

    #[test]
    fn no_reply_is_taken_for_success_but_one_with_json() {
        assert!(matches!(sort(200, None, b"{truncated"), Reply::Later(_)));
        assert!(matches!(sort(302, None, b"{}"), Reply::Later(_)));
        assert!(matches!(sort(200, None, b"{}"), Reply::Body(_)));
    }
}
