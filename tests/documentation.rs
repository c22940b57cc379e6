//! What README.md and ARCHITECTURE.md say of the code, held against the code: the table of settings,
//! the names of metrics and commands, and every file that they name.
//!
//! `COUNTERFLOW_WRITE_README=1 cargo test --test documentation` writes the table of settings.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use clap::CommandFactory as _;
use counterflow::{
    cli::Cli,
    config::{SETTINGS, Shown},
};

#[path = "documentation/faults.rs"]
mod faults;

const BEGIN: &str = "<!-- settings: written from src/config/settings.rs -->\n";
const END: &str = "<!-- end of settings -->\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A table per section.
fn settings() -> String {
    let mut text = String::new();
    let mut section = "";
    for setting in SETTINGS {
        let (of, _) = setting.key.split_once('.').unwrap();
        if of != section {
            section = of;
            writeln!(text, "\n**`[{section}]`**\n").unwrap();
            text.push_str("| Key | Default | What it does |\n|---|---|---|\n");
        }
        let default = setting.default.map_or_else(
            || "–".to_owned(),
            |default| format!("`{}`", default.replace('|', "\\|")),
        );
        let secret = match setting.shown {
            Shown::Whole => "",
            Shown::WithoutPassword => " Its password is never shown.",
            Shown::Never => " Never shown.",
        };
        let doc = setting.doc.trim();
        writeln!(text, "| `{}` | {default} | {doc}{secret} |", setting.key).unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the table has a beginning");
    let (listed, after) = rest.split_once(END).expect("the table has an end");
    if std::env::var_os("COUNTERFLOW_WRITE_README").is_some() {
        let written = format!("{before}{BEGIN}{}{END}{after}", settings());
        fs::write(root().join("README.md"), written).unwrap();
        return;
    }
    assert_eq!(
        listed,
        settings(),
        "run the command at the head of this file"
    );
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_file_that_the_documents_name_exists() {
    let mut named = 0;
    for document in ["README.md", "ARCHITECTURE.md", "bench/README.md"] {
        let text = read(document);
        let is_path = |word: &&str| {
            let has_ending = [".rs", ".md", ".toml", ".sql", ".avsc", "/"]
                .iter()
                .any(|ending| word.ends_with(ending));
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            word.contains('/') && has_ending && word.chars().all(is_plain)
        };
        for path in quoted(&text).filter(is_path) {
            if path.starts_with('/') || path.starts_with("./") {
                continue;
            }
            named += 1;
            assert!(root().join(path).exists(), "{document} names {path}");
        }
    }
    assert!(named > 30, "only {named} paths were found");
}

/// Names of metrics as their sources register them.
fn registered() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    // The runtime adds the prefix when it registers.
    let runtime = read("runtime/src/metrics.rs");
    for kind in ["counter", "counters", "gauges", "histogram"] {
        let call = format!("new.{kind}(");
        names.extend(runtime.split(&call).skip(1).map(|rest| {
            let name = rest.split('"').nth(1).unwrap();
            format!("counterflow_{name}")
        }));
    }
    for file in [
        "producers/client/src/metrics.rs",
        "producers/storefront/src/metrics.rs",
        "src/wiring/schema_ids.rs",
        "src/commands/audit/metrics.rs",
    ] {
        let text = read(file);
        let literals = text.split('"').skip(1).step_by(2);
        let metrics = literals.filter(|literal| literal.starts_with("counterflow_"));
        names.extend(metrics.map(str::to_owned));
    }
    names
}

#[test]
fn the_readme_names_every_command_and_types_no_other() {
    let readme = read("README.md");
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let is_named = readme.contains(&format!("`{name}`"));
        assert!(is_named, "README.md does not name {name}");
    }
    for typed in readme.split("counterflow ").skip(1) {
        let word = typed
            .split(|c: char| !(c.is_ascii_lowercase() || c == '-'))
            .next();
        let Some(word) = word.filter(|word| !word.is_empty()) else {
            continue;
        };
        let is_command = Cli::command().find_subcommand(word).is_some();
        assert!(is_command, "README.md types `counterflow {word}`");
    }
}

#[test]
fn the_readme_names_every_metric_and_no_other() {
    let readme = read("README.md");
    let named: BTreeSet<String> = quoted(&readme)
        .filter(|word| word.starts_with("counterflow_"))
        .map(str::to_owned)
        .collect();
    assert_eq!(named, registered());
}
