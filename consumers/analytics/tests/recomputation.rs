//! Whatever order topics are read in, however records are repeated and cut into batches: what was
//! counted is what adding up the distinct events gives.

#[path = "support/sums.rs"]
mod sums;
mod support;

use analytics::{AnalyticsRows, Observed};
use proptest::prelude::*;
use runtime::Decision;
use schemas::{Event, topics};
use sums::Sums;
use support::{Bought, Counting, FACTS, HOUR, START, facts, observed, purchase, received};

const SHARDS: usize = 3;
const TOPICS: [&str; 5] = analytics::TOPICS;

#[derive(Debug, Clone)]
struct Shop {
    bought: Bought,
    pause: i64,
    stated: Vec<bool>,
    repeated: bool,
}

fn shop() -> impl Strategy<Value = Shop> {
    let lines = prop::collection::vec((1i64..6, 1i32..4, 0i64..1_000), 1..4);
    let stated = prop::collection::vec(any::<bool>(), FACTS);
    (
        lines,
        0u8..4,
        0..2 * HOUR,
        any::<bool>(),
        0i64..HOUR,
        stated,
        any::<bool>(),
    )
        .prop_map(
            |(lines, customer, after, euro, pause, stated, repeated)| Shop {
                bought: Bought {
                    purchase_id: String::new(),
                    customer,
                    at: START + after,
                    currency: if euro { "EUR" } else { "USD" },
                    lines,
                },
                pause,
                stated,
                repeated,
            },
        )
}

/// The logs of all topics and shards, each in its own order.
fn logs(shops: &[Shop]) -> Vec<Vec<Observed>> {
    let mut logs = vec![vec![]; TOPICS.len() * SHARDS];
    let mut append = |event: Event, shard: usize| {
        let name = match &event {
            Event::Fact(fact) => fact.topic(),
            Event::Purchase(_) | Event::CancellationRequested(_) => topics::PURCHASES,
        };
        let topic = TOPICS.iter().position(|topic| *topic == name).unwrap_or(0);
        let mut record = observed(event, shard as i32);
        record.recorded_at += (topic as i64) * HOUR / 2;
        logs[topic * SHARDS + shard].push(record);
    };
    for (number, shop) in shops.iter().enumerate() {
        let shard = number % SHARDS;
        let bought = Bought {
            purchase_id: format!("p-{number}"),
            ..shop.bought.clone()
        };
        for _ in 0..=usize::from(shop.repeated) {
            append(Event::Purchase(purchase(&bought)), shard);
            let stated = facts(&bought, shop.pause).into_iter().zip(&shop.stated);
            for (event, _) in stated.filter(|(_, stated)| **stated) {
                append(event, shard);
            }
            append(received(&format!("r-{number}"), bought.at, 5), shard);
        }
    }
    logs
}

fn interleave(logs: &[Vec<Observed>], picks: &[usize]) -> Vec<Observed> {
    let mut next = vec![0; logs.len()];
    let mut read = vec![];
    let mut picks = picks.iter().cycle();
    loop {
        let open: Vec<usize> = (0..logs.len())
            .filter(|log| next[*log] < logs[*log].len())
            .collect();
        let Some(pick) = picks.next().filter(|_| !open.is_empty()) else {
            return read;
        };
        let log = open[pick % open.len()];
        read.push(logs[log][next[log]].clone());
        next[log] += 1;
    }
}

fn count(records: &[Observed], batch: usize) -> Counting {
    let mut counting = Counting::default();
    for batch in records.chunks(batch) {
        for decision in counting.batch(batch) {
            decision.expect("nothing is refused");
        }
    }
    counting
}

fn listed(rows: &AnalyticsRows) -> String {
    format!(
        "{:?}",
        (
            rows.counted.iter().collect::<Vec<_>>(),
            rows.movements.iter().collect::<Vec<_>>(),
            rows.windows.iter().collect::<Vec<_>>(),
            rows.revenue.iter().collect::<Vec<_>>(),
            rows.customers.iter().collect::<Vec<_>>(),
            rows.items.iter().collect::<Vec<_>>(),
            rows.pairs.iter().collect::<Vec<_>>(),
        )
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_interleaving_and_batching_leaves_the_same_rows(
        shops in prop::collection::vec(shop(), 1..6),
        picks in prop::collection::vec(0usize..15, 1..60),
        batch in 1usize..40,
    ) {
        let logs = logs(&shops);
        let mut one_by_one = count(&interleave(&logs, &[0]), 1);
        let mut mixed = count(&interleave(&logs, &picks), batch);
        prop_assert_eq!(listed(one_by_one.rows()), listed(mixed.rows()));
    }

    #[test]
    fn what_is_counted_is_what_the_distinct_events_add_up_to(
        shops in prop::collection::vec(shop(), 1..6),
        picks in prop::collection::vec(0usize..15, 1..60),
        batch in 1usize..40,
    ) {
        let records = interleave(&logs(&shops), &picks);
        let mut counting = count(&records, batch);
        prop_assert_eq!(Sums::of_rows(counting.rows()), Sums::of_events(&records));
        for decision in counting.batch(&records) {
            prop_assert_eq!(decision, Ok(Decision::Duplicate));
        }
        prop_assert_eq!(Sums::of_rows(counting.rows()), Sums::of_events(&records));
    }

    #[test]
    fn shards_added_up_are_what_one_shard_would_have_counted(
        shops in prop::collection::vec(shop(), 1..6),
        picks in prop::collection::vec(0usize..15, 1..60),
    ) {
        let records = interleave(&logs(&shops), &picks);
        let in_one: Vec<Observed> = (records.iter().cloned())
            .map(|record| Observed { shard: 0, ..record })
            .collect();
        let (mut many, mut one) = (count(&records, 7), count(&in_one, 7));
        prop_assert!(one.rows().windows.iter().all(|row| row.shard == 0));
        prop_assert_eq!(Sums::of_rows(many.rows()), Sums::of_rows(one.rows()));
    }
}
