//! stripe-mock on a loopback port: the payment provider's own stand-in, which refuses every request that
//! does not fit the provider's published description and answers the others with examples. It remembers
//! nothing.

use std::{path::PathBuf, process::Command, sync::OnceLock, time::Duration};

use crate::{
    installed, reaper,
    server::{self, Server},
};

const READY_WITHIN: Duration = Duration::from_secs(60);

/// The one that the tests of this program share.
///
/// # Panics
/// When it is not installed or does not start: the message says what to do.
#[must_use]
pub fn shared() -> &'static StripeMock {
    static SHARED: OnceLock<StripeMock> = OnceLock::new();
    SHARED.get_or_init(|| StripeMock::start().unwrap_or_else(|error| panic!("{error:?}")))
}

/// A running stripe-mock. Dropping it ends it.
#[derive(Debug)]
pub struct StripeMock {
    folder: PathBuf,
    port: u16,
    // Ended by its drop.
    _server: Server,
}

impl StripeMock {
    /// Starts one and waits until it takes connections.
    ///
    /// # Errors
    /// When it is not installed or does not start: its log and what to do.
    pub fn start() -> anyhow::Result<Self> {
        let program = installed::stripe_mock()?;
        server::with_free_ports(|[port]| {
            let folder = reaper::folder("stripe-mock")?;
            let address = format!("127.0.0.1:{port}");
            let mut command = Command::new(&program);
            command.args(["-http-addr", &address]);
            let log = folder.join("stripe-mock.log");
            let mut server = Server::start("stripe-mock", &mut command, &log, "KILL")?;
            server.until_ready(READY_WITHIN, || {
                std::net::TcpStream::connect(&address).is_ok()
            })?;
            Ok(Self {
                folder,
                port,
                _server: server,
            })
        })
    }

    /// Its address, before `/v1/...`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for StripeMock {
    fn drop(&mut self) {
        reaper::remove_folder(&self.folder);
    }
}
