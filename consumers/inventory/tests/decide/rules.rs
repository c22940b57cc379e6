//! The rules, one by one.

use inventory::State;
use runtime::{Decision, Refusal};
use schemas::Fact;

use crate::given::{
    NOW, Shop, adjusted, cancelled, declined, handed_over, purchase, received, requested, voided,
};

fn reason(refused: Result<Decision, Refusal>) -> (&'static str, String) {
    match refused {
        Err(Refusal::Poison { reason, detail, .. }) => (reason, detail),
        other => panic!("expected a refusal, not {other:?}"),
    }
}

fn stocked() -> Shop {
    let mut shop = Shop::new();
    for (event_id, sku, quantity) in [("r1", 1, 10), ("r2", 2, 3)] {
        let decision = shop.tell(received(event_id, sku, quantity)).0;
        assert_eq!(decision, Ok(Decision::Applied));
    }
    shop
}

#[test]
fn a_purchase_is_held_for_a_quarter_of_an_hour() {
    let mut shop = stocked();
    let (decision, facts) = shop.tell(purchase("p", &[(1, 2), (2, 3)]));
    assert_eq!(
        (decision, facts),
        (Ok(Decision::Applied), vec!["StockReserved"])
    );
    let row = shop.reservation("p");
    assert_eq!(row.stands(), State::Held);
    assert_eq!(row.expires_at, Some(NOW + 15 * 60 * 1_000_000));
    assert_eq!(shop.timers["p:expire"].due_at, row.expires_at.unwrap());
    assert_eq!((shop.stock(1), shop.stock(2)), ((10, 2), (3, 3)));
}

#[test]
fn all_lines_are_reserved_or_none() {
    let mut shop = stocked();
    let (_, facts) = shop.tell(purchase("p", &[(1, 2), (2, 4)]));
    assert_eq!(facts, ["StockRejected"]);
    let Some(Fact::StockRejected(rejected)) = shop.facts.last() else {
        panic!("rejected");
    };
    let short: Vec<_> = rejected
        .lines
        .iter()
        .map(|line| (line.line_no, line.quantity))
        .collect();
    assert_eq!(short, [(2, 4)]);
    assert_eq!((shop.stock(1), shop.stock(2)), ((10, 0), (3, 0)));
    assert_eq!(shop.reservation("p").stands(), State::Rejected);
}

#[test]
fn lines_of_one_sku_are_added_up_before_they_are_checked() {
    let mut shop = stocked();
    assert_eq!(
        shop.tell(purchase("p", &[(2, 2), (2, 2)])).1,
        ["StockRejected"]
    );
    assert_eq!(
        shop.tell(purchase("q", &[(2, 2), (2, 1)])).1,
        ["StockReserved"]
    );
    assert_eq!(shop.stock(2), (3, 3));
}

#[test]
fn a_sku_that_was_never_received_has_no_stock() {
    assert_eq!(
        stocked().tell(purchase("p", &[(99, 1)])).1,
        ["StockRejected"]
    );
}

#[test]
fn a_repeated_purchase_counts_once_and_a_different_one_is_refused() {
    let mut shop = stocked();
    shop.tell(purchase("p", &[(1, 2)])).0.unwrap();
    assert_eq!(
        shop.tell(purchase("p", &[(1, 2)])),
        (Ok(Decision::Duplicate), vec![])
    );
    let (refused, facts) = shop.tell(purchase("p", &[(1, 3)]));
    assert_eq!(
        (reason(refused).0, facts.len()),
        ("conflicting_duplicate", 0)
    );
    assert_eq!(shop.stock(1), (10, 2));
}

#[test]
fn whatever_ends_the_purchase_gives_the_stock_back_once() {
    for (event, word) in [
        (declined("p"), "declined"),
        (voided("p"), "voided"),
        (cancelled("p", "customer"), "customer"),
    ] {
        let mut shop = stocked();
        shop.tell(purchase("p", &[(1, 2)])).0.unwrap();
        assert_eq!(shop.tell(event.clone()).1, ["StockReleased"]);
        assert_eq!(shop.tell(event), (Ok(Decision::Duplicate), vec![]));
        let row = shop.reservation("p");
        assert_eq!(
            (row.stands(), row.reason.as_deref()),
            (State::Released, Some(word))
        );
        assert!(row.explain().ends_with(word), "{}", row.explain());
        assert_eq!((shop.stock(1), shop.timers.len()), ((10, 0), 0));
    }
}

#[test]
fn a_purchase_that_had_ended_before_it_came_is_never_reserved() {
    let mut shop = stocked();
    let movements = shop.movements();
    shop.tell(cancelled("p", "customer")).0.unwrap();
    assert_eq!(shop.reservation("p").stands(), State::Waiting);
    assert_eq!(
        shop.tell(purchase("p", &[(1, 2)])),
        (Ok(Decision::Applied), vec![])
    );
    assert_eq!(shop.reservation("p").stands(), State::Released);
    assert_eq!(shop.movements(), movements);
}

