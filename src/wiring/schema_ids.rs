//! The registry's ids of our schemas: asked for at the start, and then in the background until all
//! are known.
//!
//! Separate from the codec because it outlives the opening of one. A process starts without the
//! registry, and its records name their schema by fingerprint, which every reader of ours takes;
//! foreign readers may know ids alone, so that must not last longer than the registry is away.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use prometheus::IntGauge;
use schemas::{Encoder, Registry, RegistryError, registry::Ids};

/// How long a start waits for the registry. Without its ids records name schemas by fingerprint.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two questions in the background: doubled each time, up to the second.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How many schemas records name by fingerprint though a registry is configured.
pub(super) fn without_id(metrics: &prometheus::Registry) -> anyhow::Result<IntGauge> {
    let help = "Schemas that records name by fingerprint, because the registry has not said their \
                ids yet.";
    let gauge = IntGauge::new("counterflow_schemas_without_id", help);
    let gauge = gauge.context("name the metric of schemas without an id")?;
    let registered = metrics.register(Box::new(gauge.clone()));
    registered.context("register the metric of schemas without an id")?;
    Ok(gauge)
}

/// Lets the encoder name schemas by id: what is known by the end of the start, and all others as
/// soon as the registry says them.
///
/// # Errors
/// When an id names another schema than before: then it is better not to start.
pub(super) async fn learn(
    registry: Arc<Registry>,
    encoder: &Encoder,
    without_id: IntGauge,
) -> anyhow::Result<()> {
    let why = match tokio::time::timeout(PATIENCE, ask(&registry, encoder)).await {
        Ok(asked) => take(encoder, &without_id, &asked.context("ask the registry")?),
        Err(_) => {
            show(encoder, &without_id);
            Some("it has not answered yet".to_owned())
        }
    };
    let Some(why) = why else {
        return Ok(());
    };
    let unnamed = without_id.get();
    tracing::warn!(
        unnamed,
        why,
        "schemas are named by fingerprint until the registry says their ids"
    );
    // Ends with the runtime, at the latest: it holds nothing that would have to be given back.
    tokio::spawn(keep_asking(registry, encoder.clone(), without_id));
    Ok(())
}

async fn keep_asking(registry: Arc<Registry>, encoder: Encoder, without_id: IntGauge) {
    let (mut wait, most) = ASK_AGAIN;
    loop {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(most);
        match ask(&registry, &encoder).await {
            Ok(ids) => match take(&encoder, &without_id, &ids) {
                None => {
                    tracing::info!("all schemas are named by the registry's ids now");
                    return;
                }
                Some(why) => tracing::debug!(why, "schemas are still named by fingerprint"),
            },
            // Naming a schema by an id that is in doubt would be worse than naming it otherwise.
            Err(error) => tracing::error!(%error, "the registry contradicts itself"),
        }
    }
}

async fn ask(registry: &Arc<Registry>, encoder: &Encoder) -> Result<Ids, RegistryError> {
    let (registry, unnamed) = (Arc::clone(registry), encoder.without_id());
    let asked = tokio::task::spawn_blocking(move || registry.ids_of(unnamed));
    let asked = asked.await;
    asked.unwrap_or_else(|error| Err(RegistryError::Away(format!("asking has failed: {error}"))))
}

/// Takes the answers over; returns why some are still missing, if they are.
fn take(encoder: &Encoder, without_id: &IntGauge, ids: &Ids) -> Option<String> {
    encoder.learn(&ids.known);
    show(encoder, without_id);
    let (subject, error) = ids.unknown.first()?;
    Some(format!("{subject}: {error}"))
}

fn show(encoder: &Encoder, without_id: &IntGauge) {
    without_id.set(i64::try_from(encoder.without_id().len()).unwrap_or(i64::MAX));
}
