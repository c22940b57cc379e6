//! What one event costs the pure core of analytics, loading of rows left out.

#[path = "../tests/support/mod.rs"]
mod support;

use divan::{Bencher, counter::ItemsCount};
use schemas::Event;
use support::{Bought, Counting, START, facts, observed, purchase};

fn main() {
    divan::main();
}

/// Batches of purchases of three items, and the facts of the way on which they are paid for.
#[divan::bench(args = [1, 50])]
fn five_events_each_of_some_purchases(bencher: Bencher<'_, '_>, purchases: i64) {
    let mut batch = vec![];
    for number in 0..purchases {
        let bought = Bought {
            purchase_id: format!("p-{number}"),
            customer: 1,
            at: START + number * 1_000_000,
            currency: "EUR",
            lines: vec![(number % 7, 1, 100), (8, 2, 50), (9, 1, 10)],
        };
        batch.push(observed(Event::Purchase(purchase(&bought)), 0));
        let stated = facts(&bought, 1_000_000).into_iter().enumerate();
        let on_the_way = stated.filter(|(place, _)| [1, 3, 5, 6].contains(place));
        batch.extend(on_the_way.map(|(_, event)| observed(event, 0)));
    }
    bencher
        .counter(ItemsCount::new(batch.len()))
        .with_inputs(Counting::default)
        .bench_local_values(|mut counting| {
            divan::black_box(counting.batch(&batch));
            counting
        });
}
