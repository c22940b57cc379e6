//! What is done to positions, journals, dead letters and read models behind the groups' backs, and
//! that it is named.

use auditor::Promise;

use crate::{audit, names};

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
