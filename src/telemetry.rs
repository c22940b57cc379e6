//! Log lines, on stderr: text for people, JSON for machines.

use std::io::IsTerminal;

use anyhow::anyhow;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};

/// Libraries that say more than anybody asked for.
const QUIET: &str = "hyper=warn,h2=warn,reqwest=warn,rustls=warn,tokio_postgres=warn,ureq=warn";

/// Starts logging. `directives` (`RUST_LOG`) replaces `log.level` when it is set.
pub(crate) fn start(log: &Log, directives: Option<&str>) -> anyhow::Result<()> {
    let directives = match directives {
        Some(directives) if !directives.trim().is_empty() => directives.to_owned(),
        _ => format!("{},{QUIET}", log.level.as_str()),
    };
    let filter = EnvFilter::try_new(&directives)
        .map_err(|error| crate::exit::Misuse(format!("RUST_LOG: {error}")))?;
    let lines = fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow!("start logging: {error}"))
}
