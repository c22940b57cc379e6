//! Which version producers write: what is configured, as far as the groups read it.

use std::{collections::BTreeMap, future::Future, pin::Pin, time::Duration};

use client::{LiveReader, VersionGate, WriteVersion};
use runtime::kafka::readers::{self, GroupReads, ReadersError};
use schemas::topics;
use tokio::sync::oneshot;

use crate::{config::Config, groups::GroupName};

/// How long Kafka may take to say what all groups read.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// The groups that read purchases, as they tell Kafka of themselves.
pub struct LiveGroups {
    bootstrap_servers: String,
    options: BTreeMap<String, String>,
}

impl LiveGroups {
    /// The groups on the configured cluster.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            bootstrap_servers: config.kafka.bootstrap_servers.clone().unwrap_or_default(),
            options: config.kafka.options.0.clone(),
        }
    }
}

impl VersionGate for LiveGroups {
    fn live_readers(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<LiveReader>, String>> + Send + '_>> {
        let (servers, options) = (self.bootstrap_servers.clone(), self.options.clone());
        let (answer, answered) = oneshot::channel();
        // A thread of its own: the client may take long to close while brokers are away, and the
        // process must not wait for it when it ends.
        let asking = std::thread::Builder::new().name("readers".to_owned());
        let started = asking.spawn(move || {
            let groups = GroupName::ALL.map(GroupName::as_str);
            let topic = topics::PURCHASES;
            let found = readers::of_topic(&servers, &options, topic, &groups, ASK_TIMEOUT);
            // Whoever asked may have stopped waiting.
            drop(answer.send(found));
        });
        Box::pin(async move {
            started.map_err(|error| format!("start a thread: {error}"))?;
            let found = answered
                .await
                .map_err(|_| "the question was dropped".to_owned())?;
            live(found)
        })
    }
}

/// A member that does not say what it reads is of an older build than this, and may read anything.
fn live(found: Result<Vec<GroupReads>, ReadersError>) -> Result<Vec<LiveReader>, String> {
    let reader = |found: GroupReads| match found.reads {
        Some(reads) => Ok(LiveReader {
            group: found.group,
            reads: u8::try_from(reads).unwrap_or(u8::MAX),
        }),
        None => Err(format!("a member of {} does not say", found.group)),
    };
    let found = found.map_err(|error| error.to_string())?;
    found.into_iter().map(reader).collect()
}

/// The version that a producer begins with: the configured one when that is forced, else the lowest,
/// until the groups have been asked.
#[must_use]
pub fn write_version(config: &Config) -> WriteVersion {
    let wanted = config.schemas.write_version.number();
    match config.schemas.force_write_version {
        true => WriteVersion::fixed(wanted),
        false => WriteVersion::cautious(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(reads: Option<u32>) -> GroupReads {
        GroupReads {
            group: "payment".to_owned(),
            reads,
        }
    }

    #[test]
    fn a_member_that_says_nothing_is_not_taken_for_one_that_reads_everything() {
        assert_eq!(live(Ok(vec![group(Some(3))])).unwrap()[0].reads, 3);
        assert_eq!(live(Ok(vec![group(Some(999))])).unwrap()[0].reads, u8::MAX);
        let unknown = live(Ok(vec![group(Some(3)), group(None)])).unwrap_err();
        assert!(unknown.contains("payment"), "{unknown}");
        assert!(live(Err(ReadersError::NoSuchTopic("t".to_owned()))).is_err());
    }
}
