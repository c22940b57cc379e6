//! What dispatch decides, story by story.
#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without fails it"
)]

mod world;

use dispatch::{DispatchEvent, State, event::Outcome, explain};
use runtime::{Decision, Refusal};
use schemas::{Event, domain::DeliveryTier};
use world::*;

fn cancel_reason(world: &mut World) -> String {
    world.row().unwrap().cancel_reason.unwrap()
}

fn reason(refused: Result<Decision, Refusal>) -> &'static str {
    match refused {
        Err(Refusal::Poison { reason, .. }) => reason,
        other => panic!("{other:?} is no refusal"),
    }
}

#[test]
fn the_carrier_is_asked_on_a_firm_reservation_only() {
    let mut world = World::new();
    world.deliver_all([bought(), reserved(), authorised()]);
    assert!(world.stated("ShipmentRequested") && world.tasks.is_empty());
    world.deliver_all([firm()]);
    assert_eq!(world.tasks.len(), 1);
    world.carrier_answers(false);
    assert!(world.stated("ShipmentHandedOver") && world.timers.is_empty());
    assert!(explain(&world.row().unwrap()).contains("Handed over"));
}

#[test]
fn a_reservation_that_lapsed_during_the_handshake_is_waited_for() {
    let mut world = World::new();
    world.deliver_all([bought(), reserved(), authorised(), expired()]);
    assert_eq!(world.row().unwrap().state, State::Requested);
    world.deliver_all([firm()]);
    assert_eq!(world.row().unwrap().state, State::HandingOver);
}

#[test]
fn a_lapsed_reservation_that_cannot_be_had_again_ends_the_purchase() {
    let mut world = World::new();
    world.deliver_all([bought(), reserved(), authorised(), expired(), rejected()]);
    assert_eq!(cancel_reason(&mut world), "no_stock");
}

#[test]
fn each_refusal_ends_the_purchase_with_its_reason() {
    for (fact, reason) in [
        (declined(), "declined"),
        (rejected(), "no_stock"),
        (voided("no_stock"), "no_stock"),
        (expired(), "expired"),
        (cancel_please("please"), "customer"),
    ] {
        for first in [true, false] {
            let mut world = World::new();
            let order = match first {
                true => [fact.clone(), bought()],
                false => [bought(), fact.clone()],
            };
            world.deliver_all(order);
            assert_eq!(cancel_reason(&mut world), reason);
            assert!(world.timers.is_empty());
        }
    }
}

#[test]
fn a_cancellation_before_the_carrier_is_asked_is_in_time() {
    let mut world = World::new();
    world.deliver_all([
        bought(),
        reserved(),
        authorised(),
        cancel_please("please"),
        firm(),
    ]);
    assert_eq!(cancel_reason(&mut world), "customer");
    assert!(world.tasks.is_empty());
}

#[test]
fn a_cancellation_after_the_hand_over_is_a_return_within_its_window() {
    let window_micros = 14 * 24 * 3_600_000_000_i64;
    for (asked_at, granted) in [
        (NOW - 1, true),
        (NOW + window_micros, true),
        (NOW + window_micros + 1, false),
    ] {
        let mut world = World::new();
        world.deliver_all([bought(), reserved(), authorised(), firm()]);
        world.carrier_answers(false);
        let decision = world.deliver(&cancel_please_at("please", asked_at));
        let wanted = match granted {
            true => (Decision::Applied, State::Returned),
            false => (Decision::Ignored("too_late"), State::HandedOver),
        };
        assert_eq!((decision.unwrap(), world.row().unwrap().state), wanted);
        assert_eq!(world.stated("PurchaseCancelled"), granted);
        // Once: another request changes nothing.
        world.deliver(&cancel_please_at("again", asked_at)).unwrap();
        let cancelled = |fact: &&schemas::Fact| fact.kind() == "PurchaseCancelled";
        let count = world.facts.iter().filter(cancelled).count();
        assert_eq!(count, usize::from(granted));
        assert_eq!(
            explain(&world.row().unwrap()).contains("come back"),
            granted
        );
    }
}

