//! What stands on the topics, read once and sorted by shard and part into temporary files, as it came:
//! an audit that goes on reads only what is new, and looks at one part at a time.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
    sync::Arc,
};

use runtime::{Coordinates, Headers, Record, kafka::scan::Scanner};

use crate::{
    AuditError,
    case::Place,
    files::Files,
    parts::Parts,
    topics::{self, Layout, unreadable},
};

/// A missing key or payload's length.
const NULL: u32 = u32::MAX;
/// With so many times the records for which it was cut, everything is read and cut anew.
const GROWTH_MAX: i32 = 4;

/// What was read of one partition.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extent {
    /// Where reading began.
    pub(crate) low: i64,
    /// What is read next.
    next: i64,
    /// How many records there were.
    pub(crate) records: i64,
    pub(crate) first: Option<Place>,
    /// The last offset that holds a record.
    pub(crate) last: Option<i64>,
}

/// The records of all topics but those of dead letters.
#[derive(Debug)]
pub(crate) struct Records {
    files: Files,
    pub(crate) parts: Parts,
    read: BTreeMap<(&'static str, i32), Extent>,
    /// Whether something could not be written or read back: the files do not hold what was read then.
    is_damaged: bool,
}

impl Records {
    pub(crate) fn new(within: Option<&Path>, parts: Parts) -> io::Result<Self> {
        let count = parts.shards.max(0) * parts.parts;
        let count = usize::try_from(count).map_err(io::Error::other)?;
        Ok(Self {
            files: Files::new(within, count)?,
            parts,
            read: BTreeMap::new(),
            is_damaged: false,
        })
    }

