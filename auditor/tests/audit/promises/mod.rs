//! A table: for every promise, what is dropped, doubled, altered and invented behind the groups'
//! backs, and the words in which the audit names whom it happened to.

mod money_and_stock;
mod rest;

use auditor::Promise;

use crate::{audit, copy::Copy, names};

/// What is done.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Drop,
    Double,
    Alter,
    Invent,
}

/// Whom it is done to: `?` in SQL and subject stands for it.
type Whom = fn(&Copy) -> String;

/// Promise, deed, whom, group, SQL, subject, and what is said.
type Tampering = (
    Promise,
    Deed,
    Whom,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const NOBODY: Whom = |_| "nobody".to_owned();

/// An audit waits for Kafka most of its time.
const AT_ONCE: usize = 4;

#[test]
fn whatever_is_dropped_doubled_altered_or_invented_is_named() {
    let rows: Vec<&Tampering> = (money_and_stock::TABLE.iter().chain(rest::TABLE)).collect();
    std::thread::scope(|scope| {
        for part in rows.chunks(rows.len().div_ceil(AT_ONCE)) {
            scope.spawn(move || part.iter().for_each(|row| is_named(row)));
        }
    });
}

fn is_named((promise, deed, whom, group, sql, subject, what): &Tampering) {
    let mut named = String::new();
    let report = audit(|copy| {
        named = whom(copy);
        copy.change(group, &sql.replace('?', &named));
    });
    let case = format!("{promise:?} {deed:?} in {group}");
    assert!(!report.is_clean(), "{case}: {sql}");
    names(&report, *promise, &subject.replace('?', &named), what);
}
