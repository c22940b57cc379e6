//! A column of values: the unit in which rows travel to and from a database.
//!
//! Rows are written in bulk, so the shape that both databases share is the column, not the row:
//! Postgres takes each column as one array parameter, SQLite walks the columns side by side.

/// What a column holds. Times are microseconds since the epoch in a [`Kind::Long`], money is minor
/// units in a [`Kind::Long`]; floats do not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A signed 64-bit integer.
    Long,
    /// Raw bytes.
    Bytes,
    /// A truth value (an integer 0 or 1 in SQLite).
    Bool,
}

/// The values of one column, one per row, each nullable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cells {
    /// Values of a [`Kind::Text`] column.
    Text(Vec<Option<String>>),
    /// Values of a [`Kind::Long`] column.
    Long(Vec<Option<i64>>),
    /// Values of a [`Kind::Bytes`] column.
    Bytes(Vec<Option<Vec<u8>>>),
    /// Values of a [`Kind::Bool`] column.
    Bool(Vec<Option<bool>>),
}

impl Cells {
    /// An empty column of a kind.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Vec::new()),
            Kind::Long => Self::Long(Vec::new()),
            Kind::Bytes => Self::Bytes(Vec::new()),
            Kind::Bool => Self::Bool(Vec::new()),
        }
    }

    /// A text column without nulls.
    pub fn texts<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Text(values.into_iter().map(|value| Some(value.into())).collect())
    }

    /// An integer column without nulls.
    pub fn longs(values: impl IntoIterator<Item = i64>) -> Self {
        Self::Long(values.into_iter().map(Some).collect())
    }

    /// What the column holds.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Long(_) => Kind::Long,
            Self::Bytes(_) => Kind::Bytes,
            Self::Bool(_) => Kind::Bool,
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Long(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a null.
    pub fn push_null(&mut self) {
        match self {
            Self::Text(values) => values.push(None),
            Self::Long(values) => values.push(None),
            Self::Bytes(values) => values.push(None),
            Self::Bool(values) => values.push(None),
        }
    }

    /// Whether row `row` is null, or was taken; a row that does not exist is not.
    #[must_use]
    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Text(values) => values.get(row).is_some_and(Option::is_none),
            Self::Long(values) => values.get(row).is_some_and(Option::is_none),
            Self::Bytes(values) => values.get(row).is_some_and(Option::is_none),
            Self::Bool(values) => values.get(row).is_some_and(Option::is_none),
        }
    }

    /// Moves the rows of `other`, which must be of the same kind, to the end of this column.
    pub fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Text(all), Self::Text(more)) => all.extend(more),
            (Self::Long(all), Self::Long(more)) => all.extend(more),
            (Self::Bytes(all), Self::Bytes(more)) => all.extend(more),
            (Self::Bool(all), Self::Bool(more)) => all.extend(more),
            (all, more) => panic!("appended {:?} to {:?}", more.kind(), all.kind()),
        }
    }
}

/// A Rust type that is one cell of a row. `Option<T>` is the nullable form.
pub trait Cell: Sized {
    /// The column's kind.
    const KIND: Kind;
    /// Appends the value to a column of [`Cell::KIND`].
    fn push(&self, column: &mut Cells);
    /// Takes row `row` out of a column; `None` when it is null or of another kind.
    fn take(column: &mut Cells, row: usize) -> Option<Self>;
}

macro_rules! cell {
    ($type:ty, $kind:ident, |$value:ident| $into:expr, |$raw:ident| $from:expr) => {
        impl Cell for $type {
            const KIND: Kind = Kind::$kind;
            fn push(&self, column: &mut Cells) {
                let $value = self;
                match column {
                    Cells::$kind(values) => values.push(Some($into)),
                    other => panic!("pushed {} into {:?}", stringify!($type), other.kind()),
                }
            }
            fn take(column: &mut Cells, row: usize) -> Option<Self> {
                match column {
                    Cells::$kind(values) => values
                        .get_mut(row)
                        .and_then(Option::take)
                        .and_then(|$raw| $from),
                    _ => None,
                }
            }
        }
    };
}

cell!(String, Text, |value| value.clone(), |raw| Some(raw));
cell!(i64, Long, |value| *value, |raw| Some(raw));
cell!(i32, Long, |value| i64::from(*value), |raw| i32::try_from(
    raw
)
.ok());
cell!(Vec<u8>, Bytes, |value| value.clone(), |raw| Some(raw));
cell!(bool, Bool, |value| *value, |raw| Some(raw));

impl<T: Cell> Cell for Option<T> {
    const KIND: Kind = T::KIND;
    fn push(&self, column: &mut Cells) {
        match self {
            Some(value) => value.push(column),
            None => column.push_null(),
        }
    }
    fn take(column: &mut Cells, row: usize) -> Option<Self> {
        // Null is one thing, a value that does not fit another: it must not become a null.
        if column.is_null(row) {
            return (column.kind() == T::KIND).then_some(None);
        }
        T::take(column, row).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_is_taken_as_none_and_only_by_an_option() {
        let mut column = Cells::Long(vec![None, Some(7)]);
        assert_eq!(<Option<i64> as Cell>::take(&mut column, 0), Some(None));
        assert_eq!(<i64 as Cell>::take(&mut column, 0), None);
        assert_eq!(<Option<i64> as Cell>::take(&mut column, 1), Some(Some(7)));
    }

    #[test]
    fn a_value_that_does_not_fit_is_not_mistaken_for_a_null() {
        let mut column = Cells::longs([i64::MAX]);
        assert_eq!(<Option<i32> as Cell>::take(&mut column, 0), None);
        let mut column = Cells::Text(vec![None]);
        assert_eq!(<Option<i64> as Cell>::take(&mut column, 0), None);
    }

    #[test]
    fn columns_of_a_kind_are_joined_in_order() {
        let mut column = Cells::texts(["a"]);
        column.push_null();
        column.append(Cells::texts(["b"]));
        let expected = vec![Some("a".into()), None, Some("b".into())];
        assert_eq!(column, Cells::Text(expected));
    }
}
