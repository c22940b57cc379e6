//! What one event costs the timeline's pure core.

#[path = "../tests/support/mod.rs"]
mod support;

use divan::{Bencher, counter::ItemsCount};
use schemas::Event;
use support::{apply, observed, purchase, rows, smooth};
use timeline::{order::causal, rows::EntryRow};

fn main() {
    divan::main();
}

/// A purchase and the seven facts of a way on which nothing goes wrong.
#[divan::bench]
fn eight_events_of_one_purchase(bencher: Bencher<'_, '_>) {
    let records: Vec<_> = std::iter::once(Event::Purchase(purchase("p")))
        .chain(smooth("p"))
        .zip(0..)
        .map(|(event, offset)| observed(event, offset))
        .collect();
    bencher
        .counter(ItemsCount::new(records.len()))
        .with_inputs(|| rows("p"))
        .bench_local_values(|mut rows| {
            for record in &records {
                divan::black_box(apply(&mut rows, record));
            }
            rows
        });
}

/// Putting that timeline into causal order.
#[divan::bench]
fn causal_order_of_eight_entries(bencher: Bencher<'_, '_>) {
    let mut rows = rows("p");
    apply(&mut rows, &observed(Event::Purchase(purchase("p")), 0));
    for (event, offset) in smooth("p").into_iter().zip(1..) {
        apply(&mut rows, &observed(event, offset));
    }
    let entries: Vec<EntryRow> = rows.events.iter().cloned().collect();
    bencher
        .with_inputs(|| entries.clone())
        .bench_local_values(causal);
}
