//! The layers, as text with the place where each value was set; a later layer replaces an earlier
//! one. A secret can be given as the name of a file that holds it, in every layer.

use std::{collections::BTreeMap, io, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    kafka,
    mistake::{Mistake, Mistakes},
    settings::{SETTINGS, Shown},
};

const OPTIONS: &str = "kafka.options.";
const PREFIX: &str = "COUNTERFLOW__";
/// Variables of other use begin so (`COUNTERFLOW_CONFIG`); with two underscores behind it, one was
/// meant for a setting, which would keep its default in silence.
const NEARLY_PREFIX: &str = "COUNTERFLOW_";

/// What a configuration is read from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The TOML file.
    pub file: Option<&'a Path>,
    /// The environment; variables that do not begin with `COUNTERFLOW__` are passed over.
    pub environment: &'a BTreeMap<String, String>,
    /// `--set section.key=value` and the named flags of the command.
    pub flags: &'a [Flag],
    /// Reads a file: the TOML file and those that hold secrets.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
}

/// A flag of the command line that sets a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag as it was written, without its value.
    pub name: String,
    /// The setting.
    pub key: String,
    /// The value.
    pub value: String,
}

impl Flag {
    /// A named flag of a command that stands for a setting.
    pub fn named(
        name: impl Into<String>,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            key: key.into(),
            value: value.into(),
        }
    }

    /// `section.key=value`, as given to `--set`. Without `=` the value is missing, and is reported
    /// as not being of its form.
    #[must_use]
    pub fn set(assignment: &str) -> Self {
        let (key, value) = assignment.split_once('=').unwrap_or((assignment, ""));
        Self::named(format!("--set {}", key.trim()), key.trim(), value)
    }
}

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nowhere.
    Default,
    /// In the file.
    File {
        /// Its path.
        path: String,
        /// From 1.
        line: usize,
    },
    /// By an environment variable.
    Variable(String),
    /// By a flag.
    Flag(String),
}

impl Origin {
    fn layer(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value that was set.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) origin: Origin,
    pub(super) shown: Shown,
}

impl Entry {
    pub(super) fn malformed(&self, key: &str, form: &str) -> Mistake {
        Mistake::form(key, &self.origin, self.shown, &self.text, form)
    }
}

/// All values that are set, by key.
pub(super) struct Layers {
    entries: BTreeMap<String, Entry>,
}

impl Layers {
    pub(super) fn collect(inputs: &Inputs<'_>, mistakes: &mut Mistakes) -> Self {
        let mut layers = Self {
            entries: BTreeMap::new(),
        };
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                layers.insert(
                    setting.key,
                    default,
                    Origin::Default,
                    setting.shown,
                    mistakes,
                );
            }
        }
        if let Some(path) = inputs.file {
            layers.add_file(path, inputs, mistakes);
        }
        for (name, value) in inputs.environment {
            if let Some(rest) = name.strip_prefix(PREFIX) {
                let key = key_of_variable(rest);
                layers.add(
                    &key,
                    value,
                    Origin::Variable(name.clone()),
                    inputs,
                    mistakes,
                );
            } else if name.starts_with(NEARLY_PREFIX) && name.contains("__") {
                let problem = format!("is no setting: settings begin with {PREFIX}");
                let origin = Origin::Variable(name.clone());
                mistakes.push(Mistake::at(name, &origin, problem));
            }
        }
        for flag in inputs.flags {
            let origin = Origin::Flag(flag.name.clone());
            layers.add(&flag.key, &flag.value, origin, inputs, mistakes);
        }
        layers
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The same values, but for these keys, which have their defaults again.
    pub(super) fn with_defaults_for(&self, keys: &[String]) -> Self {
        let mut entries = self.entries.clone();
        for key in keys {
            let default = (SETTINGS.iter())
                .find(|setting| setting.key == key)
                .and_then(|setting| setting.default.map(|text| (setting, text)));
            match default {
                Some((setting, text)) => entries.insert(
                    key.clone(),
                    Entry {
                        text: text.to_owned(),
                        origin: Origin::Default,
                        shown: setting.shown,
                    },
                ),
                None => entries.remove(key),
            };
        }
        Self { entries }
    }

    /// The values of a table, by what follows its name.
    pub(super) fn below(&self, key: &str) -> BTreeMap<String, String> {
        let entry = |(name, entry): (&String, &Entry)| {
            let rest = name.strip_prefix(key)?.strip_prefix('.')?;
            Some((rest.to_owned(), entry.text.clone()))
        };
        self.entries.iter().filter_map(entry).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.entries.iter()
    }

    fn add_file(&mut self, path: &Path, inputs: &Inputs<'_>, mistakes: &mut Mistakes) {
        let shown = path.display().to_string();
        let at = |line| Origin::File {
            path: shown.clone(),
            line,
        };
        let text = match (inputs.read)(path) {
            Ok(text) => text,
            Err(error) => {
                let problem = format!("cannot be read: {error}");
                return mistakes.push(Mistake::at("--config", &at(1), problem));
            }
        };
        let (table, errors) = DeTable::parse_recoverable(&text);
        for error in errors {
            let start = error.span().map_or(0, |span| span.start);
            let problem = format!("is not TOML: {}", error.message());
            mistakes.push(Mistake::at("--config", &at(line_of(&text, start)), problem));
        }
        let mut values = Vec::new();
        flatten("", table.get_ref(), &mut values);
        for (key, value, start) in values {
            self.add(&key, &value, at(line_of(&text, start)), inputs, mistakes);
        }
    }

    fn add(
        &mut self,
        key: &str,
        text: &str,
        origin: Origin,
        inputs: &Inputs<'_>,
        mistakes: &mut Mistakes,
    ) {
        if let Some(shown) = shown(key) {
            if let Some(why) = key.strip_prefix(OPTIONS).and_then(kafka::denied) {
                let problem = format!("must not be set: {why}");
                return mistakes.push(Mistake::at(key, &origin, problem));
            }
            return self.insert(key, text, origin, shown, mistakes);
        }
        let Some((secret, shown)) = file_of_secret(key) else {
            return mistakes.push(Mistake::unknown(key, &origin));
        };
        match (inputs.read)(Path::new(text)) {
            Ok(content) => {
                let content = content.trim_end_matches(['\r', '\n']);
                self.insert(secret, content, origin, shown, mistakes);
            }
            Err(error) => {
                let problem = format!("the file {text:?} cannot be read: {error}");
                mistakes.push(Mistake::at(key, &origin, problem));
            }
        }
    }

    fn insert(
        &mut self,
        key: &str,
        text: &str,
        origin: Origin,
        shown: Shown,
        mistakes: &mut Mistakes,
    ) {
        if let Some(before) = self.entries.get(key)
            && before.origin.layer() == origin.layer()
        {
            let problem = format!("is set already by {}", before.origin);
            return mistakes.push(Mistake::at(key, &origin, problem));
        }
        let text = text.to_owned();
        let entry = Entry {
            text,
            origin,
            shown,
        };
        self.entries.insert(key.to_owned(), entry);
    }
}

