//! Columns that are compared without being held: one digest each, so that a row with another value
//! can be named with the column, and nothing that it says need be kept or printed.

use crate::topics::digest;

/// A column's value in words; none when it is null.
pub(crate) type Value = Option<String>;

/// A value in words.
pub(crate) fn of<T: ToString>(value: T) -> Value {
    Some(value.to_string())
}

/// A value in words, if there is one.
pub(crate) fn maybe<T: ToString>(value: Option<T>) -> Value {
    value.map(|value| value.to_string())
}

/// One digest of all values together.
pub(crate) fn digest_of<const N: usize>(values: [Value; N]) -> u64 {
    let parts = values
        .each_ref()
        .map(|value| value.as_deref().map(str::as_bytes));
    digest(&parts)
}

/// A digest of each value.
pub(crate) fn digests<const N: usize>(values: [Value; N]) -> Vec<u64> {
    let each = values.iter();
    each.map(|value| digest(&[value.as_deref().map(str::as_bytes)]))
        .collect()
}

/// The names of the columns of a row that do not have the values that they should have.
pub(crate) fn differing<const N: usize>(
    names: [&'static str; N],
    row: &[u64],
    values: [Value; N],
) -> Vec<&'static str> {
    let should = digests(values);
    let pairs = names.into_iter().zip(&should).enumerate();
    pairs
        .filter(|(index, (_, should))| row.get(*index) != Some(*should))
        .map(|(_, (name, _))| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{differing, digests, maybe, of};

    #[test]
    fn a_column_that_differs_is_named_and_null_is_no_empty_text() {
        let row = digests([of(1), maybe(None::<i64>), of("x")]);
        let names = ["one", "none", "word"];
        let same = [of("1"), None, of("x")];
        assert!(differing(names, &row, same).is_empty());
        let other = [of(1), of(""), of("y")];
        assert_eq!(differing(names, &row, other), ["none", "word"]);
        assert_eq!(differing(names, &[], [of(1), None, of("x")]), names);
    }
}
