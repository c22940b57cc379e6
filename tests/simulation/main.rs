//! The groups' pure cores together, without a broker, a database or a clock: thousands of orders of what
//! really happens, in seconds. Each group reads its topics in an order of its own, records come twice,
//! answers come late and twice, a group is away for longer than every deadline. Whatever the order, each
//! purchase comes to one end, and money, goods and timeline agree about it.
//!
//! A failure names its seed; the same seed gives the same run. COUNTERFLOW_SEEDS=1000 runs as many.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test cannot go on without fails it"
)]

mod log;
mod member;
mod outside;
mod verdict;
mod world;

use world::World;

/// Each about a hundred actions of the shops.
const SEEDS: u64 = 60;

fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("COUNTERFLOW_SEEDS");
    0..asked.map_or(SEEDS, |count| {
        count.parse().expect("COUNTERFLOW_SEEDS is a number")
    })
}

#[test]
fn whatever_the_order_each_purchase_comes_to_one_end() {
    let mut ends = std::collections::BTreeMap::<String, u64>::new();
    for seed in seeds() {
        let mut world = World::new(seed);
        world.run();
        for (end, count) in verdict::check(&mut world) {
            *ends.entry(end).or_default() += count;
        }
    }
    eprintln!("simulation: {ends:?}");
    // A simulation in which nothing is ever cancelled or declined proves little.
    for end in ["completed", "cancelled"] {
        assert!(ends.get(end).is_some_and(|count| *count > 50), "{ends:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut world = World::new(seed);
        world.run();
        world.log.fingerprint()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
