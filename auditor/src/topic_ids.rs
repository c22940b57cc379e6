//! The ids of topics, as far as the cluster tells them: a topic that was deleted and made anew has the
//! same name and another id.
//!
//! Separate from the layout, because a cluster that does not know the question never answers it: it is
//! asked by a thread of its own, for which no round waits long.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use runtime::kafka::scan::{ScanError, Scanner};

use crate::{Group, Inputs, topics};

/// So long a round waits for the first answer, and for those of a cluster that has answered before.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// So long nothing is asked of a cluster that did not answer.
const SILENT_FOR: Duration = Duration::from_secs(60);

/// Who asks.
#[derive(Debug, Default)]
pub(crate) struct TopicIds {
    silent_until: Option<Instant>,
    has_told: bool,
}

impl TopicIds {
    /// The ids by topic; none of a cluster that does not tell them.
    pub(crate) async fn ask(&mut self, inputs: &Inputs) -> BTreeMap<String, String> {
        if self
            .silent_until
            .is_some_and(|until| Instant::now() < until)
        {
            return BTreeMap::new();
        }
        let (tell, told) = tokio::sync::oneshot::channel();
        let (servers, options) = (
            inputs.bootstrap_servers.clone(),
            inputs.kafka_options.clone(),
        );
        // Detached: nobody waits for it when the audit ends before an answer comes.
        std::thread::spawn(move || {
            let ids = Scanner::connect(&servers, &options).and_then(|scanner| of_all(&scanner));
            let _nobody_waits = tell.send(ids);
        });
        let patience = if self.has_told {
            PATIENCE.1
        } else {
            PATIENCE.0
        };
        match tokio::time::timeout(patience, told).await {
            Ok(Ok(Ok(ids))) => {
                self.has_told = true;
                ids
            }
            _ => {
                tracing::info!("the cluster does not tell the ids of topics");
                self.silent_until = Some(Instant::now() + SILENT_FOR);
                BTreeMap::new()
            }
        }
    }
}

fn of_all(scanner: &Scanner) -> Result<BTreeMap<String, String>, ScanError> {
    let mut ids = BTreeMap::new();
    let dead_letters = Group::ALL.map(Group::dead_letter_topic);
    for topic in topics::ALL
        .map(str::to_owned)
        .into_iter()
        .chain(dead_letters)
    {
        match scanner.partitions(&topic) {
            Err(ScanError::NoSuchTopic(_)) => continue,
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        let present = scanner.present(&topic, 0, true)?;
        ids.extend(present.topic_id.map(|id| (topic, id)));
    }
    Ok(ids)
}
