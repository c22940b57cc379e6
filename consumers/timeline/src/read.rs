//! What the storefront and `explain` ask of the timeline.
//!
//! Every question is one snapshot and at most one statement per table, however many purchases it is
//! about.

use std::{collections::HashMap, sync::Arc};

use runtime::{
    rows::{Row, query},
    store::{Cells, Mode, Statement, Store, StoreError, Transaction},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    CancellationOutcome, Explanation, Status,
    decide::REQUEST,
    order::{self, Placed},
    rows::{EntryRow, PurchaseRow},
    status,
};

/// What is known of a purchase. Times are microseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PurchaseStatus {
    /// The purchase.
    pub purchase_id: String,
    /// Its status.
    pub status: Status,
    /// The rank of its status, which never falls.
    pub rank: i32,
    /// When that status was reached.
    pub status_at: i64,
    /// Whether a customer need not wait for more.
    pub settled: bool,
    /// The purchase itself; none while only facts about it have been read.
    pub purchase: Option<PurchaseDetails>,
    /// Why it was cancelled: a bounded word.
    pub cancel_reason: Option<String>,
    /// What became of requests to cancel it; none when there was none.
    pub cancellation: Option<CancellationOutcome>,
    /// By when it is promised, once it is to be shipped.
    pub deliver_by: Option<i64>,
    /// Who carries it.
    pub carrier: Option<String>,
    /// The carrier's number.
    pub tracking: Option<String>,
    /// How many records of the same id contradicted it.
    pub conflicts: i32,
}

/// What stood in the purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PurchaseDetails {
    /// See [`schemas::Purchase::content_hash`].
    pub content_hash: String,
    /// Who bought.
    pub customer_id: String,
    /// What is to be paid, in minor units.
    pub total_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Where it was made.
    pub channel: Option<String>,
    /// How fast it is to be delivered.
    pub delivery_tier: Option<String>,
    /// The version that it was written with.
    pub written_version: i32,
    /// When it was made.
    pub accepted_at: i64,
}

/// One entry of a timeline. Times are microseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelineEntry {
    /// The event.
    pub event_id: String,
    /// The record's name, or `conflicting_duplicate`.
    pub kind: String,
    /// When it happened.
    pub occurred_at: i64,
    /// When the broker had it, if it says.
    pub recorded_at: Option<i64>,
    /// When the timeline read it.
    pub applied_at: i64,
    /// The event that led to it.
    pub causation_id: Option<String>,
    /// The place of the cause in this timeline, from 0; none when there is none, or not here.
    pub cause: Option<usize>,
    /// How many causes lie before it.
    pub depth: usize,
    /// From its cause to itself, in microseconds; negative when their clocks disagree.
    pub hop_micros: Option<i64>,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The version of the schema that it was written with.
    pub schema_version: i32,
    /// The W3C trace context that it was sent with.
    pub traceparent: Option<String>,
    /// For a request to cancel: what became of it.
    pub outcome: Option<CancellationOutcome>,
    /// What it says, without personal data.
    pub summary: Value,
}

/// Reads the timeline's tables.
#[derive(Clone)]
pub struct Reader {
    store: Arc<dyn Store>,
}

impl Reader {
    /// A reader of the timeline's database.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The status of a purchase; none when nothing is known of it yet.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn status(&self, purchase_id: &str) -> Result<Option<PurchaseStatus>, StoreError> {
        let ids = [purchase_id.to_owned()];
        Ok(self.statuses(&ids).await?.pop())
    }

    /// The statuses of those purchases of which anything is known, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn statuses(&self, ids: &[String]) -> Result<Vec<PurchaseStatus>, StoreError> {
        let mut transaction = self.store.begin(Mode::Snapshot).await?;
        let rows = load::<PurchaseRow>(transaction.as_mut(), ids).await?;
        transaction.commit().await?;
        let mut statuses: Vec<PurchaseStatus> = rows.into_iter().map(of_row).collect();
        statuses.sort_by(|a, b| a.purchase_id.cmp(&b.purchase_id));
        statuses.dedup_by(|a, b| a.purchase_id == b.purchase_id);
        Ok(statuses)
    }

    /// The purchases that were made last, latest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn recent(&self, limit: u32) -> Result<Vec<PurchaseStatus>, StoreError> {
        let columns = column_names::<PurchaseRow>();
        let select = |limit: &str| {
            format!(
                "SELECT {columns} FROM purchases WHERE accepted_at IS NOT NULL \
                 ORDER BY accepted_at DESC LIMIT {limit}"
            )
        };
        let statement = Statement::new(select("($1::bigint[])[1]"), select("?1"));
        let mut transaction = self.store.begin(Mode::Snapshot).await?;
        let limit = vec![Cells::longs([i64::from(limit)])];
        let rows = query::<PurchaseRow>(transaction.as_mut(), &statement, limit).await?;
        transaction.commit().await?;
        Ok(rows.into_iter().map(of_row).collect())
    }

    /// Everything that happened to a purchase, each entry after its cause.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn timeline(&self, purchase_id: &str) -> Result<Vec<TimelineEntry>, StoreError> {
        let explanation = self.explain(purchase_id).await?;
        Ok(explanation.map_or_else(Vec::new, |explanation| explanation.entries))
    }

    /// The status and the timeline of a purchase, as of one moment; none when nothing is known.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn explain(&self, purchase_id: &str) -> Result<Option<Explanation>, StoreError> {
        let ids = [purchase_id.to_owned()];
        let mut transaction = self.store.begin(Mode::Snapshot).await?;
        let row = load::<PurchaseRow>(transaction.as_mut(), &ids).await?.pop();
        let events = load::<EntryRow>(transaction.as_mut(), &ids).await?;
        transaction.commit().await?;
        Ok(row.map(|row| Explanation {
            entries: entries(&row, events),
            status: of_row(row),
        }))
    }
}

