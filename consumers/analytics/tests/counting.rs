//! What one event counts as, and what is refused.

mod support;

use analytics::{Observed, Windows, basket};
use runtime::{Decision, Refusal};
use schemas::Event;
use support::{Bought, Counting, HOUR, START, facts, observed, purchase, received};

fn bought(lines: Vec<(i64, i32, i64)>) -> Bought {
    Bought {
        purchase_id: "p".to_owned(),
        customer: 1,
        at: START,
        currency: "EUR",
        lines,
    }
}

fn event(bought: &Bought) -> Observed {
    observed(Event::Purchase(purchase(bought)), 0)
}

#[test]
fn a_contradicting_purchase_is_refused_and_counts_nothing() {
    let mut counting = Counting::default();
    let first = event(&bought(vec![(1, 1, 10)]));
    let second = event(&bought(vec![(1, 2, 10), (9, 1, 1)]));
    let decisions = counting.batch(&[first, second]);
    assert_eq!(decisions[0], Ok(Decision::Applied));
    assert!(matches!(
        decisions[1],
        Err(Refusal::Poison {
            reason: "conflicting_duplicate",
            ..
        })
    ));
    let rows = counting.rows();
    assert!(
        rows.windows
            .iter()
            .all(|row| (row.purchases, row.units) == (1, 1))
    );
    assert!(rows.items.iter().all(|row| row.item_id == 1));
    assert_eq!(rows.pairs.iter().count(), 0);
}

#[test]
fn a_sum_that_does_not_fit_refuses_its_event_whole() {
    let mut counting = Counting::default();
    let quantity = i32::MAX;
    let price = i64::MAX / i64::from(quantity) - 1;
    let huge = |id: &str| {
        let bought = bought(vec![(1, quantity, price)]);
        event(&Bought {
            purchase_id: id.to_owned(),
            ..bought
        })
    };
    let decisions = counting.batch(&[huge("a"), huge("b")]);
    assert_eq!(decisions[0], Ok(Decision::Applied));
    assert!(matches!(
        decisions[1],
        Err(Refusal::Poison {
            reason: "sum_overflow",
            ..
        })
    ));
    let rows = counting.rows();
    assert!(rows.windows.iter().all(|row| row.purchases == 1));
    assert_eq!(rows.counted.iter().count(), 1);
}

#[test]
fn late_events_add_to_their_window_and_count_as_late() {
    let mut counting = Counting::default();
    let late = Windows::default().late_after_micros;
    for (number, recorded_at) in [START + HOUR + late, START + HOUR + late + 1, 0]
        .iter()
        .enumerate()
    {
        let mut record = observed(received(&number.to_string(), START, 5), 0);
        record.recorded_at = *recorded_at;
        assert_eq!(counting.batch(&[record]), [Ok(Decision::Applied)]);
    }
    let hour = (counting
        .rows()
        .windows
        .iter()
        .find(|row| row.size_micros == HOUR))
    .cloned();
    let hour = hour.unwrap();
    assert_eq!((hour.stock_received, hour.late), (15, 1));
}

#[test]
fn the_second_request_to_cancel_is_not_counted() {
    let mut counting = Counting::default();
    let bought = bought(vec![(1, 1, 10)]);
    let first = facts(&bought, 1).swap_remove(0);
    let mut second = first.clone();
    if let Event::CancellationRequested(request) = &mut second {
        request.event_id = "another".to_owned();
    }
    let decisions = counting.batch(&[first.clone(), second, first].map(|event| observed(event, 0)));
    assert_eq!(
        decisions,
        [
            Ok(Decision::Applied),
            Ok(Decision::Ignored("requested_before")),
            Ok(Decision::Duplicate),
        ]
    );
}

#[test]
fn a_long_basket_adds_no_more_pairs_than_the_bound() {
    let lines = (1..=50).map(|item| (item, 1, 1)).collect();
    let pairs = basket::pairs(&purchase(&bought(lines)));
    let most = basket::PAIRED_ITEMS_MAX * (basket::PAIRED_ITEMS_MAX - 1) / 2;
    assert_eq!(pairs.len(), most);
    assert!(pairs.iter().all(|(low, high)| low < high && *high <= 10));
    let same = basket::pairs(&purchase(&bought(vec![(3, 1, 1), (3, 2, 1)])));
    assert_eq!(same, []);
}

#[test]
fn windows_before_the_epoch_begin_before_their_events() {
    let windows = Windows::default();
    let pane = windows.coarse(-1, 0);
    assert_eq!(pane.start, -HOUR);
    assert_eq!(windows.panes(START, 3).count(), 2);
}
