//! SIGTERM and SIGINT: the first asks for an orderly end, the second ends at once. A process that was
//! started by another for its own purposes ends in order, too, when the other is gone.

use std::{
    io::Read as _,
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// As shells report a process that a signal ended.
const BY_INTERRUPT: i32 = 130;
const BY_TERMINATE: i32 = 143;

/// A second signal within this time is the first one again: supervisors such as timeout(1) signal a
/// process and then its group.
const SAME_SIGNAL: Duration = Duration::from_secs(1);

/// With this variable set, the end of the standard input asks for an orderly end. Whoever starts a
/// process with it holds the other end of a pipe, which closes whichever way the holder ends.
pub(crate) const ENDS_WITH_STDIN: &str = "COUNTERFLOW_ENDS_WITH_STDIN";

/// A token that the first signal cancels. A second signal, a second later or more, ends the process there and then: what is
/// committed is kept, what is not will be done again, so nothing is lost by it.
pub(crate) fn on_signals() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let stop = CancellationToken::new();
    if std::env::var_os(ENDS_WITH_STDIN).is_some() {
        end_with_stdin(stop.clone())?;
    }
    let told = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "told to stop; a second signal ends at once");
        told.cancel();
        let first = Instant::now();
        loop {
            let code = tokio::select! {
                _ = terminate.recv() => BY_TERMINATE,
                _ = interrupt.recv() => BY_INTERRUPT,
            };
            if first.elapsed() >= SAME_SIGNAL {
                std::process::exit(code);
            }
        }
    });
    Ok(stop)
}

/// A thread of its own: a blocking read of tokio's would hold up the end of the runtime.
fn end_with_stdin(stop: CancellationToken) -> anyhow::Result<()> {
    let wait = move || {
        let mut input = std::io::stdin().lock();
        let mut ignored = [0_u8; 64];
        while input.read(&mut ignored).is_ok_and(|count| count > 0) {}
        tracing::info!("the standard input has ended: told to stop");
        stop.cancel();
    };
    let thread = std::thread::Builder::new().name("stdin".to_owned());
    thread.spawn(wait).context("wait for the end of stdin")?;
    Ok(())
}