#[test]
fn a_lapsed_reservation_gives_the_stock_back() {
    let mut shop = stocked();
    shop.tell(purchase("p", &[(1, 2)])).0.unwrap();
    assert_eq!(
        shop.lapse("p"),
        (Ok(Decision::Applied), vec!["ReservationExpired"])
    );
    assert_eq!(shop.stock(1), (10, 0));
    assert_eq!(
        shop.tell(cancelled("p", "expired")),
        (Ok(Decision::Applied), vec![])
    );
    assert_eq!(shop.reservation("p").stands(), State::Released);
}

#[test]
fn a_shipment_makes_a_live_reservation_firm_and_moves_nothing() {
    let mut shop = stocked();
    shop.tell(purchase("p", &[(1, 2)])).0.unwrap();
    let movements = shop.movements();
    assert_eq!(shop.tell(requested("p")).1, ["StockReserved"]);
    let Some(Fact::StockReserved(firm)) = shop.facts.last() else {
        panic!("reserved");
    };
    assert_eq!((firm.expires_at, firm.lines.len()), (None, 1));
    assert!(shop.timers.is_empty());
    assert_eq!((shop.movements(), shop.stock(1)), (movements, (10, 2)));
}

#[test]
fn a_shipment_of_a_lapsed_reservation_is_tried_again() {
    let mut shop = stocked();
    shop.tell(purchase("p", &[(2, 3)])).0.unwrap();
    shop.tell(purchase("q", &[(1, 1)])).0.unwrap();
    shop.lapse("p").0.unwrap();
    shop.lapse("q").0.unwrap();
    shop.tell(purchase("other", &[(2, 1)])).0.unwrap();
    assert_eq!(shop.tell(requested("p")).1, ["StockRejected"]);
    assert_eq!(shop.tell(requested("q")).1, ["StockReserved"]);
    assert_eq!(shop.reservation("q").stands(), State::Firm);
    assert_eq!(shop.stock(2), (3, 1));
}

#[test]
fn a_hand_over_takes_the_goods_off() {
    let mut shop = stocked();
    shop.tell(purchase("p", &[(1, 2), (1, 1)])).0.unwrap();
    shop.tell(requested("p")).0.unwrap();
    assert_eq!(shop.tell(handed_over("p")).1, ["StockCommitted"]);
    assert_eq!(shop.stock(1), (7, 0));
    let late = shop.tell(cancelled("p", "customer"));
    assert_eq!(late, (Ok(Decision::Ignored("after_commit")), vec![]));
    assert_eq!(shop.reservation("p").cancelled_by, None);
}

#[test]
fn goods_that_left_without_a_reservation_are_never_passed_over() {
    let mut shop = stocked();
    shop.tell(purchase("p", &[(2, 4)])).0.unwrap();
    let (refused, _) = shop.tell(handed_over("p"));
    assert_eq!(reason(refused).0, "handed_over_without_reservation");
}

#[test]
fn a_redelivered_receipt_counts_once() {
    let mut shop = stocked();
    assert_eq!(shop.tell(received("r1", 1, 10)).0, Ok(Decision::Duplicate));
    assert_eq!(
        reason(shop.tell(received("r1", 1, 11)).0).0,
        "conflicting_duplicate"
    );
    assert_eq!(
        reason(shop.tell(received("r1", 2, 10)).0).0,
        "conflicting_duplicate"
    );
    assert_eq!(shop.stock(1), (10, 0));
}

#[test]
fn a_count_below_what_is_reserved_is_refused_whole() {
    let mut shop = stocked();
    shop.tell(purchase("p", &[(1, 6)])).0.unwrap();
    let (why, detail) = reason(shop.tell(adjusted("a1", 1, -5)).0);
    assert_eq!(why, "adjustment_below_reserved");
    assert_eq!(detail, "sku 1: 10 on hand -5 leaves 5, and 6 are reserved");
    assert_eq!(shop.stock(1), (10, 6));
    assert_eq!(shop.tell(adjusted("a2", 1, -4)).0, Ok(Decision::Applied));
    assert_eq!(shop.stock(1), (6, 6));
}

#[test]
fn a_refused_count_takes_effect_when_it_is_told_again_later() {
    let mut shop = stocked();
    shop.tell(purchase("p", &[(1, 6)])).0.unwrap();
    shop.tell(adjusted("a1", 1, -5)).0.unwrap_err();
    shop.tell(cancelled("p", "customer")).0.unwrap();
    assert_eq!(shop.tell(adjusted("a1", 1, -5)).0, Ok(Decision::Applied));
    assert_eq!(shop.stock(1), (5, 0));
}
