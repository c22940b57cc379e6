//! One key, one effect: replays, conflicts, concurrency, restarts.

use crate::common::{authorisation, config, entries, eventually, start};
use sandbox::{Faults, Shares, journal::Kind};

#[tokio::test]
async fn the_same_key_replays_status_and_body() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    for card in ["pm_card_visa", "pm_card_visa_chargeDeclined"] {
        let first = caller.authorise(card, card).await.unwrap();
        let second = caller.authorise(card, card).await.unwrap();
        assert!(!first.replayed && second.replayed);
        assert_eq!((first.status, first.text), (second.status, second.text));
    }
    let id = caller
        .authorise("pm_card_visa", "pm_card_visa")
        .await
        .unwrap()
        .id();
    caller.act(&id, "capture", "c").await.unwrap();
    let replay = caller
        .authorise("pm_card_visa", "pm_card_visa")
        .await
        .unwrap();
    assert_eq!(
        replay.json()["status"],
        "requires_capture",
        "a replay shows what was answered then"
    );
    let refused = caller.act(&id, "cancel", "v").await.unwrap();
    let again = caller.act(&id, "cancel", "v").await.unwrap();
    assert_eq!(
        (refused.status, again.replayed, refused.text),
        (400, true, again.text)
    );
    running.stop().await;
    assert_eq!(entries(folder.path()).len(), 3);
}

#[tokio::test]
async fn the_same_key_with_other_parameters_is_an_idempotency_error() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    let id = caller.authorise("p-1", "pm_card_visa").await.unwrap().id();
    let mut other = authorisation("p-1", "pm_card_visa");
    other[0].1 = "2000";
    let refused = caller
        .post("/v1/payment_intents", Some("p-1:authorise"), &other)
        .await
        .unwrap();
    assert_eq!(
        (refused.status, &refused.json()["error"]["type"]),
        (400, &"idempotency_error".into())
    );
    let elsewhere = caller.act(&id, "capture", "p-1:authorise").await.unwrap();
    assert_eq!(
        (elsewhere.status, &elsewhere.json()["error"]["type"]),
        (400, &"idempotency_error".into())
    );
    running.stop().await;
    assert_eq!(entries(folder.path()).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_callers_with_one_key_have_one_effect() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.latency = sandbox::Span { min: 50, max: 50 };
    let running = start(config).await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let caller = running.caller.clone();
        callers.spawn(async move { caller.authorise("p-1", "pm_card_visa").await.unwrap() });
    }
    let answers = callers.join_all().await;
    let first: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200 && !answer.replayed)
        .collect();
    assert_eq!(first.len(), 1);
    for answer in &answers {
        match answer.status {
            200 => assert_eq!(answer.text, first[0].text),
            409 => assert_eq!(answer.code(), "idempotency_key_in_use"),
            other => panic!("{other}: {}", answer.text),
        }
    }
    assert!(answers.iter().any(|answer| answer.status == 409));
    running.stop().await;
    assert_eq!(entries(folder.path()).len(), 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_its_retention_and_an_effect_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.key_retention = std::time::Duration::ZERO;
    let running = start(config).await;
    let caller = running.caller.clone();
    let first = caller.authorise("p-1", "pm_card_visa").await.unwrap();
    let second = caller.authorise("p-1", "pm_card_visa").await.unwrap();
    assert!(!second.replayed);
    assert_ne!(first.id(), second.id());
    assert_eq!(caller.search("p-1").await.len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn a_shipment_is_taken_once_whatever_became_of_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.key_retention = std::time::Duration::ZERO;
    let running = start(config).await;
    let caller = running.caller.clone();
    assert_eq!(caller.shipment("s-1").await.code(), "shipment_missing");
    let shipment = ["s-1", "p-1", "two_day"];
    let first = caller.hand_over_under("one", shipment).await;
    let forgotten = caller.hand_over_under("one", shipment).await;
    let other_key = caller.hand_over_under("two", shipment).await;
    for again in [forgotten, other_key, caller.shipment("s-1").await] {
        assert!(!again.replayed);
        assert_eq!((again.status, &again.text), (200, &first.text));
    }
    let another = ["s-1", "p-2", "two_day"];
    let refused = caller.hand_over_under("three", another).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (422, "shipment_mismatch")
    );
    running.stop().await;

    let running = restarted(folder.path()).await;
    let again = running.caller.hand_over_under("four", shipment).await;
    assert_eq!(again.text, first.text);
    running.stop().await;
    let kinds: Vec<_> = entries(folder.path())
        .into_iter()
        .map(|entry| entry.kind)
        .collect();
    assert_eq!(kinds, [Kind::HandedOver]);
}

