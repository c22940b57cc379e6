//! Ids that are a function of what they name, so that doing something again is the same thing.
//!
//! The id of a purchase also says whose it is: its first group is a mark of the account. Whoever
//! has proven its account can so be kept to its own purchases by the id alone, before the purchase
//! is known anywhere and while every table is away. No secret goes into an id: the mark is no
//! proof of who asks, and an id that was guessed opens nothing.

use uuid::{Builder, Uuid};

/// The namespace of all ids derived here (RFC 9562, version 5).
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_7a5e_0b3d_5c55_9a41_63f2_d5f0_77c1);

/// How much of a purchase's id is the mark of its account, in bytes. The rest, 90 bits, is for its
/// key: among ten billion purchases of one account, two share an id with a chance of one in
/// twenty million.
const MARK_BYTES: usize = 4;

/// The id of a step of a purchase: the event id of a fact, the key of a task, a shipment's id.
///
/// `step` is a bounded word such as `payment.authorised`.
#[must_use]
pub fn derived(purchase_id: &str, step: &str) -> String {
    let namespace = mutants::broken("random-event-id", NAMESPACE, |_| Uuid::new_v4());
    Uuid::new_v5(&namespace, format!("{step}:{purchase_id}").as_bytes()).to_string()
}

/// The id of a purchase: a function of the account and of the idempotency key that it sent.
#[must_use]
pub fn purchase_id(account: &str, idempotency_key: &str) -> String {
    let name = format!("purchase:{}:{account}:{idempotency_key}", account.len());
    of_account(account, &name)
}

/// The id of a purchase that an account brings in for one of its users: users number their
/// messages each for themselves, and no key of [`purchase_id`] gives the same.
#[must_use]
pub fn imported_purchase_id(account: &str, user_id: &str, idempotency_key: &str) -> String {
    let lengths = format!("{}:{}", account.len(), user_id.len());
    let name = format!("import:{lengths}:{account}:{user_id}:{idempotency_key}");
    of_account(account, &name)
}

/// Whether a purchase is one of this account's, by its id: true of every id that is made here for
/// the account, and of none that is made for an account with another [`account_mark`].
#[must_use]
pub fn is_of_account(purchase_id: &str, account: &str) -> bool {
    Uuid::try_parse(purchase_id).is_ok_and(|id| {
        // Another spelling of an id is another purchase to every reader.
        id.get_version_num() == 8
            && id.as_bytes()[..MARK_BYTES] == account_mark(account)
            && id.to_string() == purchase_id
    })
}

/// What the ids of an account's purchases begin with. Accounts that must be kept apart need marks
/// that differ: of a thousand accounts, two share one with a chance of one in eight thousand.
#[must_use]
pub fn account_mark(account: &str) -> [u8; MARK_BYTES] {
    let [a, b, c, d, ..] =
        *Uuid::new_v5(&NAMESPACE, format!("account:{account}").as_bytes()).as_bytes();
    [a, b, c, d]
}

fn of_account(account: &str, name: &str) -> String {
    let mut bytes = *Uuid::new_v5(&NAMESPACE, name.as_bytes()).as_bytes();
    bytes[..MARK_BYTES].copy_from_slice(&account_mark(account));
    // Version 8: the layout is ours.
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_in_every_build() {
        // Retries and replays of what is stored already must meet the same ids.
        assert_eq!(
            purchase_id("default", "order-1"),
            "24f3dd49-a2b7-80b0-97bd-f01d69bbe033"
        );
        assert_eq!(
            imported_purchase_id("default", "user-1", "m-1"),
            "24f3dd49-5532-8bb9-908e-2aeac4e79401"
        );
    }

    #[test]
    fn an_id_is_of_the_account_that_it_was_made_for_and_of_no_other() {
        for id in [
            purchase_id("shop-1", "order-17"),
            imported_purchase_id("shop-1", "user-1", "order-17"),
        ] {
            assert!(is_of_account(&id, "shop-1"), "{id}");
            for other in ["shop-2", "shop-1 ", "", "default"] {
                assert!(!is_of_account(&id, other), "{id} {other:?}");
            }
            assert!(!is_of_account(&id.to_uppercase(), "shop-1"));
            assert!(!is_of_account(&id.replace('-', ""), "shop-1"));
        }
        let mark = purchase_id("shop-1", "order-17")[..8].to_owned();
        let foreign = format!("{mark}-1c5e-4b7a-9d5e-2f1f2a3b4c5d");
        assert!(!is_of_account(&foreign, "shop-1"), "{foreign}");
        assert!(!is_of_account("order-17", "shop-1"));
    }

    #[test]
    fn names_that_run_together_are_still_different_purchases() {
        let ids = [
            purchase_id("a", "b:c"),
            purchase_id("a:b", "c"),
            purchase_id("a", "u:k"),
            imported_purchase_id("a", "u", "k"),
            imported_purchase_id("a", "u:k", ""),
            imported_purchase_id("a", "", "u:k"),
            imported_purchase_id("a:u", "k", ""),
        ];
        let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
