//! `counterflow healthcheck`: asks a process of this machine whether it is alive, for images that
//! have no curl.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use clap::Args;

use crate::{
    context::Context,
    exit::{End, Misuse},
    output,
};

const EXAMPLE: &str = "\
Example:
  counterflow healthcheck --set admin.listen=127.0.0.1:9101
  counterflow healthcheck --ready --set admin.listen=127.0.0.1:9101";

/// The probe's own patience; a process that takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the process at admin.listen whether it is live
///
/// Exits 0 when it is, and 1 when it is not or does not answer.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// Ask whether it is ready (/readyz) instead of live (/livez)
    #[arg(long)]
    ready: bool,
}

pub(crate) async fn run(context: &Context, asked: &Arguments) -> anyhow::Result<End> {
    let listen = context.load(&[])?.config.admin.listen;
    if listen.port() == 0 {
        let why =
            "admin.listen: a fixed port is needed to be found; set COUNTERFLOW__ADMIN__LISTEN";
        return Err(Misuse(why.to_owned()).into());
    }
    let probe = if asked.ready { "readyz" } else { "livez" };
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .build();
    let url = format!("http://{}/{probe}", reachable(listen));
    let answer = client
        .context("make an HTTP client")?
        .get(&url)
        .send()
        .await;
    match answer {
        Ok(answer) if answer.status().is_success() => {
            output::line(format!("{url}: {}", answer.status()))?;
            Ok(End::Done)
        }
        Ok(answer) => {
            output::line(format!("{url}: {}", answer.status()))?;
            Ok(End::No)
        }
        Err(error) => {
            output::line(format!(
                "{url}: {:#}",
                anyhow::Error::new(error.without_url())
            ))?;
            Ok(End::No)
        }
    }
}

/// Where a process that listens everywhere is found from here.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen {
        SocketAddr::V4(at) if at.ip().is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(at) if at.ip().is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        other => other.ip(),
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn a_process_that_listens_everywhere_is_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:9101", "127.0.0.1:9101"),
            ("[::]:9101", "[::1]:9101"),
            ("10.1.2.3:9101", "10.1.2.3:9101"),
        ] {
            let found = reachable(listen.parse().unwrap());
            assert_eq!(found.to_string(), asked);
        }
    }
}
