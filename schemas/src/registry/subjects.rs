//! Our schemas in the registry: their ids, registration, versions, and the check before it.
//!
//! For deployment and start-up, never inside decoding.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Registry, RegistryError};
use crate::released::{self, Released};
use crate::wire::framing::SchemaName;

/// How long a registry that answers nothing is asked for one schema after the other.
const ASKING_MAX: Duration = Duration::from_secs(5);

/// What the registry calls our schemas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// By (record name, version): for [`Encoder::with_ids`](crate::Encoder::with_ids).
    pub known: BTreeMap<(&'static str, u32), u32>,
    /// Subjects that do not have our schema yet, or could not be asked about, and why.
    pub unknown: Vec<(String, RegistryError)>,
}

/// The registry's judgement of a schema beside those that its subject has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compatibility {
    /// Whether it may be registered.
    pub is_compatible: bool,
    /// Why not.
    pub messages: Vec<String>,
}

impl Registry {
    /// The ids of all released schemas: as [`ids_of`](Self::ids_of).
    ///
    /// # Errors
    /// [`RegistryError::IdChanged`] when an id no longer means what it meant.
    pub fn ids(&self) -> Result<Ids, RegistryError> {
        self.ids_of(released::all())
    }

    /// The ids of some released schemas: from the registry, or from the folder while it is away.
    /// What has no id is listed, and is written by fingerprint meanwhile, which every reader that knows the
    /// version takes.
    /// A registry that is slow to say nothing is not asked for each of them: the rest comes from
    /// the folder after a few seconds.
    ///
    /// # Errors
    /// [`RegistryError::IdChanged`] when an id no longer means what it meant.
    pub fn ids_of(
        &self,
        schemas: impl IntoIterator<Item = &'static Released>,
    ) -> Result<Ids, RegistryError> {
        let mut ids = Ids::default();
        let until = Instant::now() + ASKING_MAX;
        let mut away = None;
        for schema in schemas {
            let answer = match &away {
                Some(error) if Instant::now() >= until => Err(RegistryError::clone(error)),
                _ => self.ask_id(schema),
            };
            if let Err(error @ RegistryError::Away(_)) = &answer {
                away = Some(error.clone());
            }
            match self.settled(schema, answer) {
                Ok(id) => {
                    ids.known.insert((schema.name, schema.version), id);
                }
                Err(changed @ RegistryError::IdChanged(_)) => return Err(changed),
                Err(error) => ids.unknown.push((schema.subject(), error)),
            }
        }
        Ok(ids)
    }

    /// The id of one released schema. The registry's word is pinned: it must be the id that it
    /// was before.
    ///
    /// # Errors
    /// [`RegistryError::Missing`] when it is not registered, [`RegistryError::Away`] when neither
    /// the registry nor the folder says, [`RegistryError::IdChanged`].
    pub fn id(&self, schema: &'static Released) -> Result<u32, RegistryError> {
        self.settled(schema, self.ask_id(schema))
    }

    fn ask_id(&self, schema: &Released) -> Result<u32, RegistryError> {
        let path = format!("/subjects/{}", encoded(&schema.subject()));
        id_in(&self.http.post(&path, &request(schema))?)
    }

