//! Which URL means what: Stripe's, the carrier's and the sandbox's own.

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Path, RawQuery, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use serde_json::json;

use super::{
    Shared, admin,
    connection::Cut,
    exchange::{self, Exchange},
};
use crate::{
    carrier,
    faults::Operation,
    provider::{self, Command, Form, failure, search},
    service,
    state::{
        Answer, Consigned, intent_object,
        record::{Failure, Scope},
        refund_object,
    },
};

pub(super) fn router(shared: Shared) -> Router {
    let provider = Router::new()
        .route("/v1/payment_intents", post(create))
        .route("/v1/payment_intents/search", get(search))
        .route("/v1/payment_intents/{id}", get(retrieve))
        .route("/v1/payment_intents/{id}/capture", post(capture))
        .route("/v1/payment_intents/{id}/cancel", post(cancel))
        .route("/v1/refunds", post(refund).get(refunds))
        .method_not_allowed_fallback(unrecognised)
        .route_layer(middleware::from_fn_with_state(shared.clone(), authenticate));
    Router::new()
        .merge(provider)
        .route("/carrier/v1/shipments", post(hand_over))
        .route("/carrier/v1/shipments/{id}", get(shipment))
        .merge(admin::routes())
        .fallback(unrecognised)
        .with_state(shared)
}

fn provider_refuses(failure: Box<Failure>) -> Response {
    exchange::refused(Scope::Provider, failure, None)
}

async fn unrecognised(request: Request) -> Response {
    provider_refuses(failure::unrecognised(
        request.method().as_str(),
        request.uri().path(),
    ))
}

async fn authenticate(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let sent = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let key = sent
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(str::trim)
        .filter(|key| !key.is_empty());
    match (key, &shared.service.config.api_key) {
        (None, _) => provider_refuses(failure::unauthorised(
            "You did not provide an API key. Send it as a header: Authorization: Bearer YOUR_SECRET_KEY.",
        )),
        (Some(sent), Some(expected)) if sent != expected => {
            provider_refuses(failure::unauthorised("Invalid API Key provided."))
        }
        _ => next.run(request).await,
    }
}

