//! The pure step: (rows, input, time) -> rows, facts, timers.
//!
//! Three concerns, one file each: which rows an input concerns ([`touch`]), entering what it says
//! into the reservation's row ([`learn`]), and doing what then follows ([`carry_out`]).

mod carry_out;
mod learn;
mod touch;

use runtime::{Decision, Effects, Refusal, Timestamp};
use schemas::{Event, Fact};

pub(crate) use touch::{touches, touches_stock};

use crate::{Input, keeper, rows::InventoryRows};
use carry_out::Course;

/// The kind of the timer at which a reservation lapses.
pub const EXPIRE: &str = "expire";

/// Applies one input.
pub(crate) fn decide(
    rows: &mut InventoryRows,
    input: &Input,
    now: Timestamp,
    reservation_micros: i64,
    effects: &mut Effects<Fact>,
) -> Result<Decision, Refusal> {
    let event = match input {
        Input::Event(event) => event,
        Input::Lapsed {
            purchase_id,
            due_at,
            causation_id,
        } => {
            let course = Course {
                cause_id: causation_id,
                now,
                reservation_micros,
            };
            return carry_out::lapse(rows, purchase_id, *due_at, course, effects);
        }
    };
    match event {
        Event::Fact(Fact::StockReceived(fact)) => return keeper::received(rows, fact, now),
        Event::Fact(Fact::StockAdjusted(fact)) => return keeper::adjusted(rows, fact, now),
        _ => {}
    }
    let Some(purchase_id) = touch::concerned(event) else {
        return Ok(Decision::Ignored("not_for_inventory"));
    };
    let decision = learn::learn(rows, purchase_id, event, now)?;
    if decision == Decision::Applied {
        let course = Course {
            cause_id: event.event_id(),
            now,
            reservation_micros,
        };
        carry_out::follow_up(rows, purchase_id, course, effects)?;
    }
    Ok(decision)
}
