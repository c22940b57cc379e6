//! The worker against a provider that says whatever a test wants it to say.
#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without fails it"
)]

mod scripted;

use std::time::Duration;

use payment::{
    ProviderWorker,
    event::{Ask, Call, Outcome},
};
use runtime::{Attempt, Task, Worker};
use scripted::{Say, Scripted};
use serde_json::{Value, json};

fn now_micros() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_micros()).unwrap()
}

fn task(call: Call) -> Task {
    let ask = Ask {
        purchase_id: "p'1".into(),
        amount_minor: 1000,
        currency: "EUR".into(),
        payment_method: Some("pm_card_visa".into()),
        provider_ref: (call != Call::Authorise).then(|| "pi_1".into()),
    };
    Task {
        task_id: format!("p'1:{}", call.as_str()),
        shard: 0,
        sequence: 1,
        key: "p'1".into(),
        kind: call.as_str().into(),
        payload: serde_json::to_value(ask).unwrap(),
        causation_id: "cause".into(),
        traceparent: None,
        created_at: now_micros(),
        attempts: 0,
    }
}

fn of_yesterday(call: Call) -> Task {
    let created_at = now_micros() - 25 * 3600 * 1_000_000;
    Task {
        created_at,
        ..task(call)
    }
}

fn intent(status: &str) -> Value {
    json!({
        "id": "pi_1", "status": status, "amount": 1000, "amount_capturable": 1000,
        "amount_received": 1000, "currency": "eur", "metadata": {"purchase_id": "p'1"},
    })
}

fn error(kind: &str, code: &str) -> Value {
    json!({"error": {"type": kind, "code": code}})
}

async fn perform(scripted: &Scripted, task: &Task) -> Attempt {
    ProviderWorker::new(&scripted.config())
        .unwrap()
        .perform(task)
        .await
}

fn outcome(attempt: Attempt) -> Outcome {
    match attempt {
        Attempt::Answered(answer) => serde_json::from_value(answer.0).unwrap(),
        Attempt::Retry { reason, .. } => panic!("no answer: {reason}"),
    }
}

fn retry(attempt: Attempt) -> (String, Option<Duration>, bool) {
    match attempt {
        Attempt::Retry {
            reason,
            after,
            dependency_failed,
        } => (reason, after, dependency_failed),
        Attempt::Answered(answer) => panic!("answered: {answer:?}"),
    }
}

#[tokio::test]
async fn an_authorisation_says_all_that_the_provider_must_know() {
    let scripted = Scripted::new([Say::json(200, intent("requires_capture"))]).await;
    let done = outcome(perform(&scripted, &task(Call::Authorise)).await);
    assert!(matches!(done, Outcome::Done(said) if said.intent == "pi_1"));
    let [request] = scripted.heard().try_into().unwrap();
    assert_eq!(request.line, "POST /v1/payment_intents");
    assert_eq!(request.idempotency_key.as_deref(), Some("p'1:authorise"));
    for part in [
        "amount=1000",
        "currency=eur",
        "payment_method=pm_card_visa",
        "capture_method=manual",
        "confirm=true",
        "metadata%5Bpurchase_id%5D=p%271",
    ] {
        assert!(request.body.contains(part), "{part} in {}", request.body);
    }
}

#[tokio::test]
async fn each_call_is_understood_by_the_state_it_must_lead_to() {
    let refund = json!({"id": "re_1", "status": "succeeded", "amount": 1000, "currency": "eur",
        "payment_intent": "pi_1"});
    for (call, reply) in [
        (Call::Authorise, intent("requires_capture")),
        (Call::Capture, intent("succeeded")),
        (Call::Void, intent("canceled")),
        (Call::Refund, refund),
    ] {
        let scripted = Scripted::new([Say::json(200, reply)]).await;
        let said = outcome(perform(&scripted, &task(call)).await);
        assert!(
            matches!(said, Outcome::Done(said) if said.amount_minor == 1000),
            "{call:?}"
        );
    }
}

#[tokio::test]
async fn an_intent_in_another_state_is_a_mismatch() {
    let scripted = Scripted::new([Say::json(200, intent("succeeded"))]).await;
    let said = outcome(perform(&scripted, &task(Call::Authorise)).await);
    assert!(matches!(said, Outcome::Mismatch { .. }));
}

#[tokio::test]
async fn a_declined_card_is_final_and_names_the_reason() {
    let body = json!({"error": {"type": "card_error", "code": "card_declined",
        "decline_code": "insufficient_funds"}});
    let scripted = Scripted::new([Say::json(402, body)]).await;
    let said = outcome(
        perform(
            &scripted,
            &Task {
                attempts: 2,
                ..task(Call::Authorise)
            },
        )
        .await,
    );
    let reason = "insufficient_funds".to_owned();
    assert_eq!(
        said,
        Outcome::Declined {
            reason,
            attempts: 3
        }
    );
}

