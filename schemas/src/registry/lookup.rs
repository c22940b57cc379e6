//! Finding the schema that a record names: memory first, then one short call, then patience.
//!
//! Separate because it runs inside decoding. It must not hammer a registry that is away, must not
//! ask twice for what does not exist, and must never take silence for an answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Registry, RegistryError, limits};
use crate::Refused;
use crate::decode::{Found, SchemaSource};
use crate::released::{self, Released};
use crate::wire::framing::SchemaName;
use crate::wire::newer::Newer;

/// Names for which the registry has no schema that could be read; more are forgotten and asked
/// again.
const REFUSED_MAX: usize = 1_024;
/// How long the registry is believed that it has none.
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// Waiting after a call that failed: doubled each time, up to the second.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

#[derive(Default)]
pub(super) struct Memory {
    schemas: HashMap<SchemaName, Entry>,
    /// Why there is no schema of a name, and until when that is believed.
    refused: BTreeMap<SchemaName, (Instant, Refused)>,
    failures: u32,
    away_until: Option<Instant>,
}

struct Entry {
    digest: String,
    /// What was made of it; a schema that is not ours is remembered by the reason.
    found: Result<Found, Refused>,
}

impl Memory {
    /// Takes in what a name stands for, which can be said once.
    pub(super) fn learn(&mut self, name: SchemaName, text: &str) -> Result<(), RegistryError> {
        let digest = digest(text);
        if let Some(entry) = self.schemas.get(&name) {
            if entry.digest == digest {
                return Ok(());
            }
            tracing::error!(schema = %name, "a schema id names another schema than before");
            return Err(RegistryError::IdChanged(name.to_string()));
        }
        self.schemas.insert(
            name,
            Entry {
                digest,
                found: ours(name, text),
            },
        );
        Ok(())
    }

    /// Takes in that a name stands for one of our schemas.
    pub(super) fn stands_for(
        &mut self,
        name: SchemaName,
        schema: &'static Released,
    ) -> Result<(), RegistryError> {
        match self.schemas.get(&name).map(|entry| &entry.found) {
            Some(Ok(Found::Released(known))) if std::ptr::eq(*known, schema) => Ok(()),
            Some(_) => {
                tracing::error!(schema = %name, "a schema id names another schema than before");
                Err(RegistryError::IdChanged(name.to_string()))
            }
            None => self.learn(name, schema.text),
        }
    }

    fn found(&self, name: SchemaName, now: Instant) -> Option<Result<Found, Refused>> {
        if let Some(entry) = self.schemas.get(&name) {
            return Some(entry.found.clone());
        }
        let (until, why) = self.refused.get(&name)?;
        (now < *until).then(|| Err(why.clone()))
    }

    fn refuse(&mut self, name: SchemaName, why: Refused, now: Instant) -> Refused {
        if self.refused.len() >= REFUSED_MAX {
            self.refused.retain(|_, (until, _)| now < *until);
        }
        if self.refused.len() >= REFUSED_MAX {
            self.refused.pop_first();
        }
        let entry = (now + REFUSED_FOR, why.clone());
        self.refused.insert(name, entry);
        why
    }

    fn answered(&mut self) {
        self.failures = 0;
        self.away_until = None;
    }

    fn failed(&mut self, now: Instant) {
        let (first, most) = BACK_OFF;
        let wait = first.saturating_mul(1 << self.failures.min(10)).min(most);
        self.failures += 1;
        self.away_until = Some(now + wait);
    }
}

/// Of the schema as JSON, so that another layout of the same text is no other schema.
fn digest(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(json) => released::text_digest(&json.to_string()),
        Err(_) => released::text_digest(text),
    }
}

/// What a schema is to this build, by its text as a registry gave it for `name`.
///
/// # Errors
/// [`Refused::Poison`] when it is beyond the [limits](super::TEXT_BYTES_MAX), or none of ours.
pub fn ours(name: SchemaName, text: &str) -> Result<Found, Refused> {
    let schema = limits::parse(text)
        .map_err(|why| Refused::bytes("unknown_schema", format!("{name}: {why}")))?;
    if let Some(known) = released::by_fingerprint(released::fingerprint(&schema)) {
        // The fingerprint leaves out logical types; the comparison does not.
        if *known.schema == schema {
            return Ok(Found::Released(known));
        }
        let detail = format!("{name} is {known:?} with other logical types");
        return Err(Refused::bytes("unknown_schema", detail));
    }
    match Newer::of(schema) {
        Some(newer) => Ok(Found::Newer(Arc::new(newer))),
        None => Err(Refused::bytes(
            "unknown_schema",
            format!("{name} is no record of this pipeline"),
        )),
    }
}

fn unknown(name: SchemaName) -> Refused {
    Refused::bytes(
        "unknown_schema",
        format!("the registry has no schema of {name}"),
    )
}

