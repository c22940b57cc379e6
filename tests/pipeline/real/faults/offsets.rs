//! B6: offsets that Kafka keeps of the groups are for others to look at; it may lose them.

use std::{collections::BTreeSet, time::Duration};

use harness::{eventually, kafka::Kafka};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    error::RDKafkaErrorCode,
};
use sandbox::Faults;

use super::machine::Machine;
use crate::whole::{
    load::Load,
    members::{GROUPS, Pipeline, SOON},
    quiet,
};

/// For members that were killed to be struck off, on a loaded machine.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(90);

#[test]
fn b6_offsets_that_kafka_has_lost_or_refused_repeat_nothing() {
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.pipeline.start_all(1);
    machine.sells_while(&load, |machine| {
        let read = quiet::purchases_read(&machine.pipeline).unwrap();
        let goes_on = |pipeline: &Pipeline| quiet::purchases_read(pipeline).unwrap() > read + 50;
        eventually(SOON, "purchases are read", || goes_on(&machine.pipeline));
        let effects = effects(&machine.pipeline);
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
        Load::until_open(&mut machine.pipeline);
        let now = self::effects(&machine.pipeline);
        assert!(now >= effects, "{now} after {effects}");
    });
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

fn effects(pipeline: &Pipeline) -> i64 {
    let query = "SELECT count(*) FROM payments";
    pipeline.database.number("payment", query).unwrap()
}
