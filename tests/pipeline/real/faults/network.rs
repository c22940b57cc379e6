//! A: the network between processes and the broker, from one side alone.

use std::{collections::BTreeMap, time::Duration};

use harness::{
    Broker as _, eventually,
    kafka::Kafka,
    proxy::{Fault, Line},
    records,
};
use rdkafka::Message as _;
use rdkafka::message::Headers as _;
use sandbox::Faults;
use schemas::topics::{PAYMENTS, PURCHASES};

use super::machine::{HEALED_WITHIN, Machine, PURCHASES_PER_SECOND, resident_kib};
use crate::whole::{
    load::Load,
    members::{Pipeline, SOON},
};

const SHOPS_OPEN: Duration = Duration::from_secs(8);
const A_BAD_LINE: Line = Line {
    latency: Duration::from_millis(200),
    jitter: Duration::from_millis(200),
    bytes_per_second: 64 * 1024,
};
/// Of the storefront's way alone: a request with a purchase in it.
const A_PURCHASE_BYTES: u64 = 300;
/// Of the way of a process that asks for more, too.
const A_FEW_PURCHASES_BYTES: u64 = 2_000;
const MUCH_WORK_BYTES: u64 = 200_000;
/// What a process may take more while the network is bad: its queues are bounded far below.
const MORE_MEMORY_KIB: u64 = 96 * 1024;

/// A purchase whose acknowledgement was lost is one purchase.
#[test]
fn a3_purchases_whose_acknowledgements_are_lost_are_single() {
    let mut machine = Machine::new(Kafka::builder().proxied("storefront"));
    let way_in = machine.kafka.bootstrap_of("storefront");
    let pipeline = &mut machine.pipeline;
    pipeline.set_of_command("storefront", "kafka.bootstrap_servers", &way_in);
    let load = Load::open(pipeline, &Faults::default());
    pipeline.start_all(1);
    // No shop says anything twice: what is on the topic twice, the storefront has sent again.
    let mut plan = Load::plan(0, Some(PURCHASES_PER_SECOND));
    (plan.shares.http, plan.shares.poison) = (1.0, 0.0);
    (plan.shares.duplicates, plan.shares.conflicts) = (0.0, 0.0);
    let mut before = 0;
    machine.sells_plan_while(&load, plan, |machine| {
        machine.until_at_work();
        // On a loaded machine the broker may have been too slow before.
        before = repeated(&machine.kafka, PURCHASES);
        eventually(HEALED_WITHIN, "something is stored twice", || {
            lose_acknowledgements(machine);
            repeated(&machine.kafka, PURCHASES) > before
        });
        machine.until_progress();
    });
    let repeated = repeated(&machine.kafka, PURCHASES);
    eprintln!("a3: {before} records were stored twice before, {repeated} in the end");
}

/// The broker stores what the storefront sends, and the storefront does not hear of it.
fn lose_acknowledgements(machine: &Machine) {
    let spooled = |machine: &Machine| machine.pipeline.spooled_bytes();
    // What lies on its disk is sent again by the client, under the same number, and so stored once.
    eventually(SOON, "nothing waits on its disk", || {
        spooled(machine).is_ok_and(|bytes| bytes == 0)
    });
    let network = machine.kafka.proxy("storefront");
    network.set(Fault::CutToClient);
    let sent = network.bytes_to_server();
    eventually(SOON, "more is sent than is ever acknowledged", || {
        network.bytes_to_server() > sent + A_PURCHASE_BYTES
    });
    // It takes the purchases to be unsent, and will send them again.
    eventually(SOON, "the storefront keeps purchases on its disk", || {
        spooled(machine).is_ok_and(|bytes| bytes > 0)
    });
    network.set(Fault::Reset);
    network.heal();
    eventually(SOON, "it is rid of them", || {
        spooled(machine).is_ok_and(|bytes| bytes == 0)
    });
}

/// How many records of a topic are there again, by their event's id.
fn repeated(kafka: &Kafka, topic: &str) -> usize {
    let mut times: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for partition in 0..12 {
        for record in records::read(&kafka.bootstrap(), topic, partition, SOON).unwrap() {
            let headers = record.headers().unwrap();
            let id = headers.iter().find(|header| header.key == "ce_id").unwrap();
            *times.entry(id.value.unwrap().to_vec()).or_default() += 1;
        }
    }
    times.values().map(|times| times - 1).sum()
}

