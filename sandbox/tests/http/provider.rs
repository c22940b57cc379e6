//! Stripe's rules, asked over HTTP as the payment group asks.

use crate::common::{authorisation, config, eventually, start};
use reqwest::Method;

macro_rules! sandbox {
    ($folder:ident, $running:ident, $caller:ident) => {
        let $folder = tempfile::tempdir().unwrap();
        let $running = start(config($folder.path())).await;
        let $caller = $running.caller.clone();
    };
}

#[tokio::test]
async fn a_good_card_is_held_captured_and_refunded() {
    sandbox!(folder, running, caller);
    let held = caller.authorise("p-1", "pm_card_visa").await.unwrap();
    assert_eq!(held.status, 200, "{}", held.text);
    let intent = held.json();
    assert_eq!(intent["status"], "requires_capture");
    assert_eq!(
        (
            &intent["amount"],
            &intent["amount_capturable"],
            &intent["amount_received"]
        ),
        (&1999.into(), &1999.into(), &0.into())
    );
    assert_eq!(
        (&intent["currency"], &intent["metadata"]["purchase_id"]),
        (&"usd".into(), &"p-1".into())
    );

    let id = held.id();
    let captured = caller
        .act(&id, "capture", "p-1:capture")
        .await
        .unwrap()
        .json();
    assert_eq!(
        (
            &captured["status"],
            &captured["amount_received"],
            &captured["amount_capturable"]
        ),
        (&"succeeded".into(), &1999.into(), &0.into())
    );

    running.stop().await;
}

#[tokio::test]
async fn what_was_captured_is_refunded_up_to_its_amount() {
    sandbox!(folder, running, caller);
    let id = caller.authorise("p-1", "pm_card_visa").await.unwrap().id();
    caller.act(&id, "capture", "p-1:capture").await.unwrap();
    let part = [("payment_intent", id.as_str()), ("amount", "999")];
    let refund = caller
        .post("/v1/refunds", Some("p-1:refund"), &part)
        .await
        .unwrap()
        .json();
    assert_eq!(
        (
            &refund["status"],
            &refund["amount"],
            &refund["payment_intent"]
        ),
        (&"succeeded".into(), &999.into(), &id.as_str().into())
    );
    let too_much = [("payment_intent", id.as_str()), ("amount", "1001")];
    assert_eq!(
        caller
            .post("/v1/refunds", None, &too_much)
            .await
            .unwrap()
            .status,
        400
    );
    assert_eq!(
        caller
            .post("/v1/refunds", None, &[("payment_intent", &id)])
            .await
            .unwrap()
            .json()["amount"],
        1000
    );
    let again = caller
        .post("/v1/refunds", None, &[("payment_intent", &id)])
        .await
        .unwrap();
    assert_eq!(
        (again.status, again.code().as_str()),
        (400, "charge_already_refunded")
    );
    let listed = caller
        .get(&format!("/v1/refunds?payment_intent={id}"))
        .await
        .json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn each_test_card_is_answered_as_by_stripe() {
    sandbox!(folder, running, caller);
    for (card, status, code, decline_code) in [
        (
            "pm_card_visa_chargeDeclined",
            402,
            "card_declined",
            "generic_decline",
        ),
        (
            "pm_card_chargeCustomerFail",
            402,
            "card_declined",
            "generic_decline",
        ),
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            402,
            "card_declined",
            "insufficient_funds",
        ),
        ("pm_card_nobody_has", 400, "resource_missing", ""),
    ] {
        let answer = caller.authorise(card, card).await.unwrap();
        let error = answer.json()["error"].clone();
        assert_eq!(
            (answer.status, error["code"].as_str()),
            (status, Some(code)),
            "{card}"
        );
        assert_eq!(
            error["decline_code"].as_str().unwrap_or_default(),
            decline_code,
            "{card}"
        );
        if status == 402 {
            assert_eq!(error["type"], "card_error");
            assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
        }
    }
    let wants_more = caller
        .authorise("p-3ds", "pm_card_authenticationRequired")
        .await
        .unwrap();
    assert_eq!(
        (wants_more.status, &wants_more.json()["status"]),
        (200, &"requires_action".into())
    );
    running.stop().await;
}

