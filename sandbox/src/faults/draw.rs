//! What one request meets: a pure function, so that a seed repeats a run.

use std::time::Duration;

use super::{Faults, Operation, Span};

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Reset,
    TooManyRequests { retry_after_s: u64 },
    Unavailable { retry_after_s: u64 },
    ErrorBeforeEffect,
    TimeOut(Duration),
    Late(Duration),
    LostReply,
    ErrorAfterEffect,
    ErrorSaved,
    WrongAmount,
    WrongCurrency,
    WrongPurchase,
}

impl Fault {
    /// The word under which it is counted.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::Unavailable { .. } => "unavailable",
            Self::ErrorBeforeEffect => "error_before_effect",
            Self::TimeOut(_) => "timeout",
            Self::Late(_) => "late",
            Self::LostReply => "lost_reply",
            Self::ErrorAfterEffect => "error_after_effect",
            Self::ErrorSaved => "error_saved",
            Self::WrongAmount => "wrong_amount",
            Self::WrongCurrency => "wrong_currency",
            Self::WrongPurchase => "wrong_purchase",
        }
    }
}

impl Faults {
    /// The fault that attempt `attempt` at `key` meets, and how long an answer takes.
    pub(crate) fn draw(
        &self,
        operation: Operation,
        key: &str,
        attempt: u64,
        usual: Span,
    ) -> (Option<Fault>, Duration) {
        let shares = self.shares(operation);
        let mut seed = self.seed;
        for part in [operation as u64, hash(key), attempt] {
            seed = mix(seed ^ part);
        }
        let Span { min, max } = shares.latency_ms.unwrap_or(usual);
        let latency = Duration::from_millis(min + mix(seed ^ 1) % (max - min + 1));
        let retry_after_s = shares.retry_after_s;
        let faults = [
            (shares.reset_per_mille, Fault::Reset),
            (
                shares.too_many_requests_per_mille,
                Fault::TooManyRequests { retry_after_s },
            ),
            (
                shares.unavailable_per_mille,
                Fault::Unavailable { retry_after_s },
            ),
            (
                shares.error_before_effect_per_mille,
                Fault::ErrorBeforeEffect,
            ),
            (
                shares.timeout_per_mille,
                Fault::TimeOut(Duration::from_millis(shares.timeout_ms)),
            ),
            (
                shares.late_per_mille,
                Fault::Late(Duration::from_millis(shares.late_ms)),
            ),
            (shares.lost_reply_per_mille, Fault::LostReply),
            (shares.error_after_effect_per_mille, Fault::ErrorAfterEffect),
            (shares.wrong_amount_per_mille, Fault::WrongAmount),
            (shares.error_saved_per_mille, Fault::ErrorSaved),
            (shares.wrong_currency_per_mille, Fault::WrongCurrency),
            (shares.wrong_purchase_per_mille, Fault::WrongPurchase),
        ];
        let mut point = seed % 1000;
        for (share, fault) in faults {
            if point < u64::from(share) {
                return (Some(fault), latency);
            }
            point -= u64::from(share);
        }
        (None, latency)
    }

    /// Whether the carrier refuses a shipment, at every attempt.
    pub(crate) fn refuses(&self, shipment_id: &str) -> bool {
        self.is_met(shipment_id, self.hand_over_refused_per_mille)
    }

    /// Whether an authorisation has lapsed when it is to be captured, at every attempt.
    pub(crate) fn has_lapsed(&self, intent_id: &str) -> bool {
        self.is_met(intent_id, self.authorisation_lapsed_per_mille)
    }

    fn is_met(&self, name: &str, share_per_mille: u16) -> bool {
        mix(mix(self.seed) ^ hash(name)) % 1000 < u64::from(share_per_mille)
    }
}

/// FNV-1a: the same on every machine and in every build.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::{super::Shares, *};

    fn lossy(seed: u64) -> Faults {
        let authorise = Shares {
            lost_reply_per_mille: 100,
            reset_per_mille: 50,
            ..Shares::default()
        };
        Faults {
            seed,
            authorise,
            ..Faults::default()
        }
    }

    fn drawn(faults: &Faults) -> Vec<Option<Fault>> {
        let usual = Span::default();
        (0..10_000)
            .map(|n| {
                faults
                    .draw(Operation::Authorise, &format!("key-{n}"), 0, usual)
                    .0
            })
            .collect()
    }

    #[test]
    fn a_seed_repeats_a_run_and_another_does_not() {
        assert_eq!(drawn(&lossy(7)), drawn(&lossy(7)));
        assert_ne!(drawn(&lossy(7)), drawn(&lossy(8)));
    }

    #[test]
    fn shares_are_met_within_a_tenth() {
        let all = drawn(&lossy(3));
        let lost = all
            .iter()
            .filter(|fault| **fault == Some(Fault::LostReply))
            .count();
        let reset = all
            .iter()
            .filter(|fault| **fault == Some(Fault::Reset))
            .count();
        assert!((900..=1100).contains(&lost), "{lost} of 1000");
        assert!((440..=560).contains(&reset), "{reset} of 500");
    }

    #[test]
    fn other_operations_are_not_met() {
        let usual = Span { min: 3, max: 5 };
        for n in 0..1000 {
            let (fault, latency) = lossy(3).draw(Operation::Capture, &format!("key-{n}"), 0, usual);
            assert_eq!(fault, None);
            assert!((3..=5).contains(&latency.as_millis()));
        }
    }

    #[test]
    fn each_attempt_meets_a_fault_of_its_own() {
        let faults = lossy(3);
        let clear = (0..1000).all(|n| {
            (0..50).any(|attempt| {
                faults
                    .draw(
                        Operation::Authorise,
                        &format!("key-{n}"),
                        attempt,
                        Span::default(),
                    )
                    .0
                    .is_none()
            })
        });
        assert!(clear, "every key gets through in the end");
    }
}
