//! The dead-letter topics against the journals of the groups that publish there.
//!
//! **Memory.** 40 bytes for each record of these topics.

use std::collections::{BTreeMap, HashSet};

use runtime::kafka::scan::Scanner;

use crate::{
    AuditError, Group,
    evidence::{Evidence, Loss},
    report::{Promise, Report},
    stores::{Books, Publication},
    topics::{Layout, digest, unreadable},
};

const P: Promise = Promise::Accounting;

/// A record of a dead-letter topic, as far as it is compared.
#[derive(Debug, Clone, Copy)]
struct Told {
    offset: i64,
    recorded_at: i64,
    content: u64,
}

/// What was read of a partition.
#[derive(Debug, Default)]
struct Partition {
    low: i64,
    next: i64,
    records: Vec<Told>,
}

impl Partition {
    fn from(low: i64) -> Self {
        Self {
            low,
            next: low,
            records: Vec::new(),
        }
    }

    /// Reads on from the last that was read, or from where it ended without one. Says whether that
    /// last one still stands there.
    fn on(
        &mut self,
        scanner: &Scanner,
        (topic, partition): (&str, i32),
        (last, evidence): (Option<Told>, &mut Evidence),
    ) -> Result<bool, AuditError> {
        let from = last.map_or(self.next, |last| last.offset);
        let mut is_same = true;
        let end = scanner.read_from(topic, partition, from, |record| {
            let headers = record.headers.to_bytes();
            let told = Told {
                offset: record.at.offset,
                recorded_at: record.timestamp_micros,
                content: digest(&[record.payload.as_deref(), Some(&headers)]),
            };
            match last {
                Some(last) if told.offset < self.next => {
                    is_same &= told.offset != last.offset || told.content == last.content;
                }
                _ if is_same => {
                    self.next = told.offset + 1;
                    self.records.push(told);
                }
                _ => {}
            }
        });
        let end = end.map_err(unreadable)?;
        if is_same {
            evidence.damaged((topic, partition), &end.damaged);
            self.next = self.next.max(end.next);
        }
        Ok(is_same)
    }
}

/// What was read of all dead-letter topics: an audit that goes on reads only what is new.
#[derive(Debug, Default)]
pub(crate) struct Letters(BTreeMap<(Group, i32), Partition>);

/// Of the partitions of one topic that have lost records: when the broker had the oldest that is
/// left; the end of time when none is.
#[derive(Debug, Default)]
struct Gone {
    partitions: i32,
    oldest: BTreeMap<i32, i64>,
}

impl Letters {
    /// What a partition has lost counts no more.
    pub(crate) fn lose(&mut self, loss: &Loss) {
        let mut groups = Group::ALL.into_iter();
        let Some(group) = groups.find(|group| group.dead_letter_topic() == loss.topic) else {
            return;
        };
        let at = (group, loss.partition);
        match (loss.from, self.0.get_mut(&at)) {
            (Some(from), Some(read)) => {
                read.records.retain(|told| told.offset < from);
                read.next = from;
            }
            _ => drop(self.0.remove(&at)),
        }
    }

    /// Reads on to where the topics end now.
    pub(crate) fn read_on(
        &mut self,
        scanner: &Scanner,
        layout: &Layout,
        evidence: &mut Evidence,
    ) -> Result<(), AuditError> {
        for group in Group::ALL {
            let topic = group.dead_letter_topic();
            for (partition, bounds) in (0..).zip(layout.dead_letters(group)) {
                let at = (topic.as_str(), partition);
                let read = self.0.entry((group, partition)).or_default();
                if !(bounds.first..=bounds.noted_end).contains(&read.next) {
                    // Nothing was read yet, or records are missing in between.
                    *read = Partition::from(bounds.first);
                }
                // Where there is more, the last that was read shows whether it is the same topic.
                let last = read.records.last().copied();
                let last = last.filter(|_| bounds.noted_end > read.next);
                if !read.on(scanner, at, (last, evidence))? {
                    evidence.replaced(at, read.low, read.next - 1);
                    *read = Partition::from(bounds.first);
                    read.on(scanner, at, (None, evidence))?;
                }
                evidence.read(at, layout, read.low, read.next);
            }
        }
        Ok(())
    }

    /// Compares what was read with what the groups have published.
    pub(crate) fn compare(
        &self,
        books: &Books,
        layout: &Layout,
        remembered_since: i64,
        report: &mut Report,
    ) {
        let mut found = HashSet::new();
        let mut gone: BTreeMap<Group, Gone> = BTreeMap::new();
        for ((group, partition), read) in &self.0 {
            let bounds = layout.dead_letters(*group);
            let Some(bounds) = usize::try_from(*partition)
                .ok()
                .and_then(|at| bounds.get(at))
            else {
                continue;
            };
            let gone = gone.entry(*group).or_default();
            gone.partitions += 1;
            if read.low > 0 {
                let oldest = read.records.first().map(|first| first.recorded_at);
                (gone.oldest).insert(*partition, oldest.unwrap_or(i64::MAX));
            }
            let topic = group.dead_letter_topic();
            for told in &read.records {
                report.count(P, format!("records of {topic}"), 1);
                if books.dead_letters.contains_key(&(*group, told.content)) {
                    found.insert((*group, told.content));
                } else if told.recorded_at >= remembered_since && told.offset < bounds.noted_end {
                    // What came behind the noted end may be younger than the journal as it was read.
                    let subject = format!("{topic}[{partition}]@{}", told.offset);
                    let what = format!("invented: {group} has no such dead letter");
                    report.breach(P, subject, what);
                }
            }
        }
        for (at, publication) in &books.dead_letters {
            if !publication.acknowledged || found.contains(at) {
                continue;
            }
            let group = at.0;
            if gone
                .get(&group)
                .is_some_and(|gone| gone.may_hold(publication))
            {
                report.unproven("published dead letters that are gone from their topic", 1);
                continue;
            }
            let topic = group.dead_letter_topic();
            let what = format!(
                "lost: {group} has published the dead letter, and {topic} does not hold it"
            );
            report.breach(P, &publication.event_id, what);
        }
    }
}

impl Gone {
    /// Whether a publication may be among the records that the topic has lost.
    fn may_hold(&self, publication: &Publication) -> bool {
        let oldest = match publication.key_hash {
            Some(hash) => self.oldest.get(&(hash % self.partitions.max(1))),
            None => self.oldest.values().max(),
        };
        oldest.is_some_and(|oldest| publication.written_at <= *oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::{Gone, Publication};

    #[test]
    fn only_what_is_older_than_its_partition_may_be_gone() {
        let gone = Gone {
            partitions: 4,
            oldest: [(1, 100)].into(),
        };
        let published = |written_at, key_hash| {
            gone.may_hold(&Publication {
                event_id: String::new(),
                acknowledged: true,
                written_at,
                key_hash,
            })
        };
        assert!(published(100, Some(5)));
        assert!(!published(101, Some(5)), "it is younger than what is left");
        assert!(!published(100, Some(6)), "that partition has lost nothing");
        assert!(published(100, None) && !published(101, None));
    }
}
