//! Dead letters are found, shown without what may be personal, and marked for redriving no more
//! often than they should be; on either database.

use std::sync::Arc;

use runtime::{
    Headers,
    bookkeeping::rows::DeadLetter,
    rows::Row,
    store::{Mode, Store},
};

use crate::program::counterflow;

fn letter(offset: i64, reason: &str, redrives: i64) -> DeadLetter {
    let mut headers = Headers::default();
    headers.push("ce_id", format!("event-{offset}"));
    DeadLetter {
        dead_letter_id: format!("shop.purchases.v1[0]@{offset}"),
        shard: 0,
        topic: "shop.purchases.v1".to_owned(),
        partition: 0,
        record_offset: offset,
        record_key: Some(format!("purchase-{offset}").into_bytes()),
        payload: Some(b"Ada Lovelace".to_vec()),
        headers: headers.to_bytes(),
        record_time: 0,
        reason: reason.to_owned(),
        detail: "for the test".to_owned(),
        stage: "decode".to_owned(),
        first_failed_at: offset * 1_000_000,
        last_failed_at: offset * 1_000_000,
        redrives,
        state: "set_aside".to_owned(),
    }
}

/// Writes dead letters into payment's database, as payment would.
fn set_aside(url: &str, letters: &[DeadLetter]) {
    let store: Arc<dyn Store> = runtime::store::open(url, "payment").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut columns = DeadLetter::TABLE.empty_columns();
        for letter in letters {
            letter.push(&mut columns);
        }
        let mut transaction = store.begin(Mode::Write).await.unwrap();
        let statement = DeadLetter::TABLE.upsert();
        transaction.execute(&statement, columns).await.unwrap();
        transaction.commit().await.unwrap();
    });
}

fn prepare(url: &str) {
    let settings = [("COUNTERFLOW__DATABASE__URL", url)];
    counterflow(&["migrate", "--group", "payment"], &settings).code(0);
    let timer = DeadLetter {
        dead_letter_id: "timer:purchase-9:expire".to_owned(),
        topic: String::new(),
        ..letter(9, "truncated", 0)
    };
    let answer = DeadLetter {
        dead_letter_id: "task:purchase-8:authorise".to_owned(),
        topic: String::new(),
        ..letter(8, "provider_mismatch", 0)
    };
    set_aside(
        url,
        &[
            letter(1, "truncated", 0),
            letter(2, "truncated", 3),
            letter(3, "conflicting_duplicate", 0),
            timer,
            answer,
        ],
    );
}

fn they_are_listed_by_what_is_asked_for_and_counted_by_reason(url: &str) {
    prepare(url);
    let settings = [("COUNTERFLOW__DATABASE__URL", url)];
    let list = |more: &[&str]| {
        let asked = [&["dead-letters", "list", "payment", "--json"][..], more].concat();
        counterflow(&asked, &settings).code(0).json()
    };
    let offsets = |answer: &serde_json::Value| -> Vec<i64> {
        let letters = answer["dead_letters"].as_array().unwrap().iter();
        letters
            .map(|letter| letter["offset"].as_i64().unwrap())
            .collect()
    };
    let all = list(&[]);
    assert_eq!(offsets(&all), [9, 8, 3, 2, 1]);
    assert_eq!(all["counts"][0]["reason"], "truncated");
    assert_eq!(all["counts"][0]["count"], 3);
    assert_eq!(offsets(&list(&["--reason", "conflicting_duplicate"])), [3]);
    assert_eq!(offsets(&list(&["--key", "purchase-2"])), [2]);
    assert_eq!(
        offsets(&list(&["--topic", "shop.purchases.v1", "--limit", "1"])),
        [3]
    );
    assert_eq!(
        offsets(&list(&["--since", "1970-01-01T00:00:03Z"])),
        [9, 8, 3]
    );
    assert_eq!(offsets(&list(&["--since", "1h"])), [0; 0]);
    assert_eq!(offsets(&list(&["--state", "redriven"])), [0; 0]);
    let text = counterflow(&["dead-letters", "list", "payment"], &settings)
        .code(0)
        .stdout;
    assert!(
        text.contains("shop.purchases.v1[0]@3") && !text.contains("Ada"),
        "{text}"
    );
}

fn one_is_shown_without_what_may_be_personal(url: &str) {
    prepare(url);
    let settings = [("COUNTERFLOW__DATABASE__URL", url)];
    let id = "shop.purchases.v1[0]@1";
    let asked = ["dead-letters", "show", "payment", id];
    let shown = counterflow(&asked, &settings).code(0).stdout;
    assert!(
        shown.contains("event-1") && !shown.contains("Ada"),
        "{shown}"
    );
    let asked = [
        "dead-letters",
        "show",
        "payment",
        id,
        "--personal-data",
        "--json",
    ];
    let whole = counterflow(&asked, &settings).code(0).json();
    assert_eq!(whole["payload"]["text"], "Ada Lovelace");
    counterflow(&["dead-letters", "show", "payment", "nothing"], &settings).code(1);
}

fn a_redrive_is_a_dry_run_until_it_is_confirmed_and_never_endless(url: &str) {
    prepare(url);
    let settings = [("COUNTERFLOW__DATABASE__URL", url)];
    let redrive = |more: &[&str]| {
        let asked = [&["dead-letters", "redrive", "payment", "--json"][..], more].concat();
        counterflow(&asked, &settings)
    };
    let in_state = |state: &str| {
        let asked = [
            "dead-letters",
            "list",
            "payment",
            "--json",
            "--state",
            state,
        ];
        let listed = counterflow(&asked, &settings).code(0).json();
        listed["dead_letters"].as_array().unwrap().len()
    };
    redrive(&[]).code(64);
    let dry = redrive(&["--reason", "truncated"]).code(0).json();
    assert_eq!((&dry["dry_run"], &dry["marked"]), (&true.into(), &0.into()));
    let chosen = dry["chosen"].as_array().unwrap().iter();
    let ids: Vec<&str> = chosen
        .map(|letter| letter["dead_letter_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["timer:purchase-9:expire", "shop.purchases.v1[0]@1"]);
    assert_eq!(dry["left_after_too_many_redrives"][0]["offset"], 2);
    assert_eq!(in_state("redrive"), 0);
    let done = redrive(&["--all", "--yes"]).code(0).json();
    assert_eq!(done["marked"], 4);
    assert_eq!((in_state("redrive"), in_state("set-aside")), (4, 1));
    for id in ["shop.purchases.v1[0]@1", "shop.nothing.v1[0]@7"] {
        let again = redrive(&[id, "--yes"]).code(1).json();
        assert_eq!(
            (&again["marked"], &again["not_set_aside"][0]),
            (&0.into(), &id.into())
        );
    }
}

on_both_databases!(
    they_are_listed_by_what_is_asked_for_and_counted_by_reason,
    one_is_shown_without_what_may_be_personal,
    a_redrive_is_a_dry_run_until_it_is_confirmed_and_never_endless,
);
