//! The pure step: counts one event, once.
//!
//! Facts may come before their purchase. They are then counted to their own windows at once, and to
//! the window of the purchase when it comes: what is left to do is in the purchase's row, so the
//! order in which topics are read changes nothing.

use runtime::{Decision, Refusal, rows::Seen};
use schemas::{
    Event, Fact, Purchase,
    domain::{CancellationRequested, StockAdjusted, StockReceived},
};

use crate::{
    Observed,
    answers::{self, Answer},
    basket::{self, BasketItem},
    rows::{AnalyticsRows, CountedRow, ItemRow, MovementRow, RevenueRow, WindowRow},
    tally,
    windows::Windows,
};

/// Counts one event.
///
/// # Errors
/// [`Refusal`] for a purchase that contradicts an earlier one, and for a sum that does not fit.
pub fn decide(
    windows: &Windows,
    rows: &mut AnalyticsRows,
    observed: &Observed,
) -> Result<Decision, Refusal> {
    let step = Step { windows, observed };
    match &observed.event {
        Event::Purchase(purchase) => step.purchase(rows, purchase),
        Event::CancellationRequested(request) => step.request(rows, request),
        Event::Fact(Fact::StockReceived(StockReceived { quantity, .. })) => step
            .movement(rows, |window| {
                tally::add(&mut window.stock_received, *quantity)
            }),
        Event::Fact(Fact::StockAdjusted(StockAdjusted {
            quantity_change, ..
        })) => step.movement(rows, |window| {
            tally::add(&mut window.stock_adjusted, *quantity_change)
        }),
        Event::Fact(fact) => step.fact(rows, fact),
    }
}

struct Step<'a> {
    windows: &'a Windows,
    observed: &'a Observed,
}

