//! Histories in which the provider or the carrier went wrong: those that came right are clean, and
//! those beside them, in which money or goods went astray, are named.

use std::time::{Duration, Instant};

use auditor::{Promise, Report};
use dispatch::{CarrierConfig, CarrierWorker};
use payment::{ProviderWorker, event::Ask};
use runtime::{Answer, Attempt, Task, Worker};
use sandbox::Faults;
use schemas::{Encoder, Event, domain::CancellationRequested};
use serde_json::{Value, json};

use crate::{
    copy::Copy,
    members::provider,
    names,
    shops::buy,
    world::{World, now},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A worker that makes a history of a purchase by its name, whatever the other side does.
struct Fate<W>(W);

impl<W: Worker> Fate<W> {
    /// Has it done, and says something else of it than the other side has answered.
    async fn but_says(&self, task: &Task, change: impl FnOnce(Value) -> Value) -> Attempt {
        match self.0.perform(task).await {
            Attempt::Answered(Answer(answer)) => Attempt::Answered(Answer(change(answer))),
            later => later,
        }
    }
}

fn says(answer: Value) -> Attempt {
    Attempt::Answered(Answer(answer))
}

fn declined() -> Value {
    json!({"outcome": "declined", "reason": "canceled", "attempts": 1})
}

impl Worker for Fate<ProviderWorker> {
    async fn perform(&self, task: &Task) -> Attempt {
        let ask: Ask = serde_json::from_value(task.payload.clone()).unwrap();
        match (task.key.as_str(), task.kind.as_str()) {
            ("untraced" | "untraced-and-held", "authorise") => {
                self.but_says(task, |_| json!({"outcome": "untraced"}))
                    .await
            }
            ("untraced-and-held", "release") => says(json!({"outcome": "released", "intents": []})),
            ("disputed" | "disputed-and-held", "authorise") => {
                let more = |mut answer: Value| {
                    answer["amount_minor"] = (ask.amount_minor + 1).into();
                    answer
                };
                self.but_says(task, more).await
            }
            ("disputed-and-held", "void") => says(json!({
                "outcome": "done", "intent": ask.provider_ref, "refund": null,
                "amount_minor": ask.amount_minor, "currency": ask.currency, "purchase_id": null,
            })),
            // The hold has lapsed meanwhile.
            ("unpaid", "capture") => {
                let void = Task {
                    task_id: format!("{}:lapse", task.key),
                    kind: "void".to_owned(),
                    ..task.clone()
                };
                match self.0.perform(&void).await {
                    Attempt::Answered(_) => self.0.perform(task).await,
                    later => later,
                }
            }
            ("unpaid-and-taken", "capture") => self.but_says(task, |_| declined()).await,
            _ => self.0.perform(task).await,
        }
    }
}

impl Worker for Fate<CarrierWorker> {
    async fn perform(&self, task: &Task) -> Attempt {
        let rejected = || json!({"outcome": "rejected", "code": "http 400 invalid_request"});
        match task.key.as_str() {
            "rejected" => says(rejected()),
            "rejected-and-taken" => self.but_says(task, |_| rejected()).await,
            "mismatch" => says(json!({"outcome": "mismatch", "detail": "another tier"})),
            _ => self.0.perform(task).await,
        }
    }
}

pub(crate) fn carrier(address: &str) -> CarrierWorker {
    CarrierWorker::new(&CarrierConfig::new(address)).unwrap()
}

/// Asks to cancel a purchase once its payment stands at a state.
async fn cancel_once(world: &World, name: &str, state: &str) {
    let deadline = Instant::now() + PATIENCE;
    while state_of(world, name).as_deref() != Some(state) {
        assert!(Instant::now() < deadline, "{name} is not {state}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let request = CancellationRequested {
        event_id: schemas::ids::derived(name, "test.cancel"),
        purchase_id: name.to_owned(),
        occurred_at: now(),
        causation_id: None,
        reason: "customer".to_owned(),
    };
    let encoded = Encoder::new().encode_event(&Event::CancellationRequested(request));
    world.publisher.publish(encoded.unwrap()).await.unwrap();
}

/// Where the payment of a purchase stands.
fn state_of(world: &World, name: &str) -> Option<String> {
    let path = world.folder.path().join("stores/payment.db");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(path, flags).ok()?;
    let sql = "SELECT state FROM payments WHERE purchase_id = ?1";
    database.query_row(sql, [name], |row| row.get(0)).ok()
}

/// What came right, each in its own way.
async fn come_right(world: &World) {
    let refusing = Faults {
        hand_over_refused_per_mille: 1_000,
        ..Faults::default()
    };
    let running = world.start(refusing, provider, carrier).await;
    world.fill_shelves().await;
    buy(world, &["refused"]).await;
    world.until_clean().await;
    running.stop().await;

    let fated = |address: &str| Fate(carrier(address));
    let faults = Faults::default();
    let running = (world.start(faults, |address| Fate(provider(address)), fated)).await;
    buy(
        world,
        &["rejected", "mismatch", "untraced", "disputed", "unpaid"],
    )
    .await;
    cancel_once(world, "disputed", "disputed").await;
    cancel_once(world, "unpaid", "capture_failed").await;
    world.until_clean().await;
    running.stop().await;
}

/// What went astray, and how it is named.
async fn go_astray(world: &World) -> Report {
    let fated = |address: &str| Fate(carrier(address));
    let faults = Faults::default();
    let running = (world.start(faults, |address| Fate(provider(address)), fated)).await;
    buy(world, &ASTRAY.map(|(name, _)| name)).await;
    cancel_once(world, "disputed-and-held", "disputed").await;
    cancel_once(world, "unpaid-and-taken", "capture_failed").await;
    let all_named = |report: &Report| {
        let named = &report.of(Promise::Money).named;
        let is_named = |(name, what): &(&str, &str)| {
            (named.iter()).any(|one| one.subject == *name && one.what.contains(what))
        };
        ASTRAY.iter().all(is_named) && report.of(Promise::Finished).breaches == 0
    };
    let report = world.until(all_named).await;
    running.stop().await;
    report
}

const ASTRAY: [(&str, &str); 4] = [
    (
        "rejected-and-taken",
        "handed over by the provider's journal, and dispatch does not say so",
    ),
    (
        "untraced-and-held",
        "authorised by the provider's journal, and payment does not say so",
    ),
    (
        "disputed-and-held",
        "authorised at the provider, and the ledger knows nothing of it",
    ),
    (
        "unpaid-and-taken",
        "captured by the provider's journal, and payment does not say so",
    ),
];

#[test]
fn trouble_that_came_right_is_clean_and_trouble_beside_it_is_named() {
    let world = World::empty();
    world.runtime.block_on(come_right(&world));
    for (name, state) in [
        ("refused", "voided"),
        ("rejected", "voided"),
        ("mismatch", "authorised"),
        ("untraced", "declined"),
        ("disputed", "voided"),
        ("unpaid", "credited"),
    ] {
        assert_eq!(state_of(&world, name).as_deref(), Some(state), "{name}");
    }
    tampered(&world);

    let report = world.runtime.block_on(go_astray(&world));
    assert_eq!(report.exit_code(), 1);
    for promise in Promise::ALL {
        for one in &report.of(promise).named {
            let is_astray = ASTRAY.iter().any(|(name, _)| one.subject == *name);
            // What was taken and is not known to have been is missing in the sum as well.
            let is_sum = promise == Promise::Money && one.subject.len() == 3;
            assert!(
                is_astray || is_sum,
                "{} is not to blame:\n{report}",
                one.subject
            );
        }
    }
}

/// The same histories with something in the databases that never happened.
fn tampered(world: &World) {
    let audit = |group: &str, changes: &[&str]| {
        let copy = Copy::of(world.folder.path());
        for change in changes {
            copy.change(group, change);
        }
        world.audit(&copy)
    };
    let report = audit(
        "dispatch",
        &["DELETE FROM tasks WHERE task_key = 'rejected'"],
    );
    let what = "cancelled on the carrier's word, which is None";
    names(&report, Promise::Dispatch, "rejected", what);
    let refused = "UPDATE tasks SET answer = '{\"outcome\":\"refused\"}' \
                   WHERE task_key = 'rejected'";
    let report = audit("dispatch", &[refused]);
    let what = "dispatch says refused, and the provider's journal does not";
    names(&report, Promise::Money, "rejected", what);

    let open = [
        "UPDATE payments SET state = 'capture_failed' WHERE purchase_id = 'unpaid'",
        "DELETE FROM postings WHERE entry_id = 'unpaid:credited'",
        "DELETE FROM journal_entries WHERE entry_id = 'unpaid:credited'",
    ];
    let what = "left unexplained: payment stands at capture_failed";
    names(&audit("payment", &open), Promise::Finished, "unpaid", what);
    let report = audit("payment", &open[1..]);
    names(&report, Promise::Money, "unpaid", "the ledger has entries");
    let elsewhere = "UPDATE journal_entries SET causation_id = 'another' \
                     WHERE entry_id = 'unpaid:credited'";
    let report = audit("payment", &[elsewhere]);
    names(
        &report,
        Promise::Money,
        "unpaid",
        "credited, and nothing was sent back",
    );
}