#[tokio::test]
async fn customers_who_would_have_to_act_are_declined() {
    let scripted = Scripted::new([Say::json(200, intent("requires_action"))]).await;
    let said = outcome(perform(&scripted, &task(Call::Authorise)).await);
    assert!(
        matches!(said, Outcome::Declined { reason, .. } if reason == "authentication_required")
    );
}

#[tokio::test]
async fn nothing_that_is_unknown_is_taken_for_an_answer() {
    for (say, failed) in [
        (Say::Nothing, true),
        (Say::Close, true),
        (Say::text(200, "<html>welcome</html>"), true),
        (Say::json(200, json!({"status": "requires_capture"})), true),
        (Say::text(503, ""), true),
        (Say::text(404, "no such host here"), true),
        (Say::json(401, error("invalid_request_error", "")), true),
        (
            Say::json(409, error("idempotency_error", "idempotency_key_in_use")),
            false,
        ),
    ] {
        let told = format!("{say:?}");
        let scripted = Scripted::new([say]).await;
        let (reason, _, dependency_failed) =
            retry(perform(&scripted, &task(Call::Authorise)).await);
        assert_eq!(dependency_failed, failed, "{told}: {reason}");
        assert!(!reason.contains("127.0.0.1"), "{reason}");
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_has_failed() {
    let scripted = Scripted::new([]).await;
    let config = scripted.config();
    drop(scripted);
    let worker = ProviderWorker::new(&config).unwrap();
    let (_, _, dependency_failed) = retry(worker.perform(&task(Call::Authorise)).await);
    assert!(dependency_failed);
}

#[tokio::test]
async fn a_request_to_come_back_later_is_obeyed() {
    let scripted = Scripted::new([Say::json(429, json!({})).after("17")]).await;
    let (_, after, _) = retry(perform(&scripted, &task(Call::Authorise)).await);
    assert_eq!(after, Some(Duration::from_secs(17)));
}

#[tokio::test]
async fn a_wrong_request_is_told_from_a_key_of_another_request() {
    let wrong = Scripted::new([
        Say::json(400, error("invalid_request_error", "amount_too_small")),
        Say::json(200, json!({"data": []})),
    ])
    .await;
    let said = outcome(perform(&wrong, &task(Call::Authorise)).await);
    assert!(matches!(said, Outcome::Rejected { code, .. } if code == "amount_too_small"));
    let other = Scripted::new([Say::json(400, error("idempotency_error", ""))]).await;
    let said = outcome(perform(&other, &task(Call::Authorise)).await);
    assert!(matches!(said, Outcome::Mismatch { .. }));
}

#[tokio::test]
async fn a_500_after_the_effect_is_found_out_and_not_asked_for_ever() {
    let scripted = Scripted::new([Say::text(500, ""), Say::json(200, intent("succeeded"))]).await;
    let said = outcome(perform(&scripted, &task(Call::Capture)).await);
    assert!(matches!(said, Outcome::Done(_)));
    assert_eq!(scripted.heard()[1].line, "GET /v1/payment_intents/pi_1");
}

#[tokio::test]
async fn a_500_without_effect_is_tried_again() {
    let scripted = Scripted::new([Say::text(500, ""), Say::json(200, json!({"data": []}))]).await;
    let (_, _, dependency_failed) = retry(perform(&scripted, &task(Call::Authorise)).await);
    assert!(dependency_failed);
}

#[tokio::test]
async fn a_capture_that_was_done_before_is_recognised_when_it_is_refused() {
    let scripted = Scripted::new([
        Say::json(
            400,
            error("invalid_request_error", "payment_intent_unexpected_state"),
        ),
        Say::json(200, intent("succeeded")),
    ])
    .await;
    let said = outcome(perform(&scripted, &task(Call::Capture)).await);
    assert!(matches!(said, Outcome::Done(_)));
}

#[tokio::test]
async fn past_the_key_window_the_provider_is_asked_before_anything_is_posted() {
    let found = json!({"data": [intent("requires_capture")]});
    let scripted = Scripted::new([Say::json(200, found)]).await;
    let said = outcome(perform(&scripted, &of_yesterday(Call::Authorise)).await);
    assert!(matches!(said, Outcome::Done(_)));
    let [request] = scripted.heard().try_into().unwrap();
    assert!(
        request
            .line
            .starts_with("GET /v1/payment_intents/search?query=metadata")
    );
    assert!(request.line.contains("p%5C%271"), "{}", request.line);
}

#[tokio::test]
async fn past_the_key_window_what_left_no_trace_is_given_up() {
    let scripted = Scripted::new([Say::json(200, json!({"data": []}))]).await;
    let said = outcome(perform(&scripted, &of_yesterday(Call::Authorise)).await);
    assert_eq!(said, Outcome::Untraced);
    assert_eq!(scripted.heard().len(), 1, "nothing may be posted");
}

#[tokio::test]
async fn a_list_without_data_is_not_an_empty_list() {
    let scripted = Scripted::new([Say::json(200, json!({}))]).await;
    let (_, _, dependency_failed) = retry(perform(&scripted, &of_yesterday(Call::Authorise)).await);
    assert!(dependency_failed);
}

#[tokio::test]
async fn what_is_not_decided_yet_is_read_from_the_object_and_not_from_the_key() {
    let refund = |status: &str| {
        json!({"id": "re_1", "status": status, "amount": 1000, "currency": "eur",
            "payment_intent": "pi_1"})
    };
    let pending = Scripted::new([
        Say::json(200, refund("pending")),
        Say::json(200, json!({"data": [refund("pending")]})),
        Say::json(200, refund("pending")),
        Say::json(200, json!({"data": [refund("succeeded")]})),
    ])
    .await;
    let (_, _, dependency_failed) = retry(perform(&pending, &task(Call::Refund)).await);
    assert!(!dependency_failed);
    let said = outcome(perform(&pending, &task(Call::Refund)).await);
    assert!(matches!(said, Outcome::Done(said) if said.refund.as_deref() == Some("re_1")));

    let processing = Scripted::new([
        Say::json(200, intent("processing")),
        Say::json(200, intent("requires_capture")),
    ])
    .await;
    let said = outcome(perform(&processing, &task(Call::Authorise)).await);
    assert!(matches!(said, Outcome::Done(_)));
    assert_eq!(processing.heard()[1].line, "GET /v1/payment_intents/pi_1");
}

#[tokio::test]
async fn a_refund_that_fails_after_it_was_pending_is_no_refund() {
    let refund = |status: &str| {
        json!({"id": "re_1", "status": status, "amount": 1000, "currency": "eur",
            "payment_intent": "pi_1"})
    };
    let scripted = Scripted::new([
        Say::json(200, refund("pending")),
        Say::json(200, json!({"data": [refund("failed")]})),
    ])
    .await;
    let said = outcome(perform(&scripted, &task(Call::Refund)).await);
    assert!(matches!(said, Outcome::Declined { reason, .. } if reason == "refund_failed"));
}

#[tokio::test]
async fn an_error_that_is_replayed_is_given_up_once_the_search_has_had_its_time() {
    let script = || {
        [
            Say::Replayed(500, String::new()),
            Say::json(200, json!({"data": []})),
        ]
    };
    let young = Scripted::new(script()).await;
    retry(perform(&young, &task(Call::Authorise)).await);
    let old = Scripted::new(script()).await;
    let task = Task {
        created_at: now_micros() - 6 * 60 * 1_000_000,
        ..task(Call::Authorise)
    };
    assert_eq!(outcome(perform(&old, &task).await), Outcome::Untraced);
}

#[tokio::test]
async fn an_amount_that_was_told_wrong_is_asked_for_again() {
    let wrong = json!({
        "id": "pi_1", "status": "requires_capture", "amount": 1001, "amount_capturable": 1001,
        "amount_received": 0, "currency": "eur", "metadata": {"purchase_id": "p'1"},
    });
    let told = Scripted::new([
        Say::json(200, wrong.clone()),
        Say::json(200, intent("requires_capture")),
    ])
    .await;
    let said = outcome(perform(&told, &task(Call::Authorise)).await);
    assert!(matches!(said, Outcome::Done(said) if said.amount_minor == 1000));
    let held = Scripted::new([Say::json(200, wrong.clone()), Say::json(200, wrong)]).await;
    let said = outcome(perform(&held, &task(Call::Authorise)).await);
    assert!(matches!(said, Outcome::Done(said) if said.amount_minor == 1001));
}

#[tokio::test]
async fn past_the_key_window_a_capture_that_was_not_made_is_made() {
    let scripted = Scripted::new([
        Say::json(200, intent("requires_capture")),
        Say::json(200, intent("succeeded")),
    ])
    .await;
    let said = outcome(perform(&scripted, &of_yesterday(Call::Capture)).await);
    assert!(matches!(said, Outcome::Done(_)));
    assert_eq!(
        scripted.heard()[1].line,
        "POST /v1/payment_intents/pi_1/capture"
    );
}

#[tokio::test]
async fn past_the_key_window_a_refund_that_was_made_is_not_made_again() {
    let refund = json!({"id": "re_1", "status": "succeeded", "amount": 1000, "currency": "eur",
        "payment_intent": "pi_1"});
    let scripted = Scripted::new([Say::json(200, json!({"data": [refund]}))]).await;
    let said = outcome(perform(&scripted, &of_yesterday(Call::Refund)).await);
    assert!(matches!(said, Outcome::Done(said) if said.refund.as_deref() == Some("re_1")));
    assert_eq!(scripted.heard().len(), 1);
}
