//! Shops of every kind while the provider and the carrier lose what they answer: asked again under the
//! same key they do it once, and the audit of all of it is clean.

use std::time::{Duration, Instant};

use auditor::{Promise, Report};
use sandbox::{Faults, Shares};
use serde_json::Value;

use crate::{members::provider, troubled::carrier, world::World};

const ACTIONS: u64 = 150;
/// An audit that is not clean and says the same for so long will not say anything else.
const UNCHANGED_MAX: Duration = Duration::from_secs(20);

/// Of a thousand requests, how many go wrong after their effect, and before it.
fn faults() -> Faults {
    let shares = Shares {
        lost_reply_per_mille: 150,
        error_before_effect_per_mille: 50,
        reset_per_mille: 50,
        ..Shares::default()
    };
    Faults {
        seed: 3,
        authorise: shares.clone(),
        capture: shares.clone(),
        void: shares.clone(),
        refund: shares.clone(),
        hand_over: shares,
        ..Faults::default()
    }
}

#[test]
fn what_is_asked_again_after_a_lost_answer_is_done_once() {
    let world = World::empty();
    let report = world.runtime.block_on(async {
        let running = world.start(faults(), provider, carrier).await;
        world.fill_shelves().await;
        world.publish(ACTIONS, None).await;
        // Stock keepers tell everything twice.
        world.fill_shelves().await;
        let report = at_rest(&world).await;
        running.stop().await;
        report
    });
    let first = first_named(&report);
    assert!(report.is_clean(), "the auditor: {first}\n{report}");
    for group in ["payment", "dispatch"] {
        let retried = tasks_retried(&world, group);
        assert!(retried > 10, "{group} has asked again {retried} times");
    }
}

/// The first audit that is clean, or one that does not become so.
pub(crate) async fn at_rest(world: &World) -> Report {
    let mut unchanged = (Value::Null, Instant::now());
    loop {
        let report = world.until(|_| true).await;
        let said = serde_json::to_value(&report).unwrap()["promises"].clone();
        if unchanged.0 != said {
            unchanged = (said, Instant::now());
        }
        if report.is_clean() || unchanged.1.elapsed() > UNCHANGED_MAX {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What a person would read first.
pub(crate) fn first_named(report: &Report) -> String {
    let mut named = Promise::ALL.iter().flat_map(|promise| {
        let named = &report.of(*promise).named;
        named
            .iter()
            .map(move |one| format!("{promise:?}: {}", one.what))
    });
    named.next().unwrap_or_default()
}

fn tasks_retried(world: &World, group: &str) -> i64 {
    let path = world.folder.path().join(format!("stores/{group}.db"));
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(path, flags).unwrap();
    let sql = "SELECT count(*) FROM tasks WHERE attempts > 0";
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}
