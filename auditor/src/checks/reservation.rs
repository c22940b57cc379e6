//! Inventory's row against what inventory stated: each state has its facts, each fact its movements,
//! and a rejection the shortage that it names.

use crate::{
    Group,
    case::{Case, FIRM},
    report::{Promise, Report},
    stock::{Shelves, Shortage},
};

const P: Promise = Promise::Stock;

pub(crate) fn check(purchase_id: &str, case: &Case, report: &mut Report) {
    if let Some(rejected) = case.fact("StockRejected") {
        report.require(!rejected.lines.is_empty(), P, purchase_id, || {
            "rejected, and nothing fell short".to_owned()
        });
        let bought = case.bought_by(Group::Inventory);
        let wanted = |sku| bought.and_then(|bought| bought.wanted.get(sku));
        let asked = (rejected.lines.iter()).all(|(sku, units)| wanted(sku) == Some(units));
        report.require(asked || bought.is_none(), P, purchase_id, || {
            format!(
                "rejected for want of {:?}, which nobody wanted",
                rejected.lines
            )
        });
    }
    let Some((state, _)) = &case.reservation else {
        return;
    };
    if case.is_at_rest_in(Group::Inventory) && !case.has_gaps {
        against_facts(purchase_id, case, state, report);
        against_movements(purchase_id, case, report);
    }
}

fn against_facts(purchase_id: &str, case: &Case, state: &str, report: &mut Report) {
    let has = |kind| case.fact(kind).is_some();
    // What lapsed was given back; what was made firm after that was reserved anew.
    let held = has(FIRM) || (has("StockReserved") && !has("ReservationExpired"));
    for (kind, happened) in [
        ("StockRejected", state == "rejected"),
        ("StockReleased", state == "released" && held),
        ("StockCommitted", state == "committed"),
    ] {
        let stated = has(kind);
        report.require(stated == happened, P, purchase_id, || {
            let (row, topic) = if happened {
                ("has it", "lost")
            } else {
                ("has not", "invented")
            };
            format!(
                "{topic}: {kind}: a reservation that is {state} {row}, the topic says otherwise"
            )
        });
    }
    let lapsed = has("ReservationExpired") && !has("StockReserved");
    report.require(!lapsed, P, purchase_id, || {
        "invented: ReservationExpired of what was never reserved".to_owned()
    });
}

/// Stock moves for a purchase when something is stated of it, and the other way round.
fn against_movements(purchase_id: &str, case: &Case, report: &mut Report) {
    let has = |kind| case.fact(kind).is_some();
    let committed = has("StockCommitted");
    for (moved, kind, stated) in [
        // Goods that left unreserved are taken up first, and nothing is stated of that.
        (
            "reserved",
            "StockReserved",
            has("StockReserved") || has(FIRM) || committed,
        ),
        ("released", "StockReleased", has("StockReleased")),
        ("expired", "ReservationExpired", has("ReservationExpired")),
        ("committed", "StockCommitted", committed),
    ] {
        let happened = case.movements.iter().any(|row| row.kind == moved);
        report.require(stated == happened, P, purchase_id, || {
            if happened {
                format!("lost: stock was {moved}, and no {kind} says so")
            } else {
                format!("{kind}, and no stock was {moved}")
            }
        });
    }
}

/// What a purchase was told that there is not enough of.
pub(crate) fn shortages(purchase_id: &str, case: &Case, shelves: &mut Shelves) {
    // What took the stock from a young one may be younger than the snapshot.
    for rejected in (case.old_facts()).filter(|fact| fact.kind == "StockRejected") {
        for (sku, quantity) in &rejected.lines {
            shelves.rejected(&Shortage {
                purchase_id,
                sku,
                quantity: *quantity,
                at: rejected.occurred_at,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, FIRM, Promise, Report, check};
    use crate::{checks::tests as given, witness::MovementRow};

    fn movement(kind: &str) -> MovementRow {
        MovementRow {
            sku: "7".to_owned(),
            kind: kind.to_owned(),
            on_hand: 0,
            reserved: 0,
            cause: String::new(),
        }
    }

    fn breaches(state: &str, facts: &[&'static str], movements: &[&str]) -> u64 {
        let mut case: Case = given::case();
        case.reservation.as_mut().unwrap().0 = state.to_owned();
        case.facts = facts.iter().map(|kind| given::fact(kind)).collect();
        for rejected in case
            .facts
            .iter_mut()
            .filter(|fact| fact.kind == "StockRejected")
        {
            rejected.lines = [("7".to_owned(), 1)].into();
        }
        case.movements = movements.iter().map(|kind| movement(kind)).collect();
        let mut report = Report::default();
        check("p", &case, &mut report);
        report.of(Promise::Stock).breaches
    }

    #[test]
    fn every_end_has_its_fact_and_its_movement() {
        let (reserved, lapsed) = ("StockReserved", "ReservationExpired");
        let taken = ["reserved", "committed"];
        assert_eq!(
            breaches("committed", &[reserved, FIRM, "StockCommitted"], &taken),
            0
        );
        assert_eq!(
            breaches(
                "released",
                &[reserved, "StockReleased"],
                &["reserved", "released"]
            ),
            0
        );
        assert_eq!(
            breaches("released", &[reserved, lapsed], &["reserved", "expired"]),
            0
        );
        assert_eq!(breaches("released", &[], &[]), 0);
        assert_eq!(breaches("rejected", &["StockRejected"], &[]), 0);
    }

    #[test]
    fn a_fact_that_vanished_with_its_journal_row_is_lost() {
        let (reserved, firm) = ("StockReserved", FIRM);
        assert_eq!(
            breaches("committed", &[reserved, firm], &["reserved", "committed"]),
            2
        );
        assert_eq!(
            breaches("released", &[reserved], &["reserved", "released"]),
            2
        );
        assert_eq!(
            breaches("released", &[reserved], &["reserved", "expired"]),
            2
        );
        assert_eq!(breaches("rejected", &[], &[]), 1);
    }

    #[test]
    fn another_end_than_the_one_that_was_stated_is_named() {
        assert_eq!(breaches("released", &["StockRejected"], &[]), 1);
        assert_eq!(
            breaches(
                "rejected",
                &["StockReserved", "StockReleased"],
                &["reserved", "released"]
            ),
            2
        );
        assert_eq!(
            breaches(
                "committed",
                &["StockReserved", "StockCommitted"],
                &["reserved"]
            ),
            1
        );
    }
}
