//! What the provider's journal and the journal of intents say against the groups.

use std::{fs, io::Write};

use auditor::Promise;
use payment::event::Ask;

use crate::{WORLD, audit, names};

#[test]
fn what_the_providers_journal_does_not_know_is_named() {
    let report = audit(|copy| {
        // Cuts off the last commit: what it held is unknown to the provider from then on.
        let mut segments: Vec<_> = fs::read_dir(copy.provider_journal())
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| fs::metadata(path).unwrap().len() > 1_000)
            .collect();
        segments.sort();
        let last = fs::OpenOptions::new()
            .write(true)
            .open(segments.last().unwrap())
            .unwrap();
        let length = last.metadata().unwrap().len();
        last.set_len(length - 10).unwrap();
    });
    names(
        &report,
        Promise::Money,
        "",
        "and the provider's journal does not",
    );
}

#[test]
fn a_damaged_journal_is_no_verdict() {
    let copy = WORLD.copy();
    fs::remove_dir_all(copy.provider_journal()).unwrap();
    let error = WORLD.cannot_look(&copy);
    assert!(
        matches!(error, auditor::AuditError::ProviderJournal(_)),
        "{error}"
    );
}

#[test]
fn an_acknowledged_purchase_that_never_arrived_is_lost() {
    let report = audit(|copy| {
        let mut intents = fs::OpenOptions::new()
            .append(true)
            .open(copy.intents())
            .unwrap();
        let intent = r#"{"line":"intent","number":900001,"what":"purchase","kind":"ordinary","purchase_id":"vanished","event_id":"e","version":3,"content_hash":"00","way":"direct","expected_reason":null}"#;
        let outcome = r#"{"line":"outcome","number":900001,"outcome":"accepted"}"#;
        writeln!(intents, "{intent}\n{outcome}").unwrap();
    });
    names(
        &report,
        Promise::AcceptedIsKept,
        "vanished",
        "lost: purchase was accepted",
    );
}

#[test]
fn a_purchase_that_nobody_intended_is_invented() {
    let mut purchase = String::new();
    let report = audit(|copy| {
        purchase = copy.captured();
        let all = fs::read_to_string(copy.intents()).unwrap();
        let others: Vec<&str> = all
            .lines()
            .filter(|line| !line.contains(&purchase))
            .collect();
        fs::write(copy.intents(), others.join("\n") + "\n").unwrap();
    });
    names(
        &report,
        Promise::NothingInvented,
        &purchase,
        "nobody intended it",
    );
}

/// Changes the journal of intents line by line; a line for which nothing is given goes.
fn rewrite(copy: &crate::copy::Copy, change: impl Fn(&str) -> Option<String>) {
    let all = fs::read_to_string(copy.intents()).unwrap();
    let lines: Vec<String> = all.lines().filter_map(change).collect();
    let changed = lines.join("\n") + "\n";
    assert_ne!(changed, all);
    fs::write(copy.intents(), changed).unwrap();
}

#[test]
fn poison_that_was_set_aside_for_another_reason_than_expected_is_named() {
    let report = audit(|copy| {
        rewrite(copy, |line| {
            Some(line.replace(r#""expected_reason":""#, r#""expected_reason":"not_"#))
        });
    });
    for group in auditor::Group::ALL {
        let what = format!("is set aside by {group} as ");
        names(&report, Promise::Accounting, "shop.purchases.v1[", &what);
    }
}

#[test]
fn poison_that_was_acknowledged_and_never_arrived_is_lost() {
    let report = audit(|copy| {
        let intent = r#"{"line":"intent","number":900002,"what":"poison","kind":"json","purchase_id":null,"event_id":"vanished","version":null,"content_hash":null,"way":"direct","expected_reason":"bad_magic","record_sha256":"00000000000000010000000000000000"}"#;
        let outcome = r#"{"line":"outcome","number":900002,"outcome":"stored"}"#;
        let mut intents = fs::OpenOptions::new()
            .append(true)
            .open(copy.intents())
            .unwrap();
        writeln!(intents, "{intent}\n{outcome}").unwrap();
    });
    names(
        &report,
        Promise::AcceptedIsKept,
        "vanished",
        "lost: poison json was stored and is on no topic",
    );
}

#[test]
fn poison_that_nobody_intended_is_invented() {
    let report = audit(|copy| {
        let is_poison = |line: &str| line.contains(r#""what":"poison""#);
        rewrite(copy, |line| (!is_poison(line)).then(|| line.to_owned()));
    });
    names(
        &report,
        Promise::NothingInvented,
        "shop.purchases.v1[",
        "nobody can read it, and nobody intended it",
    );
}

#[test]
fn a_journal_that_cannot_tell_its_poison_is_not_held_against_anybody() {
    let report = audit(|copy| {
        rewrite(copy, |line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("record_sha256");
            Some(line.to_string())
        });
    });
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_second_capture_at_the_provider_is_doubled() {
    let (mut purchase, mut currency) = Default::default();
    let report = audit(|copy| {
        purchase = copy.captured();
        let ask = |column: &str| {
            let sql = format!("SELECT {column} FROM payments WHERE purchase_id = '{purchase}'");
            copy.ask("payment", &sql)
        };
        currency = ask("currency");
        let ask = Ask {
            purchase_id: purchase.clone(),
            amount_minor: ask("CAST(card_minor AS text)").parse().unwrap(),
            currency: currency.clone(),
            payment_method: Some("pm_card_visa".to_owned()),
            provider_ref: None,
        };
        WORLD.charge_again(copy, ask);
    });
    for kind in ["authorised", "captured"] {
        let what = format!("doubled: {kind} 2 times by the provider's journal");
        names(&report, Promise::Once, &purchase, &what);
    }
    names(&report, Promise::Money, &currency, "we captured");
}