/// A member that the coordinator no longer hears is replaced, and writes nothing any more although it goes on
/// reading.
#[test]
fn a4_a_member_that_the_coordinator_does_not_hear_is_replaced_and_fenced() {
    let sessions = Kafka::builder()
        .setting("group.consumer.min.session.timeout.ms", "6000")
        .setting("group.consumer.session.timeout.ms", "6000")
        .setting("group.consumer.min.heartbeat.interval.ms", "500")
        .setting("group.consumer.heartbeat.interval.ms", "500");
    let mut machine = Machine::new(sessions.proxied("unheard"));
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    let way_in = machine.kafka.bootstrap_of("unheard");
    // Payment under the newer protocol, where a member does not notice by itself; the others classic.
    let newer = ("consumer.protocol", "consumer");
    let unheard = ("kafka.bootstrap_servers", way_in.as_str());
    let zombies = [
        machine.pipeline.start("payment", &[newer, unheard]),
        machine.pipeline.start("inventory", &[unheard]),
    ];
    let heirs = [
        machine.pipeline.start("payment", &[newer]),
        machine.pipeline.start("inventory", &[]),
    ];
    for group in ["dispatch", "analytics", "timeline"] {
        machine.pipeline.start(group, &[]);
    }
    machine.sells_to(&load, Duration::from_secs(14), |machine| {
        machine.until_at_work();
        let partitions = |which: usize| {
            let shards = machine.pipeline.members[which].status()["shards"].clone();
            shards.as_object().map_or(0, serde_json::Map::len)
        };
        let of_both: [usize; 2] = [0, 1].map(|of| partitions(zombies[of]) + partitions(heirs[of]));
        machine.kafka.proxy("unheard").set(Fault::CutToCoordinator);
        eventually(SOON, "what they had is taken over", || {
            [0, 1]
                .iter()
                .all(|of| partitions(heirs[*of]) == of_both[*of])
        });
        eventually(SOON, "a batch of who goes on reading is refused", || {
            fenced(&machine.pipeline, zombies[0]) > 0
        });
        machine.kafka.proxy("unheard").heal();
        machine.until_progress();
    });
}

/// How many batches of a member were refused because its shards have another owner.
fn fenced(pipeline: &Pipeline, which: usize) -> u64 {
    let (_, metrics) = pipeline.members[which].probe("metrics").unwrap_or_default();
    let of = |line: &str| line.starts_with("counterflow_fenced_batches_total");
    let line = metrics.lines().find(|line| of(line));
    let count = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    count.unwrap_or_default()
}

/// A slow network slows work down; no member is taken for dead and no memory grows.
#[test]
fn a6_a_slow_network_takes_nobody_for_dead_and_fills_no_memory() {
    let machine = Machine::behind_a_proxy();
    machine.sells_for(SHOPS_OPEN, |machine| {
        machine.until_at_work();
        let stand = |machine: &Machine| -> Vec<(serde_json::Value, u64)> {
            let members = machine.pipeline.members.iter();
            let of =
                members.map(|one| (one.status()["rebalances"].clone(), resident_kib(one.id())));
            of.collect()
        };
        let before = stand(machine);
        for fault in [Fault::Slow(A_BAD_LINE), Fault::Slices] {
            machine.network().set(fault);
            let passed = machine.network().bytes_to_client();
            eventually(SOON, "work goes on through it", || {
                machine.network().bytes_to_client() > passed + MUCH_WORK_BYTES
            });
            machine.until_progress();
        }
        let after = stand(machine);
        machine.network().heal();
        for ((before, after), member) in before.iter().zip(&after).zip(&machine.pipeline.members) {
            let name = &member.name;
            assert_eq!(after.0, before.0, "{name} was given shards anew");
            assert!(
                after.1 < before.1 + MORE_MEMORY_KIB,
                "{name}: {before:?} {after:?}"
            );
        }
    });
}

/// Connections that are reset over and over do not stop progress.
#[test]
fn a7_connections_that_are_reset_every_second_do_not_stop_progress() {
    let machine = Machine::behind_a_proxy();
    machine.sells_for(SHOPS_OPEN, |machine| {
        machine.until_at_work();
        machine
            .network()
            .set(Fault::ResetEvery(Duration::from_secs(1)));
        for _ in 0..3 {
            let (resets, many) = (machine.network().resets(), 20);
            machine.until_progress();
            eventually(SOON, "connections are reset", || {
                machine.network().resets() > resets + many
            });
        }
        machine.network().heal();
    });
}

/// What the relay of the journal publishes twice has its effects once. There are no transactions of Kafka's
/// that could hang: a relay that was never told that its events are stored is replaced by another, which
/// publishes them again.
#[test]
fn a14_events_that_are_relayed_twice_have_their_effects_once() {
    let mut machine = Machine::new(Kafka::builder().proxied("relay"));
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    let way_in = machine.kafka.bootstrap_of("relay");
    let payment = machine
        .pipeline
        .start("payment", &[("kafka.bootstrap_servers", &way_in)]);
    for group in ["inventory", "dispatch", "analytics", "timeline"] {
        machine.pipeline.start(group, &[]);
    }
    machine.sells_to(&load, SHOPS_OPEN, |machine| {
        machine.until_at_work();
        let relay = machine.kafka.proxy("relay");
        relay.set(Fault::CutToClient);
        let sent = relay.bytes_to_server();
        eventually(SOON, "more is sent than is ever acknowledged", || {
            relay.bytes_to_server() > sent + A_FEW_PURCHASES_BYTES
        });
        machine.pipeline.kill(payment);
        machine.kafka.proxy("relay").heal();
        machine.pipeline.start_again(payment);
        machine.until_progress();
    });
    let repeated = repeated(&machine.kafka, PAYMENTS);
    assert!(repeated > 0, "nothing was published twice");
}
