//! A date of three numbers whose order may not be known.

use jiff::civil::Date;

/// The order in which a source writes its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// 03/12/20 is the third of December.
    DayMonthYear,
    /// 03/12/20 is the twelfth of March.
    MonthDayYear,
    /// 03/12/20 is the twentieth of December 2003.
    YearMonthDay,
}

const ORDERS: [DateOrder; 3] = [
    DateOrder::DayMonthYear,
    DateOrder::MonthDayYear,
    DateOrder::YearMonthDay,
];

/// Midnight UTC of a date, microseconds since the epoch. A year of two digits is of this century.
///
/// The error is the form that is expected.
pub(super) fn midnight_micros(text: &str, order: Option<DateOrder>) -> Result<i64, &'static str> {
    let numbers = "a date of three numbers between /, - or ., such as 2020-12-03";
    let parts = parts(text).ok_or(numbers)?;
    let mut dates: Vec<Date> = match order {
        Some(order) => in_order(parts, order).into_iter().collect(),
        None => ORDERS
            .into_iter()
            .filter_map(|order| in_order(parts, order))
            .collect(),
    };
    dates.sort_unstable();
    dates.dedup();
    match (dates.as_slice(), order) {
        ([date], _) => date
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map(|midnight| midnight.timestamp().as_microsecond())
            .map_err(|_| numbers),
        ([], Some(_)) => Err("a date in the order that is configured for the source"),
        ([], None) => Err("a date that exists"),
        _ => Err(
            "a date that can be read in one way only, or a date order configured for the source",
        ),
    }
}

/// Three numbers and how many digits each has.
type Parts = [(i16, usize); 3];

fn parts(text: &str) -> Option<Parts> {
    let separator = text.chars().find(|c| matches!(c, '/' | '-' | '.'))?;
    let mut numbers = text.split(separator).map(|part| {
        let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        is_number
            .then(|| part.parse().ok().map(|number: i16| (number, part.len())))
            .flatten()
    });
    let parts = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(parts)
}

fn in_order(parts: Parts, order: DateOrder) -> Option<Date> {
    let [a, b, c] = parts;
    let (year, month, day) = match order {
        DateOrder::DayMonthYear => (c, b, a),
        DateOrder::MonthDayYear => (c, a, b),
        DateOrder::YearMonthDay => (a, b, c),
    };
    let year = match year {
        (year, 4) => year,
        (year, 2) => 2000 + year,
        _ => return None,
    };
    if month.1 > 2 || day.1 > 2 {
        return None;
    }
    Date::new(year, i8::try_from(month.0).ok()?, i8::try_from(day.0).ok()?).ok()
}
