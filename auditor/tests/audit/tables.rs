//! What is done to the tables of groups behind their backs, and that it is named.

use auditor::Promise;

use crate::{audit, names};

#[test]
fn a_lost_row_is_named_whichever_group_lost_it() {
    for (group, table) in [
        ("payment", "payments"),
        ("inventory", "reservations"),
        ("dispatch", "dispatches"),
        ("analytics", "counted_purchases"),
        ("timeline", "purchases"),
    ] {
        let mut lost = String::new();
        let report = audit(|copy| {
            lost = copy.captured();
            copy.change(
                group,
                &format!("DELETE FROM {table} WHERE purchase_id = '{lost}'"),
            );
        });
        let what = format!("lost: {group} has read it");
        names(&report, Promise::AcceptedIsKept, &lost, &what);
    }
}

#[test]
fn an_invented_row_is_named() {
    let report = audit(|copy| {
        let original = copy.ask("dispatch", "SELECT MIN(purchase_id) FROM dispatches");
        copy.change(
            "dispatch",
            &format!(
                "INSERT INTO dispatches (purchase_id, state, opened_by, created_at, answers_late, at_risk) \
                 SELECT 'nobody', state, opened_by, created_at, answers_late, at_risk \
                 FROM dispatches WHERE purchase_id = '{original}'"
            ),
        );
    });
    names(
        &report,
        Promise::NothingInvented,
        "nobody",
        "dispatch knows it, and no topic does",
    );
}

#[test]
fn an_altered_amount_is_named() {
    for column in ["amount_minor", "tax_minor", "shipping_minor"] {
        let mut altered = String::new();
        let report = audit(|copy| {
            altered = copy.captured();
            let sql = format!(
                "UPDATE payments SET {column} = {column} + 1 WHERE purchase_id = '{altered}'"
            );
            copy.change("payment", &sql);
        });
        names(
            &report,
            Promise::Money,
            &altered,
            "in payments, the purchase says",
        );
    }
}

#[test]
fn a_lost_and_a_doubled_posting_are_named() {
    let mut touched = String::new();
    let report = audit(|copy| {
        touched = copy.captured();
        let sql = format!("DELETE FROM postings WHERE posting_id = '{touched}:captured:2'");
        copy.change("payment", &sql);
    });
    names(&report, Promise::Money, &touched, "the ledger says");
    let report = audit(|copy| {
        let sql = format!(
            "INSERT INTO postings SELECT posting_id || 'x', entry_id, debit_account, credit_account, \
             amount_minor, currency FROM postings WHERE posting_id = '{touched}:recognised:1'"
        );
        copy.change("payment", &sql);
    });
    names(&report, Promise::Money, &touched, "the ledger says");
}

#[test]
fn a_captured_payment_that_is_said_to_be_voided_is_named() {
    let mut altered = String::new();
    let report = audit(|copy| {
        altered = copy.captured();
        let sql = format!(
            "UPDATE payments SET state = 'voided', captured_at = NULL WHERE purchase_id = '{altered}'"
        );
        copy.change("payment", &sql);
    });
    names(&report, Promise::Money, &altered, "the ledger has entries");
    names(
        &report,
        Promise::Finished,
        &altered,
        "payment stands at voided",
    );
}

#[test]
fn stock_that_is_not_the_fold_of_its_movements_is_named() {
    let sku = "2341000";
    let of = format!("sku {sku}");
    let report = audit(|copy| {
        copy.change(
            "inventory",
            &format!("UPDATE stock SET on_hand = on_hand + 1 WHERE sku = '{sku}'"),
        );
    });
    names(&report, Promise::Stock, &of, "its movements add up to");
    let report = audit(|copy| {
        copy.change(
            "inventory",
            &format!("UPDATE stock SET reserved = reserved + 1 WHERE sku = '{sku}'"),
        );
    });
    names(&report, Promise::Stock, &of, "live reservations hold 0");
}

#[test]
fn a_lost_movement_is_named_with_its_purchase() {
    let mut moved = String::new();
    let report = audit(|copy| {
        moved = copy.ask(
            "inventory",
            "SELECT MIN(purchase_id) FROM stock_movements WHERE kind = 'committed'",
        );
        let sql = format!(
            "DELETE FROM stock_movements WHERE purchase_id = '{moved}' AND kind = 'committed'"
        );
        copy.change("inventory", &sql);
    });
    names(&report, Promise::Stock, &moved, "its movements took");
    names(&report, Promise::Stock, "sku ", "movements by its row");
}

#[test]
fn a_receipt_that_nobody_stated_and_one_that_moved_nothing_are_named() {
    let report = audit(|copy| {
        copy.change(
            "inventory",
            "UPDATE stock_events SET event_id = 'forged' WHERE event_id = 'receipt-3'",
        );
    });
    names(
        &report,
        Promise::NothingInvented,
        "forged",
        "no stock keeper stated",
    );
    names(
        &report,
        Promise::Stock,
        "sku 2341003",
        "receipt-3 says +1000",
    );
}

#[test]
fn a_purchase_that_stands_still_is_left_unexplained() {
    let mut still = String::new();
    let report = audit(|copy| {
        still = copy.captured();
        let sql = format!("UPDATE reservations SET state = 'firm' WHERE purchase_id = '{still}'");
        copy.change("inventory", &sql);
    });
    names(
        &report,
        Promise::Finished,
        &still,
        "left unexplained: inventory stands at firm",
    );
    names(&report, Promise::Stock, &still, "its movements hold");
}

#[test]
fn a_task_that_waits_is_left_unexplained() {
    let mut waiting = String::new();
    let report = audit(|copy| {
        waiting = copy.captured();
        let sql = format!("UPDATE tasks SET state = 'waiting' WHERE task_id = '{waiting}:capture'");
        copy.change("payment", &sql);
    });
    names(
        &report,
        Promise::Finished,
        &waiting,
        "payment waits for capture",
    );
}
