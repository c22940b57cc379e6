//! The storefront's questions, answered from the tables of the timeline group.

use storefront::{Pending, PurchaseStatus, ReadModel, ReadModelAway, TimelineEntry};

/// The timeline's read side as the storefront asks it.
pub struct TimelineModel {
    reader: timeline::Reader,
}

impl TimelineModel {
    /// Answers from this reader.
    #[must_use]
    pub fn new(reader: timeline::Reader) -> Self {
        Self { reader }
    }
}

impl ReadModel for TimelineModel {
    fn status<'a>(&'a self, purchase_id: &'a str) -> Pending<'a, Option<PurchaseStatus>> {
        Box::pin(async move {
            let status = self.reader.status(purchase_id).await;
            status.map(|found| found.map(of_status)).map_err(away)
        })
    }

    fn timeline<'a>(&'a self, purchase_id: &'a str) -> Pending<'a, Vec<TimelineEntry>> {
        Box::pin(async move {
            let entries = self.reader.timeline(purchase_id).await.map_err(away)?;
            Ok(entries.into_iter().map(of_entry).collect())
        })
    }
}

fn away(error: runtime::store::StoreError) -> ReadModelAway {
    ReadModelAway(error.to_string())
}

fn of_status(status: timeline::PurchaseStatus) -> PurchaseStatus {
    PurchaseStatus {
        purchase_id: status.purchase_id,
        status: status.status.as_str().to_owned(),
        rank: status.rank,
        reason: status.cancel_reason,
        updated_at: status.status_at,
        content_hash: status.purchase.map(|purchase| purchase.content_hash),
    }
}

fn of_entry(entry: timeline::TimelineEntry) -> TimelineEntry {
    TimelineEntry {
        event_id: entry.event_id,
        kind: entry.kind,
        occurred_at: entry.occurred_at,
        causation_id: entry.causation_id,
        summary: entry.summary.to_string(),
        topic: entry.topic,
        partition: entry.partition,
        offset: entry.offset,
    }
}
