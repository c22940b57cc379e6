//! Enums that stand in a row as one word each: the word in the table, in its `CHECK` and in what is
//! shown to people.

/// Declares an enum whose values are words of a text column. A word that the build does not know
/// does not fit the column: it is never taken for another.
///
/// ```
/// runtime::words! {
///     /// Where a parcel is.
///     pub enum Place {
///         /// Not sent yet.
///         Here = "here",
///         /// Sent.
///         Gone = "gone",
///     }
/// }
/// assert_eq!(Place::parse(Place::Gone.as_str()), Some(Place::Gone));
/// assert_eq!(Place::parse("lost"), None);
/// ```
#[macro_export]
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$value_meta:meta])* $value:ident = $word:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $( $(#[$value_meta])* $value, )*
        }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$( Self::$value, )*];

            /// The word in the database.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$value => $word, )*
                }
            }

            /// The value of a word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $( $word => Some(Self::$value), )*
                    _ => None,
                }
            }
        }

        impl $crate::store::Cell for $name {
            const KIND: $crate::store::Kind = $crate::store::Kind::Text;

            fn push(&self, column: &mut $crate::store::Cells) {
                $crate::store::Cell::push(&self.as_str().to_owned(), column);
            }

            fn take(column: &mut $crate::store::Cells, row: usize) -> Option<Self> {
                let word: String = $crate::store::Cell::take(column, row)?;
                Self::parse(&word)
            }
        }
    };
}
