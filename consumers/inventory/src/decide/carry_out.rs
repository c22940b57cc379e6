//! Doing what follows from a reservation's row: stock, state, facts and the expiry timer change
//! together, here and nowhere else.

use std::collections::BTreeMap;

use runtime::{Decision, Effects, NewTimer, Refusal, Timestamp};
use schemas::{
    Fact,
    domain::{
        ReservationExpired, ReservedLine, StockCommitted, StockRejected, StockReleased,
        StockReserved,
    },
    ids,
};

use super::EXPIRE;
use crate::{
    reservation::{State, Step},
    rows::{InventoryRows, Reservation, ReservationLine},
    stock::{MovementKind, Mover, available, move_stock},
};

/// What a step is taken for: its cause, the time, and how long a reservation is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course<'a> {
    pub(super) cause_id: &'a str,
    pub(super) now: Timestamp,
    pub(super) reservation_micros: i64,
}

/// Takes the step that follows from the row.
pub(super) fn follow_up(
    rows: &mut InventoryRows,
    purchase_id: &str,
    course: Course<'_>,
    effects: &mut Effects<Fact>,
) -> Result<(), Refusal> {
    let Some(row) = rows.reservations.get(&(purchase_id.to_owned(),)).cloned() else {
        return Ok(());
    };
    match row.next_step() {
        Step::Nothing => Ok(()),
        Step::Hold => reserve(rows, row, State::Held, course, effects),
        Step::MakeFirm if row.stands().is_live() => {
            effects.cancel_timer(timer_id(purchase_id));
            let lines = reserved_lines(rows, purchase_id);
            settle(rows, row, State::Firm, course);
            effects.emit(reserved(purchase_id, lines, None, course));
            Ok(())
        }
        Step::MakeFirm => reserve(rows, row, State::Firm, course, effects),
        Step::GiveBack => {
            give_back(rows, &row, MovementKind::Released, course)?;
            effects.cancel_timer(timer_id(purchase_id));
            effects.emit(released(&row, course));
            settle(rows, row, State::Released, course);
            Ok(())
        }
        Step::Close => {
            settle(rows, row, State::Released, course);
            Ok(())
        }
        Step::Commit => commit(rows, row, course, effects),
    }
}

/// The reservation's time has come.
pub(super) fn lapse(
    rows: &mut InventoryRows,
    purchase_id: &str,
    due_at: i64,
    course: Course<'_>,
    effects: &mut Effects<Fact>,
) -> Result<Decision, Refusal> {
    let Some(row) = rows.reservations.get(&(purchase_id.to_owned(),)).cloned() else {
        return Ok(Decision::Ignored("unknown_reservation"));
    };
    match row.expires_at {
        None => return Ok(Decision::Ignored("not_held")),
        Some(expires_at) if due_at < expires_at => return Ok(Decision::Ignored("not_due")),
        Some(_) if mutants::on("expiry-ignored") => return Ok(Decision::Ignored("not_due")),
        Some(_) => {}
    }
    give_back(rows, &row, MovementKind::Expired, course)?;
    let (event_id, occurred_at) = (ids::derived(purchase_id, "inventory.expired"), course.now);
    effects.emit(Fact::from(ReservationExpired {
        event_id,
        purchase_id: purchase_id.to_owned(),
        occurred_at,
        causation_id: course.cause_id.to_owned(),
    }));
    settle(rows, row, State::Expired, course);
    Ok(Decision::Applied)
}

/// Reserves all lines or none.
fn reserve(
    rows: &mut InventoryRows,
    mut row: Reservation,
    state: State,
    course: Course<'_>,
    effects: &mut Effects<Fact>,
) -> Result<(), Refusal> {
    let purchase_id = row.purchase_id.clone();
    let wanted = quantities(rows, &purchase_id);
    let short: Vec<&String> = (wanted.iter())
        .filter(|(sku, quantity)| available(rows, sku) < **quantity)
        .map(|(sku, _)| sku)
        .collect();
    if !short.is_empty() {
        let mut lines = reserved_lines(rows, &purchase_id);
        lines.retain(|line| short.contains(&&line.sku));
        row.reason = Some("not_enough_stock".to_owned());
        settle(rows, row, State::Rejected, course);
        effects.emit(Fact::from(StockRejected {
            event_id: ids::derived(&purchase_id, "inventory.rejected"),
            purchase_id,
            occurred_at: course.now,
            causation_id: course.cause_id.to_owned(),
            lines,
        }));
        return Ok(());
    }
    take(rows, &row, &wanted, state, course)?;
    let lines = reserved_lines(rows, &purchase_id);
    let expires_at =
        (state == State::Held).then(|| course.now.saturating_add(course.reservation_micros));
    if let Some(due_at) = expires_at {
        effects.timer(NewTimer {
            timer_id: timer_id(&purchase_id),
            key: purchase_id.clone(),
            kind: EXPIRE,
            due_at,
            causation_id: course.cause_id.to_owned(),
        });
    }
    effects.emit(reserved(&purchase_id, lines, expires_at, course));
    row.expires_at = expires_at;
    settle(rows, row, state, course);
    Ok(())
}

