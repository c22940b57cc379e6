//! Where a purchase stands on its way out of the building, as one word.

use runtime::store::{Cell, Cells, Kind};

macro_rules! states {
    ($( $(#[$meta:meta])* $name:ident = $word:literal, )*) => {
        /// Where a purchase stands. The last two are final.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum State {
            $( $(#[$meta])* $name, )*
        }

        impl State {
            /// All states.
            pub const ALL: &'static [Self] = &[$( Self::$name, )*];

            /// The word in the database.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$name => $word, )*
                }
            }

            /// The state of a word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $( $word => Some(Self::$name), )*
                    _ => None,
                }
            }
        }
    };
}

states! {
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

impl Cell for State {
    const KIND: Kind = Kind::Text;

    fn push(&self, column: &mut Cells) {
        self.as_str().to_owned().push(column);
    }

    fn take(column: &mut Cells, row: usize) -> Option<Self> {
        String::take(column, row).and_then(|word| Self::parse(&word))
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
