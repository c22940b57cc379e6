//! Stripe's test cards: which are good for the money, and how the others are declined.

/// What becomes of a card when it is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// The customer would have to authenticate.
    Authenticate,
    Declined {
        code: &'static str,
        decline_code: Option<&'static str>,
        message: &'static str,
    },
}

/// The verdict on a test payment method; none for one that does not exist.
pub(crate) fn verdict(payment_method: &str) -> Option<Verdict> {
    let declined = |decline_code| Verdict::Declined {
        code: "card_declined",
        decline_code: Some(decline_code),
        message: "Your card was declined.",
    };
    Some(match payment_method {
        "pm_card_visa"
        | "pm_card_visa_debit"
        | "pm_card_mastercard"
        | "pm_card_mastercard_debit"
        | "pm_card_amex"
        | "pm_card_discover"
        | "pm_card_diners"
        | "pm_card_jcb"
        | "pm_card_unionpay" => Verdict::Good,
        "pm_card_authenticationRequired" => Verdict::Authenticate,
        // The second one attaches to a customer and declines when it is charged.
        "pm_card_visa_chargeDeclined" | "pm_card_chargeDeclined" | "pm_card_chargeCustomerFail" => {
            declined("generic_decline")
        }
        "pm_card_visa_chargeDeclinedInsufficientFunds"
        | "pm_card_chargeDeclinedInsufficientFunds" => Verdict::Declined {
            code: "card_declined",
            decline_code: Some("insufficient_funds"),
            message: "Your card has insufficient funds.",
        },
        "pm_card_visa_chargeDeclinedLostCard" => declined("lost_card"),
        "pm_card_visa_chargeDeclinedStolenCard" => declined("stolen_card"),
        "pm_card_chargeDeclinedExpiredCard" => Verdict::Declined {
            code: "expired_card",
            decline_code: None,
            message: "Your card has expired.",
        },
        "pm_card_chargeDeclinedIncorrectCvc" => Verdict::Declined {
            code: "incorrect_cvc",
            decline_code: None,
            message: "Your card's security code is incorrect.",
        },
        "pm_card_chargeDeclinedProcessingError" => Verdict::Declined {
            code: "processing_error",
            decline_code: None,
            message: "An error occurred while processing your card. Try again in a little bit.",
        },
        _ => return None,
    })
}