/// What of a key's value may be shown; none for a key that does not exist.
fn shown(key: &str) -> Option<Shown> {
    if let Some(option) = key.strip_prefix(OPTIONS) {
        if kafka::is_secret(option) {
            let names_file = file_of_secret(key).is_some();
            return (!names_file).then_some(Shown::Never);
        }
        return (!option.is_empty()).then_some(Shown::Whole);
    }
    let setting = SETTINGS.iter().find(|setting| setting.key == key)?;
    Some(setting.shown)
}

/// The secret that a key such as `provider.key_file` gives as a file.
fn file_of_secret(key: &str) -> Option<(&str, Shown)> {
    let base = match key.strip_prefix(OPTIONS) {
        Some(_) => (key.strip_suffix(".file")).or_else(|| key.strip_suffix("_file"))?,
        None => key.strip_suffix("_file")?,
    };
    let shown = shown(base)?;
    (shown != Shown::Whole).then_some((base, shown))
}

/// `DATABASE__URL` is `database.url`; below `KAFKA__OPTIONS`, single underscores are dots too, as
/// no option that may be set here has an underscore in its name.
fn key_of_variable(rest: &str) -> String {
    let key = rest.to_lowercase().replace("__", ".");
    match key.strip_prefix(OPTIONS) {
        Some(option) => format!("{OPTIONS}{}", option.replace('_', ".")),
        None => key,
    }
}

fn line_of(text: &str, start: usize) -> usize {
    text.bytes()
        .take(start)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// Every value of a table with its dotted key and the place of the key. What a setting takes as one
/// value may be written as a table or an array.
fn flatten(prefix: &str, table: &DeTable<'_>, values: &mut Vec<(String, String, usize)>) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        let start = name.span().start;
        match value.get_ref() {
            DeValue::Table(inner) if is_one_value(&key) && inner_is_flat(inner) => {
                let pairs = (inner.iter())
                    .map(|(name, value)| format!("{}={}", name.get_ref(), scalar(value)));
                values.push((key, pairs.collect::<Vec<_>>().join(","), start));
            }
            DeValue::Table(inner) => flatten(&format!("{key}."), inner, values),
            _ => values.push((key, scalar(value), start)),
        }
    }
}

fn inner_is_flat(table: &DeTable<'_>) -> bool {
    (table.iter()).all(|(_, value)| matches!(value.get_ref(), DeValue::String(_)))
}

fn scalar(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::String(text) => text.clone().into_owned(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => items.iter().map(scalar).collect::<Vec<_>>().join(","),
        DeValue::Table(_) => String::new(),
    }
}

/// `kafka.options` and everything below it are tables in truth: `sasl.password` is one key.
fn is_one_value(key: &str) -> bool {
    !format!("{key}.").starts_with(OPTIONS) && shown(key).is_some()
}