async fn load<R: Row<Lead = String>>(
    transaction: &mut dyn Transaction,
    ids: &[String],
) -> Result<Vec<R>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids = Cells::texts(ids.iter().cloned());
    query::<R>(transaction, &R::TABLE.select(), vec![ids]).await
}

fn column_names<R: Row>() -> String {
    let names: Vec<&str> = R::TABLE.columns.iter().map(|column| column.name).collect();
    names.join(", ")
}

/// A row as its readers see it.
#[must_use]
pub fn of_row(row: PurchaseRow) -> PurchaseStatus {
    let (status, _) = status::derive(&row);
    let cancellation = status::cancellation(&row);
    PurchaseStatus {
        status,
        rank: row.status_rank,
        status_at: row.status_at,
        settled: status.is_settled(),
        cancellation,
        purchase: details(&row),
        purchase_id: row.purchase_id,
        cancel_reason: row.cancel_reason,
        deliver_by: row.deliver_by,
        carrier: row.carrier,
        tracking: row.tracking,
        conflicts: row.conflicts,
    }
}

fn details(row: &PurchaseRow) -> Option<PurchaseDetails> {
    Some(PurchaseDetails {
        content_hash: row.content_hash.clone()?,
        customer_id: row.customer_id.clone()?,
        total_minor: row.total_minor?,
        currency: row.currency.clone()?,
        channel: row.channel.clone(),
        delivery_tier: row.delivery_tier.clone(),
        written_version: row.written_version?,
        accepted_at: row.accepted_at?,
    })
}

/// Entries in causal order as their readers see them.
#[must_use]
pub fn entries(purchase: &PurchaseRow, events: Vec<EntryRow>) -> Vec<TimelineEntry> {
    let placed = order::causal(events);
    let happened: HashMap<usize, i64> = (placed.iter().enumerate())
        .map(|(place, entry)| (place, entry.row.occurred_at))
        .collect();
    (placed.into_iter())
        .map(|entry| {
            let hop_micros = entry.cause.and_then(|cause| {
                let cause_at = happened.get(&cause)?;
                entry.row.occurred_at.checked_sub(*cause_at)
            });
            of_placed(purchase, entry, hop_micros)
        })
        .collect()
}

fn of_placed(purchase: &PurchaseRow, entry: Placed, hop_micros: Option<i64>) -> TimelineEntry {
    let Placed { row, cause, depth } = entry;
    TimelineEntry {
        outcome: outcome(purchase, &row),
        event_id: row.event_id,
        kind: row.kind,
        occurred_at: row.occurred_at,
        recorded_at: (row.recorded_at != 0).then_some(row.recorded_at),
        applied_at: row.applied_at,
        causation_id: row.causation_id,
        cause,
        depth,
        hop_micros,
        topic: row.topic,
        partition: row.record_partition,
        offset: row.record_offset,
        schema_version: row.schema_version,
        traceparent: row.traceparent,
        // It was written from a JSON value; anything else is shown as it is.
        summary: serde_json::from_str(&row.summary).unwrap_or(Value::String(row.summary)),
    }
}

fn outcome(purchase: &PurchaseRow, row: &EntryRow) -> Option<CancellationOutcome> {
    (row.kind == REQUEST)
        .then(|| status::cancellation(purchase))
        .flatten()
}
