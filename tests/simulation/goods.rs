//! The stock equation, in every state that is committed (I4).

use runtime::store::MemoryStore;

use crate::watch::longs;

/// What is on the shelves is what came in and did not leave, what is reserved is what live
/// reservations say, and both are the sum of their movements.
pub(crate) fn balance(store: &MemoryStore) -> Result<(), String> {
    const SQL: &str = "
        SELECT sum(on_hand), sum(reserved), sum(movements), min(on_hand), min(on_hand - reserved),
          (SELECT sum(quantity_change) FROM stock_events),
          (SELECT sum(quantity) FROM reservation_lines
             JOIN reservations USING (purchase_id) WHERE state = 'committed'),
          (SELECT sum(quantity) FROM reservation_lines
             JOIN reservations USING (purchase_id) WHERE state IN ('held', 'firm')),
          (SELECT sum(on_hand_change) FROM stock_movements),
          (SELECT sum(reserved_change) FROM stock_movements),
          (SELECT count(*) FROM stock_movements)
        FROM stock";
    let numbers = longs(store, SQL, 11)?;
    let [
        on_hand,
        reserved,
        movements,
        least,
        least_free,
        came,
        left,
        live,
        moved,
        promised,
        counted,
    ] = std::array::from_fn(|column: usize| numbers[column].first().copied().unwrap_or_default());
    for (what, is, should_be) in [
        ("on hand", on_hand, came - left),
        ("reserved", reserved, live),
        ("on hand by the movements", moved, on_hand),
        ("reserved by the movements", promised, reserved),
        ("movements", movements, counted),
        ("below zero", least.min(least_free).min(0), 0),
    ] {
        if is != should_be {
            return Err(format!("I4: {what}: {is}, and it should be {should_be}"));
        }
    }
    Ok(())
}
