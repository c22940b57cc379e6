//! F15: a batch that is within every limit and that the client cannot unpack. It reads no further on that
//! partition, and nothing of ours can say where the batch ends.

use std::time::Duration;

use harness::{Broker as _, eventually, kafka::Kafka};
use runtime::partitioner::partition_of;
use schemas::topics;

use super::batches;
use crate::whole::{
    database::Database,
    members::Pipeline,
    shop::{self, Counter},
};

const DEADLINE: Duration = Duration::from_secs(120);
const PARTITIONS: i32 = 2;

#[test]
fn f15_a_batch_that_the_client_cannot_unpack_holds_up_its_partition_alone_and_is_not_passed_over() {
    let kafka = Kafka::start().unwrap();
    let tables = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(tables.path().to_owned());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.set("topics.partitions", &PARTITIONS.to_string());
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline.start_sandbox();
    let counter = Counter::open(&pipeline.bootstrap);
    let key = (0..).map(|number| format!("gap-{number}"));
    let key = key
        .into_iter()
        .find(|key| partition_of(key.as_bytes(), PARTITIONS) == 0);
    let place = batches::in_the_gap(&pipeline.bootstrap, &key.unwrap());
    assert_eq!(place, (0, 0));
    let behind = shop::purchases(1, 2, 20);
    let places = counter.buy(&behind);
    let elsewhere = places
        .iter()
        .filter(|(partition, _)| *partition == 1)
        .count();
    assert!(elsewhere > 0 && elsewhere < behind.len());
    let member = pipeline.start("payment", &[("consumer.dead_letter_share_max", "1")]);

    until_authorised(&pipeline, elsewhere);
    let it = &pipeline.members[member];
    eventually(DEADLINE, "it says what is wrong", || {
        it.says("BadCompression")
    });
    eventually(DEADLINE, "what is not read shows", || {
        let at = format!("{}[0]", topics::PURCHASES);
        it.status()["lag_records"][at].as_i64() > Some(0)
    });
    it.assert_live();
    let read = "SELECT coalesce(max(next_offset), 0) FROM positions WHERE partition = 0";
    assert_eq!(pipeline.database.number("payment", read).unwrap(), 0);

    // An operator gives it room, as README.md says.
    pipeline.stop(member);
    pipeline.set_of(
        member,
        "kafka.options.receive.message.max.bytes",
        "300000000",
    );
    pipeline.start_again(member);
    until_authorised(&pipeline, behind.len());
    let kept = "SELECT reason, length(payload) FROM dead_letters";
    let kept = pipeline.database.look("payment", kept).unwrap();
    assert_eq!(
        kept,
        [[
            "too_large".to_owned(),
            batches::IN_THE_GAP_BYTES.to_string()
        ]]
    );
    pipeline.stop(member);
}

fn until_authorised(pipeline: &Pipeline, count: usize) {
    let query = "SELECT count(*) FROM payments WHERE state = 'authorised'";
    eventually(DEADLINE, &format!("{count} are authorised"), || {
        let found = pipeline.database.number("payment", query);
        found.is_ok_and(|found| usize::try_from(found) == Ok(count))
    });
}
