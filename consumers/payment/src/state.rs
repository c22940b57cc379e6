//! Where a payment stands, as one word: the word in the row, in the `CHECK` and in `explain`.

runtime::words! {
    /// Where a payment stands. The words ending in `ing` wait for the provider.
    pub enum State {
        /// A fact came before the purchase; nothing is asked yet.
        Expected = "expected",
        /// The provider is asked to hold the money.
        Authorising = "authorising",
        /// The provider says that it holds something else than was asked: nothing is stated.
        Disputed = "disputed",
        /// The money is held.
        Authorised = "authorised",
        /// The provider refused to hold it.
        Declined = "declined",
        /// The provider is asked to let go of what it holds.
        Voiding = "voiding",
        /// Nothing is held: given back, or never asked for.
        Voided = "voided",
        /// The provider is asked to take the money.
        Capturing = "capturing",
        /// The money is taken.
        Captured = "captured",
        /// The provider is asked to give the money back.
        Refunding = "refunding",
        /// The money is given back.
        Refunded = "refunded",
        /// The goods are gone and the money cannot be taken.
        CaptureFailed = "capture_failed",
        /// The goods came back unpaid: nothing is owed for them any more.
        Credited = "credited",
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn every_state_is_its_own_word() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(*state));
        }
    }

    #[test]
    fn both_databases_know_every_state() {
        // The last step that changed the states.
        let latest = crate::MIGRATIONS[3];
        for state in State::ALL {
            let word = format!("'{}'", state.as_str());
            assert!(latest.postgres.contains(&word), "{word}");
            assert!(latest.sqlite.contains(&word), "{word}");
        }
    }
}
