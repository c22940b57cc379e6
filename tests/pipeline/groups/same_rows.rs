//! The rows in the database are those of the pure core, whatever the batches and however often each
//! record came.

use analytics::{Analytics, Windows};
use dispatch::DispatchGroup;
use inventory::{InventoryGroup, Reservation, State, Stock, StockMovement};
use payment::PaymentGroup;
use timeline::Timeline;

use super::{assert_stored, codec, run, stored, stories::records};

pub(crate) async fn payment_keeps_what_it_decided(url: &str) {
    let group = PaymentGroup::new(codec(), "pm_card_visa");
    let (store, mut memory) = run(url, group, &records(&payment::TOPICS)).await;
    let rows = memory.rows();
    assert_stored(&*store, rows.payments.iter()).await;
}

pub(crate) async fn inventory_keeps_what_it_decided(url: &str) {
    let group = InventoryGroup::new(codec(), inventory::Deadlines::default());
    let (store, mut memory) = run(url, group, &records(&inventory::TOPICS)).await;
    let rows = memory.rows();
    assert_stored(&*store, rows.reservations.iter()).await;
    assert_stored(&*store, rows.lines.iter()).await;
    assert_stored(&*store, rows.events.iter()).await;
    assert_stored(&*store, rows.stock.iter()).await;
    assert_stored(&*store, rows.movements.iter()).await;
    let reservations = stored::<Reservation>(&*store).await;
    for state in [State::Committed, State::Released, State::Rejected] {
        let any = reservations.values().any(|row| row.stands() == state);
        assert!(any, "none is {}", state.as_str());
    }
    // Stock is the fold of its movements.
    let mut movements: Vec<StockMovement> = stored::<StockMovement>(&*store)
        .await
        .into_values()
        .collect();
    movements.sort_by_key(|movement| (movement.sku.clone(), movement.sequence));
    for stock in stored::<Stock>(&*store).await.into_values() {
        let of_sku = || {
            movements
                .iter()
                .filter(|movement| movement.sku == stock.sku)
        };
        let on_hand: i64 = of_sku().map(|movement| movement.on_hand_change).sum();
        let reserved: i64 = of_sku().map(|movement| movement.reserved_change).sum();
        assert_eq!((on_hand, reserved), (stock.on_hand, stock.reserved));
        let sequences: Vec<i64> = of_sku().map(|movement| movement.sequence).collect();
        let expected: Vec<i64> = (1..=stock.movements).collect();
        assert_eq!(sequences, expected);
    }
}

pub(crate) async fn dispatch_keeps_what_it_decided(url: &str) {
    let group = DispatchGroup::new(codec(), dispatch::Deadlines::default());
    let (store, mut memory) = run(url, group, &records(&dispatch::TOPICS)).await;
    assert_stored(&*store, memory.rows().dispatches.iter()).await;
}

pub(crate) async fn analytics_keeps_what_it_counted(url: &str) {
    let group = Analytics::new(codec(), Windows::default());
    let (store, mut memory) = run(url, group, &records(&analytics::TOPICS)).await;
    let rows = memory.rows();
    assert_stored(&*store, rows.counted.iter()).await;
    assert_stored(&*store, rows.movements.iter()).await;
    assert_stored(&*store, rows.windows.iter()).await;
    assert_stored(&*store, rows.revenue.iter()).await;
    assert_stored(&*store, rows.customers.iter()).await;
    assert_stored(&*store, rows.items.iter()).await;
    assert_stored(&*store, rows.pairs.iter()).await;
}

pub(crate) async fn the_timeline_keeps_what_it_saw(url: &str) {
    let group = Timeline::new(codec());
    let (store, mut memory) = run(url, group, &records(&timeline::TOPICS)).await;
    let rows = memory.rows();
    assert_stored(&*store, rows.purchases.iter()).await;
    assert_stored(&*store, rows.events.iter()).await;
}
