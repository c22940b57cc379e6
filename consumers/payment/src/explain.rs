//! One sentence about a payment: what was decided, and why.

use crate::{rows::Payment, state::State};

/// What became of the payment of a purchase, and why, in one sentence.
#[must_use]
pub fn explain(row: &Payment) -> String {
    let reason = row.reason.as_deref().unwrap_or("no reason given");
    let amount = amount(row);
    let waiting = |what: &str| format!("The provider is asked to {what}; its answer is awaited.");
    match row.state {
        State::Expected => "Facts came in before the purchase itself; nothing is asked yet.".into(),
        State::Authorising => waiting(&format!("hold {amount}")),
        State::Disputed => format!(
            "The provider says something else about holding {amount} than it was asked for; it is \
             let go when the purchase is cancelled, unless it is put right before."
        ),
        State::Authorised => format!("{amount} is held until the goods are handed over."),
        State::Declined => format!("Declined: {reason}; nothing is held."),
        State::Voiding => waiting(&format!(
            "let go of {amount} because the purchase ended ({})",
            crate::step::ending_reason(row)
        )),
        State::Voided if row.provider_ref.is_some() && row.authorised_at.is_none() => {
            format!("What the provider held was not what was asked; it was let go ({reason}).")
        }
        State::Voided if row.authorised_at.is_none() => {
            format!("Nothing was asked for: the purchase had already ended ({reason}).")
        }
        State::Voided => format!("{amount} was held and let go: the purchase ended ({reason})."),
        State::Capturing => waiting(&format!("take {amount} because the goods are handed over")),
        State::Captured => format!("{amount} was taken after the goods were handed over."),
        State::Refunding => waiting(&format!(
            "give {amount} back because the purchase was cancelled ({})",
            crate::step::ending_reason(row)
        )),
        State::Refunded => format!("{amount} was taken and given back ({reason})."),
        State::CaptureFailed => {
            format!("The goods are gone and {amount} could not be taken ({reason}).")
        }
        State::Credited => format!(
            "{amount} could not be taken ({reason}); the goods came back, and nothing is owed."
        ),
    }
}

fn amount(row: &Payment) -> String {
    let currency = row.currency.as_deref().unwrap_or("of unknown currency");
    match (row.card_minor, row.gift_card_minor()) {
        (_, 0) => format!("{} {currency} (minor units)", row.amount_minor),
        (0, gift) => format!("{gift} {currency} (minor units, by gift card)"),
        (card, gift) => {
            let total = row.amount_minor;
            format!("{total} {currency} (minor units: {card} by card, {gift} by gift card)")
        }
    }
}
