//! Whether the topics of a group can be worked with: those that it reads, those to which it
//! publishes, and that of its dead letters.
//!
//! Looked at before anything is read. A topic that turns out to be missing with the first event, or
//! to have other partitions, would let a group commit facts that nobody can be told in order.
//! Whoever runs the cluster can mend it at any time, so what is wrong is waited for and shown, every
//! fault at once; a restart would mend nothing.

use std::{sync::Arc, time::Duration};

use crate::{broker::TopicState, group::Group, lane::Shared};

/// How long Kafka may take to tell of one topic.
const TOPIC_TIMEOUT: Duration = Duration::from_secs(5);

/// What a group does with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Reads,
    Publishes,
    SetsAside,
}

/// Why nothing is read yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotYet {
    /// Kafka does not say.
    Away(String),
    /// Everything that is wrong with the topics: a sentence for a person.
    Wrong(String),
}

/// A topic, what for, and what Kafka says of it.
type Told = (String, Use, TopicState);

/// Asks Kafka about all topics of the group: how many partitions each of them has.
pub(crate) async fn check<G: Group>(shared: &Arc<Shared<G>>) -> Result<i32, NotYet> {
    let asking = Arc::clone(shared);
    let asked = shared.machine.blocking(move || ask(&asking)).await;
    let told = asked.unwrap_or_else(|error| Err(error.to_string()));
    judge(&told.map_err(NotYet::Away)?).map_err(NotYet::Wrong)
}

/// Blocks. A topic that is read and published to is asked about once, as one that is read.
fn ask<G: Group>(shared: &Shared<G>) -> Result<Vec<Told>, String> {
    let read = shared.topics.iter().map(|topic| (topic, Use::Reads));
    let publishes = shared.group.publishes();
    let published = publishes.iter().map(|topic| (topic, Use::Publishes));
    let set_aside = (&shared.config.dead_letter_topic, Use::SetsAside);
    let mut told: Vec<Told> = Vec::new();
    for (topic, used) in read.chain(published).chain([set_aside]) {
        if told.iter().all(|(known, ..)| known != topic) {
            let state = shared.broker.topic_state(topic, TOPIC_TIMEOUT)?;
            told.push((topic.clone(), used, state));
        }
    }
    Ok(told)
}

/// Shard `p` is partition `p` of every topic that is read. Those to which it publishes are read by
/// other groups beside these, so they have as many; dead letters are read by nobody in order, and
/// may lie on any number of partitions.
fn judge(told: &[Told]) -> Result<i32, String> {
    let mut wrong = Vec::new();
    let mut counts = Vec::new();
    for (topic, used, state) in told {
        let it = match used {
            Use::Reads => "read",
            Use::Publishes => "published to",
            Use::SetsAside => "of dead letters",
        };
        match state {
            TopicState::Partitions(_) if *used == Use::SetsAside => {}
            TopicState::Partitions(count) => counts.push((topic, *count)),
            TopicState::Missing => wrong.push(format!("the topic {topic} ({it}) does not exist")),
            TopicState::Denied => {
                wrong.push(format!("not authorised for the topic {topic} ({it})"));
            }
        }
    }
    if counts.iter().any(|(_, count)| *count != counts[0].1) {
        let list = counts
            .iter()
            .map(|(topic, count)| format!("{topic} has {count}"));
        let list = list.collect::<Vec<_>>().join(", ");
        let rule =
            "all topics that a group reads and publishes to need the same number of partitions";
        wrong.push(format!("{rule}: {list}"));
    }
    let partitions = counts.first().map_or(0, |(_, count)| *count);
    match wrong.is_empty() {
        true => Ok(i32::try_from(partitions).unwrap_or(i32::MAX)),
        false => Err(wrong.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(states: [TopicState; 4]) -> Result<i32, String> {
        let uses = [Use::Reads, Use::Reads, Use::Publishes, Use::SetsAside];
        let names = ["orders", "goods", "facts", "letters"].map(str::to_owned);
        let told = names.into_iter().zip(uses).zip(states);
        let told: Vec<Told> = told.map(|((name, of), state)| (name, of, state)).collect();
        judge(&told)
    }

    #[test]
    fn topics_side_by_side_have_as_many_partitions_and_dead_letters_any_number() {
        use TopicState::Partitions;
        let sound = [Partitions(4), Partitions(4), Partitions(4), Partitions(1)];
        assert_eq!(told(sound), Ok(4));
        for states in [
            [Partitions(4), Partitions(3), Partitions(4), Partitions(4)],
            [Partitions(4), Partitions(4), Partitions(3), Partitions(4)],
        ] {
            let why = told(states).unwrap_err();
            assert!(why.contains("has 3"), "{why}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        use TopicState::{Denied, Missing, Partitions};
        let why = told([Partitions(4), Denied, Missing, Missing]).unwrap_err();
        for what in [
            "not authorised for the topic goods (read)",
            "facts (published to) does not exist",
            "letters (of dead letters) does not exist",
        ] {
            assert!(why.contains(what), "{what}: {why}");
        }
    }
}
