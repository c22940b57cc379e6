//! Reads each group's database in one snapshot, page by page, and sorts its rows by shard.

mod groups;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use runtime::{
    Headers,
    bookkeeping::{
        halts::Halt,
        rows::{JournalEntry, Position},
    },
    partitioner::murmur2_of,
    rows::{Row, Scan},
    store::{Cells, Kind, Mode, Statement, Store, StoreError, Transaction},
};

use crate::{
    AuditError, Group,
    moves::Moves,
    poison::Poisons,
    spill::Spill,
    stock::Shelves,
    tables::{DeadLetter, Parked, Task},
    topics::{self, digest},
    witness::{PublishedRow, RefusedRow, SetAsideRow, Witness},
};

const PAGE_ROWS: u32 = 2_000;

/// A published dead letter, as the group's journal has it.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    pub(crate) event_id: String,
    pub(crate) acknowledged: bool,
    pub(crate) written_at: i64,
    /// What its key's partition is a remainder of; none when the partition is anybody's choice.
    pub(crate) key_hash: Option<i32>,
}

/// What the groups keep about their own work, as far as it is not about one purchase.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) positions: BTreeMap<(Group, String, i32), Position>,
    /// What operators have decided about partitions that had halted.
    pub(crate) moves: Moves,
    pub(crate) dead_letters: HashMap<(Group, u64), Publication>,
    /// The sizes of the windows that analytics has.
    pub(crate) window_sizes: BTreeSet<i64>,
    /// The sizes of those in which it counts baskets.
    pub(crate) basket_window_sizes: BTreeSet<i64>,
    pub(crate) poisons: Poisons,
}

/// Reads one group's database; `told` is told how many rows were read.
pub(crate) async fn read(
    group: Group,
    store: &dyn Store,
    spill: &mut Spill,
    books: &mut Books,
    shelves: &mut Shelves,
    told: &mut (dyn FnMut(u64) + Send),
) -> Result<(), AuditError> {
    let away = |source| AuditError::Store {
        group: group.name(),
        source,
    };
    let mut transaction = store.begin(Mode::Snapshot).await.map_err(away)?;
    let mut reading = Reading {
        group,
        transaction: transaction.as_mut(),
        rows: 0,
        told,
    };
    reading.bookkeeping(spill, books).await?;
    match group {
        Group::Payment => reading.payment(spill).await?,
        Group::Inventory => reading.inventory(spill, shelves).await?,
        Group::Dispatch => reading.dispatch(spill).await?,
        Group::Analytics => reading.analytics(spill, books).await?,
        Group::Timeline => reading.timeline(spill).await?,
    }
    transaction.commit().await.map_err(away)
}

struct Reading<'a> {
    group: Group,
    transaction: &'a mut dyn Transaction,
    rows: u64,
    /// Is told how many rows were read.
    told: &'a mut (dyn FnMut(u64) + Send),
}