/// The body of a request, or why it cannot be taken in.
pub(super) async fn body(shared: &Shared, body: Body) -> Result<Bytes, Box<Failure>> {
    let config = &shared.service.config;
    match tokio::time::timeout(config.read_timeout, to_bytes(body, config.body_bytes_max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(failure::unreadable(
            413,
            "The request body is too long or was cut off.",
        )),
        Err(_) => Err(failure::unreadable(
            408,
            "The request body took too long to arrive.",
        )),
    }
}

/// A form posted to the provider, run to its answer.
async fn change(
    shared: Shared,
    operation: Operation,
    request: Request,
    command: impl FnOnce(&Form) -> Result<Command, Box<Failure>>,
) -> Response {
    let (parts, stream) = request.into_parts();
    let read = async {
        let form = Form::read(&body(&shared, stream).await?);
        let key = exchange::key(&parts.headers)?;
        let path = parts.uri.path().to_owned();
        let canonical = form.canonical("POST", &path);
        let command = command(&form)?;
        Ok(Exchange {
            scope: Scope::Provider,
            operation,
            command,
            key,
            canonical,
            path,
        })
    };
    match read.await {
        Ok(exchange) => exchange.run(shared).await,
        Err(failure) => provider_refuses(failure),
    }
}

async fn create(State(shared): State<Shared>, request: Request) -> Response {
    change(shared, Operation::Authorise, request, provider::create).await
}

async fn capture(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let lapsed = shared.service.faults().faults.has_lapsed(&id);
    change(shared, Operation::Capture, request, |form| {
        provider::capture(&id, lapsed, form)
    })
    .await
}

async fn cancel(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    change(shared, Operation::Void, request, |form| {
        provider::cancel(&id, form)
    })
    .await
}

async fn refund(State(shared): State<Shared>, request: Request) -> Response {
    change(shared, Operation::Refund, request, provider::refund).await
}

/// Answers from what is on disk: nobody is told of a change that a crash could take back.
async fn settled(shared: &Shared, sequence: u64, body: serde_json::Value) -> Response {
    match shared.service.journal.settled(sequence).await {
        Ok(()) => exchange::json(StatusCode::OK, &body, None),
        Err(_) => exchange::cut(Cut::Close),
    }
}

async fn retrieve(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let (fails, fault) =
        exchange::read_meets(&shared.service, Scope::Provider, Operation::Retrieve, &id).await;
    if let Some(response) = fails {
        return response;
    }
    let found = shared.service.state().intent(&id).cloned();
    match found {
        Some(intent) => {
            let body = intent_object(&intent, exchange::skew_minor(fault));
            settled(&shared, intent.sequence, exchange::told(body, fault)).await
        }
        None => provider_refuses(failure::missing(404, "payment_intent", &id, "intent")),
    }
}

async fn refunds(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let named = form
        .only(&["payment_intent", "limit"], &["expand"])
        .and_then(|()| form.required("payment_intent"));
    let intent_id = match named {
        Ok(intent_id) => intent_id,
        Err(failure) => return provider_refuses(failure),
    };
    let (fails, fault) = exchange::read_meets(
        &shared.service,
        Scope::Provider,
        Operation::Retrieve,
        intent_id,
    )
    .await;
    if let Some(response) = fails {
        return response;
    }
    let (sequence, found) = {
        let state = shared.service.state();
        (
            state.intent(intent_id).map_or(0, |intent| intent.sequence),
            state.refunds(intent_id),
        )
    };
    let data: Vec<_> = found
        .iter()
        .map(|refund| refund_object(refund, exchange::skew_minor(fault)))
        .collect();
    let body = json!({"object": "list", "url": "/v1/refunds", "data": data, "has_more": false});
    settled(&shared, sequence, body).await
}

async fn search(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let search = match search::read(&Form::read(query.unwrap_or_default().as_bytes())) {
        Ok(search) => search,
        Err(failure) => return provider_refuses(failure),
    };
    let (fails, _) = exchange::read_meets(
        &shared.service,
        Scope::Provider,
        Operation::Search,
        &search.purchase_id,
    )
    .await;
    if let Some(response) = fails {
        return response;
    }
    let delay = i64::try_from(shared.service.config.search_delay.as_micros()).unwrap_or(i64::MAX);
    let (body, sequence) = search.run(
        &shared.service.state(),
        service::now().saturating_sub(delay),
    );
    settled(&shared, sequence, body).await
}

async fn hand_over(State(shared): State<Shared>, headers: HeaderMap, request: Request) -> Response {
    let carrier_refuses = |failure| exchange::refused(Scope::Carrier, failure, None);
    let path = request.uri().path().to_owned();
    let read = async {
        let bytes = body(&shared, request.into_body()).await?;
        let key = exchange::key(&headers)?
            .ok_or_else(|| failure::bad_key("An Idempotency-Key header is required."))?;
        let wanted = carrier::Request::read(&bytes)
            .map_err(|detail| failure::invalid("invalid_request", "body", detail))?;
        Ok((key, wanted))
    };
    let (key, wanted) = match read.await {
        Ok(read) => read,
        Err(failure) => return carrier_refuses(failure),
    };
    let refused = shared.service.faults().faults.refuses(wanted.shipment_id());
    let exchange = Exchange {
        scope: Scope::Carrier,
        operation: Operation::HandOver,
        canonical: wanted.canonical(),
        command: wanted.into_command(refused),
        key: Some(key),
        path,
    };
    exchange.run(shared).await
}

/// What the carrier decided about a shipment: the answer that its hand-over has, or had.
async fn shipment(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let (fails, _) = exchange::read_meets(
        &shared.service,
        Scope::Carrier,
        Operation::RetrieveShipment,
        &id,
    )
    .await;
    if let Some(response) = fails {
        return response;
    }
    let fails = |(status, code, message): carrier::Failing| Answer::CarrierFailure {
        status,
        code: code.into(),
        message: message.into(),
    };
    let (sequence, answer) = match shared.service.state().consigned(&id) {
        Some(Consigned::Taken { shipment, sequence }) => {
            (*sequence, Answer::Shipment(std::sync::Arc::clone(shipment)))
        }
        Some(Consigned::Refused { sequence, .. }) => (*sequence, fails(carrier::REFUSED)),
        None => (0, fails(carrier::MISSING)),
    };
    match shared.service.journal.settled(sequence).await {
        Ok(()) => exchange::written(&answer, None),
        Err(_) => exchange::cut(Cut::Close),
    }
}
