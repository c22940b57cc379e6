//! Analytics counted what is in the topics, each once (I6): computed anew, by the group's rules, from
//! the records in another order; and the sums of money by nobody's rules but those of addition.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use analytics::rows::{
    CountedRow, CustomersRow, ItemRow, MovementRow, PairRow, RevenueRow, WindowRow,
};
use runtime::{Record, rows::Row};

use crate::{groups, verdict::rows, world::World};

pub(crate) fn windows(world: &World) -> Result<(), String> {
    let codec = Arc::new(codec::Codec::without_registry());
    let group = analytics::Analytics::new(codec, analytics::Windows::default());
    let mut anew = runtime::in_memory::InMemory::new(group);
    for record in records(world, analytics::TOPICS.into_iter()) {
        if let Ok(event) = runtime::Group::decode(anew.group(), &record) {
            // What is refused is refused in either order.
            drop(anew.apply(&event, world.now));
        }
    }
    let anew = anew.rows();
    same::<WindowRow>(world, anew.windows.iter().cloned().collect())?;
    same::<RevenueRow>(world, anew.revenue.iter().cloned().collect())?;
    same::<CustomersRow>(world, anew.customers.iter().cloned().collect())?;
    same::<ItemRow>(world, anew.items.iter().cloned().collect())?;
    same::<PairRow>(world, anew.pairs.iter().cloned().collect())?;
    same::<CountedRow>(world, anew.counted.iter().cloned().collect())?;
    same::<MovementRow>(world, anew.movements.iter().cloned().collect())?;
    revenue(world)
}

fn same<R: Row + Debug + PartialEq>(world: &World, expected: Vec<R>) -> Result<(), String> {
    let counted: Vec<R> = rows(world, groups::ANALYTICS)?;
    holds!(
        counted == expected,
        "I6: {}:\n{counted:?}\nand anew\n{expected:?}",
        R::TABLE.name
    );
    Ok(())
}

/// Ordered, taken and given back, by currency: by analytics, and by what was bought and became of it.
fn revenue(world: &World) -> Result<(), String> {
    let seen = world.around.watch.seen();
    let mut expected: BTreeMap<String, [i64; 3]> = BTreeMap::new();
    for (id, purchase) in world.plan.bought() {
        let sums = expected.entry(purchase.currency.clone()).or_default();
        let paid = seen.states[groups::PAYMENT].get(id).map(String::as_str);
        sums[0] += purchase.total_minor();
        sums[1] +=
            purchase.total_minor() * i64::from(matches!(paid, Some("captured" | "refunded")));
        sums[2] += purchase.total_minor() * i64::from(paid == Some("refunded"));
    }
    let coarse = analytics::Windows::default().coarse_micros;
    let mut counted: BTreeMap<String, [i64; 3]> = BTreeMap::new();
    let rows: Vec<RevenueRow> = rows(world, groups::ANALYTICS)?;
    for row in rows.iter().filter(|row| row.size_micros == coarse) {
        let sums = counted.entry(row.currency.clone()).or_default();
        let row = [row.ordered_minor, row.captured_minor, row.refunded_minor];
        for (sum, of_row) in sums.iter_mut().zip(row) {
            *sum += of_row;
        }
    }
    holds!(
        counted == expected,
        "I6: ordered, taken and given back: {counted:?}, not {expected:?}"
    );
    Ok(())
}

fn records<'a>(world: &World, topics: impl Iterator<Item = &'a str>) -> Vec<Record> {
    let (all, shards) = (&world.around.topics, world.plan.shape.shards);
    let of_topic = |topic: &str| {
        let of_shard = |shard| all.read(topic, shard, 0, usize::MAX);
        (0..shards).flat_map(of_shard).collect::<Vec<_>>()
    };
    let records = topics.flat_map(of_topic);
    records.map(|record| record.as_ref().clone()).collect()
}
