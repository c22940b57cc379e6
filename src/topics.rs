//! The topics as they are declared: read from `topics.toml`, of which the program carries a copy.

use std::{collections::BTreeMap, num::NonZeroUsize};

use runtime::kafka::admin::TopicDeclaration;
use serde::Deserialize;

use crate::config::Topics;

/// The declarations that are part of the program.
pub const DECLARED: &str = include_str!("../topics.toml");

const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// Why a file of declarations cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeclarationError {
    /// It has another form.
    #[error("it does not read as declarations of topics")]
    Form(#[from] toml::de::Error),
    /// A topic is declared twice.
    #[error("{0} is declared twice")]
    Twice(String),
    /// Topics that groups read together have different numbers of partitions.
    #[error(
        "{topic} has {found} partitions and {first} has {expected}: partition p of all topics \
         must belong to one member"
    )]
    Partitions {
        /// The topic.
        topic: String,
        /// Its partitions.
        found: i32,
        /// The topic that it is compared with.
        first: String,
        /// That one's partitions.
        expected: i32,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    config: BTreeMap<String, String>,
    topic: Vec<Declared>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    name: String,
    #[expect(
        dead_code,
        reason = "for whoever reads the file; its presence is demanded"
    )]
    about: String,
    partitions: Option<NonZeroUsize>,
    replication: Option<NonZeroUsize>,
    #[serde(default)]
    config: BTreeMap<String, String>,
}

/// The topics of the program's own copy of `topics.toml`.
#[must_use]
pub fn declared(sizes: &Topics) -> Vec<TopicDeclaration> {
    read(DECLARED, sizes).expect("the copy in the program is sound: pinned by test")
}

/// The topics of a file such as `topics.toml`; `sizes` stand for what the file leaves open.
///
/// # Errors
/// [`DeclarationError`] names what is wrong.
pub fn read(text: &str, sizes: &Topics) -> Result<Vec<TopicDeclaration>, DeclarationError> {
    let file: File = toml::from_str(text)?;
    let mut all: Vec<TopicDeclaration> = Vec::new();
    for topic in file.topic {
        if all.iter().any(|known| known.name == topic.name) {
            return Err(DeclarationError::Twice(topic.name));
        }
        let mut config = file.config.clone();
        let in_sync = sizes.min_insync_replicas.to_string();
        config
            .entry(MIN_INSYNC_REPLICAS.to_owned())
            .or_insert(in_sync);
        config.extend(topic.config);
        all.push(TopicDeclaration {
            name: topic.name,
            partitions: count(topic.partitions.unwrap_or(sizes.partitions)),
            replication: count(topic.replication.unwrap_or(sizes.replication)),
            config,
        });
    }
    same_partitions(&all)?;
    Ok(all)
}

/// Dead letters are read by people; every other topic is read together with others.
fn same_partitions(all: &[TopicDeclaration]) -> Result<(), DeclarationError> {
    let mut read = all
        .iter()
        .filter(|topic| !topic.name.contains(".dead-letters."));
    let Some(first) = read.next() else {
        return Ok(());
    };
    match read.find(|topic| topic.partitions != first.partitions) {
        None => Ok(()),
        Some(other) => Err(DeclarationError::Partitions {
            topic: other.name.clone(),
            found: other.partitions,
            first: first.name.clone(),
            expected: first.partitions,
        }),
    }
}

fn count(number: NonZeroUsize) -> i32 {
    i32::try_from(number.get()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{context::Context, groups::GroupName};

    fn sizes() -> Topics {
        Context::default().load(&[]).unwrap().config.topics
    }

    #[test]
    fn every_topic_that_a_group_reads_or_writes_is_declared() {
        let declared = declared(&sizes());
        let names: Vec<&str> = declared.iter().map(|topic| topic.name.as_str()).collect();
        for topic in analytics::TOPICS {
            assert!(names.contains(&topic), "{topic}");
        }
        for group in GroupName::ALL {
            let topic = group.dead_letter_topic();
            assert!(names.contains(&topic.as_str()), "{topic}");
        }
        assert_eq!(names.len(), 10);
    }

    #[test]
    fn settings_stand_for_what_the_file_leaves_open() {
        let sizes = Topics {
            partitions: NonZeroUsize::new(6).unwrap(),
            replication: NonZeroUsize::new(3).unwrap(),
            min_insync_replicas: NonZeroUsize::new(2).unwrap(),
        };
        for topic in declared(&sizes) {
            assert_eq!(
                (topic.partitions, topic.replication),
                (6, 3),
                "{}",
                topic.name
            );
            assert_eq!(topic.config[MIN_INSYNC_REPLICAS], "2", "{}", topic.name);
            assert_eq!(topic.config["cleanup.policy"], "delete", "{}", topic.name);
        }
    }

    #[test]
    fn a_topic_replaces_what_holds_for_all() {
        let stock = declared(&sizes());
        let stock = stock.iter().find(|topic| topic.name == "shop.stock.v1");
        assert_eq!(stock.unwrap().config["retention.ms"], "-1");
    }

    #[test]
    fn what_could_not_work_is_refused() {
        let topic = |name: &str, more: &str| {
            format!("[[topic]]\nname = \"{name}\"\nabout = \"-\"\n{more}\n")
        };
        let twice = topic("a", "") + &topic("a", "");
        let error = read(&twice, &sizes()).unwrap_err();
        assert_eq!(error.to_string(), "a is declared twice");
        let uneven = topic("a", "") + &topic("b", "partitions = 3");
        let error = read(&uneven, &sizes()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("b has 3 partitions and a has 12"),
            "{error}"
        );
        let letters = topic("a", "") + &topic("shop.a.dead-letters.v1", "partitions = 3");
        assert!(read(&letters, &sizes()).is_ok());
        assert!(read(&topic("a", "partition = 3"), &sizes()).is_err());
    }
}
