//! A request to the storefront, as far as its body and headers go: what is accepted every reader
//! takes, what is refused is refused as the client's mistake and in few words.

use std::future::Future as _;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use schemas::domain::{DeliveryTier, TenderKind};
use schemas::validate::{self, Times};
use schemas::{Encoder, Event, Purchase, ids};
use serde_json::Value;
use storefront::{Accounts, Config, Problem, request};

use crate::input::Input;
use crate::readers::{self, AT};

/// A refusal is not longer than this, however hostile the request.
const ANSWER_BYTES_MAX: usize = 48 << 10;

static OPEN: LazyLock<Config> = LazyLock::new(Config::default);
static CLOSED: LazyLock<Config> = LazyLock::new(|| Config {
    accounts: Accounts::Keys([("secret".to_owned(), "shop-7".to_owned())].into()),
    ..Config::default()
});
/// The headers that are read, by index in an input.
const NAMES: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("x-account"),
    header::AUTHORIZATION,
];

/// Which request, number of headers, headers, body.
pub(crate) fn run(data: &[u8]) -> bool {
    let mut input = Input::new(data);
    let which = input.byte();
    let config: &Config = if which & 4 == 0 { &OPEN } else { &CLOSED };
    let headers = headers(&mut input);
    let body = input.rest();
    if body.len() > config.body_bytes_max {
        return false;
    }
    let sent = Ok(Bytes::copy_from_slice(body));
    match which & 3 {
        0 => answered(request::import(config, &headers, sent, AT), is_taken),
        1 => cancellation(config, &headers, sent),
        _ => answered(request::purchase(config, &headers, sent, AT), |purchase| {
            is_taken(purchase);
            let stated: Value = serde_json::from_slice(body).unwrap();
            stands_in(purchase, &stated);
            // Nothing depends on how the JSON was laid out.
            let again = request::purchase(config, &headers, Ok(stated.to_string().into()), AT);
            assert_eq!(again.as_ref(), Ok(purchase));
        }),
    }
}

fn headers(input: &mut Input<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for _ in 0..input.byte() & 7 {
        let name = &NAMES[usize::from(input.byte() & 3)];
        // Bytes that no server lets through are no header.
        if let Ok(value) = HeaderValue::from_bytes(input.chunk()) {
            headers.append(name, value);
        }
    }
    headers
}

fn answered(result: Result<Purchase, Problem>, accepted: impl FnOnce(&Purchase)) -> bool {
    match result {
        Ok(purchase) => {
            accepted(&purchase);
            true
        }
        Err(problem) => {
            is_the_clients_mistake(problem);
            false
        }
    }
}

fn is_taken(purchase: &Purchase) {
    assert_eq!(validate::purchase(purchase, Times::known_by(AT)), Ok(()));
    assert_eq!(
        purchase.event_id,
        ids::derived(&purchase.purchase_id, "storefront.purchased")
    );
    readers::is_written_back_at_every_version(purchase);
}

fn cancellation(config: &Config, headers: &HeaderMap, body: request::Body) -> bool {
    let id = ids::purchase_id("shop-7", "order-1");
    match request::cancellation(config, &id, headers, body, AT) {
        Ok(asked) => {
            assert_eq!(asked.purchase_id, id);
            assert_eq!(asked.occurred_at, AT);
            // What no reader took would be answered 500.
            let encoded = Encoder::new().encode_event(&Event::CancellationRequested(asked));
            assert_eq!(encoded.unwrap().key, id.as_bytes());
            true
        }
        Err(problem) => {
            is_the_clients_mistake(problem);
            false
        }
    }
}

/// Every field that the body states is in the purchase, and what it leaves out is the default.
fn stands_in(purchase: &Purchase, body: &Value) {
    let text = |at: &Value, name: &str| at[name].as_str().map(str::to_owned);
    let whole = |at: &Value, name: &str, default| at[name].as_i64().unwrap_or(default);
    assert_eq!(
        text(body, "customer_id").as_ref(),
        Some(&purchase.customer_id)
    );
    assert_eq!(text(body, "currency").as_ref(), Some(&purchase.currency));
    assert_eq!(text(body, "instructions"), purchase.instructions);
    assert_eq!(whole(body, "shipping_minor", 0), purchase.shipping_minor);
    let tier = match purchase.delivery_tier {
        DeliveryTier::Standard => "STANDARD",
        DeliveryTier::TwoDay => "TWO_DAY",
        DeliveryTier::NextDay => "NEXT_DAY",
        DeliveryTier::Unknown => panic!("a tier is known"),
    };
    assert_eq!(body["delivery_tier"].as_str().unwrap_or("STANDARD"), tier);

    let lines = body["lines"].as_array().unwrap();
    assert_eq!(lines.len(), purchase.lines.len());
    for (stated, line) in lines.iter().zip(&purchase.lines) {
        assert_eq!(stated["item_id"].as_i64(), Some(line.item_id));
        assert_eq!(whole(stated, "quantity", 1), i64::from(line.quantity));
        assert_eq!(
            stated["unit_price_minor"].as_i64(),
            Some(line.unit_price_minor)
        );
        assert_eq!(whole(stated, "tax_minor", 0), line.tax_minor);
        assert_eq!(
            stated["gift_wrap"].as_bool().unwrap_or(false),
            line.gift_wrap
        );
    }
    let tenders = body["tenders"].as_array().unwrap();
    assert_eq!(tenders.len(), purchase.tenders.len());
    for (stated, tender) in tenders.iter().zip(&purchase.tenders) {
        assert_eq!(stated["amount_minor"].as_i64(), Some(tender.amount_minor));
        assert_eq!(text(stated, "ref"), tender.reference);
        let is_card = tender.kind == TenderKind::Card;
        assert_eq!(stated["kind"] == "CARD", is_card);
    }
}

fn is_the_clients_mistake(problem: Problem) {
    let response = problem.into_response();
    let status = response.status();
    assert!(status.is_client_error(), "{status}");
    assert!(
        status != StatusCode::NOT_FOUND || response.headers().contains_key(header::RETRY_AFTER)
    );
    let kind = &response.headers()[header::CONTENT_TYPE];
    assert_eq!(kind, "application/problem+json");
    let reading = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX);
    // It is all there already: nothing has to be waited for.
    let read = std::pin::pin!(reading).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(body) = read else {
        panic!("a refusal is written at once");
    };
    let document: Value = serde_json::from_slice(&body.unwrap()).unwrap();
    assert_eq!(document["status"], status.as_u16());
    for member in ["type", "title", "detail", "code"] {
        assert!(
            document[member]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{member}"
        );
    }
}
