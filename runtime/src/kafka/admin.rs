//! Topics: what is declared, what there is, and the difference.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    error::RDKafkaErrorCode,
};

use super::options;

/// A topic as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDeclaration {
    /// Its name.
    pub name: String,
    /// Its partitions; never raised in place, because keys would move.
    pub partitions: i32,
    /// Its replicas.
    pub replication: i32,
    /// Topic configuration, as Kafka names it.
    pub config: BTreeMap<String, String>,
}

/// A difference between a declaration and the cluster.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "drift")]
pub enum Drift {
    /// The topic does not exist.
    Missing {
        /// The topic.
        topic: String,
    },
    /// It has another number of partitions, which cannot be mended in place.
    Partitions {
        /// The topic.
        topic: String,
        /// As declared.
        declared: i32,
        /// As found.
        found: i32,
    },
    /// Some of its partitions have another number of replicas; more are given with Kafka's own
    /// tools.
    Replication {
        /// The topic.
        topic: String,
        /// As declared.
        declared: i32,
        /// As found: of the partitions that differ, the fewest; a partition is as safe as it has
        /// replicas.
        found: i32,
    },
    /// A configuration entry differs.
    Config {
        /// The topic.
        topic: String,
        /// The entry.
        entry: String,
        /// As declared.
        declared: String,
        /// As found.
        found: Option<String>,
    },
}

/// Why the cluster could not be asked or changed.
#[derive(Debug, thiserror::Error)]
#[error("{action}: {reason}")]
pub struct AdminError {
    /// What was tried.
    pub action: String,
    /// What came back.
    pub reason: String,
}

/// A connection for administration.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    options: AdminOptions,
}

const TIMEOUT: Duration = Duration::from_secs(15);

impl Admin {
    /// Connects to a cluster.
    ///
    /// # Errors
    /// When the options are not understood.
    pub fn connect(
        bootstrap_servers: &str,
        kafka_options: &BTreeMap<String, String>,
    ) -> Result<Self, AdminError> {
        let client = options::client(bootstrap_servers, kafka_options, "counterflow-topics");
        let client = client
            .create()
            .map_err(|error: rdkafka::error::KafkaError| AdminError {
                action: "connect to kafka".to_owned(),
                reason: error.to_string(),
            })?;
        let options = AdminOptions::new()
            .request_timeout(Some(TIMEOUT))
            .operation_timeout(Some(TIMEOUT));
        Ok(Self { client, options })
    }

    /// The differences between the declarations and the cluster.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn drift(&self, declared: &[TopicDeclaration]) -> Result<Vec<Drift>, AdminError> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, TIMEOUT)
            .map_err(|error| AdminError {
                action: "read the topics".to_owned(),
                reason: error.to_string(),
            })?;
        let mut drift = Vec::new();
        for topic in declared {
            let found = metadata
                .topics()
                .iter()
                .find(|found| found.name() == topic.name);
            let Some(found) = found else {
                drift.push(Drift::Missing {
                    topic: topic.name.clone(),
                });
                continue;
            };
            let partitions = i32::try_from(found.partitions().len()).unwrap_or(i32::MAX);
            if partitions != topic.partitions {
                drift.push(Drift::Partitions {
                    topic: topic.name.clone(),
                    declared: topic.partitions,
                    found: partitions,
                });
            }
            let replicas = (found.partitions().iter())
                .map(|partition| i32::try_from(partition.replicas().len()).unwrap_or(i32::MAX));
            if let Some(found) = replicas.filter(|found| *found != topic.replication).min() {
                drift.push(Drift::Replication {
                    topic: topic.name.clone(),
                    declared: topic.replication,
                    found,
                });
            }
            drift.extend(self.config_drift(topic).await?);
        }
        Ok(drift)
    }

    async fn config_drift(&self, topic: &TopicDeclaration) -> Result<Vec<Drift>, AdminError> {
        let failed = |reason: String| AdminError {
            action: format!("read the configuration of {}", topic.name),
            reason,
        };
        if topic.config.is_empty() {
            return Ok(Vec::new());
        }
        let specifier = [ResourceSpecifier::Topic(&topic.name)];
        let described = self
            .client
            .describe_configs(&specifier, &self.options)
            .await;
        let described = described.map_err(|error| failed(error.to_string()))?;
        let mut drift = Vec::new();
        for resource in described {
            let resource = resource.map_err(|error| failed(error.to_string()))?;
            for (entry, declared) in &topic.config {
                let found = resource.get(entry).and_then(|found| found.value.clone());
                if found.as_ref() != Some(declared) {
                    drift.push(Drift::Config {
                        topic: topic.name.clone(),
                        entry: entry.clone(),
                        declared: declared.clone(),
                        found,
                    });
                }
            }
        }
        Ok(drift)
    }

    /// Creates the topics that are missing; returns their names. Topics that exist are left alone.
    ///
    /// # Errors
    /// When the cluster refuses one; those before it are created.
    pub async fn create(&self, declared: &[TopicDeclaration]) -> Result<Vec<String>, AdminError> {
        let new = declared.iter().map(|topic| {
            let replication = TopicReplication::Fixed(topic.replication);
            let new = NewTopic::new(&topic.name, topic.partitions, replication);
            topic
                .config
                .iter()
                .fold(new, |new, (entry, value)| new.set(entry, value))
        });
        let new: Vec<NewTopic<'_>> = new.collect();
        let outcomes = self
            .client
            .create_topics(&new, &self.options)
            .await
            .map_err(|error| AdminError {
                action: "create topics".to_owned(),
                reason: error.to_string(),
            })?;
        let mut created = Vec::new();
        for outcome in outcomes {
            match outcome {
                Ok(topic) => created.push(topic),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, error)) => {
                    return Err(AdminError {
                        action: format!("create {topic}"),
                        reason: error.to_string(),
                    });
                }
            }
        }
        Ok(created)
    }
}
