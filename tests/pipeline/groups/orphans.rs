//! A row that belongs to another cannot be without it, whoever writes: neither written before it nor
//! left behind.

use inventory::{InventoryGroup, Reservation, ReservationLine, Stock, StockMovement};
use runtime::{
    rows::Row,
    store::{Mode, Statement, Store, StoreError},
};
use timeline::{
    Timeline,
    rows::{EntryRow, PurchaseRow},
};

use super::{codec, run, stored, stories::records};

pub(crate) async fn an_entry_without_a_purchase_is_refused(url: &str) {
    let (store, _) = run(url, Timeline::new(codec()), &records(&timeline::TOPICS)).await;
    let adopt = |entry: &mut EntryRow| entry.purchase_id = "nobody's".to_owned();
    assert_bound::<EntryRow, PurchaseRow>(&*store, adopt).await;
}

pub(crate) async fn a_line_without_a_reservation_is_refused(url: &str) {
    let store = inventory(url).await;
    let adopt = |line: &mut ReservationLine| line.purchase_id = "nobody's".to_owned();
    assert_bound::<ReservationLine, Reservation>(&*store, adopt).await;
}

pub(crate) async fn a_movement_without_stock_is_refused(url: &str) {
    let store = inventory(url).await;
    let adopt = |movement: &mut StockMovement| {
        movement.movement_id = "another".to_owned();
        movement.sku = "0".to_owned();
    };
    assert_bound::<StockMovement, Stock>(&*store, adopt).await;
}

async fn inventory(url: &str) -> std::sync::Arc<dyn Store> {
    let group = InventoryGroup::new(codec(), inventory::Deadlines::default());
    run(url, group, &records(&inventory::TOPICS)).await.0
}

/// A child that `adopt` gives to a parent that is not there is refused, and so is the end of all
/// parents; both were there before, and are afterwards.
async fn assert_bound<C: Row, P: Row>(store: &dyn Store, adopt: impl FnOnce(&mut C)) {
    let children = stored::<C>(store).await;
    let parents = stored::<P>(store).await.len();
    assert!(!children.is_empty() && parents > 0);
    let mut orphan = children.values().next().unwrap().clone();
    adopt(&mut orphan);
    let mut columns = C::TABLE.empty_columns();
    orphan.push(&mut columns);
    let mut transaction = store.begin(Mode::Write).await.unwrap();
    let insert = C::TABLE.insert_new();
    // Sent and not waited for, as a batch sends it: the commit says no.
    let sent = transaction.enqueue(&insert, columns).await;
    let outcome = match sent {
        Ok(()) => transaction.commit().await,
        // Ended, or it would keep the next writer waiting.
        refused => {
            drop(transaction);
            refused
        }
    };
    assert!(
        matches!(outcome, Err(StoreError::Refused(_))),
        "{outcome:?}"
    );

    let text = format!("DELETE FROM {}", P::TABLE.name);
    let delete = Statement::new(text.clone(), text);
    let mut transaction = store.begin(Mode::Write).await.unwrap();
    let outcome = transaction.execute(&delete, vec![]).await;
    assert!(
        matches!(outcome, Err(StoreError::Refused(_))),
        "{outcome:?}"
    );
    drop(transaction);
    assert_eq!(stored::<C>(store).await.len(), children.len());
    assert_eq!(stored::<P>(store).await.len(), parents);
}
