//! What a dead letter excuses, and what it does not.

use auditor::Promise;

use crate::{audit, copy::Copy, names};

/// A payment whose authorisation was answered with a mismatch, told in every table that knows of
/// such a thing: the row, the ledger, the task, the dead letter and the journal.
fn set_aside(copy: &Copy) -> String {
    let purchase = copy.captured();
    let payment = |sql: &str| copy.change("payment", &sql.replace('?', &purchase));
    payment("DELETE FROM postings WHERE entry_id LIKE '?:%'");
    payment("DELETE FROM journal_entries WHERE purchase_id = '?'");
    payment(
        "UPDATE payments SET state = 'authorising', authorised_at = NULL, captured_at = NULL, \
         provider_ref = NULL WHERE purchase_id = '?'",
    );
    payment("UPDATE tasks SET state = 'set_aside', answer = '{}' WHERE task_id = '?:authorise'");
    payment(
        "INSERT INTO dead_letters SELECT 'task:?:authorise', shard, '', shard, 0, \
         CAST('?' AS blob), CAST('{}' AS blob), x'', 0, 'provider_mismatch', '', 'decide', \
         9000000000000000, 9000000000000000, 0, 'set_aside' FROM tasks \
         WHERE task_id = '?:authorise'",
    );
    payment(
        "INSERT INTO journal SELECT shard, 900000, 'task:?:authorise:0', \
         'shop.payment.dead-letters.v1', CAST('?' AS blob), CAST('{}' AS blob), x'', 1 \
         FROM tasks WHERE task_id = '?:authorise'",
    );
    purchase
}

#[test]
fn money_that_the_provider_took_is_missed_although_the_answer_was_set_aside() {
    let mut purchase = String::new();
    let report = audit(|copy| purchase = set_aside(copy));
    names(
        &report,
        Promise::Money,
        &purchase,
        "captured at the provider, and the ledger knows nothing of it",
    );
    let finished = report.of(Promise::Finished);
    assert_eq!(finished.breaches, 0, "its dead letter says why:\n{report}");
    let forged = &report.of(Promise::Accounting).named;
    assert!(forged.iter().all(|one| one.subject != purchase), "{report}");
}

#[test]
fn a_dead_letter_that_nothing_bears_out_excuses_nobody() {
    for (missing, what) in [
        (
            "DELETE FROM journal WHERE event_id = 'task:?:authorise:0'",
            "and its journal no event that tells of it",
        ),
        (
            "UPDATE tasks SET state = 'answered' WHERE task_id = '?:authorise'",
            "and no task whose answer was set aside",
        ),
        (
            "UPDATE tasks SET answer = '[]' WHERE task_id = '?:authorise'",
            "and the task has another answer",
        ),
    ] {
        let mut purchase = String::new();
        let report = audit(|copy| {
            purchase = set_aside(copy);
            copy.change("payment", &missing.replace('?', &purchase));
        });
        names(&report, Promise::Accounting, &purchase, what);
        names(
            &report,
            Promise::Finished,
            &purchase,
            "left unexplained: payment stands at authorising",
        );
    }
}

#[test]
fn a_dead_letter_of_another_group_excuses_nobody() {
    let mut purchase = String::new();
    let report = audit(|copy| {
        purchase = set_aside(copy);
        let stands = "UPDATE reservations SET state = 'firm' WHERE purchase_id = '?'";
        copy.change("inventory", &stands.replace('?', &purchase));
    });
    names(
        &report,
        Promise::Finished,
        &purchase,
        "left unexplained: inventory stands at firm",
    );
}

#[test]
fn records_that_a_group_never_read_are_named_with_their_partition() {
    for change in [
        "UPDATE positions SET next_offset = start_offset, applied = 0, duplicates = 0 \
         WHERE topic = 'shop.stock.v1' AND next_offset > start_offset",
        "DELETE FROM positions WHERE topic = 'shop.stock.v1'",
    ] {
        let report = audit(|copy| copy.change("inventory", change));
        names(
            &report,
            Promise::Finished,
            "inventory shop.stock.v1[",
            "left unexplained: ",
        );
    }
}
