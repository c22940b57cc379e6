//! The currencies that money may be in, and how many digits their minor unit has.
//!
//! Separate because both validation and the import of version 0 need it. `XXX` (no currency) and
//! `XTS` (test) are left out on purpose: they are what a defaulted field holds.

/// ISO 4217 codes in use, by the number of digits after the point.
const BY_DIGITS: [(u32, &[&str]); 3] = [
    (
        0,
        &[
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND",
            "VUV", "XAF", "XOF", "XPF",
        ],
    ),
    (3, &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
    (
        2,
        &[
            "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD",
            "BDT", "BGN", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD",
            "CDF", "CHF", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DKK", "DOP", "DZD", "EGP",
            "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GTQ", "GYD",
            "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR",
            "KPW", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD",
            "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN",
            "NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON",
            "RSD", "RUB", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD",
            "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD",
            "TZS", "UAH", "USD", "UYU", "UZS", "VES", "WST", "XCD", "XCG", "YER", "ZAR", "ZMW",
            "ZWG",
        ],
    ),
];

/// How many digits the minor unit has: 2 for `USD`, 0 for `JPY`; none for a code that is no
/// currency, `XXX` included.
#[must_use]
pub fn minor_digits(code: &str) -> Option<u32> {
    BY_DIGITS
        .iter()
        .find_map(|(digits, codes)| codes.contains(&code).then_some(*digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defaulted_currency_is_no_currency() {
        assert_eq!(minor_digits("XXX"), None);
        assert_eq!(minor_digits("usd"), None);
        assert_eq!(minor_digits(""), None);
    }

    #[test]
    fn the_yen_has_no_minor_digits_and_the_dinar_three() {
        assert_eq!(minor_digits("JPY"), Some(0));
        assert_eq!(minor_digits("KWD"), Some(3));
        assert_eq!(minor_digits("USD"), Some(2));
    }
}