    /// Whether reading can go on where it ended: the topics are the same, have not lost what was
    /// not read yet, and have not outgrown the parts; and everything that was read is in the files.
    pub(crate) fn go_on(&self, layout: &Layout) -> bool {
        let wanted = Parts::of(layout);
        let fits = |(at, read): (&(&'static str, i32), &Extent)| {
            let bounds = layout.bounds.get(at);
            bounds.is_some_and(|now| now.first <= read.next && read.next <= now.noted_end)
        };
        !self.is_damaged
            && wanted.shards == self.parts.shards
            && wanted.parts <= self.parts.parts.saturating_mul(GROWTH_MAX)
            && self.read.iter().all(fits)
    }

    /// What has been lost to retention since it was read is still here.
    pub(crate) fn keep_beginnings(&self, layout: &mut Layout) {
        for (at, read) in &self.read {
            if let Some(bounds) = layout.bounds.get_mut(at) {
                bounds.first = read.low;
            }
        }
    }

    /// Reads on in all topics of a shard, to where they end now.
    pub(crate) fn read_on(
        &mut self,
        scanner: &Scanner,
        shard: i32,
        layout: &Layout,
    ) -> Result<(), AuditError> {
        for (index, topic) in topics::ALL.into_iter().enumerate() {
            let at = (topic, shard);
            let Some(bounds) = layout.bounds.get(&at) else {
                continue;
            };
            let mut read = self.read.get(&at).copied().unwrap_or(Extent {
                low: bounds.first,
                next: bounds.first,
                ..Extent::default()
            });
            let mut failed = None;
            let end = scanner.read_from(topic, shard, read.next, |record| {
                if failed.is_none() {
                    read.note(topic, &record);
                    failed = self.append(index, shard, &record).err();
                }
            });
            if let Ok(end) = end {
                read.next = read.next.max(end);
            }
            self.read.insert(at, read);
            if let Some(failed) = failed {
                return Err(failed.into());
            }
            end.map_err(unreadable)?;
        }
        Ok(())
    }

    /// What was read of a partition.
    pub(crate) fn of(&self, topic: &'static str, shard: i32) -> Extent {
        self.read.get(&(topic, shard)).copied().unwrap_or_default()
    }

    /// Gives the records of a part to `each`: topic by topic as they were read, those of a topic in
    /// their order.
    pub(crate) fn each(
        &mut self,
        shard: i32,
        part: i32,
        mut each: impl FnMut(&'static str, Record),
    ) -> io::Result<()> {
        let file = self.file(shard, part)?;
        let opened = self.files.open(file);
        self.is_damaged |= opened.is_err();
        let Some(mut reader) = opened? else {
            return Ok(());
        };
        let names = topics::ALL.map(Arc::<str>::from);
        let mut first = [0];
        while reader.read(&mut first)? > 0 {
            let index = usize::from(first[0]);
            let (Some(topic), Some(name)) = (topics::ALL.get(index), names.get(index)) else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            each(topic, take(&mut reader, name, shard)?);
        }
        Ok(())
    }

    /// Gives back what a part takes.
    pub(crate) fn forget(&mut self, shard: i32, part: i32) -> io::Result<()> {
        let file = self.file(shard, part)?;
        self.files.remove(file)
    }

    fn file(&self, shard: i32, part: i32) -> io::Result<usize> {
        usize::try_from(shard * self.parts.parts + part).map_err(io::Error::other)
    }

    fn append(&mut self, topic: usize, shard: i32, record: &Record) -> io::Result<()> {
        let key = record.key.as_deref();
        let part = self.parts.part_of(key.unwrap_or_default());
        let file = self.file(shard, part)?;
        let end = self.files.end_of(file);
        end.push(u8::try_from(topic).map_err(io::Error::other)?);
        end.extend(record.at.offset.to_be_bytes());
        end.extend(record.timestamp_micros.to_be_bytes());
        let headers = record.headers.to_bytes();
        for bytes in [key, record.payload.as_deref(), Some(&headers)] {
            let length = bytes.map_or(Ok(NULL), |bytes| u32::try_from(bytes.len()));
            end.extend(length.map_err(io::Error::other)?.to_be_bytes());
            end.extend(bytes.unwrap_or_default());
        }
        let kept = self.files.keep(file);
        // A part of it may be on the disk, and what comes behind it is passed over.
        self.is_damaged |= kept.is_err();
        kept
    }
}

impl Extent {
    fn note(&mut self, topic: &'static str, record: &Record) {
        let offset = record.at.offset;
        self.next = offset + 1;
        self.records += 1;
        self.last = Some(offset);
        self.first.get_or_insert(Place {
            topic,
            offset,
            recorded_at: record.timestamp_micros,
        });
    }
}

fn take(reader: &mut BufReader<File>, topic: &Arc<str>, partition: i32) -> io::Result<Record> {
    let mut number = [0; 8];
    let mut long = |reader: &mut BufReader<File>| -> io::Result<i64> {
        reader.read_exact(&mut number)?;
        Ok(i64::from_be_bytes(number))
    };
    let offset = long(reader)?;
    let timestamp_micros = long(reader)?;
    let (key, payload) = (bytes(reader)?, bytes(reader)?);
    let headers = bytes(reader)?.unwrap_or_default();
    Ok(Record {
        at: Coordinates {
            topic: Arc::clone(topic),
            partition,
            offset,
        },
        key,
        payload,
        headers: Headers::from_bytes(&headers),
        timestamp_micros,
    })
}

fn bytes(reader: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length == NULL {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    reader.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::Bounds;

    const PARTS: Parts = Parts {
        shards: 1,
        parts: 2,
    };

    fn record(topic: usize, offset: i64, key: Option<&[u8]>, payload: Option<&[u8]>) -> Record {
        let mut headers = Headers::default();
        headers.push("ce_id", offset.to_string());
        Record {
            at: Coordinates {
                topic: Arc::from(topics::ALL[topic]),
                partition: 0,
                offset,
            },
            key: key.map(<[u8]>::to_vec),
            payload: payload.map(<[u8]>::to_vec),
            headers,
            timestamp_micros: 7 * offset,
        }
    }

    #[test]
    fn records_come_back_as_they_came_in_the_part_of_their_key() {
        let mut records = Records::new(None, PARTS).unwrap();
        let all = [
            record(0, 0, Some(b"a"), Some(b"bought")),
            record(0, 1, None, None),
            record(0, 2, Some(b"b"), Some(b"")),
            record(4, 0, Some(b"a"), Some(&[9; 100_000])),
        ];
        for one in &all {
            let topic = topics::ALL.iter().position(|name| *name == &*one.at.topic);
            records.append(topic.unwrap(), 0, one).unwrap();
        }
        let mut back = Vec::new();
        for part in 0..2 {
            let each = |topic: &'static str, one: Record| {
                assert_eq!(topic, &*one.at.topic);
                assert_eq!(PARTS.part_of(one.key.as_deref().unwrap_or_default()), part);
                back.push(one);
            };
            records.each(0, part, each).unwrap();
        }
        back.sort_by(|one, other| one.at.cmp(&other.at));
        let mut expected = all.to_vec();
        expected.sort_by(|one, other| one.at.cmp(&other.at));
        assert_eq!(back, expected);
    }

    #[test]
    fn after_a_failure_to_write_everything_is_read_anew() {
        let mut records = Records::new(None, Parts::whole(1)).unwrap();
        let layout = Layout {
            partitions: BTreeMap::from([(topics::ALL[0], 1)]),
            ..Layout::default()
        };
        let long = record(0, 0, Some(b"a"), Some(&[9; 100_000]));
        records.append(0, 0, &long).unwrap();
        assert!(records.go_on(&layout));
        records.files.lose_folder();
        records.append(0, 0, &long).unwrap_err();
        assert!(!records.go_on(&layout));
    }

    #[test]
    fn reading_goes_on_only_where_nothing_is_missing_in_between() {
        let mut records = Records::new(None, Parts::whole(1)).unwrap();
        let at = (topics::ALL[0], 0);
        let read = Extent {
            low: 2,
            next: 10,
            ..Extent::default()
        };
        records.read.insert(at, read);
        let goes_on = |first, noted_end| {
            let mut layout = Layout::default();
            layout.partitions.insert(at.0, 1);
            layout.bounds.insert(at, Bounds { first, noted_end });
            records.go_on(&layout)
        };
        assert!(goes_on(0, 10) && goes_on(10, 12));
        assert!(!goes_on(11, 12), "what was not read is gone");
        assert!(!goes_on(0, 9), "it is another topic");
        assert!(!goes_on(0, 1_000_000), "the parts have grown too large");
        let mut layout = Layout::default();
        let bounds = Bounds {
            first: 8,
            noted_end: 10,
        };
        layout.bounds.insert(at, bounds);
        records.keep_beginnings(&mut layout);
        assert_eq!(layout.of(at.0, 0).first, 2, "it is still here");
    }
}
