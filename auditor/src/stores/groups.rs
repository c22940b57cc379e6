//! The tables of each group, read row by row and cut down to what the checks compare.

use super::{Books, Reading};
use crate::{
    AuditError,
    checks::{
        analytics::{counted, windows},
        dispatch_row, shown,
    },
    said,
    spill::Spill,
    stock::Shelves,
    topics::digest,
    witness::{
        DispatchRow, LedgerEntryRow, MovementRow, PaymentRow, PostingRow, TimelineEntryRow,
        TimelineRow, Witness,
    },
};

impl Reading<'_> {
    pub(super) async fn payment(&mut self, spill: &mut Spill) -> Result<(), AuditError> {
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
                reason: row.reason,
                created_at: row.created_at,
                authorised_at: row.authorised_at,
                captured_at: row.captured_at,
                ended_at: row.ended_at,
            };
            spill.put(&row.purchase_id, Witness::Payment(kept))
        })
        .await?;
        self.each(|row: payment::rows::JournalEntry| {
            let entry = LedgerEntryRow {
                kind: row.kind,
                cause: row.causation_id,
                at: row.posted_at,
            };
            spill.put(&row.purchase_id, Witness::LedgerEntry(entry))
        })
        .await?;
        self.each(|row: payment::rows::Posting| {
            // `purchase_id:kind`; the purchase's id may hold a colon, the kind does not.
            let (purchase_id, entry) = row.entry_id.rsplit_once(':').unwrap_or_default();
            let number = (row.posting_id.strip_prefix(&row.entry_id))
                .and_then(|rest| rest.strip_prefix(':'))
                .and_then(|number| number.parse().ok());
            let posting = PostingRow {
                entry: entry.to_owned(),
                number: number.unwrap_or_default(),
                debit: row.debit_account,
                credit: row.credit_account,
                amount_minor: row.amount_minor,
                currency: row.currency,
            };
            spill.put(purchase_id, Witness::Posting(posting))
        })
        .await
    }

    pub(super) async fn inventory(
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
            shelves.stands(&row);
            Ok(())
        })
        .await?;
        self.each(|row: inventory::StockMovement| {
            shelves.moved(&row)?;
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
                applied_at: row.applied_at,
            };
            spill.put(&row.sku, event)
        })
        .await
    }

    pub(super) async fn dispatch(&mut self, spill: &mut Spill) -> Result<(), AuditError> {
        self.each(|row: dispatch::Dispatch| {
            let kept = DispatchRow {
                columns: dispatch_row::columns(&row),
                hash: row.content_hash,
                state: row.state.as_str().to_owned(),
                shipment_id: row.shipment_id,
                cancel_reason: row.cancel_reason,
                created_at: row.created_at,
            };
            spill.put(&row.purchase_id, Witness::Dispatch(kept))
        })
        .await
    }

    pub(super) async fn timeline(&mut self, spill: &mut Spill) -> Result<(), AuditError> {
        self.each(|row: timeline::rows::PurchaseRow| {
            let kept = TimelineRow {
                columns: shown::columns(&row),
                status: row.status,
                hash: row.content_hash,
                total_minor: row.total_minor,
                currency: row.currency,
            };
            spill.put(&row.purchase_id, Witness::Timeline(kept))
        })
        .await?;
        self.each(|row: timeline::rows::EntryRow| {
            let says = said::entry(&said::Shown {
                entry_id: &row.entry_id,
                kind: &row.kind,
                occurred_at: row.occurred_at,
                recorded_at: row.recorded_at,
                cause: row.causation_id.as_deref(),
                schema_version: row.schema_version,
                traceparent: row.traceparent.as_deref(),
                summary: &row.summary,
            });
            let entry = TimelineEntryRow {
                says,
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

    pub(super) async fn analytics(
        &mut self,
        spill: &mut Spill,
        books: &mut Books,
    ) -> Result<(), AuditError> {
        self.each(|row: analytics::rows::CountedRow| {
            let counted = Witness::Counted {
                says: counted::says(&row),
                hash: row.content_hash,
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
                counts: windows::counts_of(&row),
            };
            spill.put_to(row.shard, "", window)
        })
        .await?;
        self.each(|row: analytics::rows::RevenueRow| {
            let window = Witness::Window {
                size: row.size_micros,
                start: row.window_start,
                counts: windows::money_of(&row),
            };
            spill.put_to(row.shard, "", window)
        })
        .await?;
        self.baskets(spill, books).await
    }

    async fn baskets(&mut self, spill: &mut Spill, books: &mut Books) -> Result<(), AuditError> {
        let sizes = &mut books.basket_window_sizes;
        self.each(|row: analytics::rows::ItemRow| {
            sizes.insert(row.size_micros);
            let item = Witness::Item {
                size: row.size_micros,
                start: row.window_start,
                item_id: row.item_id,
                currency: row.currency,
                sums: [
                    row.ordered_units,
                    row.ordered_minor,
                    row.captured_units,
                    row.captured_minor,
                    row.refunded_units,
                    row.refunded_minor,
                ],
            };
            spill.put_to(row.shard, "", item)
        })
        .await?;
        self.each(|row: analytics::rows::PairRow| {
            sizes.insert(row.size_micros);
            let pair = Witness::Pair {
                size: row.size_micros,
                start: row.window_start,
                items: (row.low_item_id, row.high_item_id),
                baskets: row.baskets,
            };
            spill.put_to(row.shard, "", pair)
        })
        .await?;
        self.each(|row: analytics::rows::CustomersRow| {
            sizes.insert(row.size_micros);
            let customers = Witness::Customers {
                size: row.size_micros,
                start: row.window_start,
                registers: digest(&[Some(&row.registers)]),
            };
            spill.put_to(row.shard, "", customers)
        })
        .await
    }
}
