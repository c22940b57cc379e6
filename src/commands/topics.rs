//! `counterflow topics`: the topics as declared against the topics as they are.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use runtime::kafka::admin::{Admin, Drift, TopicDeclaration};
use serde_json::json;

use crate::{
    config::Config,
    context::Context,
    exit::{End, Misuse},
    output, topics,
};

const EXAMPLE: &str = "\
Example:
  counterflow topics plan --set kafka.bootstrap_servers=localhost:9092
  counterflow topics apply --set topics.replication=3 --set topics.min_insync_replicas=2";

const EXAMPLE_PLAN: &str = "\
Example:
  counterflow topics plan --set kafka.bootstrap_servers=localhost:9092";

const EXAMPLE_APPLY: &str = "\
Example:
  counterflow topics apply --set kafka.bootstrap_servers=localhost:9092";

const EXAMPLE_CHECK: &str = "\
Example:
  counterflow topics check --json --set kafka.bootstrap_servers=localhost:9092";

/// Makes the topics, and reports where they differ from topics.toml
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Another file of declarations than the program's copy of topics.toml
    #[arg(long, value_name = "FILE", global = true)]
    file: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum Action {
    /// Says what apply would make, and what differs; changes nothing
    #[command(after_help = EXAMPLE_PLAN)]
    Plan,
    /// Makes the topics that are missing; exits 1 when others differ, which it leaves alone
    ///
    /// Topics that exist are never changed: more partitions would move keys, and another retention
    /// may delete records. Change them with Kafka's own tools, knowing what it means.
    #[command(after_help = EXAMPLE_APPLY)]
    Apply,
    /// Exits 1 when anything is missing or differs
    #[command(after_help = EXAMPLE_CHECK)]
    Check,
}

pub(crate) async fn run(context: &Context, asked: &Arguments) -> anyhow::Result<End> {
    let config = context.start_once(&["kafka.bootstrap_servers"])?;
    let declared = declarations(&config, asked)?;
    let servers = config
        .kafka
        .bootstrap_servers
        .as_deref()
        .unwrap_or_default();
    let admin = Admin::connect(servers, &config.kafka.options.0)?;
    let mut created = Vec::new();
    let mut drift = admin.drift(&declared).await?;
    let missing = missing(&declared, &drift);
    // Kafka's client takes an empty list for a mistake.
    if asked.action == Action::Apply && !missing.is_empty() {
        created = admin.create(&missing).await?;
        drift.retain(|one| !matches!(one, Drift::Missing { topic } if created.contains(topic)));
    }
    if asked.json {
        let topics: Vec<&str> = declared.iter().map(|topic| topic.name.as_str()).collect();
        output::json(&json!({ "declared": topics, "created": created, "drift": drift }))?;
    } else {
        output::text(&as_text(&declared, &created, &drift))?;
    }
    match asked.action {
        Action::Plan => Ok(End::Done),
        Action::Apply | Action::Check if drift.is_empty() => Ok(End::Done),
        Action::Apply | Action::Check => Ok(End::No),
    }
}

fn declarations(config: &Config, asked: &Arguments) -> anyhow::Result<Vec<TopicDeclaration>> {
    let Some(path) = &asked.file else {
        return Ok(topics::declared(&config.topics));
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Misuse(format!("--file {}: {error}", path.display())))?;
    topics::read(&text, &config.topics).map_err(|error| {
        let error = anyhow::Error::new(error);
        Misuse(format!("--file {}: {error:#}", path.display())).into()
    })
}

fn missing(declared: &[TopicDeclaration], drift: &[Drift]) -> Vec<TopicDeclaration> {
    let is_missing = |topic: &&TopicDeclaration| {
        (drift.iter())
            .any(|one| matches!(one, Drift::Missing { topic: name } if *name == topic.name))
    };
    declared.iter().filter(is_missing).cloned().collect()
}

fn as_text(declared: &[TopicDeclaration], created: &[String], drift: &[Drift]) -> String {
    let mut lines = Vec::new();
    for topic in declared
        .iter()
        .filter(|topic| created.contains(&topic.name))
    {
        lines.push(format!("created  {}", in_full(topic)));
    }
    for one in drift {
        lines.push(match one {
            Drift::Missing { topic } => {
                let topic = declared.iter().find(|declared| declared.name == *topic);
                format!("missing  {}", topic.map(in_full).unwrap_or_default())
            }
            Drift::Partitions {
                topic,
                declared,
                found,
            } => format!("differs  {topic}: {found} partitions, declared {declared}"),
            Drift::Replication {
                topic,
                declared,
                found,
            } => format!("differs  {topic}: replicas {found}, declared {declared}"),
            Drift::Config {
                topic,
                entry,
                declared,
                found,
            } => {
                let found = found.as_deref().unwrap_or("not set");
                format!("differs  {topic}: {entry} is {found}, declared {declared}")
            }
        });
    }
    if lines.is_empty() {
        return format!("{} topics as declared\n", declared.len());
    }
    lines.join("\n") + "\n"
}

fn in_full(topic: &TopicDeclaration) -> String {
    let config: Vec<String> = (topic.config.iter())
        .map(|(entry, value)| format!("{entry}={value}"))
        .collect();
    format!(
        "{}  partitions={} replication={} {}",
        topic.name,
        topic.partitions,
        topic.replication,
        config.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_said_with_both_values() {
        let declared = [TopicDeclaration {
            name: "shop.stock.v1".to_owned(),
            partitions: 12,
            replication: 3,
            config: [("retention.ms".to_owned(), "-1".to_owned())].into(),
        }];
        let topic = || "shop.stock.v1".to_owned();
        let drift = [
            Drift::Partitions {
                topic: topic(),
                declared: 12,
                found: 6,
            },
            Drift::Replication {
                topic: topic(),
                declared: 3,
                found: 1,
            },
            Drift::Config {
                topic: topic(),
                entry: "retention.ms".to_owned(),
                declared: "-1".to_owned(),
                found: Some("604800000".to_owned()),
            },
        ];
        let text = as_text(&declared, &[], &drift);
        assert!(text.contains("6 partitions, declared 12"), "{text}");
        assert!(text.contains("replicas 1, declared 3"), "{text}");
        assert!(
            text.contains("retention.ms is 604800000, declared -1"),
            "{text}"
        );
        assert!(missing(&declared, &drift).is_empty());
        let gone = [Drift::Missing { topic: topic() }];
        assert_eq!(missing(&declared, &gone), declared);
        let text = as_text(&declared, &[], &gone);
        assert_eq!(
            text,
            "missing  shop.stock.v1  partitions=12 replication=3 retention.ms=-1\n"
        );
    }
}
