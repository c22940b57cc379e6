//! The worker against the carrier of the sandbox, over HTTP, with everything that can go wrong: a
//! shipment is handed over once, and every task comes to an answer once the carrier is well.
#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without fails it"
)]

use std::{path::Path, time::Duration};

use dispatch::{
    CarrierConfig, CarrierWorker,
    event::{Ask, HAND_OVER, Outcome},
};
use runtime::{Attempt, Task, Worker};
use sandbox::{
    Config, Faults, Shares,
    journal::{self, Kind},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// More attempts than any of these stories needs.
const ATTEMPTS_MAX: u32 = 5;

fn task() -> Task {
    let ask = Ask {
        shipment_id: "s-1".into(),
        purchase_id: "p-1".into(),
        tier: "two_day".into(),
    };
    Task {
        task_id: format!("p-1:{HAND_OVER}"),
        shard: 0,
        sequence: 1,
        key: "p-1".into(),
        kind: HAND_OVER.into(),
        payload: serde_json::to_value(ask).unwrap(),
        causation_id: "cause".into(),
        traceparent: None,
        created_at: now_micros(),
        attempts: 0,
    }
}

#[tokio::test]
async fn a_purchase_id_in_any_script_is_handed_over() {
    let carrier = Carrier::new(Faults::default(), |_| ()).await;
    let mut task = task();
    task.task_id = format!("\u{65e5}\u{672c}:{HAND_OVER}");
    task.payload["purchase_id"] = "\u{65e5}\u{672c}".into();
    let Attempt::Answered(answer) = carrier.worker.perform(&task).await else {
        panic!("it was not answered");
    };
    assert_eq!(answer.0["outcome"], "handed_over", "{}", answer.0);
}

fn now_micros() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_micros()).unwrap()
}

struct Carrier {
    url: String,
    folder: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), sandbox::Error>>,
    worker: CarrierWorker,
}

impl Carrier {
    async fn new(faults: Faults, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path());
        config.faults = faults;
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(sandbox::run(listener, config, stopped));
        let worker = CarrierWorker::new(&CarrierConfig {
            request_timeout: Duration::from_millis(500),
            ..CarrierConfig::new(&url)
        });
        Self {
            url,
            folder,
            stop,
            ended,
            worker: worker.unwrap(),
        }
    }

    async fn set_faults(&self, faults: &Faults) {
        let set = reqwest::Client::new()
            .post(format!("{}/sandbox/faults", self.url))
            .body(serde_json::to_vec(faults).unwrap())
            .send();
        assert!(set.await.unwrap().status().is_success());
    }

    async fn perform(&self, task: &Task) -> Option<Outcome> {
        match self.worker.perform(task).await {
            Attempt::Answered(answer) => Some(serde_json::from_value(answer.0).unwrap()),
            Attempt::Retry { .. } => None,
        }
    }

    /// Tries as the runtime does, until there is an answer; which attempt had it, too.
    async fn perform_until_answered(&self, mut task: Task) -> (Outcome, u32) {
        while task.attempts < ATTEMPTS_MAX {
            if let Some(outcome) = self.perform(&task).await {
                return (outcome, task.attempts);
            }
            task.attempts += 1;
        }
        panic!("no answer after {ATTEMPTS_MAX} attempts");
    }

    /// Ends the carrier, and says what it has done.
    async fn stop(self) -> Vec<Kind> {
        drop(self.stop);
        self.ended.await.unwrap().unwrap();
        kinds(self.folder.path())
    }
}

fn kinds(folder: &Path) -> Vec<Kind> {
    let entries = journal::read(folder).unwrap();
    entries.map(|entry| entry.unwrap().kind).collect()
}

fn hand_over(hand_over: Shares) -> Faults {
    Faults {
        hand_over,
        ..Faults::default()
    }
}

/// Each way in which a request can go wrong, always.
fn every_fault() -> Vec<(&'static str, Shares)> {
    let none = Shares::default;
    let with = |set: fn(&mut Shares)| {
        let mut shares = none();
        set(&mut shares);
        shares
    };
    vec![
        ("lost reply", with(|it| it.lost_reply_per_mille = 1000)),
        (
            "time-out",
            with(|it| (it.timeout_per_mille, it.timeout_ms) = (1000, 2_000)),
        ),
        (
            "late",
            with(|it| (it.late_per_mille, it.late_ms) = (1000, 700)),
        ),
        (
            "error before",
            with(|it| it.error_before_effect_per_mille = 1000),
        ),
        (
            "error after",
            with(|it| it.error_after_effect_per_mille = 1000),
        ),
        ("error saved", with(|it| it.error_saved_per_mille = 1000)),
        ("too many", with(|it| it.too_many_requests_per_mille = 1000)),
        ("unavailable", with(|it| it.unavailable_per_mille = 1000)),
        ("reset", with(|it| it.reset_per_mille = 1000)),
    ]
}

