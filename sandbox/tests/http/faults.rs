//! Each fault does what it says: to the caller, and to the journal.

use crate::common::{config, entries, eventually, start};
use sandbox::{Faults, Shares, Storm, journal::Kind};

fn authorise(shares: Shares) -> Faults {
    Faults {
        authorise: shares,
        ..Faults::default()
    }
}

#[tokio::test]
async fn a_lost_reply_keeps_the_effect_and_the_retry_learns_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    caller
        .set_faults(&authorise(Shares {
            lost_reply_per_mille: 1000,
            ..Shares::default()
        }))
        .await;
    assert!(
        caller.authorise("p-1", "pm_card_visa").await.is_err(),
        "the connection closes without an answer"
    );
    let written = entries(folder.path());
    assert_eq!((written.len(), written[0].kind), (1, Kind::Authorised));
    caller.set_faults(&Faults::default()).await;
    let learnt = caller.authorise("p-1", "pm_card_visa").await.unwrap();
    assert_eq!((learnt.status, learnt.replayed), (200, true));
    assert_eq!(Some(learnt.id()), written[0].intent_id);
    assert_eq!(caller.state().await["faults_met"]["lost_reply"], 1);
    running.stop().await;
}

#[tokio::test]
async fn what_fails_before_the_effect_leaves_no_trace_and_the_key_free() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    let none = Shares::default();
    for (shares, status) in [
        (
            Shares {
                reset_per_mille: 1000,
                ..none.clone()
            },
            None,
        ),
        (
            Shares {
                timeout_per_mille: 1000,
                timeout_ms: 20,
                ..none.clone()
            },
            None,
        ),
        (
            Shares {
                error_before_effect_per_mille: 1000,
                ..none.clone()
            },
            Some(500),
        ),
        (
            Shares {
                too_many_requests_per_mille: 1000,
                retry_after_s: 7,
                ..none.clone()
            },
            Some(429),
        ),
        (
            Shares {
                unavailable_per_mille: 1000,
                retry_after_s: 7,
                ..none.clone()
            },
            Some(503),
        ),
    ] {
        caller.set_faults(&authorise(shares)).await;
        let answer = caller.authorise("p-1", "pm_card_visa").await;
        assert_eq!(answer.as_ref().ok().map(|answer| answer.status), status);
        if matches!(status, Some(429 | 503)) {
            assert_eq!(answer.unwrap().retry_after.as_deref(), Some("7"));
        }
    }
    assert!(entries(folder.path()).is_empty());
    caller.set_faults(&Faults::default()).await;
    assert!(
        !caller
            .authorise("p-1", "pm_card_visa")
            .await
            .unwrap()
            .replayed
    );
    running.stop().await;
}

#[tokio::test]
async fn a_500_after_the_effect_is_replayed_and_only_a_query_tells() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    caller
        .set_faults(&authorise(Shares {
            error_after_effect_per_mille: 1000,
            ..Shares::default()
        }))
        .await;
    let first = caller.authorise("p-1", "pm_card_visa").await.unwrap();
    assert_eq!(
        (first.status, &first.json()["error"]["type"]),
        (500, &"api_error".into())
    );
    caller.set_faults(&Faults::default()).await;
    let again = caller.authorise("p-1", "pm_card_visa").await.unwrap();
    assert_eq!(
        (again.status, again.replayed, again.text),
        (500, true, first.text)
    );
    assert_eq!(caller.search("p-1").await[0]["status"], "requires_capture");
    running.stop().await;
}

#[tokio::test]
async fn a_late_answer_takes_effect_though_the_caller_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    caller
        .set_faults(&authorise(Shares {
            late_per_mille: 1000,
            late_ms: 400,
            ..Shares::default()
        }))
        .await;
    let impatient = caller
        .request(reqwest::Method::POST, "/v1/payment_intents")
        .header("Idempotency-Key", "p-1:authorise")
        .timeout(std::time::Duration::from_millis(100))
        .form(&crate::common::authorisation("p-1", "pm_card_visa"));
    assert!(
        crate::common::read(impatient)
            .await
            .unwrap_err()
            .is_timeout()
    );
    assert!(entries(folder.path()).is_empty(), "not yet");
    caller.set_faults(&Faults::default()).await;
    assert_eq!(
        caller
            .authorise("p-1", "pm_card_visa")
            .await
            .unwrap()
            .status,
        409,
        "the first still runs"
    );
    eventually("the effect", async || entries(folder.path()).len() == 1).await;
    eventually("the answer", async || {
        let answer = caller.authorise("p-1", "pm_card_visa").await.unwrap();
        answer.status == 200 && answer.replayed
    })
    .await;
    assert_eq!(entries(folder.path()).len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_amount_is_told_and_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    caller
        .set_faults(&authorise(Shares {
            wrong_amount_per_mille: 1000,
            ..Shares::default()
        }))
        .await;
    assert_eq!(
        caller
            .authorise("p-1", "pm_card_visa")
            .await
            .unwrap()
            .json()["amount"],
        2000
    );
    assert_eq!(entries(folder.path())[0].amount_minor, 1999);
    running.stop().await;
}

