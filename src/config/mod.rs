//! Configuration: defaults < TOML file < environment < flags, read whole before a socket opens.
//!
//! A setting is declared once, in [`settings`]; its type says what is allowed ([`value`]). The
//! layers are collected as text with their origin ([`layers`]), so that every mistake names the
//! key, where it was set, and what was expected ([`mistake`]), all at once. What the promise
//! depends on cannot be configured away ([`kafka`]), and time limits must fit into one another
//! ([`limits`]). Nothing here reads the process: files and environment are arguments.

mod kafka;
mod layers;
mod limits;
mod listing;
mod mistake;
mod settings;
mod value;

pub use kafka::KafkaOptions;
pub use layers::{Flag, Inputs, Origin};
pub use listing::{Effective, listing_json, listing_text};
pub use mistake::{EXIT_CODE, Mistake, Mistakes};
pub use settings::{
    Admin, Carrier, Config, Consumer, Database, Deadlines, Http, Kafka, Log, Provider, Registry,
    SETTINGS, Sandbox, Schemas, Setting, Shown, Spool, Tasks, Topics, V0,
};
pub use value::{
    AccountKeys, Bytes, CurrencyBySymbol, DatabaseUrl, DateOrder, GroupProtocol, HttpUrl,
    LogFormat, LogLevel, SchemaVersion, Secret, Share, Window, parse_address, parse_duration,
};

use layers::Layers;

/// A configuration in which no mistake was found, and where each value came from.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Every setting with its value, as far as it may be shown, and its origin.
    pub effective: Vec<Effective>,
}

/// Reads all layers.
///
/// `required` are keys that have no default and that the command cannot do without.
///
/// # Errors
/// Every mistake of every layer. The process ends with [`EXIT_CODE`].
pub fn load(inputs: &Inputs<'_>, required: &[&'static str]) -> Result<Loaded, Mistakes> {
    let mut mistakes = Mistakes::default();
    let layers = Layers::collect(inputs, &mut mistakes);
    for key in required {
        if !layers.has(key) {
            mistakes.push(Mistake::missing(key));
        }
    }
    let config = Config::read(&layers, &mut mistakes);
    let effective = listing::effective(&layers);
    match config {
        Some(config) => {
            limits::check(&config, &layers, &mut mistakes);
            // Each option by itself was looked at as it was read.
            if !mistakes
                .0
                .iter()
                .any(|one| one.key.starts_with("kafka.options"))
            {
                kafka::check_together(&config, &mut mistakes);
            }
            mistakes.into_result(Loaded { config, effective })
        }
        None => {
            check_the_rest(&layers, &mut mistakes);
            Err(mistakes)
        }
    }
}

/// The limits of what can be read, with defaults for what cannot: a mistake in one value must not
/// hide that others do not fit together.
fn check_the_rest(layers: &Layers, mistakes: &mut Mistakes) {
    let malformed: Vec<String> = mistakes.0.iter().map(|one| one.key.clone()).collect();
    let rest = layers.with_defaults_for(&malformed);
    let Some(config) = Config::read(&rest, &mut Mistakes::default()) else {
        return;
    };
    let mut found = Mistakes::default();
    limits::check_pairs(&config, &rest, &mut found);
    // What a default does not fit to was never said.
    found.0.retain(|one| {
        let is_about = |key: &String| one.key == *key || one.problem.contains(key.as_str());
        !malformed.iter().any(is_about)
    });
    mistakes.0.append(&mut found.0);
}

#[cfg(test)]
mod tests;
