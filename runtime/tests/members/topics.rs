//! Topics that a group reads and publishes to, and that are not what they have to be: the member waits
//! for whoever can mend them, and says what it waits for.

use crate::{
    PATIENCE,
    counting::{Cluster, Running, eventually},
};

pub(crate) fn waits_for(member: &Running, what: &str) -> bool {
    let waiting = member.status.report().waiting;
    waiting.values().any(|(why, _)| why.contains(what))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_read_before_its_facts_can_be_told_partition_by_partition() {
    let cluster = Cluster::with_facts_on(4, 3).await;
    cluster.produce([("k".to_owned(), "add:e1:1".to_owned())]);
    let member = cluster.member(|_| {});
    eventually(PATIENCE, "it says what is wrong", || async {
        waits_for(&member, "counting.v1 has 4, counted.v1 has 3")
    })
    .await;
    assert!(member.status.is_live(PATIENCE), "a restart mends nothing");
    assert!(!member.status.is_ready());
    assert_eq!(cluster.total().await, 0);
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_denied_is_named_and_waited_for() {
    let cluster = Cluster::new(2).await;
    cluster.produce([("k".to_owned(), "add:e1:1".to_owned())]);
    for topic in ["counted.v1", "counting.dead-letters.v1"] {
        cluster.deny(topic, true);
    }
    let member = cluster.member(|_| {});
    for what in [
        "not authorised for the topic counted.v1 (published to)",
        "not authorised for the topic counting.dead-letters.v1 (of dead letters)",
    ] {
        eventually(PATIENCE, what, || async { waits_for(&member, what) }).await;
    }
    assert!(member.status.is_live(PATIENCE) && !member.status.is_ready());
    assert_eq!(cluster.total().await, 0);
    for topic in ["counted.v1", "counting.dead-letters.v1"] {
        cluster.deny(topic, false);
    }
    eventually(PATIENCE, "it goes on by itself", || async {
        cluster.total().await == 1 && cluster.facts().len() == 1
    })
    .await;
    assert!(member.status.is_ready());
    member.stop().await;
}
