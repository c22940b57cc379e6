//! How records are read and written: with the registry when there is one, by fingerprint when not.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use codec::Codec;
use schemas::{Decoder, Encoder, Registry, registry};

use crate::config::Config;

/// How long a start waits for the registry to say the ids of our schemas. Without them records
/// name their schema by fingerprint, which every reader takes.
const IDS_PATIENCE: Duration = Duration::from_secs(15);

/// The codec of a process.
///
/// # Errors
/// When the cache of schemas cannot be read, or an id names another schema than before.
pub async fn open_codec(config: &Config) -> anyhow::Result<Arc<Codec>> {
    let decoder = Decoder::new(u32::from(config.schemas.reader_version.number()));
    let Some(registry) = open_registry(config)? else {
        return Ok(Arc::new(Codec::new(decoder, Encoder::new())));
    };
    let registry = Arc::new(registry);
    let encoder = encoder(Arc::clone(&registry)).await?;
    Ok(Arc::new(Codec::new(decoder.with_source(registry), encoder)))
}

/// The registry, when one is configured; asks it nothing.
///
/// # Errors
/// When the cache of schemas cannot be read.
pub fn open_registry(config: &Config) -> anyhow::Result<Option<Registry>> {
    let Some(url) = &config.registry.url else {
        return Ok(None);
    };
    let authorization = config.registry.authorization.as_ref();
    let at = registry::Config {
        url: url.0.clone(),
        authorization: authorization.map(|secret| secret.reveal().to_owned()),
    };
    let registry = Registry::open(&at, config.registry.cache_dir.as_deref());
    registry.map(Some).context("open the cache of schemas")
}

async fn encoder(registry: Arc<Registry>) -> anyhow::Result<Encoder> {
    let asked = tokio::task::spawn_blocking(move || registry.ids());
    let ids = match tokio::time::timeout(IDS_PATIENCE, asked).await {
        Ok(ids) => ids
            .context("ask the registry")?
            .context("ask the registry")?,
        Err(_) => {
            let seconds = IDS_PATIENCE.as_secs();
            tracing::warn!(seconds, "registry away, schemas are named by fingerprint");
            return Ok(Encoder::new());
        }
    };
    if let Some((subject, error)) = ids.unknown.first() {
        let unknown = ids.unknown.len();
        tracing::warn!(unknown, subject, %error, "schemas without an id are named by fingerprint");
    }
    Ok(Encoder::with_ids(ids.known))
}
