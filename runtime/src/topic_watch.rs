//! Asks from time to time whether the topics are still those that are being read. A topic that is
//! deleted and created again under a running member may hold records at the offsets where it reads,
//! and then no error tells that they are another topic's.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

use crate::lane::Shared;

/// How often the cluster is asked.
const INTERVAL: Duration = Duration::from_secs(10);

/// The ids that are being read, and the question that is under way.
#[derive(Debug)]
pub(crate) struct TopicWatch {
    known: Vec<Option<String>>,
    asked: Option<JoinHandle<Result<Vec<Option<String>>, String>>>,
    next: Instant,
}

impl TopicWatch {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            known: vec![],
            asked: None,
            next: now + INTERVAL,
        }
    }

    /// Whether a topic was seen to be another one than before. Never waits: the answer to a
    /// question comes with a later call.
    pub(crate) async fn sees_another<G: Send + Sync + 'static>(
        &mut self,
        shared: &Arc<Shared<G>>,
    ) -> bool {
        if let Some(asked) = self.asked.take_if(|asked| asked.is_finished()) {
            self.next = shared.machine.instant() + INTERVAL;
            return match asked.await {
                Ok(Ok(ids)) => self.learn(ids),
                // A cluster that is away is asked again.
                Ok(Err(_)) | Err(_) => false,
            };
        }
        if self.asked.is_none() && shared.machine.instant() >= self.next {
            let asking = Arc::clone(shared);
            let ask = move || asking.broker.topic_ids(&asking.topics, false);
            self.asked = Some(shared.machine.blocking(ask));
        }
        false
    }

    /// A topic is read from now on, under this id.
    pub(crate) fn reading(&mut self, topics: &[String], topic: &str, id: Option<&str>) {
        self.known.resize(topics.len(), None);
        let number = topics.iter().position(|known| known == topic);
        if let (Some(number), Some(id)) = (number, id) {
            self.known[number] = Some(id.to_owned());
        }
    }

    fn learn(&mut self, ids: Vec<Option<String>>) -> bool {
        self.known.resize(ids.len(), None);
        let mut another = false;
        for (known, id) in self.known.iter_mut().zip(ids) {
            // A topic that is away for the moment has no id.
            if id.is_some() {
                another |= known.is_some() && *known != id;
                *known = id;
            }
        }
        another
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_with_another_id_is_seen_and_one_that_is_away_is_not_forgotten() {
        let mut watch = TopicWatch::new(Instant::now());
        let ids = |one: &str| vec![Some(one.to_owned()), Some("b".to_owned())];
        assert!(!watch.learn(ids("a")), "the first answer");
        assert!(!watch.learn(ids("a")));
        assert!(!watch.learn(vec![None, None]));
        assert!(watch.learn(ids("c")));
        assert!(!watch.learn(ids("c")), "told once");
    }
}
