//! Goods that were reserved for somebody who does not pay in time: given back when the reservation lapses,
//! and the purchase comes to an end that the audit can explain.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use auditor::Promise;
use codec::Codec;
use payment::ProviderWorker;
use runtime::{Attempt, Task, Worker};
use sandbox::Faults;

use crate::{
    members::{Deadlines, provider},
    retried,
    shops::buy,
    troubled::carrier,
    world::World,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Is not answered before the stock of a purchase was given back.
struct Slow {
    provider: ProviderWorker,
    inventory: PathBuf,
}

impl Worker for Slow {
    async fn perform(&self, task: &Task) -> Attempt {
        let stands = state(&self.inventory, &task.key);
        if !matches!(stands.as_deref(), Some("expired" | "released")) {
            return Attempt::Retry {
                reason: "no answer yet".to_owned(),
                after: Some(Duration::from_millis(100)),
                dependency_failed: false,
            };
        }
        self.provider.perform(task).await
    }
}

/// How a reservation stands.
fn state(inventory: &Path, purchase_id: &str) -> Option<String> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(inventory, flags).ok()?;
    let sql = "SELECT state FROM reservations WHERE purchase_id = ?1";
    database
        .query_row(sql, [purchase_id], |row| row.get(0))
        .ok()
}

#[test]
fn what_is_reserved_and_not_paid_for_in_time_is_given_back() {
    let world = World::empty();
    let inventory = world.folder.path().join("stores/inventory.db");
    // Only the reservation has a time that passes.
    let deadlines = Deadlines {
        inventory: inventory::Deadlines {
            reservation: Duration::from_secs(1),
        },
        dispatch: dispatch::Deadlines {
            answers: HOUR,
            ..dispatch::Deadlines::default()
        },
    };
    let report = world.runtime.block_on(async {
        let slow = |address: &str| Slow {
            provider: provider(address),
            inventory: inventory.clone(),
        };
        let codec = Codec::without_registry();
        let running = (world.start_by(deadlines, codec, Faults::default(), slow, carrier)).await;
        world.fill_shelves().await;
        buy(&world, &["late-payer"]).await;
        let report = retried::at_rest(&world).await;
        running.stop().await;
        report
    });
    let first = retried::first_named(&report);
    let stands = state(&inventory, "late-payer");
    assert!(
        report.is_clean(),
        "the auditor: {first}; reserved: {stands:?}\n{report}"
    );
    let counted = &report.of(Promise::Once).counted;
    assert_eq!(counted["ReservationExpired on the topics"], 1, "{report}");
    assert_eq!(counted["PurchaseCancelled on the topics"], 1, "{report}");
}
