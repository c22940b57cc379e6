//! What a customer is told at each step, and what a timeline shows of what did not go well.

mod support;

use runtime::Decision;
use schemas::{Event, Fact};
use support::{MADE_AT, apply, contradicting, facts, observed, purchase, request, rows, smooth};
use timeline::{
    CancellationOutcome, PurchaseStatus, Status, TimelineEntry, TimelineRows,
    decide::{CONFLICT, REPEATED_ENTRIES_MAX},
    read::{entries, of_row},
};

const ID: &str = "p-1";

fn status(rows: &TimelineRows) -> PurchaseStatus {
    of_row(
        rows.purchases
            .get(&(ID.to_owned(),))
            .expect("a purchase")
            .clone(),
    )
}

fn shown(rows: &TimelineRows) -> Vec<TimelineEntry> {
    let purchase = rows.purchases.get(&(ID.to_owned(),)).expect("a purchase");
    entries(purchase, rows.events.iter().cloned().collect())
}

fn after(events: impl IntoIterator<Item = Event>) -> TimelineRows {
    let mut rows = rows(ID);
    for (offset, event) in events.into_iter().enumerate() {
        apply(&mut rows, &observed(event, offset as i64));
    }
    rows
}

fn bought() -> Event {
    Event::Purchase(purchase(ID))
}

fn fact(kind: &str) -> Event {
    let all = facts(ID);
    all.into_iter()
        .find(|event| event.kind() == kind)
        .expect("a fact")
}

#[test]
fn a_smooth_purchase_goes_from_accepted_to_completed() {
    let mut rows = rows(ID);
    let mut told = vec![];
    for (offset, event) in [bought()].into_iter().chain(smooth(ID)).enumerate() {
        apply(&mut rows, &observed(event, offset as i64));
        told.push(status(&rows).status);
    }
    let expected = [
        Status::Accepted,
        Status::Paid,
        Status::Ready,
        Status::ShippingRequested,
        Status::ShippingRequested,
        Status::HandedOver,
        Status::HandedOver,
        Status::Completed,
    ];
    assert_eq!(told, expected);
    let status = status(&rows);
    assert!(status.settled);
    assert_eq!(status.status_at, MADE_AT + 800_000);
    assert_eq!(status.tracking.as_deref(), Some("T-1"));
    let details = status.purchase.unwrap();
    assert_eq!(details.total_minor, 65_297);
    assert_eq!(details.content_hash, purchase(ID).content_hash());
    assert_eq!(details.delivery_tier.as_deref(), Some("TWO_DAY"));
}

#[test]
fn facts_alone_make_a_purchase_without_details() {
    let rows = after([fact("StockReserved")]);
    let status = status(&rows);
    assert_eq!(status.status, Status::Reserved);
    assert_eq!(status.purchase, None);
}

#[test]
fn ready_is_reached_when_the_later_half_is() {
    let rows = after([bought(), fact("StockReserved"), fact("PaymentAuthorised")]);
    let status = status(&rows);
    assert_eq!(
        (status.status, status.status_at),
        (Status::Ready, MADE_AT + 300_000)
    );
}

#[test]
fn what_was_captured_and_then_cancelled_is_refunded() {
    let mut events = vec![bought()];
    events.extend(smooth(ID));
    events.push(fact("PurchaseCancelled"));
    assert_eq!(status(&after(events.clone())).status, Status::Cancelled);
    events.push(fact("PaymentRefunded"));
    let status = status(&after(events));
    assert_eq!(status.status, Status::Refunded);
    assert_eq!(status.cancel_reason.as_deref(), Some("customer"));
}

#[test]
fn a_failed_capture_is_overdue_until_the_money_is_taken() {
    let Event::Fact(Fact::PaymentCaptured(captured)) = fact("PaymentCaptured") else {
        unreachable!("asked for by its kind")
    };
    let failed = Event::Fact(Fact::CaptureFailed(schemas::domain::CaptureFailed {
        event_id: "failed".to_owned(),
        purchase_id: ID.to_owned(),
        occurred_at: captured.occurred_at - 1,
        causation_id: captured.causation_id.clone(),
        reason: "expired_card".to_owned(),
        attempts: 5,
    }));
    let mut events = vec![bought(), fact("ShipmentHandedOver"), failed];
    assert_eq!(
        status(&after(events.clone())).status,
        Status::PaymentOverdue
    );
    events.push(fact("PaymentCaptured"));
    assert_eq!(status(&after(events)).status, Status::Completed);
}