impl Reading<'_> {
    fn away(&self, source: StoreError) -> AuditError {
        AuditError::Store {
            group: self.group.name(),
            source,
        }
    }

    async fn each<R: Row>(
        &mut self,
        mut each: impl FnMut(R) -> std::io::Result<()>,
    ) -> Result<(), AuditError> {
        let mut scan = Scan::<R>::new(PAGE_ROWS);
        loop {
            let page = scan.next_page(self.transaction).await;
            let Some(rows) = page.map_err(|error| self.away(error))? else {
                return Ok(());
            };
            self.rows += rows.len() as u64;
            (self.told)(self.rows);
            rows.into_iter().try_for_each(&mut each)?;
        }
    }

    /// Up to which number each shard's events are known to be on the topics.
    async fn watermarks(&mut self) -> Result<HashMap<i64, i64>, AuditError> {
        let text = "SELECT shard, published_sequence FROM shards";
        let kinds = [Kind::Long, Kind::Long];
        let columns = self
            .transaction
            .query(&Statement::new(text, text), vec![], &kinds)
            .await
            .map_err(|error| self.away(error))?;
        let [Cells::Long(shards), Cells::Long(published)] = columns.as_slice() else {
            return Ok(HashMap::new());
        };
        let pairs = shards.iter().zip(published);
        Ok(pairs.filter_map(|(a, b)| Some(((*a)?, (*b)?))).collect())
    }

    async fn bookkeeping(
        &mut self,
        spill: &mut Spill,
        books: &mut Books,
    ) -> Result<(), AuditError> {
        let group = self.group;
        let watermarks = self.watermarks().await?;
        let mut told = HashSet::new();
        self.each(|row: Position| {
            let at = (group, row.topic.clone(), row.partition);
            books.positions.insert(at, row);
            Ok(())
        })
        .await?;
        self.each(|row: Halt| {
            books.moves.take(group, row);
            Ok(())
        })
        .await?;
        self.each(|row: JournalEntry| {
            let watermark = watermarks.get(&i64::from(row.shard)).copied();
            let acknowledged = watermark.is_some_and(|watermark| row.sequence <= watermark);
            if !topics::ALL.contains(&row.topic.as_str()) {
                told.insert(digest(&[Some(row.event_id.as_bytes())]));
            }
            published(group, row, acknowledged, spill, books)
        })
        .await?;
        self.tasks(spill).await?;
        self.set_aside(spill, &told).await
    }

    async fn tasks(&mut self, spill: &mut Spill) -> Result<(), AuditError> {
        let group = self.group;
        self.each(|row: Task| {
            let witness = match row.state.as_str() {
                "waiting" => Witness::Waiting {
                    group,
                    what: row.kind,
                    since: row.created_at,
                },
                "answered" if group == Group::Dispatch => match word_of(row.answer.as_deref()) {
                    Some(word) => Witness::CarrierSaid(word),
                    None => return Ok(()),
                },
                "set_aside" => Witness::Refused(RefusedRow {
                    group,
                    content: digest(&[
                        Some(row.task_key.as_bytes()),
                        row.answer.as_deref().map(str::as_bytes),
                    ]),
                    task_id: row.task_id,
                }),
                _ => return Ok(()),
            };
            spill.put_to(row.shard, &row.task_key, witness)
        })
        .await
    }

    /// What was set aside or parked; `told` are the events that the group has for its dead-letter
    /// topic.
    async fn set_aside(
        &mut self,
        spill: &mut Spill,
        told: &HashSet<u64>,
    ) -> Result<(), AuditError> {
        let group = self.group;
        self.each(|row: DeadLetter| {
            let event_id = format!("{}:{}", row.dead_letter_id, row.redrives);
            let set_aside = SetAsideRow {
                group,
                is_told: told.contains(&digest(&[Some(event_id.as_bytes())])),
                last_failed_at: row.last_failed_at,
                letter_id: row.dead_letter_id,
                content: digest(&[row.record_key.as_deref(), row.payload.as_deref()]),
                topic: row.topic,
                partition: row.partition,
                offset: row.record_offset,
                reason: row.reason,
                state: row.state,
            };
            let key = text(row.record_key.as_deref());
            spill.put_to(row.shard, &key, Witness::SetAside(set_aside))
        })
        .await?;
        self.each(|row: Parked| {
            let parked = Witness::Parked {
                group,
                topic: row.topic,
                offset: row.record_offset,
            };
            spill.put_to(row.shard, &text(row.record_key.as_deref()), parked)
        })
        .await
    }
}

fn published(
    group: Group,
    row: JournalEntry,
    acknowledged: bool,
    spill: &mut Spill,
    books: &mut Books,
) -> std::io::Result<()> {
    if !topics::ALL.contains(&row.topic.as_str()) {
        // Dead letters come in any order and few enough to be held.
        let headers = Headers::from_bytes(&row.headers).to_bytes();
        let content = digest(&[row.payload.as_deref(), Some(&headers)]);
        let publication = Publication {
            event_id: row.event_id,
            acknowledged,
            written_at: row.written_at,
            key_hash: (!row.record_key.is_empty()).then(|| murmur2_of(&row.record_key)),
        };
        books.dead_letters.insert((group, content), publication);
        return Ok(());
    }
    let event = PublishedRow {
        group,
        event_id: row.event_id,
        topic: row.topic,
        content: digest(&[Some(&row.record_key), row.payload.as_deref()]),
        acknowledged,
        written_at: row.written_at,
    };
    spill.put_to(
        row.shard,
        &text(Some(&row.record_key)),
        Witness::Published(event),
    )
}

/// The word of an answer: which outcome it tells of.
fn word_of(answer: Option<&str>) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(answer?).ok()?;
    answer.get("outcome")?.as_str().map(str::to_owned)
}

fn text(key: Option<&[u8]>) -> String {
    String::from_utf8_lossy(key.unwrap_or_default()).into_owned()
}
