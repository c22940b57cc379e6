//! Which groups stand still short of an end, and for whose word each of them waits. A group whose
//! word is on its topic is waited for no more, whatever it has set aside.

use crate::{
    Group,
    case::{Case, FIRM, Standstill},
};

/// Who stands still.
pub(crate) fn of(case: &Case) -> Vec<Standstill> {
    let dispatch = (case.dispatch.as_ref()).map_or("unknown", |row| row.state.as_str());
    let still = |group, stands: &str, waits_for| Standstill {
        group,
        stands: format!("{group} stands at {stands}"),
        waits_for,
    };
    if case.bought.is_none() {
        let what = "waiting for the purchase, of which only other events came";
        return (dispatch == "waiting")
            .then(|| still(Group::Dispatch, what, Vec::new()))
            .into_iter()
            .collect();
    }
    let mut found = Vec::new();
    let (paid, gone): (&[&str], &[&str]) = match dispatch {
        "handed_over" => (&["captured", "capture_failed"], &["committed"]),
        "returned" => (&["refunded", "credited"], &["committed"]),
        "cancelled" => (
            &["voided", "declined", "refunded"],
            &["released", "rejected"],
        ),
        _ => {
            found.push(still(Group::Dispatch, dispatch, awaited(case, dispatch)));
            // What may wait for dispatch; anything else is for the group itself to do.
            (
                &["authorised", "voided", "declined", "captured", "refunded"],
                &["held", "firm", "expired", "rejected", "released"],
            )
        }
    };
    let payment = (case.payment.as_ref()).map_or("unknown", |row| row.state.as_str());
    if !paid.contains(&payment) {
        found.push(still(Group::Payment, payment, Vec::new()));
    }
    let stock = (case.reservation.as_ref()).map_or("unknown", |row| row.0.as_str());
    if !gone.contains(&stock) {
        found.push(still(Group::Inventory, stock, Vec::new()));
    }
    found
}

/// Whose word dispatch waits for.
fn awaited(case: &Case, dispatch: &str) -> Vec<Group> {
    let said = |kinds: &[&str]| kinds.iter().any(|kind| case.fact(kind).is_some());
    let mut awaited = Vec::new();
    let of_money = ["PaymentAuthorised", "PaymentDeclined", "PaymentVoided"];
    if matches!(dispatch, "waiting" | "unknown") && !said(&of_money) {
        awaited.push(Group::Payment);
    }
    let of_stock: &[&str] = match dispatch {
        "waiting" | "unknown" => &["StockReserved", FIRM, "StockRejected", "ReservationExpired"],
        "requested" => &[FIRM, "StockRejected"],
        _ => return awaited,
    };
    if !said(of_stock) {
        awaited.push(Group::Inventory);
    }
    awaited
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::{
        Group,
        case::Case,
        checks::{finished, tests as given},
        report::{Promise, Report},
    };

    /// A purchase that is paid and held, and that dispatch has not answered.
    fn waiting() -> Case {
        let mut case = given::case();
        case.dispatch.as_mut().unwrap().state = "waiting".to_owned();
        case.payment.as_mut().unwrap().state = "authorised".to_owned();
        case.reservation.as_mut().unwrap().0 = "held".to_owned();
        case.facts.push(given::fact("PaymentAuthorised"));
        case
    }

    fn breaches(mut case: Case, excused: Group) -> u64 {
        case.unfinished = of(&case);
        case.excused.insert(excused, "provider_mismatch".to_owned());
        let mut report = Report::default();
        given::around(|around| finished::check("p", &case, around, &mut report));
        report.of(Promise::Finished).breaches
    }

    #[test]
    fn a_dead_letter_excuses_its_own_group_and_who_waits_for_its_word() {
        assert_eq!(
            breaches(waiting(), Group::Inventory),
            0,
            "its word is awaited"
        );
        assert_eq!(breaches(waiting(), Group::Dispatch), 0);
        assert_eq!(breaches(waiting(), Group::Payment), 1, "its word is there");
        assert_eq!(breaches(waiting(), Group::Analytics), 1);
        assert_eq!(breaches(waiting(), Group::Timeline), 1);
    }

    #[test]
    fn what_a_group_has_to_do_itself_no_other_excuses() {
        let mut case = waiting();
        case.payment.as_mut().unwrap().state = "authorising".to_owned();
        case.facts.clear();
        assert_eq!(breaches(case, Group::Inventory), 1);
        let mut case = waiting();
        case.dispatch.as_mut().unwrap().state = "handing_over".to_owned();
        assert_eq!(
            breaches(case, Group::Inventory),
            1,
            "the carrier is waited for"
        );
    }
}
