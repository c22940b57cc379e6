//! Where a purchase stands on its way out of the building, as one word.

runtime::words! {
    /// Where a purchase stands. The last two are final.
    pub enum State {
        /// Answers of payment and inventory are awaited.
        Waiting = "waiting",
        /// Paid and reserved; inventory is to make the reservation firm.
        Requested = "requested",
        /// The carrier is asked to take the goods: from here on nobody stops them but the carrier.
        HandingOver = "handing_over",
        /// The carrier has the goods.
        HandedOver = "handed_over",
        /// The goods were handed over, and are to come back: the purchase is cancelled all the same.
        Returned = "returned",
        /// The purchase ended without a shipment.
        Cancelled = "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn both_databases_know_every_state() {
        // The last step that changed the states.
        let latest = crate::MIGRATIONS[1];
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(*state));
            let word = format!("'{}'", state.as_str());
            assert!(latest.postgres.contains(&word), "{word}");
            assert!(latest.sqlite.contains(&word), "{word}");
        }
    }
}