#[tokio::test]
async fn a_restart_keeps_ids_states_keys_and_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    let held = caller.authorise("p-1", "pm_card_visa").await.unwrap();
    let declined = caller
        .authorise("p-2", "pm_card_visa_chargeDeclined")
        .await
        .unwrap();
    let captured = caller
        .act(&held.id(), "capture", "p-1:capture")
        .await
        .unwrap();
    let id = held.id();
    let refund = [("payment_intent", id.as_str())];
    let refunded = caller
        .post("/v1/refunds", Some("p-1:refund"), &refund)
        .await
        .unwrap();
    let shipped = caller.hand_over("p-1", "s-1").await.unwrap();
    let before = caller.state().await;
    running.stop().await;

    let running = start(config(folder.path())).await;
    let caller = running.caller.clone();
    assert_eq!(caller.state().await["state"], before["state"]);
    for (first, again) in [
        (
            &held,
            caller.authorise("p-1", "pm_card_visa").await.unwrap(),
        ),
        (
            &declined,
            caller
                .authorise("p-2", "pm_card_visa_chargeDeclined")
                .await
                .unwrap(),
        ),
        (
            &captured,
            caller
                .act(&held.id(), "capture", "p-1:capture")
                .await
                .unwrap(),
        ),
        (
            &refunded,
            caller
                .post("/v1/refunds", Some("p-1:refund"), &refund)
                .await
                .unwrap(),
        ),
        (&shipped, caller.hand_over("p-1", "s-1").await.unwrap()),
    ] {
        assert_same(first, &again);
    }
    running.stop().await;
    let kinds: Vec<_> = entries(folder.path())
        .into_iter()
        .map(|entry| entry.kind)
        .collect();
    use Kind::{Authorised, Captured, Declined, HandedOver, Refunded};
    assert_eq!(
        kinds,
        [Authorised, Declined, Captured, Refunded, HandedOver]
    );
}

#[tokio::test]
async fn a_request_cut_off_before_its_effect_may_run_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut slow = config(folder.path());
    let authorise = Shares {
        late_per_mille: 1000,
        late_ms: 60_000,
        ..Shares::default()
    };
    slow.faults = Faults {
        authorise,
        ..Faults::default()
    };
    let running = start(slow).await;
    let caller = running.caller.clone();
    let waiting = tokio::spawn(async move { caller.authorise("p-1", "pm_card_visa").await });
    let caller = running.caller.clone();
    eventually("it has begun", async || {
        caller.state().await["state"]["keys_running"] == 1
    })
    .await;
    running.drop_without_shutdown().await;
    assert!(waiting.await.unwrap().is_err());
    assert!(entries(folder.path()).is_empty());

    let running = restarted(folder.path()).await;
    let held = running
        .caller
        .authorise("p-1", "pm_card_visa")
        .await
        .unwrap();
    assert_eq!((held.status, held.replayed), (200, false));
    running.stop().await;
}

/// Starts again as soon as what was dropped has let go of the journal.
async fn restarted(folder: &std::path::Path) -> crate::common::Running {
    eventually("the journal is let go", async || {
        let lock = std::fs::File::open(folder.join("lock"));
        lock.is_ok_and(|lock| lock.try_lock().is_ok())
    })
    .await;
    start(config(folder)).await
}

fn assert_same(first: &crate::common::Answer, again: &crate::common::Answer) {
    assert!(again.replayed);
    assert_eq!((first.status, &first.text), (again.status, &again.text));
}