impl SchemaSource for Registry {
    fn find(&self, name: SchemaName) -> Result<Found, Refused> {
        if let Some(found) = self.memory().found(name, Instant::now()) {
            return found;
        }
        let path = match name {
            // A registry's ids are positive 32-bit integers; no other can ever exist.
            SchemaName::Id(id) if i32::try_from(id).is_ok_and(|id| id > 0) => {
                format!("/schemas/ids/{id}")
            }
            SchemaName::Guid(guid) => format!("/schemas/guids/{}", uuid::Uuid::from_bytes(guid)),
            SchemaName::Id(_) | SchemaName::Fingerprint(_) => return Err(unknown(name)),
        };
        let _one_at_a_time = self
            .asking
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        if let Some(found) = self.memory().found(name, now) {
            return found;
        }
        if let Some(until) = self.memory().away_until.filter(|until| now < *until) {
            let wait = until.duration_since(now).as_millis();
            return Err(Refused::RegistryAway(format!(
                "it failed lately; asking again in {wait} ms"
            )));
        }
        self.ask(name, &path)
    }
}

impl Registry {
    fn ask(&self, name: SchemaName, path: &str) -> Result<Found, Refused> {
        let answer = self.http.get(path);
        let answer = self.in_earnest(name, path, answer.and_then(|answer| avro_text(&answer)));
        let now = Instant::now();
        let mut memory = self.memory();
        match answer {
            Ok(text) => {
                memory.answered();
                if memory.learn(name, &text).is_err() {
                    let detail = format!("{name} changed while it was asked for");
                    return Err(Refused::RegistryAway(detail));
                }
                self.keep(name, &text);
                memory
                    .found(name, now)
                    .unwrap_or_else(|| Err(unknown(name)))
            }
            Err(RegistryError::Missing(_)) => {
                memory.answered();
                Err(memory.refuse(name, unknown(name), now))
            }
            Err(error @ (RegistryError::Unusable(_) | RegistryError::Refused(_))) => {
                memory.answered();
                tracing::warn!(schema = %name, %error, "no schema that could be read");
                let why = Refused::bytes("unknown_schema", format!("{name}: {error}"));
                Err(memory.refuse(name, why, now))
            }
            Err(error) => {
                memory.failed(now);
                tracing::warn!(schema = %name, %error, "schema look-up failed");
                Err(Refused::RegistryAway(error.to_string()))
            }
        }
    }

    /// An answer that is neither a schema nor the registry's word that there is none is taken for
    /// its word of this name only while it answers another call as a registry does. Waiting for
    /// what will never come would hold up all records behind the one that names it; what came
    /// from a proxy, or from a registry that is going down, is waited out.
    fn in_earnest(
        &self,
        name: SchemaName,
        path: &str,
        answer: Result<String, RegistryError>,
    ) -> Result<String, RegistryError> {
        let is_by_guid = matches!(name, SchemaName::Guid(_));
        match answer {
            Err(RegistryError::Away(_)) if is_by_guid && self.http.lacks(path) => {
                Err(RegistryError::Missing(path.to_owned()))
            }
            Err(RegistryError::Unusable(why) | RegistryError::Refused(why))
                if !self.http.is_there() =>
            {
                Err(RegistryError::Away(why))
            }
            answer => answer,
        }
    }

    /// Asks again for every id that is known, and compares: an id means one schema for ever.
    /// Returns how many were asked for.
    ///
    /// # Errors
    /// [`RegistryError::IdChanged`] for the first that changed, [`RegistryError::Missing`] for one
    /// that is gone, [`RegistryError::Away`].
    pub fn verify(&self) -> Result<usize, RegistryError> {
        let mut ids: Vec<u32> = (self.memory().schemas.keys())
            .filter_map(|name| {
                if let SchemaName::Id(id) = name {
                    Some(*id)
                } else {
                    None
                }
            })
            .collect();
        ids.sort_unstable();
        for id in &ids {
            let text = avro_text(&self.http.get(&format!("/schemas/ids/{id}"))?)?;
            self.memory().learn(SchemaName::Id(*id), &text)?;
        }
        Ok(ids.len())
    }

    /// A cache that cannot be written costs a call after the next start, and nothing else.
    fn keep(&self, name: SchemaName, text: &str) {
        if let Some(Err(error)) = self
            .cache
            .as_ref()
            .map(|cache| cache.keep_schema(name, text))
        {
            tracing::warn!(schema = %name, %error, "schema not kept on disk");
        }
    }
}

/// The schema's text in an answer. Another kind of schema than Avro is taken as its text too, and
/// then refused as no Avro.
fn avro_text(answer: &Value) -> Result<String, RegistryError> {
    let text = answer.get("schema").and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| RegistryError::Unusable("an answer without a schema".to_owned()))
}
