//! What every command begins with: the configuration, read whole, and logging.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;

use crate::{
    config::{self, Config, Flag, Inputs, Loaded, Log, LogLevel, Mistakes, Origin},
    exit::Misuse,
    telemetry,
};

/// The flags of every command that has a configuration.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigurationFlags {
    /// A TOML file of settings; COUNTERFLOW_CONFIG names one too
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Sets one setting, over file and environment; may be repeated
    #[arg(long, value_name = "SECTION.KEY=VALUE", global = true)]
    pub set: Vec<String>,
}

/// The outer world of a command, so that tests can give another.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The flags.
    pub flags: ConfigurationFlags,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

impl Context {
    /// Reads the configuration; `required` are settings without a default that the command needs.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn load(&self, required: &[&'static str]) -> Result<Loaded, Mistakes> {
        self.load_with(&[], required)
    }

    /// For a command that has no configuration: settings on its command line have no meaning.
    ///
    /// # Errors
    /// When there are any.
    pub fn refuse_settings(&self, why: &str) -> Result<(), Misuse> {
        match self.flags.config.is_none() && self.flags.set.is_empty() {
            true => Ok(()),
            false => Err(Misuse(format!("--config and --set: {why}"))),
        }
    }

    /// The same, with named flags of the command on top.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn load_with(&self, named: &[Flag], required: &[&'static str]) -> Result<Loaded, Mistakes> {
        let of_variable = self
            .environment
            .get("COUNTERFLOW_CONFIG")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from);
        let file = self.flags.config.clone().or(of_variable);
        let mut flags: Vec<Flag> = self.flags.set.iter().map(|set| Flag::set(set)).collect();
        flags.extend_from_slice(named);
        let inputs = Inputs {
            file: file.as_deref(),
            environment: &self.environment,
            flags: &flags,
            read: &|path| std::fs::read_to_string(path),
        };
        config::load(&inputs, required)
    }

    /// Reads the configuration and starts logging: the first thing a service does.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn start(&self, required: &[&'static str]) -> anyhow::Result<Config> {
        let config = self.load(required)?.config;
        self.start_logging(&config.log)?;
        Ok(config)
    }

    /// The same for a command that ends by itself. Its answer says what it did, so it logs no more
    /// than warnings unless more was asked for.
    ///
    /// # Errors
    /// Every mistake at once.
    pub fn start_once(&self, required: &[&'static str]) -> anyhow::Result<Config> {
        let Loaded {
            mut config,
            effective,
        } = self.load(required)?;
        let is_default = |line: &config::Effective| {
            line.key == "log.level" && line.origin == Origin::Default.to_string()
        };
        if effective.iter().any(is_default) {
            config.log.level = LogLevel::Warn;
        }
        self.start_logging(&config.log)?;
        Ok(config)
    }

    fn start_logging(&self, log: &Log) -> anyhow::Result<()> {
        let directives = self.environment.get("RUST_LOG");
        telemetry::start(log, directives.map(String::as_str))
    }
}