#[test]
fn a_contradicting_purchase_is_shown_and_changes_nothing() {
    let mut rows = after([bought()]);
    let second = observed(Event::Purchase(contradicting(ID)), 7);
    assert_eq!(apply(&mut rows, &second), Decision::Applied);
    assert_eq!(apply(&mut rows, &second), Decision::Duplicate);
    let status = status(&rows);
    assert_eq!(status.conflicts, 1);
    assert_eq!(status.purchase.unwrap().total_minor, 65_297);
    let shown = shown(&rows);
    assert_eq!(shown.len(), 2);
    assert_eq!((shown[1].kind.as_str(), shown[1].offset), (CONFLICT, 7));
    assert_eq!(
        shown[1].summary["first_content_hash"],
        purchase(ID).content_hash()
    );
    assert_eq!(
        shown[1].summary["content_hash"],
        contradicting(ID).content_hash()
    );
}

#[test]
fn the_same_purchase_under_another_event_id_is_a_repetition() {
    let mut rows = after([bought()]);
    let mut again = purchase(ID);
    again.event_id = "another".to_owned();
    again.written_version = 2;
    let again = observed(Event::Purchase(again), 1);
    assert_eq!(apply(&mut rows, &again), Decision::Duplicate);
    assert_eq!(rows.events.iter().count(), 1);
}

#[test]
fn a_request_to_cancel_is_shown_with_what_became_of_it() {
    let outcome_after = |kinds: &[&str]| {
        let mut events = vec![bought(), request(ID, "a", 350_000)];
        events.extend(kinds.iter().map(|kind| fact(kind)));
        let rows = after(events);
        let request = shown(&rows)
            .into_iter()
            .find(|entry| entry.outcome.is_some());
        assert_eq!(request.as_ref().unwrap().kind, timeline::decide::REQUEST);
        assert_eq!(
            request.as_ref().unwrap().outcome,
            status(&rows).cancellation
        );
        request.unwrap().outcome.unwrap()
    };
    assert_eq!(outcome_after(&[]), CancellationOutcome::Pending);
    assert_eq!(
        outcome_after(&["ShipmentHandedOver"]),
        CancellationOutcome::TooLate
    );
    assert_eq!(
        outcome_after(&["PurchaseCancelled"]),
        CancellationOutcome::Granted
    );
    let mut declined = fact("PurchaseCancelled");
    if let Event::Fact(Fact::PurchaseCancelled(fact)) = &mut declined {
        fact.reason = "declined".to_owned();
    }
    let rows = after([bought(), request(ID, "a", 1), declined]);
    assert_eq!(
        status(&rows).cancellation,
        Some(CancellationOutcome::EndedOtherwise)
    );
}

#[test]
fn requests_without_end_do_not_make_a_timeline_without_end() {
    let mut rows = after([bought()]);
    for n in 0..REPEATED_ENTRIES_MAX {
        let event = observed(request(ID, &n.to_string(), 1), i64::from(n));
        assert_eq!(apply(&mut rows, &event), Decision::Applied);
    }
    let one_more = observed(request(ID, "one more", 1), 1_000);
    let before = rows.purchases.get(&(ID.to_owned(),)).cloned();
    assert_eq!(
        apply(&mut rows, &one_more),
        Decision::Ignored("too_many_entries")
    );
    assert_eq!(rows.purchases.get(&(ID.to_owned(),)).cloned(), before);
    let payment = observed(fact("PaymentAuthorised"), 0);
    assert_eq!(apply(&mut rows, &payment), Decision::Applied);
}

#[test]
fn no_entry_tells_who_the_customer_is_or_how_to_charge_them() {
    let mut events = vec![
        bought(),
        Event::Purchase(contradicting(ID)),
        request(ID, "a", 1),
    ];
    events.extend(facts(ID));
    let rows = after(events);
    let told = serde_json::to_string(&shown(&rows)).unwrap();
    for secret in ["no-ones-business", "no_ones_business", "ribbon", "T-1"] {
        assert!(!told.contains(secret), "{secret} is in the timeline");
    }
    assert!(told.contains("2341083"));
}
