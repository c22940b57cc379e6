//! The types that a setting can have: how each is read from text, and how its form is described to
//! the person who got it wrong.

use std::{
    collections::BTreeMap, net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration,
};

use super::{
    kafka::{self, KafkaOptions},
    layers::Layers,
    mistake::Mistakes,
};

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// What is expected, to follow "is not".
    const FORM: &'static str;
    /// Reads it; `None` when the text has another form.
    fn read(text: &str) -> Option<Self>;
    /// What stands for a setting that is set nowhere.
    fn absent() -> Option<Self> {
        None
    }
    /// Takes it out of the layers; notes a mistake and returns `None` when that fails.
    fn from_layers(layers: &Layers, key: &str, mistakes: &mut Mistakes) -> Option<Self> {
        match layers.get(key) {
            None => Self::absent(),
            Some(entry) => {
                let value = Self::read(&entry.text);
                if value.is_none() {
                    mistakes.push(entry.malformed(key, Self::FORM));
                }
                value
            }
        }
    }
}

impl Value for KafkaOptions {
    const FORM: &'static str = "a table of librdkafka's options";
    fn read(_: &str) -> Option<Self> {
        None
    }
    fn absent() -> Option<Self> {
        Some(Self::default())
    }
    fn from_layers(layers: &Layers, key: &str, mistakes: &mut Mistakes) -> Option<Self> {
        if let Some(entry) = layers.get(key) {
            mistakes.push(entry.malformed(key, Self::FORM));
        }
        let options = layers.below(key);
        for (option, value) in &options {
            mistakes.0.extend(kafka::refused(layers, option, value));
        }
        Some(Self(options))
    }
}

impl<T: Value> Value for Option<T> {
    const FORM: &'static str = T::FORM;
    fn read(text: &str) -> Option<Self> {
        T::read(text).map(Some)
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
}

macro_rules! values {
    ($( $type:ty, $form:literal, |$text:ident| $read:expr; )*) => { $(
        impl Value for $type {
            const FORM: &'static str = $form;
            fn read($text: &str) -> Option<Self> {
                $read
            }
        }
    )* };
}

values! {
    String, "a text that is not empty", |text| (!text.trim().is_empty()).then(|| text.to_owned());
    bool, "true or false", |text| text.parse().ok();
    u32, "a whole number, at least 0", |text| text.parse().ok();
    NonZeroUsize, "a whole number from 1 to 1000000", |text| count(text);
    SocketAddr, "an address and port such as 127.0.0.1:8080", |text| text.parse().ok();
    PathBuf, "a path", |text| (!text.is_empty()).then(|| PathBuf::from(text));
    Duration, "a time such as 250ms, 10s, 15m, 2h or 5d, longer than 0", |text| duration(text);
    Window, "0, or a time such as 12h or 14d", |text| window(text);
    Bytes, "a size such as 4096, 64KiB, 16MiB or 1GiB, larger than 0", |text| bytes(text);
    Share, "a share from 0 to 1, such as 0.5", |text| share(text);
    Secret, "a text that is not empty", |text| String::read(text).map(Secret);
    HttpUrl, "an address such as http://127.0.0.1:8080", |text| http_url(text);
    DatabaseUrl, "postgres://user:password@host/database or sqlite://./folder", |text| database_url(text);
    AccountKeys, "keys with their account, such as key1=shop-1,key2=shop-2", |text| account_keys(text);
    CurrencyBySymbol, "symbols with their ISO 4217 currency, such as $=USD,€=EUR", |text| currencies(text);
}

macro_rules! words {
    ($( $(#[$meta:meta])* $name:ident, $form:literal { $( $(#[$word_meta:meta])* $variant:ident = $word:literal, )* } )*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $( $(#[$word_meta])* $variant, )* }
        impl $name {
            /// The word that is written in a configuration.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }
        impl Value for $name {
            const FORM: &'static str = $form;
            fn read(text: &str) -> Option<Self> {
                match text { $( $word => Some(Self::$variant), )* _ => None }
            }
        }
    )* };
}

words! {
    /// A version of the purchase schema, and a reader's number.
    SchemaVersion, "a schema version: 1, 2 or 3" {
        /// Version 1.
        One = "1",
        /// Version 2.
        Two = "2",
        /// Version 3.
        Three = "3",
    }
    /// How members of a consumer group find each other.
    GroupProtocol, "a group protocol: classic or consumer" {
        /// The members' own protocol.
        Classic = "classic",
        /// The broker's (KIP-848).
        Consumer = "consumer",
    }
    /// The order of day, month and year in dates of version 0.
    DateOrder, "a date order: mdy, dmy or ymd" {
        /// 03/12/20 is the twelfth of March.
        MonthDayYear = "mdy",
        /// 03/12/20 is the third of December.
        DayMonthYear = "dmy",
        /// 03/12/20 is the twentieth of December 2003.
        YearMonthDay = "ymd",
    }
    /// How log lines are written.
    LogFormat, "a log format: text or json" {
        /// For people.
        Text = "text",
        /// For machines.
        Json = "json",
    }
    /// The least severe level that is logged.
    LogLevel, "a log level: error, warn, info, debug or trace" {
        /// Someone must act.
        Error = "error",
        /// Recovered.
        Warn = "warn",
        /// State changes.
        Info = "info",
        /// Records.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

impl SchemaVersion {
    /// The version's number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A time that may be none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window(pub Duration);

/// A share from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(pub f64);

/// An `http://` or `https://` address, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(pub String);

/// Which currency a symbol of version 0 stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrencyBySymbol(pub BTreeMap<String, String>);

/// Accounts by the key that lets them buy; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountKeys(pub BTreeMap<String, String>);

impl std::fmt::Debug for AccountKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({} keys hidden)", self.0.len())
    }
}

/// Where a group keeps its tables.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// Postgres: the whole address, which may hold a password.
    Postgres(String),
    /// SQLite: the folder, one file per group.
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    /// The address for one group, as a store is opened with; it may hold a password.
    #[must_use]
    pub fn for_group(&self, group: &str) -> String {
        let url = match self {
            Self::Postgres(url) => url.clone(),
            Self::Sqlite(folder) => format!("sqlite://{}", folder.display()),
        };
        url.replace("{group}", group)
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Postgres(url) => f.write_str(&without_password(url)),
            Self::Sqlite(folder) => write!(f, "sqlite://{}", folder.display()),
        }
    }
}

/// An address with everything left out that may be a password.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "(hidden)".to_owned();
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, _)) => (rest, "?(hidden)"),
        None => (rest, ""),
    };
    match rest.rsplit_once('@') {
        Some((login, host)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:(hidden)@{host}{query}")
        }
        None => format!("{scheme}://{rest}{query}"),
    }
}

