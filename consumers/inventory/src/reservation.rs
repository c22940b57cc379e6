//! What a reservation row means: its state as a type, the one function that says what is to be
//! done next, and the sentence that explains it to a person.
//!
//! Pure and apart from `decide`, because order between topics must not matter: whatever fact is
//! entered into the row, the next step is derived from the row alone.

use crate::rows::Reservation;

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Facts have come before the purchase itself.
    Waiting,
    /// Stock is reserved until `expires_at`.
    Held,
    /// Stock is reserved for a shipment and lapses no more.
    Firm,
    /// It lapsed, the stock was given back; a shipment may still ask for it again.
    Expired,
    /// There was not enough stock. An end.
    Rejected,
    /// The purchase ended; nothing is reserved for it, or ever was. An end.
    Released,
    /// The goods have left the building. An end.
    Committed,
}

impl State {
    /// The word in the row.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Firm => "firm",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Released => "released",
            Self::Committed => "committed",
        }
    }

    /// Whether stock is reserved now.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Firm)
    }

    /// Whether nothing can happen any more.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Rejected | Self::Released | Self::Committed)
    }
}

/// What is to be done next about a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing, until something more is known.
    Nothing,
    /// Reserve with an expiry.
    Hold,
    /// Make it firm; when nothing is reserved, reserve first.
    MakeFirm,
    /// Give back what is reserved.
    GiveBack,
    /// End it; nothing is reserved.
    Close,
    /// The goods have left: take them off.
    Commit,
}

impl Reservation {
    /// A row of which nothing is known yet.
    pub(crate) fn unknown(purchase_id: &str) -> Self {
        Self {
            purchase_id: purchase_id.to_owned(),
            content_hash: None,
            state: State::Waiting.as_str().to_owned(),
            reason: None,
            expires_at: None,
            shipment_id: None,
            declined_by: None,
            voided_by: None,
            cancelled_by: None,
            requested_by: None,
            handed_over_by: None,
            cause_id: String::new(),
            changed_at: 0,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn stands(&self) -> State {
        match self.state.as_str() {
            "held" => State::Held,
            "firm" => State::Firm,
            "expired" => State::Expired,
            "rejected" => State::Rejected,
            "released" => State::Released,
            "committed" => State::Committed,
            // The database admits no other word than these.
            _ => State::Waiting,
        }
    }

    /// Whether the purchase is known to have ended without a shipment.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.declined_by.is_some() || self.voided_by.is_some() || self.cancelled_by.is_some()
    }

    /// What follows from everything that is known.
    #[must_use]
    pub fn next_step(&self) -> Step {
        let state = self.stands();
        if self.content_hash.is_none() || state.is_end() {
            return Step::Nothing;
        }
        if self.handed_over_by.is_some() {
            // Goods that have left stay gone, whatever else is known.
            return Step::Commit;
        }
        if self.has_ended() {
            return if state.is_live() || mutants::on("release-without-reservation") {
                Step::GiveBack
            } else {
                Step::Close
            };
        }
        match (state, self.requested_by.is_some()) {
            (State::Firm, _) | (State::Expired | State::Held, false) => Step::Nothing,
            (_, true) => Step::MakeFirm,
            (_, false) => Step::Hold,
        }
    }

    /// One sentence for a person: where the reservation stands, and why.
    #[must_use]
    pub fn explain(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or("unknown");
        let since = moment(self.changed_at);
        match self.stands() {
            State::Waiting => format!(
                "since {since} facts are known about the purchase, but not yet the purchase itself"
            ),
            State::Held => format!(
                "all lines are reserved since {since} and lapse at {} unless a shipment asks for them",
                self.expires_at.map_or_else(|| "no time".to_owned(), moment)
            ),
            State::Firm => format!(
                "all lines are firmly reserved since {since} for shipment {}",
                self.shipment_id.as_deref().unwrap_or("unknown")
            ),
            State::Expired => format!(
                "the reservation lapsed at {since} because no shipment had asked for it; the stock was given back"
            ),
            State::Rejected => {
                format!("not all lines were in stock at {since} ({reason}), so none is reserved")
            }
            State::Released => {
                format!("nothing is reserved since {since}, because the purchase ended: {reason}")
            }
            State::Committed => {
                format!("the goods left the building; their stock was taken off at {since}")
            }
        }
    }
}

fn moment(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .map_or_else(|_| format!("{micros} µs"), |moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Reservation, State, Step};

    fn known(state: State) -> Reservation {
        Reservation {
            content_hash: Some("hash".to_owned()),
            state: state.as_str().to_owned(),
            ..Reservation::unknown("p1")
        }
    }

    #[test]
    fn every_state_is_read_back_from_its_word() {
        for state in [
            State::Waiting,
            State::Held,
            State::Firm,
            State::Expired,
            State::Rejected,
            State::Released,
            State::Committed,
        ] {
            assert_eq!(known(state).stands(), state);
        }
    }

    #[test]
    fn nothing_follows_an_end() {
        for state in [State::Rejected, State::Released, State::Committed] {
            let mut row = known(state);
            row.cancelled_by = Some("c".to_owned());
            row.handed_over_by = Some("h".to_owned());
            assert_eq!(row.next_step(), Step::Nothing);
        }
    }

    #[test]
    fn nothing_is_done_before_the_purchase_is_known() {
        let mut row = Reservation::unknown("p1");
        row.requested_by = Some("r".to_owned());
        row.declined_by = Some("d".to_owned());
        assert_eq!(row.next_step(), Step::Nothing);
    }

    #[test]
    fn a_lapsed_reservation_is_tried_again_only_for_a_shipment() {
        let mut row = known(State::Expired);
        assert_eq!(row.next_step(), Step::Nothing);
        row.requested_by = Some("r".to_owned());
        assert_eq!(row.next_step(), Step::MakeFirm);
        row.cancelled_by = Some("c".to_owned());
        assert_eq!(row.next_step(), Step::Close);
    }

    #[test]
    fn an_explanation_names_state_reason_and_time() {
        let mut row = known(State::Released);
        row.reason = Some("declined".to_owned());
        row.changed_at = 1_700_000_000_000_000;
        assert_eq!(
            row.explain(),
            "nothing is reserved since 2023-11-14T22:13:20Z, because the purchase ended: declined"
        );
    }
}
