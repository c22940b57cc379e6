//! What may know what, proved from the manifests and the sources: a boundary that nobody checks is
//! crossed by the first who is in a hurry.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The packages that may name the Kafka client, by folder.
const KAFKA: [&str; 3] = ["producers/client", "runtime", "tests"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Per folder of a member: the packages that its manifest names, in whatever kind of dependency.
fn members() -> BTreeMap<String, BTreeSet<String>> {
    let workspace = manifest("Cargo.toml");
    let listed = workspace["workspace"]["members"].as_array().unwrap();
    let mut members = BTreeMap::new();
    for member in listed {
        let member = member.as_str().unwrap();
        let folders = match member.strip_suffix("/*") {
            Some(parent) => folders_in(parent),
            None => vec![member.to_owned()],
        };
        for folder in folders {
            let named = dependencies(&manifest(&format!("{folder}/Cargo.toml")));
            members.insert(folder, named);
        }
    }
    members
}

fn manifest(path: &str) -> toml::Table {
    fs::read_to_string(root().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
        .parse()
        .unwrap()
}

fn folders_in(parent: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(parent)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| format!("{parent}/{name}")).collect()
}

fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (key, value) in manifest {
        match (key.as_str(), value.as_table()) {
            ("dependencies" | "dev-dependencies" | "build-dependencies", Some(table)) => {
                named.extend(table.iter().map(|(name, value)| {
                    let renamed = value.get("package").and_then(toml::Value::as_str);
                    renamed.unwrap_or(name).to_owned()
                }));
            }
            ("target", Some(targets)) => {
                let tables = targets.values().filter_map(toml::Value::as_table);
                named.extend(tables.flat_map(dependencies));
            }
            _ => {}
        }
    }
    named
}

/// The Rust files of the workspace, relative to its root.
fn sources() -> Vec<PathBuf> {
    let mut folders = vec![root().to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let is_ours = !name.starts_with('.') && name != "target";
            if entry.file_type().unwrap().is_dir() && is_ours {
                folders.push(path);
            } else if name.ends_with(".rs") {
                files.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    files
}

/// Whether a file uses a crate in its code; what comments say of it does not count.
fn uses(file: &Path, krate: &str) -> bool {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let path = format!("{krate}::");
    let import = format!("use {krate}");
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .any(|code| code.contains(&path) || code.contains(&import))
}

#[test]
fn only_three_packages_name_the_kafka_client() {
    let naming: Vec<String> = (members().into_iter())
        .filter(|(_, named)| named.contains("rdkafka") || named.contains("rdkafka-sys"))
        .map(|(folder, _)| folder)
        .collect();
    assert_eq!(naming, KAFKA);
}

#[test]
fn no_other_source_file_uses_the_kafka_client() {
    let using: Vec<PathBuf> = (sources().into_iter())
        .filter(|file| uses(file, "rdkafka"))
        .collect();
    assert!(using.contains(&PathBuf::from("runtime/src/kafka/poll.rs")));
    let allowed = [
        "producers/client/",
        "runtime/src/kafka/",
        "runtime/tests/",
        "tests/",
    ];
    for file in using {
        let is_allowed = allowed.iter().any(|folder| file.starts_with(folder));
        assert!(is_allowed, "{} uses the Kafka client", file.display());
    }
}

#[test]
fn the_schemas_know_no_runtime_and_no_kafka() {
    let schemas = &members()["schemas"];
    assert!(schemas.contains("apache-avro"), "the manifest was read");
    for forbidden in ["tokio", "rdkafka", "runtime", "client", "codec"] {
        assert!(!schemas.contains(forbidden), "schemas names {forbidden}");
    }
}

#[test]
fn the_runtime_knows_no_purchases() {
    let members = members();
    let ours: BTreeSet<String> = members.keys().map(|folder| package(folder)).collect();
    let known: Vec<&String> = members["runtime"].intersection(&ours).collect();
    assert_eq!(
        known,
        ["failpoints", "mutants"],
        "and the two switches of tests"
    );
}

/// They are compiled in with debug assertions: what is built to be deployed has none.
#[test]
fn a_release_has_no_failpoints() {
    const { assert!(failpoints::COMPILED_IN, "what is tested has them") };
    let workspace = manifest("Cargo.toml");
    let profiles = workspace["profile"].as_table().unwrap();
    let release = profiles["release"].as_table().unwrap();
    assert!(!release.contains_key("debug-assertions"));
    let known = ["dev", "fuzz", "release"];
    let deploys = (profiles.keys()).filter(|name| !known.contains(&name.as_str()));
    assert_eq!(deploys.count(), 0, "no other profile has a way around it");
}

/// What stands in for Kafka, the machine and the disk in simulations is compiled in as failpoints are.
#[test]
fn a_release_has_no_simulated_machine() {
    for (file, item) in [
        ("runtime/src/lib.rs", "pub mod simulated;"),
        ("runtime/src/machine.rs", "Simulated(Arc<Clock>),"),
        ("runtime/src/store/mod.rs", "pub use sqlite::MemoryStore;"),
        ("runtime/src/store/sqlite/mod.rs", "mod in_memory;"),
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let (before, _) = text.split_once(item).unwrap();
        let is_switched = before.trim_end().ends_with("#[cfg(debug_assertions)]");
        assert!(is_switched, "{file}: {item}");
    }
    let allowed = ["runtime/src", "tests/simulation", "tests/boundaries.rs"];
    for file in sources() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        let names = text.contains("MemoryStore") || text.contains("simulated::");
        let is_allowed = allowed.iter().any(|folder| file.starts_with(folder));
        assert!(is_allowed || !names, "{} simulates", file.display());
    }
}

#[test]
fn groups_and_producers_meet_in_a_topic_only() {
    let members = members();
    let below = |parent: &str| -> BTreeSet<String> {
        let folders = members.keys().filter(|folder| folder.starts_with(parent));
        folders.map(|folder| package(folder)).collect()
    };
    let (consumers, producers) = (below("consumers/"), below("producers/"));
    assert_eq!(consumers.len(), 5);
    for (folder, named) in &members {
        if folder.starts_with("consumers/") {
            assert!(named.is_disjoint(&consumers), "{folder} names a group");
            assert!(named.is_disjoint(&producers), "{folder} names a producer");
        }
        if folder.starts_with("producers/") {
            assert!(named.is_disjoint(&consumers), "{folder} names a group");
        }
    }
}

/// All of a group but what talks to the world: its worker and its HTTP view.
fn is_core(file: &Path) -> bool {
    let parts: Vec<&str> = file.iter().filter_map(|part| part.to_str()).collect();
    matches!(parts.as_slice(), ["consumers", _, "src", part, ..]
        if !["tasks", "tasks.rs", "http.rs"].contains(part))
}

#[test]
fn a_group_decides_without_a_clock_and_without_chance() {
    let core: Vec<PathBuf> = sources().into_iter().filter(|file| is_core(file)).collect();
    assert!(core.contains(&PathBuf::from("consumers/payment/src/decide.rs")));
    for file in core {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        for forbidden in ["::now()", "now_v7()", "new_v4()", "rand::", "tokio::"] {
            let names = text.contains(forbidden);
            assert!(!names, "{} names {forbidden}", file.display());
        }
    }
}

/// The name of the package in a folder.
fn package(folder: &str) -> String {
    let manifest = manifest(&format!("{folder}/Cargo.toml"));
    manifest["package"]["name"].as_str().unwrap().to_owned()
}