    /// What an answer means beside what was said before.
    fn settled(
        &self,
        schema: &'static Released,
        answer: Result<u32, RegistryError>,
    ) -> Result<u32, RegistryError> {
        let subject = schema.subject();
        let digest = released::text_digest(schema.text);
        let kept = self
            .cache
            .as_ref()
            .and_then(|cache| cache.id(&subject, &digest));
        match (answer, kept) {
            (Ok(id), _) => self.pinned(schema, &subject, &digest, id),
            (Err(RegistryError::Away(_) | RegistryError::Unusable(_)), Some(id)) => {
                // Records that name it are read without asking, too.
                self.memory().stands_for(SchemaName::Id(id), schema)?;
                Ok(id)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Registers a released schema and returns its id; registering again is the same id.
    ///
    /// # Errors
    /// [`RegistryError::Refused`] when the registry finds it incompatible, and as [`id`](Self::id).
    pub fn register(&self, schema: &'static Released) -> Result<u32, RegistryError> {
        let subject = schema.subject();
        let path = format!("/subjects/{}/versions", encoded(&subject));
        let id = id_in(&self.http.post(&path, &request(schema))?)?;
        self.pinned(schema, &subject, &released::text_digest(schema.text), id)
    }

    /// Asks that a subject's versions be checked against all earlier ones in both directions.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn require_full_transitive(&self, schema: &'static Released) -> Result<(), RegistryError> {
        let path = format!("/config/{}", encoded(&schema.subject()));
        let rule = json!({ "compatibility": "FULL_TRANSITIVE" });
        match self.http.put(&path, &rule) {
            // Of two that set it at once, one is told that it exists; now it is changed, not made.
            Err(RegistryError::Refused(_)) => self.http.put(&path, &rule),
            other => other,
        }
        .map(|_| ())
    }

    /// Asks whether a schema may stand beside the versions that its subject has. A subject that
    /// does not exist yet takes any.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn check(&self, schema: &'static Released) -> Result<Compatibility, RegistryError> {
        let subject = encoded(&schema.subject());
        let path = format!("/compatibility/subjects/{subject}/versions?verbose=true");
        let answer = match self.http.post(&path, &request(schema)) {
            Err(RegistryError::Missing(_)) => {
                return Ok(Compatibility {
                    is_compatible: true,
                    messages: Vec::new(),
                });
            }
            other => other?,
        };
        let is_compatible = answer.get("is_compatible").and_then(Value::as_bool);
        let is_compatible = is_compatible
            .ok_or_else(|| RegistryError::Away("an answer without a judgement".into()))?;
        let messages = answer.get("messages").and_then(Value::as_array);
        let messages = messages.into_iter().flatten().filter_map(Value::as_str);
        Ok(Compatibility {
            is_compatible,
            messages: messages.map(str::to_owned).collect(),
        })
    }

    /// The versions that a released schema's subject has; none when it does not exist.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn versions(&self, schema: &'static Released) -> Result<Vec<u32>, RegistryError> {
        let path = format!("/subjects/{}/versions", encoded(&schema.subject()));
        let answer = match self.http.get(&path) {
            Err(RegistryError::Missing(_)) => return Ok(Vec::new()),
            other => other?,
        };
        let versions = answer
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_u64);
        Ok(versions
            .filter_map(|version| u32::try_from(version).ok())
            .collect())
    }

    /// Holds the registry to what it said: the id means our text, now and after a restart.
    fn pinned(
        &self,
        schema: &'static Released,
        subject: &str,
        digest: &str,
        id: u32,
    ) -> Result<u32, RegistryError> {
        let kept = self
            .cache
            .as_ref()
            .and_then(|cache| cache.id(subject, digest));
        if kept.is_some_and(|kept| kept != id) {
            tracing::error!(subject, id, "our schema has another id than before");
            return Err(RegistryError::IdChanged(format!("subject {subject}")));
        }
        self.memory().stands_for(SchemaName::Id(id), schema)?;
        if let Some(cache) = &self.cache
            && kept.is_none()
        {
            cache.keep_id(subject, digest, id)?;
        }
        Ok(id)
    }
}

fn request(schema: &Released) -> Value {
    json!({ "schema": schema.text })
}

fn id_in(answer: &Value) -> Result<u32, RegistryError> {
    let id = answer
        .get("id")
        .and_then(Value::as_u64)
        .and_then(|id| u32::try_from(id).ok());
    id.ok_or_else(|| RegistryError::Away("an answer without an id".to_owned()))
}

/// Subjects hold letters, digits, points and hyphens; anything else is escaped.
fn encoded(subject: &str) -> String {
    let mut path = String::with_capacity(subject.len());
    for byte in subject.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}