#[tokio::test]
async fn after_every_fault_the_shipment_is_handed_over_once() {
    for (fault, shares) in every_fault() {
        let carrier = Carrier::new(hand_over(shares), |_| ()).await;
        let mut task = task();
        let first = carrier.perform(&task).await;
        task.attempts += 1;
        carrier.set_faults(&Faults::default()).await;
        let outcome = match first {
            Some(outcome) => outcome,
            None if fault == "late" => {
                // Until the first request has had its effect, its key is in use.
                let deadline = std::time::Instant::now() + Duration::from_secs(10);
                loop {
                    if let Some(outcome) = carrier.perform(&task).await {
                        break outcome;
                    }
                    assert!(std::time::Instant::now() < deadline, "{fault}");
                }
            }
            None => carrier.perform_until_answered(task).await.0,
        };
        assert!(
            matches!(&outcome, Outcome::HandedOver { shipment_id, .. } if shipment_id == "s-1"),
            "{fault}: {outcome:?}"
        );
        assert_eq!(carrier.stop().await, [Kind::HandedOver], "{fault}");
    }
}

#[tokio::test]
async fn a_saved_error_is_not_replayed_for_ever() {
    let saved = Shares {
        error_saved_per_mille: 1000,
        ..Shares::default()
    };
    let carrier = Carrier::new(hand_over(saved), |_| ()).await;
    let mut task = task();
    for attempts in 0..3 {
        task.attempts = attempts;
        assert_eq!(carrier.perform(&task).await, None, "it fails under any key");
    }
    carrier.set_faults(&Faults::default()).await;
    task.attempts = 3;
    let outcome = carrier.perform(&task).await;
    assert!(matches!(outcome, Some(Outcome::HandedOver { .. })));
    assert_eq!(carrier.stop().await, [Kind::HandedOver]);
}

#[tokio::test]
async fn past_the_key_window_the_carrier_is_asked_before_anything_is_posted() {
    let lost = Shares {
        lost_reply_per_mille: 1000,
        ..Shares::default()
    };
    let carrier = Carrier::new(hand_over(lost), |config| {
        config.key_retention = Duration::ZERO;
    })
    .await;
    let mut task = task();
    assert_eq!(carrier.perform(&task).await, None);
    // Posting would be of no use: only a look-up can answer.
    task.created_at -= 25 * 3600 * 1_000_000;
    task.attempts = 1;
    let outcome = carrier.perform(&task).await;
    assert!(matches!(outcome, Some(Outcome::HandedOver { .. })));
    assert_eq!(carrier.stop().await, [Kind::HandedOver]);
}

#[tokio::test]
async fn a_refusal_is_learnt_whatever_became_of_its_reply() {
    for (fault, shares) in every_fault() {
        let refusing = Faults {
            hand_over_refused_per_mille: 1000,
            ..Faults::default()
        };
        let carrier = Carrier::new(
            Faults {
                hand_over: shares,
                ..refusing.clone()
            },
            |_| (),
        )
        .await;
        let mut task = task();
        let first = carrier.perform(&task).await;
        carrier.set_faults(&refusing).await;
        task.attempts = 1;
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        let mut outcome = first;
        while outcome.is_none() {
            assert!(std::time::Instant::now() < deadline, "{fault}");
            outcome = carrier.perform(&task).await;
        }
        assert_eq!(outcome, Some(Outcome::Refused), "{fault}");
        assert_eq!(carrier.stop().await, [Kind::Refused], "{fault}");
    }
}

#[tokio::test]
async fn a_request_that_the_carrier_calls_wrong_is_an_answer_once_it_knows_no_shipment() {
    let carrier = Carrier::new(Faults::default(), |_| ()).await;
    let mut wrong = task();
    wrong.payload["tier"] = "".into();
    let (outcome, attempts) = carrier.perform_until_answered(wrong).await;
    assert!(matches!(outcome, Outcome::Rejected { .. }), "{outcome:?}");
    assert_eq!(attempts, 0);
    // While it cannot be asked what it knows, nothing is concluded.
    let carrier_is_deaf = Faults {
        retrieve_shipment: Shares {
            unavailable_per_mille: 1000,
            ..Shares::default()
        },
        ..Faults::default()
    };
    carrier.set_faults(&carrier_is_deaf).await;
    let mut wrong = task();
    wrong.payload["tier"] = "".into();
    assert_eq!(carrier.perform(&wrong).await, None);
    assert!(carrier.stop().await.is_empty());
}

#[tokio::test]
async fn a_shipment_of_another_purchase_is_a_mismatch() {
    let carrier = Carrier::new(Faults::default(), |_| ()).await;
    assert!(carrier.perform(&task()).await.is_some());
    let mut other = task();
    other.task_id = format!("p-2:{HAND_OVER}");
    other.payload["purchase_id"] = "p-2".into();
    let outcome = carrier.perform(&other).await;
    assert!(
        matches!(outcome, Some(Outcome::Mismatch { .. })),
        "{outcome:?}"
    );
    assert_eq!(carrier.stop().await, [Kind::HandedOver]);
}

#[tokio::test]
async fn a_purchase_is_shipped_in_whatever_script_its_id_is_written() {
    let carrier = Carrier::new(Faults::default(), |_| ()).await;
    let mut foreign = task();
    foreign.task_id = format!("ключ-1:{HAND_OVER}");
    foreign.payload["purchase_id"] = "ключ-1".into();
    for _ in 0..2 {
        let outcome = carrier.perform(&foreign).await;
        let is_handed_over = matches!(outcome, Some(Outcome::HandedOver { .. }));
        assert!(is_handed_over, "{outcome:?}");
    }
    assert_eq!(carrier.stop().await, [Kind::HandedOver]);
}