#[tokio::test]
async fn an_intent_moves_only_along_stripes_states() {
    sandbox!(folder, running, caller);
    let id = caller.authorise("p-1", "pm_card_visa").await.unwrap().id();
    assert_eq!(
        caller.act(&id, "cancel", "p-1:void").await.unwrap().json()["status"],
        "canceled"
    );
    for (action, key) in [("capture", "p-1:capture"), ("cancel", "p-1:void-2")] {
        let refused = caller.act(&id, action, key).await.unwrap();
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "payment_intent_unexpected_state"),
            "{action}"
        );
        assert_eq!(
            refused.json()["error"]["payment_intent"]["status"],
            "canceled"
        );
    }
    let taken = caller.authorise("p-2", "pm_card_visa").await.unwrap().id();
    let part = [("amount_to_capture", "2000")];
    let path = format!("/v1/payment_intents/{taken}/capture");
    assert_eq!(
        caller.post(&path, None, &part).await.unwrap().code(),
        "amount_too_large"
    );
    assert_eq!(
        caller
            .post("/v1/refunds", None, &[("payment_intent", &taken)])
            .await
            .unwrap()
            .code(),
        "payment_intent_unexpected_state"
    );
    let captured = caller
        .post(&path, None, &[("amount_to_capture", "1500")])
        .await
        .unwrap()
        .json();
    assert_eq!(
        (&captured["amount"], &captured["amount_received"]),
        (&1999.into(), &1500.into())
    );
    for action in ["capture", "cancel"] {
        assert_eq!(
            caller.act(&taken, action, action).await.unwrap().code(),
            "payment_intent_unexpected_state",
            "{action}"
        );
    }
    assert_eq!(
        caller
            .act("pi_unknown", "capture", "k")
            .await
            .unwrap()
            .status,
        404
    );
    assert_eq!(
        caller.get("/v1/payment_intents/pi_unknown").await.code(),
        "resource_missing"
    );
    assert_eq!(
        caller
            .get(&format!("/v1/payment_intents/{taken}"))
            .await
            .json(),
        captured
    );
    running.stop().await;
}

#[tokio::test]
async fn a_request_that_does_not_fit_is_refused_by_parameter_and_saves_nothing() {
    sandbox!(folder, running, caller);
    for (name, value, code) in [
        ("amount", "0", "parameter_invalid_integer"),
        ("amount", "12.50", "parameter_invalid_integer"),
        ("amount", "100000000", "amount_too_large"),
        ("currency", "USD", ""),
        ("capture_method", "automatic", ""),
        ("confirm", "yes", ""),
        ("colour", "red", "parameter_unknown"),
    ] {
        let mut form: Vec<_> = authorisation("p-1", "pm_card_visa")
            .into_iter()
            .filter(|(field, _)| *field != name)
            .collect();
        form.push((name, value));
        let refused = caller
            .post("/v1/payment_intents", Some("p-1:authorise"), &form)
            .await
            .unwrap();
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, code),
            "{name}={value}: {}",
            refused.text
        );
        assert_eq!(refused.json()["error"]["param"], name);
        assert_eq!(refused.json()["error"]["type"], "invalid_request_error");
    }
    let missing = caller
        .post("/v1/payment_intents", None, &[("currency", "usd")])
        .await
        .unwrap();
    assert_eq!(
        (missing.code().as_str(), &missing.json()["error"]["param"]),
        ("parameter_missing", &"amount".into())
    );
    let right = caller.authorise("p-1", "pm_card_visa").await.unwrap();
    assert_eq!((right.status, right.replayed), (200, false));
    running.stop().await;
}

#[tokio::test]
async fn nobody_is_let_in_without_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.api_key = Some("sk_test_key".into());
    let running = start(config).await;
    let caller = running.caller.clone();
    let url = format!("{}/v1/payment_intents/pi_1", caller.url);
    let status =
        async |request: reqwest::RequestBuilder| crate::common::read(request).await.unwrap().status;
    assert_eq!(status(caller.http.get(&url)).await, 401);
    assert_eq!(
        status(caller.http.get(&url).bearer_auth("sk_test_other")).await,
        401
    );
    assert_eq!(
        status(caller.http.get(&url).bearer_auth("sk_test_key")).await,
        404
    );
    let unknown = crate::common::read(caller.request(Method::DELETE, "/v1/payment_intents/pi_1"))
        .await
        .unwrap();
    assert_eq!(
        (unknown.status, &unknown.json()["error"]["type"]),
        (404, &"invalid_request_error".into())
    );
    let long = "x".repeat(65 << 10);
    assert_eq!(
        status(caller.request(Method::POST, "/v1/refunds").body(long)).await,
        413
    );
    running.stop().await;
}

#[tokio::test]
async fn a_search_finds_a_purchase_late() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.search_delay = std::time::Duration::from_millis(700);
    let running = start(config).await;
    let caller = running.caller.clone();
    let id = caller.authorise("p-1", "pm_card_visa").await.unwrap().id();
    assert_eq!(
        caller.search("p-1").await,
        Vec::<serde_json::Value>::new(),
        "the index lags"
    );
    eventually("found", async || caller.search("p-1").await.len() == 1).await;
    caller.act(&id, "capture", "p-1:capture").await.unwrap();
    assert_eq!(
        caller.search("p-1").await[0]["status"],
        "requires_capture",
        "the index lags"
    );
    eventually("captured", async || {
        caller.search("p-1").await[0]["status"] == "succeeded"
    })
    .await;
    assert!(caller.search("p-2").await.is_empty());
    running.stop().await;
}
