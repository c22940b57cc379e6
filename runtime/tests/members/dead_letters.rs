//! What is set aside: that the rest goes on, that it comes back when it is asked for, and that a flood of it
//! pauses the group.

use std::collections::BTreeSet;

use crate::{
    PATIENCE,
    counting::{Cluster, eventually},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_record_is_set_aside_and_the_batch_goes_on() {
    let cluster = Cluster::new(2).await;
    let member = cluster.member(|_| {});
    let record = |n: i32| match n {
        300 => "garbage".to_owned(),
        301 => "panic:e301:1".to_owned(),
        302 => "refuse:e302:1".to_owned(),
        304 => "touchy:e304:1".to_owned(),
        305 => "add:unsayable:1".to_owned(),
        // The table's CHECK refuses it: the batch has to be halved until it is found.
        303 => "add:e303:-5000".to_owned(),
        n => format!("add:e{n}:1"),
    };
    cluster.produce((0..600).map(|n| (format!("k{}", n % 7), record(n))));
    eventually(PATIENCE, "all good records counted", || async {
        cluster.total().await == 594 && cluster.accounted().await == 600
    })
    .await;
    let reasons: BTreeSet<String> = cluster.dead_letters().await.into_iter().collect();
    let expected = ["refused", "not_understood", "panicked", "store_refused"];
    assert_eq!(reasons, expected.map(str::to_owned).into());
    eventually(PATIENCE, "dead letters are published", || async {
        cluster.published_dead_letters().len() == 6
    })
    .await;
    let published = cluster.published_dead_letters();
    let garbage = published
        .iter()
        .find(|record| record.payload.as_deref() == Some(b"garbage"));
    let headers = &garbage.expect("raw bytes intact").headers;
    assert_eq!(headers.text("dlq.error.code"), Some("not_understood"));
    assert_eq!(headers.text("dlq.original.topic"), Some(cluster.topic()));
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_on_another_partition_than_its_keys_is_set_aside() {
    let cluster = Cluster::new(2).await;
    let home = runtime::partitioner::partition_of(b"k", 2);
    cluster.produce_to(home, "k", "add:e1:1");
    cluster.produce_to(1 - home, "k", "add:e2:10");
    cluster.produce_to(home, "k", "add:e3:100");
    let member = cluster.member(|_| {});
    eventually(PATIENCE, "all are accounted for", || async {
        cluster.accounted().await == 3
    })
    .await;
    assert_eq!(cluster.total().await, 101);
    assert_eq!(cluster.dead_letters().await, ["wrong_partition"]);
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redriven_dead_letter_has_its_effect_in_this_group_only() {
    let cluster = Cluster::new(2).await;
    let member = cluster.member(|_| {});
    cluster.produce([("k".to_owned(), "refuse:e1:7".to_owned())]);
    eventually(PATIENCE, "it is set aside", || async {
        cluster.dead_letters().await.len() == 1
    })
    .await;
    member.stop().await;
    cluster.accept_refused();
    let member = cluster.member(|_| {});
    cluster.redrive_all().await;
    eventually(PATIENCE, "it has its effect", || async {
        cluster.total().await == 7
    })
    .await;
    assert_eq!(cluster.records(), 1, "nothing was sent to the topic again");
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redriven_answer_and_a_redriven_timer_have_their_effect() {
    let cluster = Cluster::new(2).await;
    let member = cluster.member(|_| {});
    cluster.produce([
        ("k".to_owned(), "task:shy-task:7".to_owned()),
        ("k".to_owned(), "timer:shy-timer:1".to_owned()),
    ]);
    eventually(PATIENCE, "both are set aside", || async {
        cluster.dead_letters().await.len() == 2
    })
    .await;
    assert_eq!(cluster.total().await, 0);
    cluster.redrive_all().await;
    eventually(PATIENCE, "both come back", || async {
        cluster.redrives().await == 2
    })
    .await;
    cluster.accept_refused();
    cluster.redrive_all().await;
    eventually(PATIENCE, "both have their effect", || async {
        cluster.total().await == 8
    })
    .await;
    assert_eq!(cluster.count("tasks WHERE state = 'answered'").await, 1);
    let redriven = "dead_letters WHERE state = 'redriven'";
    assert_eq!(cluster.count(redriven).await, 2);
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_that_keeps_coming_back_is_left_for_a_person() {
    let cluster = Cluster::new(2).await;
    let member = cluster.member(|config| config.redrives_max = 2);
    cluster.produce([("k".to_owned(), "refuse:e1:7".to_owned())]);
    for redrives in 0..=2 {
        eventually(PATIENCE, "it comes back", || async {
            cluster.set_aside_after(redrives).await
        })
        .await;
        if redrives == 2 {
            // It would have its effect from here on, if it were tried.
            cluster.accept_refused();
        }
        cluster.redrive_all().await;
    }
    eventually(PATIENCE, "the last redrive is taken back", || async {
        cluster.set_aside_after(2).await
    })
    .await;
    assert_eq!(cluster.total().await, 0);
    assert_eq!(cluster.dead_letters().await, ["refused"]);
    member.stop().await;
    assert_eq!(
        cluster.published_dead_letters().len(),
        3,
        "told of each time"
    );

    let member = cluster.member(|config| config.redrives_max = 3);
    cluster.redrive_all().await;
    eventually(
        PATIENCE,
        "whoever raises the limit has it tried again",
        || async { cluster.total().await == 7 },
    )
    .await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_poison_pauses_the_group_until_an_operator_resumes() {
    let cluster = Cluster::new(1).await;
    let member = cluster.member(|config| config.dead_letter_window = 400);
    cluster.produce((0..1_000).map(|n| ("k".to_owned(), format!("garbage {n}"))));
    cluster.produce((0..100).map(|n| ("k".to_owned(), format!("add:e{n}:1"))));
    let paused = || async { member.waits_for_operator() };
    eventually(PATIENCE, "it pauses", paused).await;
    let before = cluster.dead_letters().await.len();
    assert!(before < 400, "the limit is judged before anything is lost");
    assert!(
        member.status.is_live(PATIENCE),
        "a declared wait is no reason for a restart"
    );
    member.resume();
    eventually(PATIENCE, "a window of them passes", || async {
        cluster.dead_letters().await.len() >= before + 400
    })
    .await;
    eventually(PATIENCE, "it pauses again", paused).await;
    assert!(cluster.dead_letters().await.len() < 1_000);
    eventually(PATIENCE, "an operator sees it through", || async {
        if member.waits_for_operator() {
            member.resume();
        }
        cluster.total().await == 100
    })
    .await;
    assert_eq!(cluster.dead_letters().await.len(), 1_000);
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redrives_that_fail_again_do_not_pause_the_group() {
    let cluster = Cluster::new(1).await;
    let member = cluster.member(|_| {});
    cluster.produce((0..300).map(|n| ("k".to_owned(), format!("add:e{n}:1"))));
    cluster.produce((0..100).map(|n| ("k".to_owned(), format!("refuse:r{n}:1"))));
    eventually(PATIENCE, "a few are set aside", || async {
        cluster.dead_letters().await.len() == 100
    })
    .await;
    member.stop().await;
    let member = cluster.member(|config| config.dead_letter_window = 40);
    cluster.redrive_all().await;
    eventually(PATIENCE, "all have come back", || async {
        cluster.redrives().await == 100
    })
    .await;
    cluster.produce([("k".to_owned(), "garbage".to_owned())]);
    cluster.produce((0..30).map(|n| ("k".to_owned(), format!("add:late{n}:1"))));
    eventually(PATIENCE, "the group goes on", || async {
        cluster.total().await == 330 && cluster.dead_letters().await.len() == 101
    })
    .await;
    assert!(!member.waits_for_operator());
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_the_broker_goes_on_refusing_holds_up_others_only_once_too_many_are_behind_it()
 {
    let cluster = Cluster::new(1).await;
    cluster.deny("stray.v1", true);
    let member = cluster.member(|config| {
        config.unacknowledged_max = 20;
        config.batch_records_max = 10;
    });
    let add = |n: i32| ("k".to_owned(), format!("add:e{n}:1"));
    cluster.produce([("k".to_owned(), "add:stray:1".to_owned())]);
    cluster.produce((0..50).map(add));
    eventually(PATIENCE, "those behind it are published", || async {
        cluster.facts().len() == 50
    })
    .await;
    cluster.produce((50..300).map(add));
    eventually(PATIENCE, "it waits for a person", || async {
        let waiting = member.status.report().waiting;
        waiting.values().any(|(why, _)| why.contains("behind it"))
    })
    .await;
    let total = cluster.total().await;
    assert!((51..301).contains(&total), "{total} were counted");
    // Leaving does not wait for it, and whoever comes next has the same to publish.
    member.stop().await;
    let member = cluster.member(|config| config.unacknowledged_max = 20);
    cluster.deny("stray.v1", false);
    eventually(PATIENCE, "everything is published", || async {
        cluster.facts().len() == 300 && cluster.strays() == 1
    })
    .await;
    member.stop().await;
}
