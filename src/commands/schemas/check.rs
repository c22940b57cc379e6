//! `counterflow schemas check`: whether every version may stand beside every other.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use apache_avro::Schema;
use clap::Args;
use schemas::{
    Registry, compatibility,
    released::{self, Released},
};
use serde::Serialize;

use crate::{
    exit::{End, Misuse},
    output,
};

const EXAMPLE: &str = "\
Example:
  counterflow schemas check
  counterflow schemas check --file schemas/avsc/purchase.v4.avsc";

/// Checks that every version of a record may stand beside every other; exits 1 when not
///
/// Stricter than Avro: fields are only added, with a default, and nothing is removed or changes its
/// type, name, default or order of symbols. With registry.url set, the registry is asked too.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Arguments {
    /// A schema that is not released yet, checked against all versions of its record
    #[arg(long, value_name = "AVSC")]
    file: Option<PathBuf>,
}

/// What stands in the way between two versions, or of one.
#[derive(Debug, Serialize)]
struct Finding {
    between: String,
    faults: Vec<String>,
}

pub(super) fn run(
    asked: &Arguments,
    registry: Option<&Registry>,
    is_json: bool,
) -> anyhow::Result<End> {
    let mut findings = match &asked.file {
        Some(path) => of_file(path)?,
        None => of_build(),
    };
    if let (Some(registry), None) = (registry, &asked.file) {
        findings.extend(of_registry(registry)?);
    }
    if is_json {
        output::json(&findings)?;
    } else if findings.is_empty() {
        output::line("every version may stand beside every other")?;
    } else {
        for finding in &findings {
            output::line(format!(
                "{}: {}",
                finding.between,
                finding.faults.join("; ")
            ))?;
        }
    }
    Ok(if findings.is_empty() {
        End::Done
    } else {
        End::No
    })
}

fn of_build() -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, one) in released::all().iter().enumerate() {
        let later = released::all()[place + 1..].iter();
        for other in later.filter(|other| other.name == one.name) {
            let faults = compatibility::faults(one.schema, other.schema);
            findings.push(finding(format!("{one:?} and {other:?}"), faults));
        }
        let own = compatibility::rule_faults(one.schema);
        findings.push(finding(format!("{one:?}"), own));
    }
    findings.into_iter().flatten().collect()
}

fn of_file(path: &Path) -> anyhow::Result<Vec<Finding>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Misuse(format!("--file {}: {error}", path.display())))?;
    let candidate = Schema::parse_str(&text)
        .map_err(|error| Misuse(format!("--file {}: {error}", path.display())))?;
    let name = candidate
        .name()
        .map(ToString::to_string)
        .unwrap_or_default();
    let known: Vec<&Released> = (released::all().iter())
        .filter(|schema| schema.full_name() == name)
        .collect();
    if known.is_empty() {
        tracing::warn!(record = name, "no version of this record is released");
    }
    let mut findings = vec![finding(
        path.display().to_string(),
        compatibility::rule_faults(&candidate),
    )];
    findings.extend(known.into_iter().map(|schema| {
        let faults = compatibility::faults(schema.schema, &candidate);
        finding(format!("{schema:?} and {}", path.display()), faults)
    }));
    Ok(findings.into_iter().flatten().collect())
}

fn of_registry(registry: &Registry) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for schema in released::all() {
        let judged = registry.check(schema).context("ask the registry")?;
        if !judged.is_compatible {
            findings.push(Finding {
                between: format!("{schema:?} and the registry's {}", schema.subject()),
                faults: judged.messages,
            });
        }
    }
    Ok(findings)
}

fn finding(between: String, faults: Vec<String>) -> Option<Finding> {
    (!faults.is_empty()).then_some(Finding { between, faults })
}
