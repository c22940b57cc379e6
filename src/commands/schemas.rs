//! `counterflow schemas`: the schemas of this build, their rules, and the registry.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use schemas::{Registry, released};
use serde_json::json;

use crate::{
    config::Config,
    context::Context,
    exit::{End, Misuse},
    output,
    wiring::open_registry,
};

mod check;

const EXAMPLE: &str = "\
Example:
  counterflow schemas list
  counterflow schemas check --file purchase.v4.avsc
  counterflow schemas register --set registry.url=http://localhost:8081";

const EXAMPLE_LIST: &str = "\
Example:
  counterflow schemas list --json";

const EXAMPLE_REGISTER: &str = "\
Example:
  counterflow schemas register --set registry.url=http://localhost:8081";

const EXAMPLE_VERSIONS: &str = "\
Example:
  counterflow schemas versions --set registry.url=http://localhost:8081";

/// Lists, checks and registers the schemas of this build
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the schemas of this build: record, version, topic, subject, fingerprint
    #[command(after_help = EXAMPLE_LIST)]
    List,
    Check(check::Arguments),
    /// Registers every schema, after asking the registry whether it may; exits 1 when one may not
    ///
    /// Registering again is the same id. Subjects are held to FULL_TRANSITIVE first.
    #[command(after_help = EXAMPLE_REGISTER)]
    Register,
    /// Shows which versions the registry has of each subject, and the ids of ours
    #[command(after_help = EXAMPLE_VERSIONS)]
    Versions,
}

pub(crate) async fn run(context: &Context, asked: Arguments) -> anyhow::Result<End> {
    let needs: &[&'static str] = match asked.action {
        Action::List | Action::Check(_) => &[],
        Action::Register | Action::Versions => &["registry.url"],
    };
    let config = context.start_once(needs)?;
    // The registry's client blocks, so it is kept off the threads that must not wait.
    let work = tokio::task::spawn_blocking(move || act(&config, &asked));
    work.await.context("ask about schemas")?
}

fn act(config: &Config, asked: &Arguments) -> anyhow::Result<End> {
    let registry = open_registry(config)?;
    match (&asked.action, registry) {
        (Action::List, _) => list(asked.json),
        (Action::Check(what), registry) => check::run(what, registry.as_ref(), asked.json),
        (Action::Register, Some(registry)) => register(&registry, asked.json),
        (Action::Versions, Some(registry)) => versions(&registry, asked.json),
        (Action::Register | Action::Versions, None) => {
            Err(Misuse("registry.url: needed by this command".to_owned()).into())
        }
    }
}

fn list(is_json: bool) -> anyhow::Result<End> {
    let hex = |schema: &released::Released| -> String {
        let number = u64::from_le_bytes(schema.fingerprint);
        format!("{number:016x}")
    };
    if is_json {
        let all = released::all().iter().map(|schema| {
            json!({
                "name": schema.name,
                "version": schema.version,
                "topic": schema.topic,
                "subject": schema.subject(),
                "fingerprint": hex(schema),
            })
        });
        output::json(&all.collect::<Vec<_>>())?;
        return Ok(End::Done);
    }
    let head = ["record", "version", "fingerprint", "subject"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(released::all().iter().map(|schema| {
        let version = schema.version.to_string();
        vec![
            schema.name.to_owned(),
            version,
            hex(schema),
            schema.subject(),
        ]
    }));
    output::text(&output::columns(&rows))?;
    Ok(End::Done)
}

fn register(registry: &Registry, is_json: bool) -> anyhow::Result<End> {
    let mut outcomes = Vec::new();
    let mut is_refused = false;
    for schema in released::all() {
        let named = || format!("register {} version {}", schema.name, schema.version);
        registry
            .require_full_transitive(schema)
            .with_context(named)?;
        let judged = registry.check(schema).with_context(named)?;
        let id = match judged.is_compatible {
            true => Some(registry.register(schema).with_context(named)?),
            false => None,
        };
        is_refused |= id.is_none();
        let (name, version) = (schema.name, schema.version);
        match id {
            Some(id) if !is_json => output::line(format!("{name} version {version}: id {id}"))?,
            None if !is_json => {
                let why = judged.messages.join("; ");
                output::line(format!("{name} version {version}: refused: {why}"))?;
            }
            _ => {}
        }
        outcomes.push(json!({
            "name": name,
            "version": version,
            "subject": schema.subject(),
            "id": id,
            "refused": judged.messages,
        }));
    }
    if is_json {
        output::json(&outcomes)?;
    }
    Ok(if is_refused { End::No } else { End::Done })
}

fn versions(registry: &Registry, is_json: bool) -> anyhow::Result<End> {
    let ids = registry.ids().context("ask for the ids")?;
    let mut rows = vec![
        ["record", "version", "id", "in the registry"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut all = Vec::new();
    for schema in released::all() {
        let versions = registry.versions(schema).context("ask for the versions")?;
        let id = ids.known.get(&(schema.name, schema.version)).copied();
        let shown: Vec<String> = versions.iter().map(ToString::to_string).collect();
        rows.push(vec![
            schema.name.to_owned(),
            schema.version.to_string(),
            id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            shown.join(", "),
        ]);
        all.push(json!({
            "name": schema.name,
            "version": schema.version,
            "subject": schema.subject(),
            "id": id,
            "registry_versions": versions,
        }));
    }
    match is_json {
        true => output::json(&all)?,
        false => output::text(&output::columns(&rows))?,
    }
    // A schema without an id is written by fingerprint; whoever rolls out wants to know.
    Ok(if ids.unknown.is_empty() {
        End::Done
    } else {
        End::No
    })
}
