//! Tables are made once, said to be there, and read by the commands that look into them.

use runtime::{
    bookkeeping::rows::{TaskRow, TimerRow},
    rows::Row,
    store::{Mode, open},
};

use crate::program::counterflow;

fn migrate_makes_the_tables_and_check_says_so(url: &str) {
    let settings = [("COUNTERFLOW__DATABASE__URL", url)];
    let before = counterflow(&["migrate", "--check"], &settings)
        .code(1)
        .stdout;
    for group in ["payment", "inventory", "dispatch", "analytics", "timeline"] {
        assert!(
            before.contains(&format!("{group}: pending runtime 1 ")),
            "{before}"
        );
        assert!(
            before.contains(&format!("{group}: pending {group} 1 ")),
            "{before}"
        );
    }
    let one = counterflow(&["migrate", "--group", "payment"], &settings)
        .code(0)
        .stdout;
    assert!(
        one.contains("payment: applied payment 1 ") && !one.contains("inventory"),
        "{one}"
    );
    counterflow(&["migrate", "--check", "--group", "payment"], &settings).code(0);
    counterflow(&["migrate", "--check"], &settings).code(1);
    let rest = counterflow(&["migrate", "--json"], &settings)
        .code(0)
        .json();
    assert_eq!(rest[0]["group"], "payment");
    assert_eq!(rest[0]["applied"].as_array().unwrap().len(), 0);
    assert!(rest[1]["applied"].as_array().unwrap().len() >= 2, "{rest}");
    let after = counterflow(&["migrate", "--check"], &settings)
        .code(0)
        .stdout;
    assert!(after.contains("timeline: up to date"), "{after}");
}

#[test]
fn a_database_that_is_away_is_waited_for_and_then_named() {
    let settings = [(
        "COUNTERFLOW__DATABASE__URL",
        "postgres://shop:canary@127.0.0.1:1/shop",
    )];
    let ended = counterflow(&["migrate", "--wait", "1s"], &settings).code(70);
    assert!(ended.stderr.contains("migrate payment"), "{ended:?}");
    assert!(!ended.stderr.contains("canary"), "{ended:?}");
}

fn what_nobody_knows_is_said_to_be_unknown(url: &str) {
    let settings = [("COUNTERFLOW__DATABASE__URL", url)];
    counterflow(&["migrate"], &settings).code(0);
    let explained = counterflow(&["explain", "no-such-purchase"], &settings).code(1);
    assert!(
        explained
            .stdout
            .contains("knows nothing of no-such-purchase"),
        "{explained:?}"
    );
    let stock = counterflow(&["stock", "show", "2341083", "--json"], &settings).code(1);
    assert_eq!(stock.json(), serde_json::json!([]));
    counterflow(&["stock", "show"], &settings).code(0);
}

fn what_a_purchase_waits_for_is_explained(url: &str) {
    let settings = [("COUNTERFLOW__DATABASE__URL", url)];
    counterflow(&["migrate"], &settings).code(0);
    let task = TaskRow {
        task_id: "purchase-1:authorise".to_owned(),
        shard: 0,
        sequence: 1,
        task_key: "purchase-1".to_owned(),
        kind: "authorise".to_owned(),
        payload: "{}".to_owned(),
        causation_id: "event-1".to_owned(),
        traceparent: None,
        created_at: 1_700_000_000_000_000,
        attempts: 7,
        not_before: 1_700_000_060_000_000,
        state: "waiting".to_owned(),
        answer: None,
        answered_at: None,
        redrives: 0,
    };
    insert(url, "payment", &task);
    let timer = TimerRow {
        timer_id: "purchase-1:answers".to_owned(),
        shard: 0,
        timer_key: "purchase-1".to_owned(),
        kind: "answers".to_owned(),
        due_at: 1_700_000_900_000_000,
        causation_id: "event-1".to_owned(),
        traceparent: None,
    };
    insert(url, "dispatch", &timer);
    let explained = counterflow(&["explain", "purchase-1"], &settings).code(0);
    for line in [
        "payment: authorise has no answer since 2023-11-14T22:13:20Z, tried 7 times, \
         again at 2023-11-14T22:14:20Z",
        "dispatch: answers is due at 2023-11-14T22:28:20Z",
    ] {
        assert!(explained.stdout.contains(line), "{explained:?}");
    }
    let json = counterflow(&["explain", "purchase-1", "--json"], &settings);
    let json = json.code(0).json();
    assert_eq!(json["groups"][0]["open_work"][0]["attempts"], 7, "{json}");
}

fn insert<R: Row>(url: &str, group: &str, row: &R) {
    let mut columns = R::TABLE.empty_columns();
    row.push(&mut columns);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = open(url, group).unwrap();
        let mut transaction = store.begin(Mode::Write).await.unwrap();
        let insert = R::TABLE.insert_new();
        transaction.execute(&insert, columns).await.unwrap();
        transaction.commit().await.unwrap();
    });
}

#[test]
fn schemas_that_are_released_may_stand_beside_each_other() {
    let listed = counterflow(&["schemas", "list", "--json"], &[])
        .code(0)
        .json();
    let versions: Vec<u64> = (listed.as_array().unwrap().iter())
        .filter(|schema| schema["name"] == "Purchase")
        .filter_map(|schema| schema["version"].as_u64())
        .collect();
    assert_eq!(versions, [1, 2, 3]);
    counterflow(&["schemas", "check"], &[]).code(0);
    counterflow(&["schemas", "register"], &[]).code(64);
}

#[test]
fn a_schema_that_would_break_readers_is_refused_with_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("purchase.v4.avsc");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        counterflow(&["schemas", "check", "--file", file.to_str().unwrap()], &[])
    };
    let newest = schemas::released::newest("Purchase").unwrap().text;
    let added = |field: &str| {
        let fields = newest.find("\"fields\"").unwrap();
        let at = fields + newest[fields..].find('[').unwrap() + 1;
        format!("{}{field},{}", &newest[..at], &newest[at..])
    };
    let coupon = r#"{"name": "coupon", "type": "string", "doc": "", "default": ""}"#;
    check(&added(coupon)).code(0);
    let renamed = newest.replace("\"currency\"", "\"currency_code\"");
    let without_default = added(r#"{"name": "coupon", "type": "string", "doc": ""}"#);
    for (text, fault) in [
        (renamed, "currency: removed or renamed"),
        (without_default, "coupon: added without a default"),
    ] {
        let ended = check(&text).code(1);
        assert!(ended.stdout.contains(fault), "{ended:?}");
    }
}

on_both_databases!(
    migrate_makes_the_tables_and_check_says_so,
    what_nobody_knows_is_said_to_be_unknown,
    what_a_purchase_waits_for_is_explained,
);
