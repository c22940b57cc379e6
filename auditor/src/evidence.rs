//! What an audit that goes on has seen itself: how far it has read each partition, and of which topic.
//! A topic that ends before what was read, or is another one under the same name, has lost what was
//! accepted, and nobody else may be able to tell.
//!
//! Separate from the records: it outlives them, should their files fail. What was found stays found.

use std::{collections::BTreeMap, ops::Range};

use crate::{
    report::{Promise, Report},
    topics::{self, Layout},
};

/// What was read of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    topic_id: Option<String>,
    low: i64,
    next: i64,
}

/// Records that were read and are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gone {
    topic: String,
    partition: i32,
    /// The first offset, and the first behind the last.
    offsets: (i64, i64),
    why: String,
}

/// What a partition has lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// From where on; none when nothing of what was read is there any more.
    pub(crate) from: Option<i64>,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    read: BTreeMap<(String, i32), Mark>,
    gone: Vec<Gone>,
}

impl Evidence {
    /// Notes how far a partition was read.
    pub(crate) fn read(&mut self, at: (&str, i32), layout: &Layout, low: i64, next: i64) {
        let place = (at.0.to_owned(), at.1);
        let known = self.read.remove(&place).and_then(|mark| mark.topic_id);
        let topic_id = layout.id_of(at.0).map(str::to_owned).or(known);
        let mark = Mark {
            topic_id,
            low,
            next,
        };
        self.read.insert(place, mark);
    }

    /// What the partitions have lost of that.
    pub(crate) fn compare(&mut self, layout: &Layout) -> Vec<Loss> {
        let mut losses = Vec::new();
        for ((topic, partition), mark) in &self.read {
            let bounds = layout.bounds_of(topic, *partition);
            let id = layout.id_of(topic);
            let (from, why) = match (bounds, &mark.topic_id) {
                (Some(_), Some(was)) if id.is_some_and(|id| id != was) => {
                    (None, format!("the topic was {was}, and is another one now"))
                }
                (None, _) => (None, "there is no such partition any more".to_owned()),
                (Some(now), _) if now.noted_end < mark.next => {
                    let end = now.noted_end;
                    (Some(end), format!("it ends at @{end} now"))
                }
                (Some(_), _) => continue,
            };
            let offsets = (from.unwrap_or(mark.low).max(mark.low), mark.next);
            if offsets.0 < offsets.1 {
                self.gone.push(Gone {
                    topic: topic.clone(),
                    partition: *partition,
                    offsets,
                    why,
                });
            }
            losses.push(Loss {
                topic: topic.clone(),
                partition: *partition,
                from: from.filter(|from| *from > mark.low),
            });
        }
        for loss in &losses {
            let at = (loss.topic.clone(), loss.partition);
            match (loss.from, self.read.get_mut(&at)) {
                (Some(from), Some(mark)) => mark.next = from,
                _ => drop(self.read.remove(&at)),
            }
        }
        losses
    }

    /// Notes that another record stands where one was read last, and so nothing tells which of those
    /// before it are still there.
    pub(crate) fn replaced(&mut self, (topic, partition): (&str, i32), low: i64, last: i64) {
        self.gone.push(Gone {
            topic: topic.to_owned(),
            partition,
            offsets: (low, last + 1),
            why: format!("another record stands at @{last} now"),
        });
    }

    /// Notes offsets whose records cannot be read any more: their bytes are damaged on the broker.
    pub(crate) fn damaged(&mut self, (topic, partition): (&str, i32), ranges: &[Range<i64>]) {
        for range in ranges {
            let gone = Gone {
                topic: topic.to_owned(),
                partition,
                offsets: (range.start, range.end),
                why: "their bytes are damaged on the broker".to_owned(),
            };
            if !self.gone.contains(&gone) {
                self.gone.push(gone);
            }
        }
    }

