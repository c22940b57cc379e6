//! `counterflow audit --follow` from outside: a line for every round, metrics, what it waits for, and
//! how it ends.

use std::time::Duration;

use harness::{Processes, processes::Process};
use runtime::{
    kafka::in_process::InProcessCluster,
    store::{Mode, Statement, open},
};
use serde_json::Value;

use crate::{
    probes::address,
    program::{cluster_with_topics, counterflow, databases_in},
};

const PATIENCE: Duration = Duration::from_secs(90);
const FOLLOW: [&str; 5] = ["audit", "--follow", "--json", "--every", "50ms"];

/// Topics, and databases without tables.
struct Shop {
    processes: Processes,
    url: String,
    cluster: InProcessCluster,
}

impl Shop {
    fn open() -> Self {
        let cluster = cluster_with_topics(1);
        let mut processes = Processes::new().unwrap();
        let url = databases_in(processes.folder());
        processes
            .set(
                "COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS",
                cluster.bootstrap_servers(),
            )
            .set("COUNTERFLOW__DATABASE__URL", &url)
            .set("COUNTERFLOW__ADMIN__LISTEN", "127.0.0.1:0")
            .set("COUNTERFLOW__LOG__LEVEL", "info");
        Self {
            processes,
            url,
            cluster,
        }
    }

    fn migrate(&self) {
        let settings = [("COUNTERFLOW__DATABASE__URL", self.url.as_str())];
        counterflow(&["migrate"], &settings).code(0);
    }

    /// Stock that nobody has delivered.
    fn invent_stock(&self) {
        let sql = "INSERT INTO stock (sku, on_hand, reserved, movements) VALUES ('7', 5, 0, 1)";
        let store = open(&self.url, "inventory").unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut transaction = store.begin(Mode::Write).await.unwrap();
            let insert = Statement::new(sql, sql);
            transaction.query(&insert, vec![], &[]).await.unwrap();
            transaction.commit().await.unwrap();
        });
    }
}

/// The rounds that it has told of, as objects.
fn rounds(audit: &Process) -> Vec<Value> {
    let output = audit.output();
    let lines = output.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn metrics(admin: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("http://{admin}/metrics")).send().await;
        answer.unwrap().text().await.unwrap()
    })
}

#[test]
fn what_is_away_is_waited_for_and_said_and_a_clean_end_is_0() {
    let shop = Shop::open();
    let mut audit = shop.processes.start("audit", &FOLLOW).unwrap();
    let admin = address(&mut audit, "probes and metrics");
    let away = r#""state":"could_not_look""#;
    audit.until_output(PATIENCE, away).unwrap();
    shop.migrate();
    audit.until_output(PATIENCE, r#""state":"clean""#).unwrap();
    let shown = metrics(&admin);
    for line in [
        r#"counterflow_audit_rounds_total{outcome="broken"} 0"#,
        r#"counterflow_audit_findings_total{promise="stock"} 0"#,
        "counterflow_audit_oldest_unexplained_seconds 0",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
    assert!(!shown.contains(r#"outcome="could_not_look"} 0"#), "{shown}");
    let ended = audit.terminate(PATIENCE).unwrap();
    assert_eq!(ended.code(), Some(0), "{}", audit.output());
    let rounds = rounds(&audit);
    let last = rounds.last().unwrap();
    assert_eq!(last["verdict"], auditor::CLEAN);
    assert_eq!(
        (&last["state"], &last["unexplained"]),
        (&"clean".into(), &0.into())
    );
}

#[test]
fn what_waits_is_said_at_the_end_and_is_broken_once_the_grace_has_passed() {
    let shop = Shop::open();
    shop.migrate();
    let brokers = shop.cluster.bootstrap_servers();
    let settings = [("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", brokers.as_str())];
    counterflow(&["stock", "receive", "7=5"], &settings).code(0);
    for (grace, state, code) in [("1h", "unexplained", 3), ("0s", "overdue", 1)] {
        let asked = [&FOLLOW[..], &["--grace", grace]].concat();
        let mut audit = shop.processes.start(state, &asked).unwrap();
        audit.until_output(PATIENCE, "records unread").unwrap();
        let ended = audit.terminate(PATIENCE).unwrap();
        assert_eq!(ended.code(), Some(code), "{}", audit.output());
        let rounds = rounds(&audit);
        let last = rounds.last().unwrap();
        assert_eq!(last["state"], state);
        let verdict = last["verdict"].as_str().unwrap();
        assert!(verdict.contains("inventory shop.stock.v1[0]"), "{verdict}");
        let findings = rounds[0]["findings"].as_array().unwrap();
        let overdue = findings.iter().all(|one| one["overdue"] == true);
        assert!(overdue && findings.is_empty() == (grace == "1h"));
    }
}

#[test]
fn what_is_broken_is_said_at_once_and_ends_with_1() {
    let shop = Shop::open();
    shop.migrate();
    let mut audit = shop.processes.start("audit", &FOLLOW).unwrap();
    audit.until_output(PATIENCE, r#""state":"clean""#).unwrap();
    shop.invent_stock();
    audit.until_output(PATIENCE, r#""state":"broken""#).unwrap();
    let ended = audit.terminate(PATIENCE).unwrap();
    assert_eq!(ended.code(), Some(1), "{}", audit.output());
    let findings: Vec<Value> = (rounds(&audit).iter())
        .filter_map(|round| round["findings"].as_array().cloned())
        .flatten()
        .collect();
    assert!(!findings.is_empty(), "{}", audit.output());
    assert!(findings.iter().all(|one| one["promise"] == "stock"));
    assert!(findings.iter().all(|one| one["subject"] == "sku 7"));
    let words: Vec<&Value> = findings.iter().map(|one| &one["what"]).collect();
    let first = words[0];
    assert_eq!(words.iter().filter(|what| **what == first).count(), 1);
}

#[test]
fn who_could_never_look_says_so_and_ends_with_2() {
    let shop = Shop::open();
    let mut audit = shop.processes.start("audit", &FOLLOW[..2]).unwrap();
    audit.until_output(PATIENCE, "could not look").unwrap();
    let ended = audit.terminate(PATIENCE).unwrap();
    assert_eq!(ended.code(), Some(2), "{}", audit.output());
}