/// Reads a time such as `250ms` or `2h`, as settings and flags have it.
///
/// # Errors
/// The form that is expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| format!("expected {}", Duration::FORM))
}

/// Reads an address such as `http://127.0.0.1:8080`, as settings and flags have it.
///
/// # Errors
/// The form that is expected.
pub fn parse_address(text: &str) -> Result<String, String> {
    let url = http_url(text).ok_or_else(|| format!("expected {}", HttpUrl::FORM))?;
    Ok(url.0)
}

/// Nothing that is counted in a process is more than a million of it, and what takes such a number
/// may reserve memory for it.
fn count(text: &str) -> Option<NonZeroUsize> {
    let number = text.parse::<NonZeroUsize>().ok();
    number.filter(|number| number.get() <= 1_000_000)
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text);
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

fn window(text: &str) -> Option<Window> {
    match text {
        "0" => Some(Window(Duration::ZERO)),
        _ => duration(text).map(Window),
    }
}

fn bytes(text: &str) -> Option<Bytes> {
    let (number, unit) = split_unit(text);
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor).map(Bytes)
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

fn share(text: &str) -> Option<Share> {
    let share: f64 = text.parse().ok()?;
    (0.0..=1.0).contains(&share).then_some(Share(share))
}

fn http_url(text: &str) -> Option<HttpUrl> {
    let rest = (text.strip_prefix("http://")).or_else(|| text.strip_prefix("https://"))?;
    let host = rest.split('/').next().unwrap_or_default();
    let plain = !text.contains(char::is_whitespace);
    (plain && !host.is_empty()).then(|| HttpUrl(text.trim_end_matches('/').to_owned()))
}

fn database_url(text: &str) -> Option<DatabaseUrl> {
    if let Some(folder) = text.strip_prefix("sqlite://") {
        return (!folder.is_empty()).then(|| DatabaseUrl::Sqlite(PathBuf::from(folder)));
    }
    let rest = (text.strip_prefix("postgres://")).or_else(|| text.strip_prefix("postgresql://"))?;
    (!rest.is_empty()).then(|| DatabaseUrl::Postgres(text.to_owned()))
}

fn account_keys(text: &str) -> Option<AccountKeys> {
    let mut keys = BTreeMap::new();
    for pair in text.split(',') {
        let (key, account) = pair.split_once('=')?;
        let (key, account) = (key.trim(), account.trim());
        let is_new = keys.insert(key.to_owned(), account.to_owned()).is_none();
        if key.is_empty() || account.is_empty() || !is_new {
            return None;
        }
    }
    Some(AccountKeys(keys))
}

fn currencies(text: &str) -> Option<CurrencyBySymbol> {
    let mut by_symbol = BTreeMap::new();
    for pair in text.split(',') {
        let (symbol, currency) = pair.split_once('=')?;
        let (symbol, currency) = (symbol.trim(), currency.trim());
        let iso = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        let new = iso && !symbol.is_empty();
        if !new
            || by_symbol
                .insert(symbol.to_owned(), currency.to_owned())
                .is_some()
        {
            return None;
        }
    }
    Some(CurrencyBySymbol(by_symbol))
}
