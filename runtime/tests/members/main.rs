//! A whole group on an in-process cluster and SQLite: members, rebalances, poison, parking, tasks,
//! timers, and kills between any two steps.

#[expect(
    clippy::unwrap_used,
    reason = "the support of a test; a panic is its failure"
)]
mod counting;
mod dead_letters;
mod topics;

use std::time::Duration;

use counting::{Cluster, eventually};
use runtime::kafka::readers::GroupReads;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_has_its_effect_once() {
    let cluster = Cluster::new(4).await;
    let member = cluster.member(|_| {});
    cluster.produce((0..2_000).map(|n| (format!("k{}", n % 50), format!("add:e{n}:1"))));
    // The same events again, as a producer's retry would.
    cluster.produce((0..500).map(|n| (format!("k{}", n % 50), format!("add:e{n}:1"))));
    eventually(PATIENCE, "all records counted", || async {
        cluster.total().await == 2_000 && cluster.accounted().await == 2_500
    })
    .await;
    member.stop().await;
    assert_eq!(cluster.facts().len(), 2_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_come_and_go_neither_lose_nor_double() {
    let cluster = Cluster::new(4).await;
    let first = cluster.member(|_| {});
    cluster.produce((0..3_000).map(|n| (format!("k{}", n % 97), format!("add:e{n}:1"))));
    eventually(PATIENCE, "a start", || async {
        cluster.total().await > 100
    })
    .await;
    let second = cluster.member(|_| {});
    cluster.produce((3_000..6_000).map(|n| (format!("k{}", n % 97), format!("add:e{n}:1"))));
    eventually(PATIENCE, "the second takes part", || async {
        second.status.is_ready() && first.status.is_ready()
    })
    .await;
    first.kill();
    cluster.produce((6_000..7_000).map(|n| (format!("k{}", n % 97), format!("add:e{n}:1"))));
    eventually(PATIENCE * 2, "the rest is done by the second", || async {
        cluster.total().await == 7_000
    })
    .await;
    second.stop().await;
    let third = cluster.member(|_| {});
    eventually(PATIENCE, "everything is published", || async {
        cluster.facts().len() == 7_000
    })
    .await;
    third.stop().await;
    assert_eq!(cluster.accounted().await, 7_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_for_a_newer_reader_waits_and_its_key_waits_behind_it() {
    let cluster = Cluster::new(2).await;
    let old = cluster.member(|config| config.reader_version = 1);
    cluster.produce([
        ("a".to_owned(), "add:e1:1".to_owned()),
        ("a".to_owned(), "v3:e2:10".to_owned()),
        ("a".to_owned(), "add:e3:100".to_owned()),
        ("b".to_owned(), "add:e4:1000".to_owned()),
    ]);
    eventually(PATIENCE, "the others flow", || async {
        cluster.total().await == 1_001 && cluster.accounted().await == 4
    })
    .await;
    old.stop().await;
    let new = cluster.member(|config| config.reader_version = 3);
    eventually(PATIENCE, "what waited is read", || async {
        cluster.total().await == 1_111
    })
    .await;
    assert_eq!(cluster.order_of("a").await, ["e1", "e2", "e3"]);
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_answer_tasks_is_named_until_it_does() {
    let cluster = Cluster::new(2).await;
    let member = cluster.member(|_| {});
    cluster.produce((0..4).map(|n| (format!("away{n}"), format!("task:e{n}:1"))));
    eventually(PATIENCE, "it says whom it waits for", || async {
        topics::waits_for(&member, "counter")
    })
    .await;
    assert!(member.status.is_live(PATIENCE), "a restart mends nothing");
    cluster.accept_refused();
    eventually(PATIENCE, "it goes on by itself", || async {
        member.status.report().waiting.is_empty()
    })
    .await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_tried_until_it_is_answered_and_a_timer_fires_once() {
    let cluster = Cluster::new(2).await;
    let member = cluster.member(|_| {});
    cluster.produce((0..50).map(|n| (format!("k{n}"), format!("task:e{n}:1"))));
    cluster.produce((0..50).map(|n| (format!("k{n}"), format!("timer:t{n}:1"))));
    // A task and a timer each add 1 when they are done.
    eventually(PATIENCE, "tasks and timers are done", || async {
        cluster.total().await == 100
    })
    .await;
    assert!(cluster.attempts() >= 100, "every task fails at first");
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_a_deadline_does_not_win_against_an_answer_in_the_log() {
    let cluster = Cluster::new(2).await;
    let member = cluster.member(|_| {});
    cluster.produce((0..20).map(|n| (format!("k{n}"), format!("timer:slow{n}:1"))));
    eventually(PATIENCE, "the timers are set", || async {
        cluster.accounted().await == 20
    })
    .await;
    member.stop().await;
    let fired = 20 - cluster.count("timers").await;
    assert!(fired < 20, "nothing is left to be seen");
    // What was missed: much, and at the end of it what the timers wait for.
    cluster.produce((0..5_000).map(|n| (format!("k{}", n % 20), format!("add:e{n}:1"))));
    cluster.produce((0..20).map(|n| (format!("k{n}"), format!("cancel:slow{n}:0"))));
    eventually(PATIENCE, "all deadlines pass", || async {
        let left = "timers WHERE due_at > CAST(unixepoch('subsec') * 1000000 AS integer)";
        cluster.count(left).await == 0
    })
    .await;
    let member = cluster.member(|_| {});
    eventually(PATIENCE, "all is read", || async {
        cluster.accounted().await == 5_040 && cluster.count("timers").await == 0
    })
    .await;
    assert_eq!(cluster.total().await, 5_000 + fired, "no other timer fired");
    // And timers go on firing.
    cluster.produce([("k".to_owned(), "timer:late:1".to_owned())]);
    eventually(PATIENCE, "a timer fires", || async {
        cluster.total().await == 5_001 + fired
    })
    .await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_timers_of_a_parked_key_wait_behind_its_records() {
    let cluster = Cluster::new(1).await;
    let old = cluster.member(|config| config.reader_version = 1);
    cluster.produce([
        ("a".to_owned(), "timer:t1:1".to_owned()),
        ("a".to_owned(), "v3:e2:10".to_owned()),
        ("b".to_owned(), "timer:t3:1".to_owned()),
    ]);
    eventually(PATIENCE, "the timer of another key fires", || async {
        cluster.total().await == 1
    })
    .await;
    assert_eq!(cluster.count("timers").await, 1);
    old.stop().await;
    let new = cluster.member(|config| config.reader_version = 3);
    eventually(PATIENCE, "what waited has its effect", || async {
        cluster.total().await == 12
    })
    .await;
    assert_eq!(cluster.order_of("a").await, ["e2", "t1-due"]);
    new.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_tells_from_outside_which_version_its_members_read() {
    let cluster = Cluster::new(4).await;
    assert_eq!(cluster.readers().await, [], "it never was");
    let old = cluster.member(|config| config.reader_version = 1);
    let reads =
        |version| move |reads: &[GroupReads]| matches!(reads, [one] if one.reads == version);
    let (old_reads, new_reads) = (reads(Some(1)), reads(Some(3)));
    eventually(
        PATIENCE,
        "nothing was read yet, and it is known",
        || async { old_reads(&cluster.readers().await) },
    )
    .await;
    let new = cluster.member(|config| config.reader_version = 3);
    eventually(PATIENCE, "both take part", || async {
        old.status.report().shards.len() == 2 && new.status.report().shards.len() == 2
    })
    .await;
    eventually(PATIENCE, "the slower one counts", || async {
        old_reads(&cluster.readers().await)
    })
    .await;
    old.stop().await;
    eventually(PATIENCE, "the newer one has taken over", || async {
        new_reads(&cluster.readers().await)
    })
    .await;
    new.stop().await;
    assert!(
        new_reads(&cluster.readers().await),
        "it comes back as what it was"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_the_broker_refuses_is_published_again_from_the_journal() {
    let cluster = Cluster::new(2).await;
    cluster.produce((0..300).map(|n| (format!("k{n}"), format!("add:e{n}:1"))));
    cluster.refuse_to_publish(4);
    let member = cluster.member(|_| {});
    eventually(PATIENCE, "every event is published in the end", || async {
        cluster.facts().len() == 300
    })
    .await;
    eventually(PATIENCE, "nothing is waited for", || async {
        let report = member.status.report();
        report.waiting.is_empty() && report.shards.values().all(|shard| shard.unpublished == 0)
    })
    .await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_owner_can_write_nothing() {
    let cluster = Cluster::new(2).await;
    let member = cluster.member(|_| {});
    cluster.produce((0..100).map(|n| (format!("k{n}"), format!("add:e{n}:1"))));
    eventually(PATIENCE, "a start", || async {
        cluster.total().await == 100
    })
    .await;
    cluster.take_all_shards("another").await;
    cluster.produce((100..200).map(|n| (format!("k{n}"), format!("add:e{n}:1"))));
    eventually(PATIENCE, "it notices", || async {
        member.status.report().shards.is_empty()
    })
    .await;
    assert_eq!(cluster.total().await, 100);
    member.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_outside_its_topic_halts_its_partition_until_an_operator_decides() {
    let cluster = Cluster::new(3).await;
    let member = cluster.member(|_| {});
    let add = |n: i32| (format!("k{}", n % 50), format!("add:e{n}:1"));
    cluster.produce((0..300).map(add));
    eventually(PATIENCE, "the first are counted", || async {
        cluster.total().await == 300
    })
    .await;
    member.stop().await;
    cluster.misplace(1, 5_000).await;

    let member = cluster.member(|_| {});
    cluster.produce((300..600).map(add));
    eventually(PATIENCE, "one halts", || async {
        !member.status.report().halted.is_empty()
    })
    .await;
    let halted = member.status.report().halted;
    let account = &halted["counting.v1[1]"];
    assert_eq!((halted.len(), account.cause.as_str()), (1, "behind_end"));
    assert_eq!(account.next_offset, 5_000);
    assert!(account.why.contains("ends at"), "{}", account.why);
    assert!(member.status.is_live(PATIENCE) && member.status.is_ready());
    let is_at_end = |partition: i32| {
        let report = member.status.report();
        report.lag_records[&format!("counting.v1[{partition}]")] == 0
    };
    eventually(PATIENCE, "the others go on", || async {
        is_at_end(0) && is_at_end(2) && cluster.total().await > 300
    })
    .await;
    assert!(cluster.total().await < 600);
    member.stop().await;

    // It is stored: whoever is next does not read it either.
    let member = cluster.member(|_| {});
    eventually(PATIENCE, "the next member knows", || async {
        member.status.report().halted.len() == 1
    })
    .await;
    assert_eq!(cluster.halts("standing").await, 1);
    cluster.decide(None).await;
    eventually(PATIENCE, "it goes on without a restart", || async {
        cluster.total().await == 600 && member.status.report().halted.is_empty()
    })
    .await;
    assert_eq!(cluster.halts("moved").await, 1);
    member.stop().await;
}
