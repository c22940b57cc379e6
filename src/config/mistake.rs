//! What is wrong with a configuration, said so that it can be put right without the manual.

use super::{
    layers::Origin,
    settings::{SETTINGS, Shown},
};

/// The exit code of a process that was configured wrongly (`EX_USAGE`).
pub const EXIT_CODE: u8 = 64;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The setting, or what was taken for one.
    pub key: String,
    /// Where it was set: `file:line`, the variable, the flag.
    pub origin: String,
    /// What is wrong and what was expected.
    pub problem: String,
}

impl Mistake {
    /// A value that is not of the expected form. The value of a secret is not repeated.
    pub(super) fn form(key: &str, origin: &Origin, shown: Shown, value: &str, form: &str) -> Self {
        let found = match shown {
            Shown::Whole => format!("{value:?}"),
            Shown::WithoutPassword | Shown::Never => "the value".to_owned(),
        };
        Self::at(key, origin, format!("{found} is not {form}"))
    }

    /// A mistake at an origin.
    pub(super) fn at(key: &str, origin: &Origin, problem: impl Into<String>) -> Self {
        Self {
            key: key.to_owned(),
            origin: origin.to_string(),
            problem: problem.into(),
        }
    }

    /// A required setting that is set nowhere.
    pub(super) fn missing(key: &str) -> Self {
        let form = (SETTINGS.iter().find(|setting| setting.key == key))
            .map_or("a value", |setting| setting.form);
        Self {
            key: key.to_owned(),
            origin: "nowhere set".to_owned(),
            problem: format!("needs {form}; set {}", variable(key)),
        }
    }

    /// A key that no setting has.
    pub(super) fn unknown(key: &str, origin: &Origin) -> Self {
        let problem = match nearest(key) {
            Some(near) => format!("no such setting; is {near} meant?"),
            None => "no such setting; `counterflow config` lists all".to_owned(),
        };
        Self::at(key, origin, problem)
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.key, self.origin, self.problem)
    }
}

/// All mistakes of a configuration, a line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    pub(super) fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} mistake{plural} in the configuration", self.0.len())?;
        for mistake in &self.0 {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// The environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("COUNTERFLOW__{}", key.to_uppercase().replace('.', "__"))
}

/// The setting that was probably meant: at most a third of the key's letters differ.
fn nearest(key: &str) -> Option<&'static str> {
    let by_distance = |setting: &super::Setting| (distance(key, setting.key), setting.key);
    let (distance, near) = SETTINGS.iter().map(by_distance).min()?;
    (distance <= key.chars().count() / 3).then_some(near)
}

/// Levenshtein's distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}
