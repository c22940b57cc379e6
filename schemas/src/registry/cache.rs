//! What the registry once said, on disk: a file per schema and a file per subject.
//!
//! Written whole under another name and moved into place, so that a crash leaves the old file or
//! the new one. A file that cannot be read as what it should be is left alone and not believed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::RegistryError;
use super::limits::TEXT_BYTES_MAX;
use crate::wire::framing::SchemaName;

/// More files than this are not read.
const FILES_MAX: usize = 10_000;

pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    pub(super) fn open(folder: &Path) -> Result<Self, RegistryError> {
        fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Every schema that is kept, by what the registry calls it.
    pub(super) fn schemas(&self) -> Result<Vec<(SchemaName, String)>, RegistryError> {
        let entries = fs::read_dir(&self.folder).map_err(|error| failed(&self.folder, &error))?;
        let mut kept = Vec::new();
        for entry in entries.take(FILES_MAX) {
            let path = entry.map_err(|error| failed(&self.folder, &error))?.path();
            let stem = path.file_name().and_then(|name| name.to_str());
            let Some(name) = stem.and_then(schema_name) else {
                continue;
            };
            match read(&path)
                .as_ref()
                .and_then(|json| json.get("schema"))
                .and_then(Value::as_str)
            {
                Some(text) => kept.push((name, text.to_owned())),
                None => {
                    tracing::warn!(file = %path.display(), "unreadable file in the schema cache")
                }
            }
        }
        Ok(kept)
    }

    pub(super) fn keep_schema(&self, name: SchemaName, text: &str) -> Result<(), RegistryError> {
        self.write(&file_name(name), &json!({ "schema": text }))
    }

    /// The id of our schema in a subject, when the registry once said so of this very text.
    pub(super) fn id(&self, subject: &str, digest: &str) -> Option<u32> {
        let json = read(&self.folder.join(subject_file(subject, digest)))?;
        if json.get("digest")?.as_str()? != digest {
            return None;
        }
        u32::try_from(json.get("id")?.as_u64()?).ok()
    }

    pub(super) fn keep_id(
        &self,
        subject: &str,
        digest: &str,
        id: u32,
    ) -> Result<(), RegistryError> {
        let json = json!({ "subject": subject, "digest": digest, "id": id });
        self.write(&subject_file(subject, digest), &json)
    }

    fn write(&self, name: &str, json: &Value) -> Result<(), RegistryError> {
        let path = self.folder.join(name);
        // The process's id keeps two processes with one folder apart.
        let beside = self
            .folder
            .join(format!("{name}.{}.tmp", std::process::id()));
        let written = fs::File::create(&beside).and_then(|mut file| {
            file.write_all(json.to_string().as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        });
        written.map_err(|error| failed(&path, &error))
    }
}

fn read(path: &Path) -> Option<Value> {
    let size = fs::metadata(path).ok()?.len();
    if size > 4 * TEXT_BYTES_MAX as u64 {
        return None;
    }
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

fn failed(path: &Path, error: &std::io::Error) -> RegistryError {
    RegistryError::Cache(format!("{}: {error}", path.display()))
}

fn file_name(name: SchemaName) -> String {
    match name {
        SchemaName::Id(id) => format!("id-{id}.json"),
        SchemaName::Guid(guid) => format!("guid-{}.json", uuid::Uuid::from_bytes(guid)),
        SchemaName::Fingerprint(bytes) => format!("fp-{:016x}.json", u64::from_le_bytes(bytes)),
    }
}

fn schema_name(file: &str) -> Option<SchemaName> {
    let stem = file.strip_suffix(".json")?;
    if let Some(id) = stem.strip_prefix("id-") {
        return id.parse().ok().map(SchemaName::Id);
    }
    let guid = stem.strip_prefix("guid-")?;
    uuid::Uuid::parse_str(guid)
        .ok()
        .map(|guid| SchemaName::Guid(guid.into_bytes()))
}

/// A subject may hold any character; its file is named by the schema instead.
fn subject_file(subject: &str, digest: &str) -> String {
    let safe: String = subject
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!("subject-{safe}-{}.json", digest.get(..16).unwrap_or(digest))
}
