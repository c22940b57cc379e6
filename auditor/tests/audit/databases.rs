//! What is done to databases behind the groups' backs, and that it is named.

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

#[test]
fn a_position_that_does_not_add_up_is_named() {
    let a_position = "topic = 'shop.purchases.v1' AND partition = 1";
    for (group, change, what) in [
        ("payment", "applied = applied - 1", "unexplained"),
        ("inventory", "next_offset = next_offset - 1", "unexplained"),
        (
            "dispatch",
            "next_offset = next_offset + 7, applied = applied + 7",
            "and the topic ends at",
        ),
        (
            "analytics",
            "start_offset = start_offset + 5, applied = applied - 5",
            "and the topic holds records from",
        ),
        ("timeline", "halted = 'gone'", "halted at"),
    ] {
        let report = audit(|copy| {
            copy.change(
                group,
                &format!("UPDATE positions SET {change} WHERE {a_position}"),
            );
        });
        let position = format!("{group} shop.purchases.v1[1]");
        names(&report, Promise::Accounting, &position, what);
    }
}

#[test]
fn a_lost_and_a_forged_dead_letter_are_named() {
    let mut place = String::new();
    let of_a_record =
        "SELECT MIN(dead_letter_id) FROM dead_letters WHERE reason <> 'conflicting_duplicate'";
    let report = audit(|copy| {
        place = copy.ask("payment", of_a_record);
        copy.change(
            "payment",
            &format!("DELETE FROM dead_letters WHERE dead_letter_id = '{place}'"),
        );
    });
    names(
        &report,
        Promise::Accounting,
        &place,
        "payment has passed it and not set it aside",
    );
    names(
        &report,
        Promise::Accounting,
        "payment shop.purchases.v1",
        "set aside by its count",
    );
    let report = audit(|copy| {
        copy.change(
            "payment",
            &format!("UPDATE dead_letters SET payload = x'00' WHERE dead_letter_id = '{place}'"),
        );
    });
    names(
        &report,
        Promise::Accounting,
        &place,
        "another record stands there",
    );
}

#[test]
fn a_contradiction_that_was_not_set_aside_is_named() {
    let mut purchase = String::new();
    let report = audit(|copy| {
        let letter = "FROM dead_letters WHERE reason = 'conflicting_duplicate'";
        purchase = copy.ask(
            "dispatch",
            &format!("SELECT CAST(MIN(record_key) AS text) {letter}"),
        );
        copy.change(
            "dispatch",
            &format!("DELETE {letter} AND CAST(record_key AS text) = '{purchase}'"),
        );
    });
    names(
        &report,
        Promise::AcceptedIsKept,
        &purchase,
        "dispatch did not set it aside",
    );
}

#[test]
fn a_fact_that_the_journal_does_not_know_is_invented_and_one_that_the_topic_lost_is_lost() {
    let mut purchase = String::new();
    let of = |purchase: &str| {
        format!("topic = 'shop.payments.v1' AND CAST(record_key AS text) = '{purchase}'")
    };
    let report = audit(|copy| {
        purchase = copy.captured();
        copy.change(
            "payment",
            &format!("DELETE FROM journal WHERE {}", of(&purchase)),
        );
    });
    names(
        &report,
        Promise::NothingInvented,
        &purchase,
        "PaymentCaptured",
    );
    let report = audit(|copy| {
        let sql = format!(
            "UPDATE journal SET event_id = 'swallowed' WHERE sequence = \
            (SELECT MAX(sequence) FROM journal WHERE {0}) AND {0}",
            of(&purchase)
        );
        copy.change("payment", &sql);
    });
    names(
        &report,
        Promise::AcceptedIsKept,
        &purchase,
        "lost: payment has published swallowed",
    );
    let report = audit(|copy| {
        copy.change(
            "payment",
            &format!("UPDATE journal SET payload = x'00' WHERE {}", of(&purchase)),
        );
    });
    names(
        &report,
        Promise::NothingInvented,
        &purchase,
        "is not what payment wrote",
    );
}

#[test]
fn a_lost_and_an_invented_entry_and_a_wrong_status_of_the_timeline_are_named() {
    let mut purchase = String::new();
    let report = audit(|copy| {
        purchase = copy.captured();
        let sql = format!(
            "DELETE FROM purchase_events WHERE purchase_id = '{purchase}' AND kind = 'ShipmentHandedOver'"
        );
        copy.change("timeline", &sql);
    });
    names(&report, Promise::Timeline, &purchase, "lost: ");
    let report = audit(|copy| {
        let sql = format!(
            "UPDATE purchase_events SET event_id = 'forged' WHERE purchase_id = '{purchase}' AND kind = 'StockCommitted'"
        );
        copy.change("timeline", &sql);
    });
    names(
        &report,
        Promise::Timeline,
        &purchase,
        "invented: an entry StockCommitted forged",
    );
    let report = audit(|copy| {
        let sql =
            format!("UPDATE purchases SET status = 'refunded' WHERE purchase_id = '{purchase}'");
        copy.change("timeline", &sql);
    });
    names(
        &report,
        Promise::Timeline,
        &purchase,
        "shown as refunded, its facts say completed",
    );
}

#[test]
fn a_window_that_the_topics_do_not_bear_out_is_named() {
    for (table, column) in [
        ("windows", "units"),
        ("windows", "of_purchases_captured"),
        ("revenue", "captured_minor"),
        ("revenue", "ordered_minor"),
    ] {
        let report = audit(|copy| {
            let key = copy.ask(
                "analytics",
                &format!("SELECT MIN(window_key) FROM {table} WHERE {column} > 0"),
            );
            let sql =
                format!("UPDATE {table} SET {column} = {column} + 1 WHERE window_key = '{key}'");
            copy.change("analytics", &sql);
        });
        names(&report, Promise::Analytics, "window 20", "the topics say");
    }
    let report = audit(|copy| {
        copy.change("analytics", "DELETE FROM windows");
        copy.change("analytics", "DELETE FROM revenue");
    });
    names(
        &report,
        Promise::Analytics,
        "shard 0",
        "analytics has no window at all",
    );
}
