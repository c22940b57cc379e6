//! What `counterflow topics` would make, on a cluster that has none of them yet.

use runtime::kafka::in_process::InProcessCluster;

use crate::program::counterflow;

#[test]
fn a_plan_says_what_would_be_made_and_with_what() {
    let cluster = InProcessCluster::start().unwrap();
    let servers = cluster.bootstrap_servers();
    let settings = [
        ("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", servers.as_str()),
        ("COUNTERFLOW__TOPICS__REPLICATION", "3"),
        ("COUNTERFLOW__TOPICS__MIN_INSYNC_REPLICAS", "2"),
    ];
    let plan = counterflow(&["topics", "plan"], &settings).code(0).stdout;
    assert_eq!(plan.lines().count(), 10, "{plan}");
    let purchases = plan.lines().find(|line| line.contains("shop.purchases.v1"));
    for part in [
        "missing",
        "partitions=12",
        "replication=3",
        "min.insync.replicas=2",
    ] {
        assert!(purchases.unwrap().contains(part), "{part}: {plan}");
    }
    let check = counterflow(&["topics", "check", "--json"], &settings)
        .code(1)
        .json();
    assert_eq!(check["drift"].as_array().unwrap().len(), 10, "{check}");
    assert_eq!(check["drift"][0]["drift"], "missing");
}

#[test]
fn another_file_can_be_declared_from_and_is_read_before_kafka_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("topics.toml");
    std::fs::write(
        &file,
        "[[topic]]\nname = \"a\"\nabout = \"-\"\npartition = 3\n",
    )
    .unwrap();
    let settings = [("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")];
    let asked = ["topics", "plan", "--file", file.to_str().unwrap()];
    let ended = counterflow(&asked, &settings).code(64);
    assert!(ended.stderr.contains("partition"), "{ended:?}");
}

#[test]
fn replicas_that_could_never_be_in_sync_are_refused() {
    let settings = [
        ("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1"),
        ("COUNTERFLOW__TOPICS__MIN_INSYNC_REPLICAS", "2"),
    ];
    let ended = counterflow(&["topics", "plan"], &settings).code(64);
    assert!(
        ended.stderr.contains("topics.min_insync_replicas"),
        "{ended:?}"
    );
}

/// On services. A run without them leaves out what is named `real`.
mod real {
    use super::*;

    #[test]
    fn what_is_applied_is_as_declared_and_drift_is_named_with_both_values() {
        let kafka = harness::kafka::Kafka::builder().start().unwrap();
        let servers = harness::Broker::bootstrap(&kafka);
        let settings = [("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", servers.as_str())];
        let made = counterflow(&["topics", "apply", "--json"], &settings)
            .code(0)
            .json();
        assert_eq!(made["created"].as_array().unwrap().len(), 10, "{made}");
        assert_eq!(made["drift"], serde_json::json!([]));
        let again = counterflow(&["topics", "apply", "--json"], &settings)
            .code(0)
            .json();
        assert_eq!(again["created"], serde_json::json!([]));
        let check = counterflow(&["topics", "check"], &settings).code(0).stdout;
        assert_eq!(check, "10 topics as declared\n");
        let other = [settings[0], ("COUNTERFLOW__TOPICS__PARTITIONS", "24")];
        let drift = counterflow(&["topics", "apply"], &other).code(1).stdout;
        let expected = "differs  shop.purchases.v1: 12 partitions, declared 24";
        assert!(drift.contains(expected), "{drift}");
        // One broker lost would be all of them lost; the other entries agree.
        let safer = [settings[0], ("COUNTERFLOW__TOPICS__REPLICATION", "3")];
        let drift = counterflow(&["topics", "check"], &safer).code(1).stdout;
        let expected = "differs  shop.purchases.v1: replicas 1, declared 3";
        assert!(drift.contains(expected), "{drift}");
        assert_eq!(drift.lines().count(), 10, "{drift}");
    }
}