#[test]
fn a_cancellation_while_the_carrier_is_asked_is_a_return_unless_the_carrier_refuses() {
    for (refuses, ending, reason) in [
        (false, State::Returned, "customer"),
        (true, State::Cancelled, "carrier_refused"),
    ] {
        let mut world = World::new();
        world.deliver_all([bought(), reserved(), authorised(), firm()]);
        let decision = world.deliver(&cancel_please("please"));
        assert_eq!(decision, Ok(Decision::Applied));
        assert_eq!(world.row().unwrap().state, State::HandingOver);
        world.carrier_answers(refuses);
        assert_eq!(world.row().unwrap().state, ending);
        assert_eq!(cancel_reason(&mut world), reason);
    }
}

#[test]
fn without_returns_a_cancellation_after_the_carrier_was_asked_is_too_late() {
    let mut world = World::without_returns();
    world.deliver_all([bought(), reserved(), authorised(), firm()]);
    let decision = world.deliver(&cancel_please("please"));
    assert_eq!(decision, Ok(Decision::Ignored("too_late")));
    world.carrier_answers(false);
    assert_eq!(world.row().unwrap().state, State::HandedOver);
}

#[test]
fn answers_that_do_not_come_in_time_end_the_purchase() {
    let mut world = World::new();
    world.deliver_all([bought(), authorised()]);
    let due_at = world.timers[&format!("{ID}:answers")].due_at;
    assert_eq!(due_at, NOW + 15 * 60 * 1_000_000);
    world.time_comes("answers");
    assert_eq!(cancel_reason(&mut world), "answers_late");
}

#[test]
fn the_clock_for_answers_stops_when_the_shipment_is_requested() {
    let mut world = World::new();
    world.deliver_all([bought(), authorised(), reserved()]);
    assert_eq!(world.time_comes("answers"), None);
}

#[test]
fn a_late_shipment_is_reported_once_and_goes_on() {
    let mut world = World::new();
    world.deliver_all([bought(), authorised(), reserved()]);
    world.time_comes("ship_by");
    assert!(world.stated("DispatchAtRisk"));
    assert!(world.facts.iter().any(|fact| match fact {
        schemas::Fact::DispatchAtRisk(fact) => fact.waiting_for == "reservation",
        _ => false,
    }));
    world.deliver_all([firm()]);
    world.carrier_answers(false);
    assert!(explain(&world.row().unwrap()).contains("after ship-by"));
}

#[test]
fn a_carrier_that_refuses_ends_the_purchase() {
    let mut world = World::new();
    world.deliver_all([bought(), authorised(), reserved(), firm()]);
    world.carrier_answers(true);
    assert_eq!(cancel_reason(&mut world), "carrier_refused");
}

#[test]
fn a_carrier_that_took_something_else_is_never_believed() {
    let mut world = World::new();
    world.deliver_all([bought(), authorised(), reserved(), firm()]);
    let answer = DispatchEvent::Answer {
        purchase_id: ID.into(),
        outcome: Outcome::HandedOver {
            shipment_id: "another".into(),
            carrier: "carrier".into(),
            tracking: "1".into(),
        },
    };
    let refused = world.deliver(&answer);
    assert_eq!(reason(refused), "carrier_mismatch");
    assert!(!world.stated("ShipmentHandedOver"));
}

#[test]
fn other_contents_under_the_same_id_are_set_aside() {
    let mut world = World::new();
    world.deliver_all([bought()]);
    let mut other = purchase();
    other.delivery_tier = DeliveryTier::NextDay;
    let refused = world.deliver(&DispatchEvent::Event(Event::Purchase(other)));
    assert_eq!(reason(refused), "conflicting_duplicate");
}

#[test]
fn a_request_that_the_carrier_calls_wrong_ends_the_purchase() {
    let mut world = World::new();
    world.deliver_all([bought(), authorised(), reserved(), firm()]);
    let answer = DispatchEvent::Answer {
        purchase_id: ID.into(),
        outcome: Outcome::Rejected {
            code: "http 400 invalid_request".into(),
        },
    };
    assert_eq!(world.deliver(&answer), Ok(Decision::Applied));
    assert_eq!(cancel_reason(&mut world), "carrier_refused");
}
