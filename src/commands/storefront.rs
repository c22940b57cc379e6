//! `counterflow storefront`: takes purchases over HTTP, and answers once they are durable.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Args;
use client::WriteVersion;
use prometheus::Registry;
use storefront::{Accounts, Listeners, Storefront};
use timeline::Reader;

use crate::{
    admin,
    config::{self, Config},
    context::Context,
    exit::End,
    shutdown,
    wiring::{
        LiveGroups, TimelineModel, open_codec, open_publisher, open_store,
        spooled_publisher_config, write_version,
    },
};

const EXAMPLE: &str = "\
Example:
  COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS=localhost:9092 \\
  counterflow storefront --set http.listen=127.0.0.1:8080 &
  curl -X POST http://127.0.0.1:8080/v1/purchases -H 'Idempotency-Key: \"order-1\"' \\
    -H 'Content-Type: application/json' -d @purchase.json";

/// How long the spool may take to empty itself into Kafka at the end; the rest follows after the
/// next start.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// How long the start waits to hear what the groups read. Purchases are not refused for it: without
/// an answer they are written in the version that everybody reads.
const ASK_PATIENCE: Duration = Duration::from_secs(3);

/// Runs the storefront: takes purchases over HTTP
///
/// Accepts while Kafka is away, into spool.dir. Writes schemas.write_version once every live group
/// reads it, and the highest version that all of them read until then; schemas.force_write_version
/// writes it at once. A purchase that only a higher version can say is answered 503 as long as a
/// live group is known not to read it. Reads what became of purchases from the timeline
/// group's database. Is stopped by SIGTERM or SIGINT, and then finishes what is under way.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {}

pub(crate) async fn run(context: &Context) -> anyhow::Result<End> {
    let config = context.start(&["kafka.bootstrap_servers"])?;
    let stop = shutdown::on_signals()?;
    let listeners = Listeners {
        public: admin::bind("http.listen", config.http.listen).await?,
        admin: Some(admin::bind("admin.listen", config.admin.listen).await?),
    };
    let registry = Registry::new();
    let codec = tokio::select! {
        codec = open_codec(&config, &registry) => codec?,
        () = stop.cancelled() => return Ok(End::Done),
    };
    let write_version = Arc::new(write_version(&config));
    let groups = LiveGroups::new(&config);
    tokio::select! {
        () = first_answer(&write_version, &groups) => {}
        () = stop.cancelled() => return Ok(End::Done),
    }
    let publishing = spooled_publisher_config(&config, "counterflow-storefront");
    let publisher = Arc::new(open_publisher(&publishing, &registry)?);
    let shop = Storefront {
        config: settings(&config, &write_version),
        encoder: codec.encoder().clone(),
        publisher: Arc::clone(&publisher),
        read_model: Arc::new(TimelineModel::new(Reader::new(open_store(
            &config, "timeline",
        )?))),
        registry,
    };
    if let Ok(address) = listeners.public.local_addr() {
        tracing::info!(%address, "taking purchases");
    }
    let asking = keep_asking(write_version, groups, config.schemas.ask_readers_every);
    let served = storefront::run(shop, listeners, stop.cancelled_owned()).await;
    asking.abort();
    publisher.close(CLOSE_PATIENCE).await;
    served.context("serve the storefront")?;
    Ok(End::Done)
}

/// Asks what the groups read, and does not wait for longer than a start may take.
async fn first_answer(write_version: &WriteVersion, groups: &LiveGroups) {
    let asked = tokio::time::timeout(ASK_PATIENCE, write_version.advance(groups)).await;
    let version = write_version.now();
    match asked {
        Ok(Ok(())) => {}
        Ok(Err(refusal)) => tracing::warn!(%refusal, version, "writing a lower version meanwhile"),
        Err(_) => tracing::warn!(
            version,
            "kafka does not say what the groups read; writing a lower version meanwhile"
        ),
    }
}

fn keep_asking(
    write_version: Arc<WriteVersion>,
    groups: LiveGroups,
    every: Duration,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        tokio::time::sleep(every).await;
        write_version.keep_advancing(&groups, every).await;
    })
}

fn settings(config: &Config, write_version: &Arc<WriteVersion>) -> storefront::Config {
    let http = &config.http;
    storefront::Config {
        write_version: Arc::clone(write_version),
        accounts: match &http.account_keys {
            Some(keys) => Accounts::Keys(keys.0.clone()),
            None => Accounts::Open,
        },
        import_rules: schemas::v0::Rules {
            date_order: config.v0.date_order.map(date_order),
            currency_of_sign: config.v0.currency_by_symbol.0.clone(),
            currency_without_sign: None,
        },
        writes_max: http.max_in_flight.get(),
        body_bytes_max: usize::try_from(http.body_bytes_max.0).unwrap_or(usize::MAX),
        drain_timeout: http.drain_timeout,
        ..storefront::Config::default()
    }
}

fn date_order(order: config::DateOrder) -> schemas::v0::DateOrder {
    match order {
        config::DateOrder::MonthDayYear => schemas::v0::DateOrder::MonthDayYear,
        config::DateOrder::DayMonthYear => schemas::v0::DateOrder::DayMonthYear,
        config::DateOrder::YearMonthDay => schemas::v0::DateOrder::YearMonthDay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::ConfigurationFlags;

    #[test]
    fn the_storefronts_settings_arrive() {
        let set = [
            "schemas.write_version=2",
            "http.max_in_flight=7",
            "http.body_bytes_max=1KiB",
            "http.account_keys=k1=shop-1,k2=shop-2",
            "v0.date_order=dmy",
        ];
        let flags = ConfigurationFlags {
            config: None,
            set: set.map(str::to_owned).to_vec(),
        };
        let context = Context {
            flags,
            ..Context::default()
        };
        let config = context.load(&[]).unwrap().config;
        let settings = settings(&config, &Arc::new(write_version(&config)));
        assert_eq!(settings.write_version.wanted(), 2);
        assert_eq!(settings.write_version.now(), 1, "nobody was asked yet");
        assert_eq!(settings.writes_max, 7);
        assert_eq!(settings.body_bytes_max, 1024);
        let Accounts::Keys(keys) = settings.accounts else {
            panic!("keys were configured and anybody may buy");
        };
        assert_eq!(keys["k2"], "shop-2");
        assert_eq!(
            settings.import_rules.date_order,
            Some(schemas::v0::DateOrder::DayMonthYear)
        );
    }
}
