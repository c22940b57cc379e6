//! Reading on in the topics, from where it ended.

use runtime::kafka::scan::Scanner;

use super::{
    Records,
    extent::{self, Extent},
};
use crate::{
    AuditError,
    evidence::Evidence,
    topics::{self, Layout, unreadable},
};

/// What stands where a record was read.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Same,
    Another,
}

impl Records {
    /// Reads on in all topics of a shard, to where they end now.
    pub(crate) fn read_on(
        &mut self,
        scanner: &Scanner,
        shard: i32,
        layout: &Layout,
        evidence: &mut Evidence,
    ) -> Result<(), AuditError> {
        for topic in topics::ALL {
            let Some(bounds) = layout.bounds.get(&(topic, shard)) else {
                continue;
            };
            let known = self.read.remove(&(topic, shard));
            let mut read = known.unwrap_or_else(|| Extent::from(bounds.first));
            // Where there is more to read, the last that was read shows whether it is the same topic.
            let last = read.last.filter(|_| bounds.noted_end > read.next);
            let mut done =
                self.read_partition(scanner, (topic, shard), &mut read, (last, evidence));
            if let (Ok(Found::Another), Some(last)) = (&done, last) {
                evidence.replaced((topic, shard), read.low, last);
                let (first, _) = scanner.bounds(topic, shard).map_err(unreadable)?;
                read.begin_anew(first);
                done = self.read_partition(scanner, (topic, shard), &mut read, (None, evidence));
            }
            if done.is_ok() {
                evidence.read((topic, shard), layout, read.low, read.next);
            }
            self.read.insert((topic, shard), read);
            done?;
        }
        Ok(())
    }

    /// Reads on in a partition; `from` the last that was read on, where that is to be compared.
    fn read_partition(
        &mut self,
        scanner: &Scanner,
        (topic, shard): (&'static str, i32),
        read: &mut Extent,
        (last, evidence): (Option<i64>, &mut Evidence),
    ) -> Result<Found, AuditError> {
        let generation = read.generation();
        let (mut found, mut failed, mut newest) = (Found::Same, None, None);
        let end = scanner.read_from(topic, shard, last.unwrap_or(read.next), |record| {
            let offset = record.at.offset;
            if failed.is_some() || found == Found::Another {
                return;
            }
            if offset < read.next {
                if last == Some(offset) && extent::content(&record) != read.content {
                    found = Found::Another;
                }
                return;
            }
            match self.append((topic, generation), shard, &record) {
                Ok(()) => {
                    read.note(topic, &record);
                    read.next = offset + 1;
                    newest = Some(record);
                }
                Err(error) => failed = Some(error),
            }
        });
        if let Some(newest) = &newest {
            read.content = extent::content(newest);
        }
        if let Some(failed) = failed {
            return Err(failed.into());
        }
        if found == Found::Same {
            let end = end.map_err(unreadable)?;
            evidence.damaged((topic, shard), &end.damaged);
            read.next = read.next.max(end.next);
        }
        Ok(found)
    }
}
