//! What the provider's journal and the journal of intents say against the groups.

use std::{fs, io::Write};

use auditor::Promise;

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
