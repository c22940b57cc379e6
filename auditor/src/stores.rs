//! Reads each group's database in one snapshot, page by page, and sorts its rows by shard.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use runtime::{
    Headers,
    bookkeeping::rows::{JournalEntry, Position},
    rows::{Row, Scan},
    store::{Cells, Kind, Mode, Statement, Store, StoreError, Transaction},
};

use crate::{
    AuditError, Group,
    spill::Spill,
    stock::Shelves,
    tables::{DeadLetter, Parked, Task},
    topics::{self, digest},
    witness::{
        DispatchRow, MovementRow, PaymentRow, PostingRow, PublishedRow, SetAsideRow,
        TimelineEntryRow, TimelineRow, Witness,
    },
};

const PAGE_ROWS: u32 = 2_000;

/// A published dead letter, as the group's journal has it.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    pub(crate) event_id: String,
    pub(crate) acknowledged: bool,
    pub(crate) found: bool,
}

/// What the groups keep about their own work, as far as it is not about one purchase.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) positions: BTreeMap<(Group, String, i32), Position>,
    pub(crate) dead_letters: HashMap<(Group, u64), Publication>,
    /// The sizes of the windows that analytics has.
    pub(crate) window_sizes: BTreeSet<i64>,
}

/// Reads one group's database.
pub(crate) async fn read(
    group: Group,
    store: &dyn Store,
    spill: &mut Spill,
    books: &mut Books,
    shelves: &mut Shelves,
) -> Result<(), AuditError> {
    let away = |source| AuditError::Store {
        group: group.name(),
        source,
    };
    let mut transaction = store.begin(Mode::Snapshot).await.map_err(away)?;
    let mut reading = Reading {
        group,
        transaction: transaction.as_mut(),
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
        self.each(|row: Position| {
            let at = (group, row.topic.clone(), row.partition);
            books.positions.insert(at, row);
            Ok(())
        })
        .await?;
        self.each(|row: JournalEntry| {
            let watermark = watermarks.get(&i64::from(row.shard)).copied();
            let acknowledged = watermark.is_some_and(|watermark| row.sequence <= watermark);
            published(group, row, acknowledged, spill, books)
        })
        .await?;
        self.each(|row: Task| {
            if row.state != "waiting" {
                return Ok(());
            }
            let waiting = Witness::Waiting {
                group,
                what: row.kind,
                since: row.created_at,
            };
            spill.put_to(row.shard, &row.task_key, waiting)
        })
        .await?;
        self.each(|row: DeadLetter| {
            let set_aside = SetAsideRow {
                group,
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

    async fn payment(&mut self, spill: &mut Spill) -> Result<(), AuditError> {
        self.each(|row: payment::Payment| {
            let kept = PaymentRow {
                state: row.state.as_str().to_owned(),
                hash: row.content_hash,
                currency: row.currency,
                amount_minor: row.amount_minor,
                card_minor: row.card_minor,
                tax_minor: row.tax_minor,
                shipping_minor: row.shipping_minor,
                provider_ref: row.provider_ref,
                refund_ref: row.refund_ref,
                authorised: row.authorised_at.is_some(),
                captured: row.captured_at.is_some(),
            };
            spill.put(&row.purchase_id, Witness::Payment(kept))
        })
        .await?;
        self.each(|row: payment::rows::JournalEntry| {
            let kind = row.kind;
            spill.put(&row.purchase_id, Witness::LedgerEntry { kind })
        })
        .await?;
        self.each(|row: payment::rows::Posting| {
            // `purchase_id:kind`; the purchase's id may hold a colon, the kind does not.
            let purchase_id = row.entry_id.rsplit_once(':').map_or("", |parts| parts.0);
            let posting = PostingRow {
                debit: row.debit_account,
                credit: row.credit_account,
                amount_minor: row.amount_minor,
                currency: row.currency,
            };
            spill.put(purchase_id, Witness::Posting(posting))
        })
        .await
    }

    async fn inventory(
        &mut self,
        spill: &mut Spill,
        shelves: &mut Shelves,
    ) -> Result<(), AuditError> {
        self.each(|row: inventory::Reservation| {
            let reservation = Witness::Reservation {
                hash: row.content_hash,
                state: row.state,
            };
            spill.put(&row.purchase_id, reservation)
        })
        .await?;
        self.each(|row: inventory::ReservationLine| {
            let line = Witness::ReservationLine {
                sku: row.sku,
                quantity: i64::from(row.quantity),
            };
            spill.put(&row.purchase_id, line)
        })
        .await?;
        self.each(|row: inventory::Stock| {
            shelves.stands(row);
            Ok(())
        })
        .await?;
        self.each(|row: inventory::StockMovement| {
            shelves.moved(&row);
            let subject = row.purchase_id.as_ref().unwrap_or(&row.sku).clone();
            let movement = MovementRow {
                sku: row.sku,
                kind: row.kind,
                on_hand: row.on_hand_change,
                reserved: row.reserved_change,
                cause: row.cause_id,
            };
            spill.put(&subject, Witness::Movement(movement))
        })
        .await?;
        self.each(|row: inventory::StockEvent| {
            let event = Witness::StockEvent {
                event_id: row.event_id,
                change: row.quantity_change,
            };
            spill.put(&row.sku, event)
        })
        .await
    }

    async fn dispatch(&mut self, spill: &mut Spill) -> Result<(), AuditError> {
        self.each(|row: dispatch::Dispatch| {
            let kept = DispatchRow {
                hash: row.content_hash,
                state: row.state.as_str().to_owned(),
                shipment_id: row.shipment_id,
            };
            spill.put(&row.purchase_id, Witness::Dispatch(kept))
        })
        .await
    }

    async fn timeline(&mut self, spill: &mut Spill) -> Result<(), AuditError> {
        self.each(|row: timeline::rows::PurchaseRow| {
            let kept = TimelineRow {
                status: row.status,
                hash: row.content_hash,
                total_minor: row.total_minor,
                currency: row.currency,
            };
            spill.put(&row.purchase_id, Witness::Timeline(kept))
        })
        .await?;
        self.each(|row: timeline::rows::EntryRow| {
            let entry = TimelineEntryRow {
                event_id: row.event_id,
                kind: row.kind,
                topic: row.topic,
                partition: row.record_partition,
                offset: row.record_offset,
            };
            spill.put(&row.purchase_id, Witness::TimelineEntry(entry))
        })
        .await
    }

    async fn analytics(&mut self, spill: &mut Spill, books: &mut Books) -> Result<(), AuditError> {
        self.each(|row: analytics::rows::CountedRow| {
            let counted = Witness::Counted {
                hash: row.content_hash,
                seen: row.seen.len() / 16,
            };
            spill.put(&row.purchase_id, counted)
        })
        .await?;
        let sizes = &mut books.window_sizes;
        self.each(|row: analytics::rows::WindowRow| {
            sizes.insert(row.size_micros);
            let window = Witness::Window {
                size: row.size_micros,
                start: row.window_start,
                counts: crate::checks::analytics::counts_of(&row),
            };
            spill.put_to(row.shard, "", window)
        })
        .await?;
        self.each(|row: analytics::rows::RevenueRow| {
            let window = Witness::Window {
                size: row.size_micros,
                start: row.window_start,
                counts: crate::checks::analytics::money_of(&row),
            };
            spill.put_to(row.shard, "", window)
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
            found: false,
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

fn text(key: Option<&[u8]>) -> String {
    String::from_utf8_lossy(key.unwrap_or_default()).into_owned()
}