impl Step<'_> {
    fn purchase(&self, rows: &mut AnalyticsRows, purchase: &Purchase) -> Result<Decision, Refusal> {
        let mut counted = self.counted(rows, &purchase.purchase_id);
        let content_hash = purchase.content_hash();
        match &counted.content_hash {
            Some(known) if *known == content_hash => return Ok(Decision::Duplicate),
            Some(known) => return Err(conflict(known, &content_hash)),
            None => {}
        }
        let items = basket::items(purchase).ok_or_else(|| {
            Refusal::decide(
                "sum_overflow",
                "the lines of one item do not fit into 64 bits",
            )
        })?;
        counted.content_hash = Some(content_hash);
        counted.purchased_at = Some(purchase.occurred_at);
        counted.currency = Some(purchase.currency.clone());
        counted.basket = Some(basket::to_text(&items));
        self.count_purchase(rows, purchase, &items)?;
        for answer in Answer::ALL {
            if answer.is_in(counted.answers) {
                self.count_answer(rows, &counted, answer)?;
            }
        }
        rows.counted.put(counted);
        Ok(Decision::Applied)
    }

    fn count_purchase(
        &self,
        rows: &mut AnalyticsRows,
        purchase: &Purchase,
        items: &[BasketItem],
    ) -> Result<(), Refusal> {
        self.in_own_windows(rows, |window| {
            tally::add(&mut window.purchases, 1)?;
            (items.iter()).try_for_each(|item| tally::add(&mut window.units, item.units))
        })?;
        self.money(rows, &purchase.currency, |row| {
            tally::add(&mut row.ordered_minor, purchase.total_minor())
        })?;
        let pane = (self.windows).coarse(purchase.occurred_at, self.observed.shard);
        tally::customer(rows, pane, &purchase.customer_id)?;
        for item in items {
            tally::item(rows, pane, &purchase.currency, item, |row| {
                tally::add(&mut row.ordered_units, item.units)?;
                tally::add(&mut row.ordered_minor, item.amount_minor)
            })?;
        }
        for pair in basket::pairs(purchase) {
            tally::pair(rows, pane, pair)?;
        }
        Ok(())
    }

    fn request(
        &self,
        rows: &mut AnalyticsRows,
        request: &CancellationRequested,
    ) -> Result<Decision, Refusal> {
        let mut counted = self.counted(rows, &request.purchase_id);
        let is_new = counted.seen.add(&request.event_id);
        if !Answer::CancellationRequested.add_to(&mut counted.answers) {
            // Which of several requests is counted is the log's order; the others are not
            // remembered, so that asking without end does not make a row without end.
            return Ok(match is_new {
                true => Decision::Ignored("requested_before"),
                false => Decision::Duplicate,
            });
        }
        self.in_own_windows(rows, |window| {
            tally::add(&mut window.cancellation_requests, 1)
        })?;
        rows.counted.put(counted);
        Ok(Decision::Applied)
    }

    fn fact(&self, rows: &mut AnalyticsRows, fact: &Fact) -> Result<Decision, Refusal> {
        let Some(purchase_id) = fact.purchase_id() else {
            return Ok(Decision::Ignored("no_purchase"));
        };
        let mut counted = self.counted(rows, purchase_id);
        if !counted.seen.add(fact.event_id()) {
            return Ok(Decision::Duplicate);
        }
        self.in_own_windows(rows, |window| match answers::in_its_window(fact, window) {
            Some(count) => tally::add(count, 1),
            None => Ok(()),
        })?;
        match fact {
            Fact::PaymentCaptured(fact) => self.money(rows, &fact.currency, |row| {
                tally::add(&mut row.captured_minor, fact.amount_minor)
            })?,
            Fact::PaymentRefunded(fact) => self.money(rows, &fact.currency, |row| {
                tally::add(&mut row.refunded_minor, fact.amount_minor)
            })?,
            _ => {}
        }
        if let Some(answer) = Answer::of(fact)
            && answer.add_to(&mut counted.answers)
        {
            self.count_answer(rows, &counted, answer)?;
        }
        rows.counted.put(counted);
        Ok(Decision::Applied)
    }

    fn movement(
        &self,
        rows: &mut AnalyticsRows,
        change: impl Fn(&mut WindowRow) -> Result<(), Refusal>,
    ) -> Result<Decision, Refusal> {
        let event_id = self.observed.event.event_id().to_owned();
        if rows.movements.get(&(event_id.clone(),)).is_some() {
            return Ok(Decision::Duplicate);
        }
        self.in_own_windows(rows, change)?;
        rows.movements.put(MovementRow {
            event_id,
            shard: self.observed.shard,
        });
        Ok(Decision::Applied)
    }

    /// Counts an answer among the purchases of the window in which its purchase was made, once that
    /// is known.
    fn count_answer(
        &self,
        rows: &mut AnalyticsRows,
        counted: &CountedRow,
        answer: Answer,
    ) -> Result<(), Refusal> {
        let (Some(purchased_at), Some(currency)) = (counted.purchased_at, &counted.currency) else {
            return Ok(());
        };
        for pane in self.windows.panes(purchased_at, self.observed.shard) {
            tally::window(rows, pane, |window| match answer.among_purchases(window) {
                Some(count) => tally::add(count, 1),
                None => Ok(()),
            })?;
        }
        let pane = self.windows.coarse(purchased_at, self.observed.shard);
        let sums: fn(&mut ItemRow) -> (&mut i64, &mut i64) = match answer {
            Answer::Captured => |row| (&mut row.captured_units, &mut row.captured_minor),
            Answer::Refunded => |row| (&mut row.refunded_units, &mut row.refunded_minor),
            _ => return Ok(()),
        };
        for item in counted
            .basket
            .as_deref()
            .map_or_else(Vec::new, basket::from_text)
        {
            tally::item(rows, pane, currency, &item, |row| {
                let (units, minor) = sums(row);
                tally::add(units, item.units)?;
                tally::add(minor, item.amount_minor)
            })?;
        }
        Ok(())
    }

    fn in_own_windows(
        &self,
        rows: &mut AnalyticsRows,
        change: impl Fn(&mut WindowRow) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let observed = self.observed;
        for pane in (self.windows).panes(observed.event.occurred_at(), observed.shard) {
            let late = i64::from(self.windows.is_late(pane, observed.recorded_at));
            tally::window(rows, pane, |window| {
                change(window)?;
                tally::add(&mut window.late, late)
            })?;
        }
        Ok(())
    }

    fn money(
        &self,
        rows: &mut AnalyticsRows,
        currency: &str,
        change: impl Fn(&mut RevenueRow) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let observed = self.observed;
        for pane in (self.windows).panes(observed.event.occurred_at(), observed.shard) {
            tally::revenue(rows, pane, currency, &change)?;
        }
        Ok(())
    }

    fn counted(&self, rows: &AnalyticsRows, purchase_id: &str) -> CountedRow {
        let key = (purchase_id.to_owned(),);
        (rows.counted.get(&key).cloned()).unwrap_or(CountedRow {
            purchase_id: key.0,
            content_hash: None,
            purchased_at: None,
            currency: None,
            basket: None,
            answers: 0,
            seen: Seen::default(),
        })
    }
}

fn conflict(known: &str, content_hash: &str) -> Refusal {
    let detail = format!("content {content_hash}; the purchase that was first has {known}");
    Refusal::decide("conflicting_duplicate", detail)
}