/// The goods have left. A reservation that had lapsed is taken up again first: that they are gone
/// is no longer in question, and stock that was not there cannot have left.
fn commit(
    rows: &mut InventoryRows,
    row: Reservation,
    course: Course<'_>,
    effects: &mut Effects<Fact>,
) -> Result<(), Refusal> {
    let wanted = quantities(rows, &row.purchase_id);
    if !row.stands().is_live() {
        for (sku, quantity) in &wanted {
            let free = available(rows, sku);
            if free < *quantity {
                let detail = format!("sku {sku}: {quantity} left the building, {free} were free");
                return Err(Refusal::decide("handed_over_without_reservation", detail));
            }
        }
        take(rows, &row, &wanted, State::Firm, course)?;
    }
    let mover = mover(&row, MovementKind::Committed, "inventory.committed", course);
    for (sku, quantity) in &wanted {
        move_stock(rows, mover, sku, -quantity, -quantity)?;
    }
    effects.cancel_timer(timer_id(&row.purchase_id));
    effects.emit(Fact::from(StockCommitted {
        event_id: ids::derived(&row.purchase_id, "inventory.committed"),
        purchase_id: row.purchase_id.clone(),
        occurred_at: course.now,
        causation_id: course.cause_id.to_owned(),
        shipment_id: row.shipment_id.clone().unwrap_or_default(),
    }));
    settle(rows, row, State::Committed, course);
    Ok(())
}

fn take(
    rows: &mut InventoryRows,
    row: &Reservation,
    wanted: &BTreeMap<String, i64>,
    state: State,
    course: Course<'_>,
) -> Result<(), Refusal> {
    let step = if state == State::Firm {
        "inventory.firm"
    } else {
        "inventory.reserved"
    };
    let mover = mover(row, MovementKind::Reserved, step, course);
    for (sku, quantity) in wanted {
        move_stock(rows, mover, sku, 0, *quantity)?;
    }
    Ok(())
}

fn give_back(
    rows: &mut InventoryRows,
    row: &Reservation,
    kind: MovementKind,
    course: Course<'_>,
) -> Result<(), Refusal> {
    let step = match kind {
        MovementKind::Expired => "inventory.expired",
        _ => "inventory.released",
    };
    let mover = mover(row, kind, step, course);
    for (sku, quantity) in quantities(rows, &row.purchase_id) {
        move_stock(rows, mover, &sku, 0, -quantity)?;
    }
    Ok(())
}

fn mover<'a>(
    row: &'a Reservation,
    kind: MovementKind,
    step: &'static str,
    course: Course<'a>,
) -> Mover<'a> {
    Mover {
        kind,
        subject: &row.purchase_id,
        step,
        purchase_id: Some(&row.purchase_id),
        reason: row.reason.as_deref(),
        cause_id: course.cause_id,
        now: course.now,
    }
}

fn settle(rows: &mut InventoryRows, mut row: Reservation, state: State, course: Course<'_>) {
    state.as_str().clone_into(&mut row.state);
    course.cause_id.clone_into(&mut row.cause_id);
    row.changed_at = course.now;
    if state != State::Held {
        row.expires_at = None;
    }
    rows.reservations.put(row);
}

fn reserved(
    purchase_id: &str,
    lines: Vec<ReservedLine>,
    expires_at: Option<i64>,
    course: Course<'_>,
) -> Fact {
    let step = if expires_at.is_none() {
        "inventory.firm"
    } else {
        "inventory.reserved"
    };
    Fact::from(StockReserved {
        event_id: ids::derived(purchase_id, step),
        purchase_id: purchase_id.to_owned(),
        occurred_at: course.now,
        causation_id: course.cause_id.to_owned(),
        lines,
        expires_at,
    })
}

fn released(row: &Reservation, course: Course<'_>) -> Fact {
    Fact::from(StockReleased {
        event_id: ids::derived(&row.purchase_id, "inventory.released"),
        purchase_id: row.purchase_id.clone(),
        occurred_at: course.now,
        causation_id: course.cause_id.to_owned(),
        reason: row.reason.clone().unwrap_or_default(),
    })
}

fn timer_id(purchase_id: &str) -> String {
    format!("{purchase_id}:{EXPIRE}")
}

/// How many of each SKU the purchase wants: lines of one SKU are added up.
fn quantities(rows: &InventoryRows, purchase_id: &str) -> BTreeMap<String, i64> {
    let mut wanted = BTreeMap::new();
    for line in rows.lines_of(purchase_id) {
        *wanted.entry(line.sku.clone()).or_insert(0) += i64::from(line.quantity);
    }
    wanted
}

fn reserved_lines(rows: &InventoryRows, purchase_id: &str) -> Vec<ReservedLine> {
    let line = |line: &ReservationLine| ReservedLine {
        line_no: line.line_no,
        sku: line.sku.clone(),
        quantity: line.quantity,
    };
    rows.lines_of(purchase_id).map(line).collect()
}