#[tokio::test]
async fn a_storm_refuses_everything_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    caller
        .set_faults(&Faults {
            storm: Some(Storm {
                after_ms: 0,
                for_ms: 500,
                every_ms: 0,
            }),
            ..Faults::default()
        })
        .await;
    assert_eq!(
        caller
            .authorise("p-1", "pm_card_visa")
            .await
            .unwrap()
            .status,
        503
    );
    assert_eq!(caller.hand_over("p-1", "s-1").await.unwrap().status, 503);
    assert_eq!(caller.get("/v1/payment_intents/pi_1").await.status, 503);
    eventually("it passes", async || {
        caller
            .authorise("p-1", "pm_card_visa")
            .await
            .unwrap()
            .status
            == 200
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn faults_that_make_no_sense_are_refused_and_the_old_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    let faults = Faults {
        seed: 7,
        ..Faults::default()
    };
    caller.set_faults(&faults).await;
    let post = |body: &'static str| {
        crate::common::read(
            caller
                .request(reqwest::Method::POST, "/sandbox/faults")
                .body(body),
        )
    };
    assert_eq!(
        post(r#"{"authorise": {"reset_per_mille": 1001}}"#)
            .await
            .unwrap()
            .status,
        422
    );
    assert_eq!(post(r#"{"authorize": {}}"#).await.unwrap().status, 400);
    assert_eq!(
        serde_json::from_value::<Faults>(caller.get("/sandbox/faults").await.json()).unwrap(),
        faults
    );
    running.stop().await;
}

#[tokio::test]
async fn the_carrier_takes_a_shipment_once_and_refuses_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    let taken = caller.hand_over("p-1", "s-1").await.unwrap();
    assert_eq!(
        (taken.status, &taken.json()["shipment_id"]),
        (200, &"s-1".into())
    );
    assert!(taken.json()["tracking"].as_str().unwrap().starts_with("CF"));
    let again = caller.hand_over("p-1", "s-1").await.unwrap();
    assert_eq!((again.replayed, again.text), (true, taken.text));
    assert_eq!(
        caller.hand_over("p-1", "s-other").await.unwrap().code(),
        "idempotency_error"
    );

    caller
        .set_faults(&Faults {
            hand_over_refused_per_mille: 1000,
            ..Faults::default()
        })
        .await;
    let refused = caller.hand_over("p-2", "s-2").await.unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (422, "refused"));
    caller.set_faults(&Faults::default()).await;
    assert_eq!(
        caller.hand_over("p-2", "s-2").await.unwrap().status,
        422,
        "a refusal is final"
    );
    assert_eq!(caller.shipment("s-2").await.code(), "refused");
    running.stop().await;
    let kinds: Vec<_> = entries(folder.path())
        .into_iter()
        .map(|entry| entry.kind)
        .collect();
    assert_eq!(kinds, [Kind::HandedOver, Kind::Refused]);
}

#[tokio::test]
async fn an_authorisation_lapses_on_request_and_cannot_be_captured_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    let held = caller.authorise("p-1", "pm_card_visa").await.unwrap();
    let intent = held.json()["id"].as_str().unwrap().to_owned();
    caller
        .set_faults(&Faults {
            authorisation_lapsed_per_mille: 1000,
            ..Faults::default()
        })
        .await;
    for key in ["p-1:capture", "p-1:capture", "another"] {
        let refused = caller.act(&intent, "capture", key).await.unwrap();
        assert_eq!(refused.status, 400);
        assert_eq!(refused.code(), "payment_intent_unexpected_state");
        let shown = &refused.json()["error"]["payment_intent"];
        assert_eq!(shown["status"], "canceled");
        assert_eq!(shown["amount_capturable"], 0);
    }
    caller.set_faults(&Faults::default()).await;
    let again = caller.act(&intent, "capture", "one more").await.unwrap();
    assert_eq!(again.status, 400, "it is final");
    running.stop().await;
    let kinds: Vec<_> = entries(folder.path())
        .into_iter()
        .map(|entry| entry.kind)
        .collect();
    assert_eq!(kinds, [Kind::Authorised, Kind::Voided]);
}

#[tokio::test]
async fn a_500_without_effect_that_was_saved_is_replayed_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    let saved = Shares {
        error_saved_per_mille: 1000,
        ..Shares::default()
    };
    caller
        .set_faults(&Faults {
            authorise: saved.clone(),
            hand_over: saved,
            ..Faults::default()
        })
        .await;
    let held = caller.authorise("p-1", "pm_card_visa").await.unwrap();
    let taken = caller.hand_over("p-1", "s-1").await.unwrap();
    caller.set_faults(&Faults::default()).await;
    for (first, again) in [
        (held, caller.authorise("p-1", "pm_card_visa").await.unwrap()),
        (taken, caller.hand_over("p-1", "s-1").await.unwrap()),
    ] {
        assert_eq!((first.status, again.status), (500, 500));
        assert!(again.replayed && again.text == first.text);
    }
    assert!(caller.search("p-1").await.is_empty());
    assert_eq!(caller.shipment("s-1").await.code(), "shipment_missing");
    assert!(entries(folder.path()).is_empty());
    running.stop().await;
}
