//! The dead-letter topics against the journals of the groups that publish there.

use std::{collections::BTreeMap, sync::Arc};

use runtime::kafka::scan::{ScanError, Scanner};

use crate::{
    AuditError, Group,
    report::{Promise, Report},
    stores::{Books, Publication},
    topics::{digest, unreadable},
};

const P: Promise = Promise::Accounting;

/// Of the partitions of one topic that have lost records: when the broker had the oldest that is
/// left; the end of time when none is.
#[derive(Debug, Default)]
struct Gone {
    partitions: i32,
    oldest: BTreeMap<i32, i64>,
}

/// Reads the topics and compares.
pub(crate) fn compare(
    scanner: &Scanner,
    mut books: Arc<Books>,
    remembered_since: i64,
    mut report: Report,
) -> Result<Report, AuditError> {
    let books = Arc::get_mut(&mut books).expect("nobody else reads any more");
    for group in Group::ALL {
        let gone = read(scanner, group, books, remembered_since, &mut report)?;
        let of_group = (books.dead_letters.iter()).filter(|((of, _), _)| *of == group);
        for (_, publication) in of_group {
            if publication.found || !publication.acknowledged {
                continue;
            }
            if gone.may_hold(publication) {
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
    Ok(report)
}

/// Marks what is found, and names what no journal knows.
fn read(
    scanner: &Scanner,
    group: Group,
    books: &mut Books,
    remembered_since: i64,
    report: &mut Report,
) -> Result<Gone, AuditError> {
    let topic = group.dead_letter_topic();
    let mut gone = Gone {
        partitions: match scanner.partitions(&topic) {
            Ok(partitions) => partitions,
            Err(ScanError::NoSuchTopic(_)) => 0,
            Err(error) => return Err(unreadable(error)),
        },
        ..Gone::default()
    };
    for partition in 0..gone.partitions {
        let first = scanner.bounds(&topic, partition).map_err(unreadable)?.0;
        let mut oldest = None;
        let read = scanner.read(&topic, partition, |record| {
            oldest.get_or_insert(record.timestamp_micros);
            report.count(P, format!("records of {topic}"), 1);
            let headers = record.headers.to_bytes();
            let content = digest(&[record.payload.as_deref(), Some(&headers)]);
            if let Some(publication) = books.dead_letters.get_mut(&(group, content)) {
                publication.found = true;
            } else if record.timestamp_micros >= remembered_since {
                let what = format!("invented: {group} has no such dead letter");
                report.breach(P, record.at.to_string(), what);
            }
        });
        read.map_err(unreadable)?;
        if first > 0 {
            gone.oldest.insert(partition, oldest.unwrap_or(i64::MAX));
        }
    }
    Ok(gone)
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
                found: false,
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
