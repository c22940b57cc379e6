//! The auditor against the real five groups on an in-process cluster and SQLite: a quiet world is
//! clean, and whatever is taken away, doubled, altered or invented is named.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

mod bookkeeping;
mod copy;
mod excuses;
mod follow;
mod lapsed;
mod members;
mod promises;
mod redriven;
mod registry;
mod retried;
mod shops;
mod tables;
mod tampered;
mod topics;
mod troubled;
mod witnesses;
mod world;

use std::sync::LazyLock;

use auditor::{CLEAN, Promise, Report};
use world::World;

/// Built once; nobody writes to its topics or its databases, only to copies of the latter.
static WORLD: LazyLock<World> = LazyLock::new(|| World::build(400));

fn audit(change: impl FnOnce(&mut copy::Copy)) -> Report {
    let world = &*WORLD;
    let mut copy = world.copy();
    change(&mut copy);
    world.audit(&copy)
}

/// That the audit names a subject under a promise, and would exit 1.
#[track_caller]
fn names(report: &Report, promise: Promise, subject: &str, what: &str) {
    let named = &report.of(promise).named;
    let found = (named.iter()).any(|one| one.subject.contains(subject) && one.what.contains(what));
    assert!(found, "no {promise:?} of {subject}: {what} in\n{report}");
    assert_eq!(report.exit_code(), 1);
    assert_ne!(report.verdict, CLEAN);
}

#[test]
fn a_world_at_rest_is_clean_and_everything_in_it_is_counted() {
    let report = audit(|_| {});
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.verdict, CLEAN);
    assert_eq!(report.exit_code(), 0);
    let purchases = report.of(Promise::AcceptedIsKept).counted["purchases on the topic"];
    assert!(purchases > 300, "{report}");
    for group in auditor::Group::ALL {
        let kept = format!("kept by {group}");
        assert_eq!(report.of(Promise::AcceptedIsKept).counted[&kept], purchases);
    }
    let once = &report.of(Promise::Once).counted;
    assert_eq!(
        once["PaymentCaptured on the topics"],
        once["ShipmentHandedOver on the topics"]
    );
    assert!(report.of(Promise::AcceptedIsKept).counted["contradicting records"] > 0);
    assert!(once["records that said again what was known"] > 0);
    assert!(report.of(Promise::Accounting).counted["unreadable records"] > 0);
    assert!(serde_json::to_value(&report).unwrap()["promises"]["money"].is_object());
}