    /// Names everything that was ever found gone.
    pub(crate) fn report(&self, report: &mut Report) {
        for gone in &self.gone {
            let promise = match topics::ALL.contains(&gone.topic.as_str()) {
                true => Promise::AcceptedIsKept,
                false => Promise::Accounting,
            };
            let (from, end) = gone.offsets;
            let subject = format!("{}[{}]@{from}", gone.topic, gone.partition);
            let what = format!("lost: offsets {from} to {} are gone: {}", end - 1, gone.why);
            report.breach(promise, subject, what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::Bounds;

    const TOPIC: &str = topics::ALL[0];

    fn layout(id: Option<&str>, first: i64, noted_end: i64) -> Layout {
        let mut layout = Layout::default();
        layout.partitions.insert(TOPIC, 1);
        let bounds = Bounds { first, noted_end };
        layout.bounds.insert((TOPIC, 0), bounds);
        (layout.ids).extend(id.map(|id| (TOPIC.to_owned(), id.to_owned())));
        layout
    }

    fn named(evidence: &Evidence) -> Vec<String> {
        let mut report = Report::default();
        evidence.report(&mut report);
        let named = &report.of(Promise::AcceptedIsKept).named;
        (named.iter())
            .map(|one| format!("{}: {}", one.subject, one.what))
            .collect()
    }

    fn read_to(next: i64) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.read((TOPIC, 0), &layout(Some("A"), 2, 10), 2, next);
        evidence
    }

    #[test]
    fn a_topic_that_goes_on_has_lost_nothing_whatever_its_retention_takes() {
        for now in [(Some("A"), 2, 10), (Some("A"), 10, 10), (None, 4, 11)] {
            let mut evidence = read_to(10);
            assert!(evidence.compare(&layout(now.0, now.1, now.2)).is_empty());
            assert!(named(&evidence).is_empty(), "{now:?}");
        }
    }

    #[test]
    fn a_topic_that_ends_before_what_was_read_is_named_with_the_offsets_for_good() {
        let mut evidence = read_to(10);
        let losses = evidence.compare(&layout(Some("A"), 2, 7));
        assert_eq!((losses.len(), losses[0].from), (1, Some(7)));
        let what = format!("{TOPIC}[0]@7: lost: offsets 7 to 9 are gone: it ends at @7 now");
        assert_eq!(named(&evidence), std::slice::from_ref(&what));
        assert!(evidence.compare(&layout(Some("A"), 2, 20)).is_empty());
        assert_eq!(named(&evidence), [what], "it is not forgotten");
    }

    #[test]
    fn a_topic_made_anew_is_named_however_far_it_has_grown() {
        for end in [0, 3, 10, 1_000] {
            let mut evidence = read_to(10);
            let losses = evidence.compare(&layout(Some("B"), 0, end));
            assert_eq!((losses.len(), losses[0].from), (1, None));
            let named = named(&evidence);
            assert!(named[0].contains("offsets 2 to 9 are gone"), "{named:?}");
            assert!(named[0].contains("the topic was A"), "{named:?}");
        }
        let mut evidence = read_to(10);
        assert_eq!(evidence.compare(&Layout::default()).len(), 1);
        assert!(named(&evidence)[0].contains("no such partition"));
    }

    #[test]
    fn an_id_that_is_not_told_for_a_while_is_remembered() {
        let mut evidence = read_to(10);
        let untold = layout(None, 2, 12);
        assert!(evidence.compare(&untold).is_empty());
        evidence.read((TOPIC, 0), &untold, 2, 12);
        assert_eq!(evidence.compare(&layout(Some("B"), 0, 20)).len(), 1);
    }

    #[test]
    fn of_a_topic_that_had_nothing_nothing_is_lost() {
        let mut evidence = read_to(2);
        let losses = evidence.compare(&layout(Some("B"), 0, 0));
        assert_eq!((losses.len(), losses[0].from), (1, None));
        assert!(named(&evidence).is_empty());
    }
}
