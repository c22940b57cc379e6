//! Ids that are a function of what they name, so that doing something again is the same thing.

use uuid::Uuid;

/// The namespace of all ids derived here (RFC 9562, version 5).
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_7a5e_0b3d_5c55_9a41_63f2_d5f0_77c1);

/// The id of a step of a purchase: the event id of a fact, the key of a task, a shipment's id.
///
/// `step` is a bounded word such as `payment.authorised`.
#[must_use]
pub fn derived(purchase_id: &str, step: &str) -> String {
    Uuid::new_v5(&NAMESPACE, format!("{step}:{purchase_id}").as_bytes()).to_string()
}

/// The id of a purchase: a function of the account and of the idempotency key that it sent.
#[must_use]
pub fn purchase_id(account: &str, idempotency_key: &str) -> String {
    let name = format!("purchase:{}:{account}:{idempotency_key}", account.len());
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
}
