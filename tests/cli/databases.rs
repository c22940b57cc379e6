//! Tables are made once, said to be there, and read by the commands that look into them.

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
    let schema = r#"{"type":"record","name":"Purchase","namespace":"shop","fields":[
        {"name":"event_id","type":"string"},{"name":"coupon","type":"string"}]}"#;
    std::fs::write(&file, schema).unwrap();
    let asked = ["schemas", "check", "--file", file.to_str().unwrap()];
    let ended = counterflow(&asked, &[]).code(1);
    assert!(
        ended
            .stdout
            .contains("coupon: added or removed without a default"),
        "{ended:?}"
    );
}

on_both_databases!(
    migrate_makes_the_tables_and_check_says_so,
    what_nobody_knows_is_said_to_be_unknown,
);
