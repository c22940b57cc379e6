//! The stock equation of every item, in every state that is committed (I4).

use runtime::store::MemoryStore;

use crate::watch::wrong;

/// Of each item, what is on the shelf is what came in and did not leave, what is reserved is what
/// live reservations say, and both are the sum of its movements.
const DIFFERENCES: &str = "
    WITH lines AS (SELECT l.sku, l.quantity, r.state
             FROM reservation_lines l JOIN reservations r USING (purchase_id)),
         all_of AS (
           SELECT sku, 'on hand' AS what, on_hand AS amount FROM stock
           UNION ALL SELECT sku, 'on hand', -quantity_change FROM stock_events
           UNION ALL SELECT sku, 'on hand', quantity FROM lines WHERE state = 'committed'
           UNION ALL SELECT sku, 'reserved', reserved FROM stock
           UNION ALL SELECT sku, 'reserved', -quantity FROM lines WHERE state IN ('held', 'firm')
           UNION ALL SELECT sku, 'on hand by its movements', on_hand FROM stock
           UNION ALL SELECT sku, 'on hand by its movements', -on_hand_change FROM stock_movements
           UNION ALL SELECT sku, 'reserved by its movements', reserved FROM stock
           UNION ALL SELECT sku, 'reserved by its movements', -reserved_change FROM stock_movements
           UNION ALL SELECT sku, 'its movements', movements FROM stock
           UNION ALL SELECT sku, 'its movements', -1 FROM stock_movements)
    SELECT sku, what, sum(amount) FROM all_of GROUP BY sku, what HAVING sum(amount) <> 0
    UNION ALL SELECT sku, 'below zero', min(on_hand, reserved, on_hand - reserved) FROM stock
     WHERE min(on_hand, reserved, on_hand - reserved) < 0";

/// See the module.
pub(crate) fn balance(store: &MemoryStore) -> Result<(), String> {
    match wrong(store, DIFFERENCES, 2)? {
        None => Ok(()),
        Some((what, amount)) => Err(format!("I4: {what}: off by {amount}")),
    }
}
