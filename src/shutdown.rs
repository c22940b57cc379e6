//! SIGTERM and SIGINT: the first asks for an orderly end, the second ends at once.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// As shells report a process that a signal ended.
const BY_INTERRUPT: i32 = 130;
const BY_TERMINATE: i32 = 143;

/// A token that the first signal cancels. A second signal ends the process there and then: what is
/// committed is kept, what is not will be done again, so nothing is lost by it.
pub(crate) fn on_signals() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "told to stop; a second signal ends at once");
        told.cancel();
        let code = tokio::select! {
            _ = terminate.recv() => BY_TERMINATE,
            _ = interrupt.recv() => BY_INTERRUPT,
        };
        std::process::exit(code);
    });
    Ok(stop)
}
