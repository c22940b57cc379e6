//! B6: offsets that Kafka keeps of the groups are for others to look at; it may refuse them, and lose them.

use std::{collections::BTreeSet, time::Duration};

use harness::{eventually, kafka::Kafka};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::RDKafkaErrorCode,
};
use sandbox::Faults;

use super::{machine::Machine, topics::counted_and_offsets};
use crate::whole::{
    load::Load,
    members::{GROUPS, SOON},
};

/// For members that were killed to be struck off, on a loaded machine.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(90);

#[test]
fn b6_offsets_that_kafka_has_lost_or_refused_repeat_nothing() {
    // With each offset goes what a member reads, in more bytes than this: the broker takes none of them.
    let refuses = Kafka::builder().setting("offset.metadata.max.bytes", "4");
    let mut machine = Machine::new(refuses);
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.pipeline.start_all(1);
    machine.sells_while(&load, |machine| {
        machine.until_read(50);
        for member in &machine.pipeline.members {
            let awaited = format!("{} is refused its offsets", member.name);
            eventually(SOON, &awaited, || {
                member.says("Offset metadata string too large")
            });
        }
        for (group, topics) in GROUPS {
            assert_eq!(kept_offsets(&machine.pipeline.bootstrap, group, topics), 0);
        }
        for which in 0..machine.pipeline.members.len() {
            machine.pipeline.kill(which);
        }
        let forgotten = forget_offsets(&machine.pipeline.bootstrap);
        assert_eq!(
            forgotten,
            GROUPS.len(),
            "kafka knows no offset of any group"
        );
        for which in 0..machine.pipeline.members.len() {
            machine.pipeline.start_again(which);
        }
        machine.until_read(50);
        for (group, _) in GROUPS {
            // Were a record read again, more would be counted than there are offsets.
            let (counted, offsets) = counted_and_offsets(&machine.pipeline.database, group);
            assert_eq!(
                counted, offsets,
                "{group}: counted, and between start and position"
            );
        }
    });
}

/// Of how many partitions Kafka keeps where a group is.
fn kept_offsets(bootstrap: &str, group: &str, topics: &[&str]) -> usize {
    let mut all = TopicPartitionList::new();
    for topic in topics {
        all.add_partition_range(topic, 0, 11);
    }
    let asking: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .create()
        .unwrap();
    let kept = asking.committed_offsets(all, SOON).unwrap();
    let kept = kept.elements();
    kept.iter()
        .filter(|one| one.offset() != Offset::Invalid)
        .count()
}

/// Deletes the groups, with every offset that Kafka keeps of them, once nobody is a member any more: how many
/// are gone.
fn forget_offsets(bootstrap: &str) -> usize {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .create()
        .unwrap();
    let groups = GROUPS.map(|(group, _)| group);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut gone = BTreeSet::new();
    let all_are_gone = || {
        let deleting = admin.delete_groups(&groups, &AdminOptions::new());
        for deleted in runtime.block_on(deleting).unwrap() {
            // One that was deleted before is not known any more.
            gone.extend(match deleted {
                Ok(group) | Err((group, RDKafkaErrorCode::GroupIdNotFound)) => Some(group),
                Err(_) => None,
            });
        }
        gone.len() == groups.len()
    };
    eventually(
        FORGOTTEN_WITHIN,
        "nobody is a member any more",
        all_are_gone,
    );
    gone.len()
}
