//! The provider's rules: what a request does to a payment intent. Pure.
//!
//! `parse` reads a form into a [`Command`] or refuses it before it begins (nothing is saved then,
//! as with Stripe); `decide` says what a command changes and how it is answered.

mod create;
pub(crate) mod failure;
mod form;
mod methods;
mod parse;
pub(crate) mod search;
mod settle;

pub(crate) use form::Form;
pub(crate) use parse::{cancel, capture, create, refund};

use crate::state::{
    State,
    record::{Change, Failure, Reply},
};

/// A request that changes something, with its values checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Create(Create),
    Capture {
        intent_id: String,
        amount_minor: Option<i64>,
        lapsed: bool,
    },
    Cancel {
        intent_id: String,
        reason: Option<String>,
    },
    Refund {
        intent_id: String,
        amount_minor: Option<i64>,
        reason: Option<String>,
    },
    HandOver {
        shipment_id: String,
        purchase_id: String,
        tier: String,
        refused: bool,
    },
}

/// What a payment intent is created from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Create {
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) payment_method: Option<String>,
    pub(crate) confirm: bool,
    pub(crate) metadata: std::collections::BTreeMap<String, String>,
}

/// What follows from a command.
pub(crate) type Outcome = (Change, Reply);

/// Decides a command on the present state. `name` makes the id of what it creates: it is unique per
/// record, so that ids never meet again.
pub(crate) fn decide(state: &State, command: &Command, at: i64, name: &str) -> Outcome {
    let decided = match command {
        Command::Create(create) => create::decide(create, at, name),
        Command::Capture {
            intent_id,
            amount_minor,
            lapsed,
        } => settle::capture(state, intent_id, *amount_minor, *lapsed),
        Command::Cancel { intent_id, reason } => {
            settle::cancel(state, intent_id, reason.as_deref())
        }
        Command::Refund {
            intent_id,
            amount_minor,
            reason,
        } => settle::refund(state, intent_id, *amount_minor, reason.as_deref(), at, name),
        Command::HandOver {
            shipment_id,
            purchase_id,
            tier,
            refused,
        } => Ok(crate::carrier::decide(
            state,
            shipment_id,
            purchase_id,
            tier,
            *refused,
        )),
    };
    decided.unwrap_or_else(|failure: Box<Failure>| (Change::Nothing, Reply::Failure(failure)))
}

/// An id in Stripe's form: a prefix and 24 letters and digits, a function of `name`.
pub(crate) fn object_id(prefix: &str, name: &str) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut rest =
        uuid::Uuid::new_v5(&crate::NAMESPACE, format!("{prefix}:{name}").as_bytes()).as_u128();
    let mut id = String::with_capacity(prefix.len() + 25);
    id.push_str(prefix);
    id.push('_');
    for _ in 0..24 {
        id.push(char::from(ALPHABET[(rest % 62) as usize]));
        rest /= 62;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_function_of_its_name() {
        assert_eq!(object_id("pi", "a"), object_id("pi", "a"));
        assert_ne!(object_id("pi", "a"), object_id("pi", "b"));
        assert_eq!(object_id("pi", "a").len(), "pi_".len() + 24);
    }
}
