//! How records are read and written: with the registry when there is one, by fingerprint when not.

use std::sync::Arc;

use anyhow::Context;
use codec::Codec;
use schemas::{Decoder, Encoder, Registry, registry};

use super::schema_ids;
use crate::config::Config;

/// The codec of a process. With a registry it names schemas by the registry's ids as soon as they
/// are known; what is not known by now is asked for in the background, and shown in `metrics`.
///
/// # Errors
/// When the cache of schemas cannot be read, or an id names another schema than before.
pub async fn open_codec(
    config: &Config,
    metrics: &prometheus::Registry,
) -> anyhow::Result<Arc<Codec>> {
    let decoder = Decoder::new(u32::from(config.schemas.reader_version.number()));
    let encoder = Encoder::new();
    let without_id = schema_ids::without_id(metrics)?;
    let Some(registry) = open_registry(config)? else {
        return Ok(Arc::new(Codec::new(decoder, encoder)));
    };
    let registry = Arc::new(registry);
    schema_ids::learn(Arc::clone(&registry), &encoder, without_id).await?;
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

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        net::SocketAddr,
        path::Path,
        sync::atomic::{AtomicBool, Ordering},
        time::Instant,
    };

    use axum::{Json, Router, http::StatusCode, routing::post};
    use schemas::{Fact, domain::PaymentAuthorised, released};
    use serde_json::{Value, json};
    use tokio::{net::TcpListener, task::JoinHandle};

    use super::*;
    use crate::context::{ConfigurationFlags, Context as Started};

    /// What a registry that knows all our schemas answers, once it is well.
    fn registry(listener: TcpListener, is_well: Arc<AtomicBool>) -> JoinHandle<()> {
        let ids: BTreeMap<String, u32> = (released::all().iter().zip(101..))
            .map(|(schema, id)| (schema.text.to_owned(), id))
            .collect();
        let ids = Arc::new(ids);
        let id = move |Json(asked): Json<Value>| async move {
            match is_well.load(Ordering::SeqCst) {
                true => Ok(Json(
                    json!({ "id": ids[asked["schema"].as_str().unwrap()] }),
                )),
                false => Err(StatusCode::SERVICE_UNAVAILABLE),
            }
        };
        let answers = Router::new().route("/subjects/{subject}", post(id));
        let server = axum::serve(listener, answers);
        tokio::spawn(async move { server.await.unwrap() })
    }

    fn config(address: SocketAddr, cache: &Path) -> Config {
        let flags = ConfigurationFlags {
            config: None,
            set: vec![
                format!("registry.url=http://{address}"),
                format!("registry.cache_dir={}", cache.display()),
            ],
        };
        let context = Started {
            flags,
            ..Started::default()
        };
        context.load(&[]).unwrap().config
    }

    /// How a record of this codec begins.
    fn frame(codec: &Codec) -> Vec<u8> {
        let fact = Fact::from(PaymentAuthorised {
            event_id: "e-2".into(),
            purchase_id: "p-1".into(),
            occurred_at: 1_760_000_000_000_000,
            causation_id: "e-1".into(),
            amount_minor: 100,
            currency: "USD".into(),
            provider_ref: "pi_1".into(),
        });
        codec.write(&fact).payload.unwrap()[..5].to_vec()
    }

    #[tokio::test]
    async fn schemas_are_named_by_id_once_a_registry_that_was_away_answers() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = prometheus::Registry::new();
        let gauge = || metrics.gather()[0].get_metric()[0].get_gauge().get_value();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(listener.local_addr().unwrap(), folder.path());
        let is_well = Arc::new(AtomicBool::new(false));
        let answering = registry(listener, Arc::clone(&is_well));

        let codec = open_codec(&config, &metrics).await.unwrap();
        assert_eq!(frame(&codec)[..2], [0xC3, 0x01], "by fingerprint");
        assert!(gauge() > 20.0, "{}", gauge());

        is_well.store(true, Ordering::SeqCst);
        let authorised = released::newest("PaymentAuthorised").unwrap();
        let position = released::all()
            .iter()
            .position(|it| std::ptr::eq(it, authorised));
        let id = 101 + u8::try_from(position.unwrap()).unwrap();
        let deadline = Instant::now() + std::time::Duration::from_secs(60);
        while frame(&codec) != [0, 0, 0, 0, id] {
            assert!(Instant::now() < deadline, "{:?}", frame(&codec));
            tokio::task::yield_now().await;
        }
        while gauge() > 0.0 {
            assert!(Instant::now() < deadline, "{}", gauge());
            tokio::task::yield_now().await;
        }

        // What it has said stands in the cache: the next start does not need it.
        answering.abort();
        drop(answering.await);
        let metrics = prometheus::Registry::new();
        let codec = open_codec(&config, &metrics).await.unwrap();
        assert_eq!(frame(&codec), [0, 0, 0, 0, id]);
    }
}
