//! The pure step: what a fact or an answer adds to a payment, and what follows from it.
//!
//! First the event is written into the row (`learn`), then whatever the row now calls for is done,
//! step by step, until the provider has to be waited for (`proceed`). Everything that is stated,
//! asked or posted takes its cause, its amount and its id from the row, so a second delivery could
//! only say the same again, and is told apart before it does.

use runtime::{Decision, Effects, NewTask, Refusal, Timestamp};
use schemas::{
    Event, Fact, Purchase,
    domain::{
        CaptureFailed, PaymentAuthorised, PaymentCaptured, PaymentDeclined, PaymentRefunded,
        PaymentVoided, TenderKind,
    },
    ids,
};

use crate::{
    answer,
    event::{Ask, Call, PaymentEvent},
    ledger::{self, Happened},
    rows::{Payment, PaymentRows, WITHOUT_PROVIDER},
    state::State,
    step::{Step, ended_by, ending_reason, next_step},
};

/// Applies one event.
///
/// # Errors
/// [`Refusal`] for a purchase that contradicts an earlier one, and for an answer that does not fit
/// what was asked (`provider_mismatch`) or refuses to let go or to give back (`provider_refused`).
pub fn decide(
    method_on_file: &str,
    rows: &mut PaymentRows,
    event: &PaymentEvent,
    now: Timestamp,
    effects: &mut Effects<Fact>,
) -> Result<Decision, Refusal> {
    let Some(purchase_id) = event.concerns() else {
        return Ok(Decision::Ignored("not_about_money"));
    };
    let mut row = (rows.payments.get(&(purchase_id.to_owned(),)))
        .cloned()
        .unwrap_or_else(|| Payment::expected(purchase_id, now));
    let mut paying = Paying {
        row: &mut row,
        rows,
        effects,
        now,
    };
    let learnt = match event {
        PaymentEvent::Event(event) => learn(paying.row, event, method_on_file)?,
        PaymentEvent::Answer { call, outcome, .. } => answer::settle(&mut paying, *call, outcome)?,
    };
    if learnt == Decision::Applied {
        paying.proceed()?;
        rows.payments.put(row);
    }
    Ok(learnt)
}

/// Writes a fact into the row.
fn learn(row: &mut Payment, event: &Event, method_on_file: &str) -> Result<Decision, Refusal> {
    let (known, stated_by) = match event {
        Event::Purchase(purchase) => return learn_purchase(row, purchase, method_on_file),
        Event::Fact(Fact::StockRejected(fact)) => (&mut row.rejected_by, &fact.event_id),
        Event::Fact(Fact::ShipmentHandedOver(fact)) => (&mut row.handed_over_by, &fact.event_id),
        Event::Fact(Fact::PurchaseCancelled(fact)) => {
            if row.cancelled_by.is_none() {
                row.cancel_reason = Some(fact.reason.clone());
            }
            (&mut row.cancelled_by, &fact.event_id)
        }
        _ => return Ok(Decision::Ignored("not_about_money")),
    };
    if known.is_some() {
        return Ok(Decision::Duplicate);
    }
    *known = Some(stated_by.clone());
    Ok(Decision::Applied)
}

fn learn_purchase(
    row: &mut Payment,
    purchase: &Purchase,
    method_on_file: &str,
) -> Result<Decision, Refusal> {
    let content_hash = purchase.content_hash();
    if let Some(known) = &row.content_hash {
        if *known == content_hash || mutants::on("contradiction-taken-for-duplicate") {
            return Ok(Decision::Duplicate);
        }
        return Err(Refusal::decide(
            "conflicting_duplicate",
            format!("content {content_hash} after {known} under the same purchase id"),
        ));
    }
    let amount_minor = purchase.total_minor();
    let cards = (purchase.tenders.iter()).filter(|tender| tender.kind == TenderKind::Card);
    let card_minor = cards.clone().map(|tender| tender.amount_minor).sum();
    if card_minor < 0 || card_minor > amount_minor {
        return Err(Refusal::decide(
            "tenders_exceed_total",
            format!("{card_minor} by card of {amount_minor} in all"),
        ));
    }
    // A purchase has one payment intent, so it can have one card.
    let mut methods = cards.map(|tender| tender.reference.as_deref().unwrap_or(method_on_file));
    let method = methods.next();
    if methods.any(|other| Some(other) != method) {
        return Err(Refusal::decide(
            "several_cards",
            "tenders name more than one card; one is expected",
        ));
    }
    row.payment_method = method.map(str::to_owned);
    row.purchase_event_id = Some(purchase.event_id.clone());
    row.content_hash = Some(content_hash);
    row.currency = Some(purchase.currency.clone());
    row.amount_minor = amount_minor;
    row.card_minor = card_minor;
    row.tax_minor = purchase.tax_minor();
    row.shipping_minor = purchase.shipping_minor;
    Ok(Decision::Applied)
}

/// One payment on its way, with everything that it may change.
pub(crate) struct Paying<'a> {
    pub(crate) row: &'a mut Payment,
    rows: &'a mut PaymentRows,
    effects: &'a mut Effects<Fact>,
    now: Timestamp,
}

impl Paying<'_> {
    /// Does what the row calls for until there is nothing left, or the provider is asked. Every
    /// step leaves the state that called for it, and no state is entered twice, so it ends.
    fn proceed(&mut self) -> Result<(), Refusal> {
        while let Some(step) = next_step(self.row) {
            match step {
                Step::EndUnasked => self.voided(false)?,
                Step::OweForGoods => self.not_captured(self.row.state.as_str().to_owned(), 0)?,
                Step::Authorise => self.ask(Call::Authorise)?,
                Step::Void => self.ask(Call::Void)?,
                Step::Release => self.ask(Call::Release)?,
                Step::Capture => self.ask(Call::Capture)?,
                Step::Refund => self.ask(Call::Refund)?,
                Step::Credit => self.credited()?,
            }
        }
        Ok(())
    }

    /// Asks the provider; without a card there is nobody to ask, and it is done at once.
    pub(crate) fn ask(&mut self, call: Call) -> Result<(), Refusal> {
        if !self.row.needs_provider() {
            return self.done(call, WITHOUT_PROVIDER, Some(WITHOUT_PROVIDER));
        }
        self.row.state = match call {
            Call::Authorise => State::Authorising,
            // Whatever turns up of what was given up is let go, and the payment stays declined.
            Call::Release if self.row.state == State::Declined => State::Declined,
            Call::Void | Call::Release => State::Voiding,
            Call::Capture => State::Capturing,
            Call::Refund => State::Refunding,
        };
        let ask = Ask {
            purchase_id: self.row.purchase_id.clone(),
            amount_minor: self.row.card_minor,
            currency: self.currency(),
            payment_method: (self.row.payment_method.clone()).filter(|_| call == Call::Authorise),
            provider_ref: self.row.provider_ref.clone(),
        };
        self.effects.task(NewTask {
            task_id: format!("{}:{}", self.row.purchase_id, call.as_str()),
            key: self.row.purchase_id.clone(),
            kind: call.as_str(),
            payload: serde_json::to_value(ask).expect("a struct of strings and integers is JSON"),
            causation_id: self.cause(call),
        });
        Ok(())
    }

    /// Takes note that a call has had its effect.
    pub(crate) fn done(
        &mut self,
        call: Call,
        intent: &str,
        refund: Option<&str>,
    ) -> Result<(), Refusal> {
        match call {
            Call::Authorise => self.authorised(intent),
            Call::Void | Call::Release => self.voided(self.row.authorised_at.is_some()),
            Call::Capture => self.captured(),
            Call::Refund => self.refunded(refund.unwrap_or_default()),
        }
    }

    fn authorised(&mut self, intent: &str) -> Result<(), Refusal> {
        let cause = self.cause(Call::Authorise);
        self.post(Happened::Authorised, &cause)?;
        self.row.state = State::Authorised;
        self.row.provider_ref = Some(intent.to_owned());
        self.row.authorised_at = Some(self.now);
        let fact = PaymentAuthorised {
            event_id: self.fact_id("authorised"),
            purchase_id: self.row.purchase_id.clone(),
            occurred_at: self.now,
            causation_id: cause,
            amount_minor: self.row.amount_minor,
            currency: self.currency(),
            provider_ref: intent.to_owned(),
        };
        self.effects.emit(fact.into());
        Ok(())
    }

    /// Keeps what a disputed authorisation can be let go by, and sets the answer aside.
    pub(crate) fn dispute(&mut self, intent: Option<String>, detail: String) {
        self.row.state = State::Disputed;
        self.row.provider_ref = intent;
        self.effects.set_aside("provider_mismatch", detail);
    }

    pub(crate) fn declined(&mut self, reason: &str) {
        self.row.provider_ref = None;
        self.end(State::Declined, reason.to_owned());
        let fact = PaymentDeclined {
            event_id: self.fact_id("declined"),
            purchase_id: self.row.purchase_id.clone(),
            occurred_at: self.now,
            causation_id: self.cause(Call::Authorise),
            reason: reason.to_owned(),
        };
        self.effects.emit(fact.into());
    }

    fn voided(&mut self, held: bool) -> Result<(), Refusal> {
        let (cause, reason) = (ended_by(self.row), ending_reason(self.row));
        if held {
            self.post(Happened::Voided, &cause)?;
        }
        self.end(State::Voided, reason.clone());
        let fact = PaymentVoided {
            event_id: self.fact_id("voided"),
            purchase_id: self.row.purchase_id.clone(),
            occurred_at: self.now,
            causation_id: cause,
            reason,
        };
        self.effects.emit(fact.into());
        Ok(())
    }

    fn captured(&mut self) -> Result<(), Refusal> {
        let cause = self.cause(Call::Capture);
        self.post(Happened::Captured, &cause)?;
        self.post(Happened::Recognised, &cause)?;
        self.row.state = State::Captured;
        self.row.captured_at = Some(self.now);
        let fact = PaymentCaptured {
            event_id: self.fact_id("captured"),
            purchase_id: self.row.purchase_id.clone(),
            occurred_at: self.now,
            causation_id: cause,
            amount_minor: self.row.amount_minor,
            currency: self.currency(),
            provider_ref: self.row.provider_ref.clone().unwrap_or_default(),
        };
        self.effects.emit(fact.into());
        Ok(())
    }

    pub(crate) fn not_captured(&mut self, reason: String, attempts: i32) -> Result<(), Refusal> {
        let cause = self.cause(Call::Capture);
        self.post(Happened::CaptureFailed, &cause)?;
        self.end(State::CaptureFailed, reason.clone());
        let fact = CaptureFailed {
            event_id: self.fact_id("capture_failed"),
            purchase_id: self.row.purchase_id.clone(),
            occurred_at: self.now,
            causation_id: cause,
            reason,
            attempts,
        };
        self.effects.emit(fact.into());
        Ok(())
    }

    fn refunded(&mut self, refund: &str) -> Result<(), Refusal> {
        let (cause, reason) = (self.cause(Call::Refund), ending_reason(self.row));
        self.post(Happened::Refunded, &cause)?;
        self.end(State::Refunded, reason.clone());
        self.row.refund_ref = Some(refund.to_owned());
        let fact = PaymentRefunded {
            event_id: self.fact_id("refunded"),
            purchase_id: self.row.purchase_id.clone(),
            occurred_at: self.now,
            causation_id: cause,
            amount_minor: self.row.amount_minor,
            currency: self.currency(),
            provider_ref: refund.to_owned(),
            reason,
        };
        self.effects.emit(fact.into());
        Ok(())
    }

    /// Takes back what the customer was made to owe. Nothing moves at the provider and nothing is
    /// stated: that the goods come back is dispatch's word, and row and reason still tell why the
    /// money could not be taken.
    fn credited(&mut self) -> Result<(), Refusal> {
        self.post(Happened::Credited, &ended_by(self.row))?;
        self.row.state = State::Credited;
        Ok(())
    }

    fn end(&mut self, state: State, reason: String) {
        self.row.state = state;
        self.row.reason = Some(reason);
        self.row.ended_at = Some(self.now);
    }

    fn post(&mut self, happened: Happened, cause: &str) -> Result<(), Refusal> {
        ledger::post(self.rows, self.row, happened, cause, self.now)
            .map_err(|unbalanced| Refusal::decide("unbalanced_entry", unbalanced.to_string()))
    }

    /// The event that calls for a call, whatever event it is that lets it be made.
    fn cause(&self, call: Call) -> String {
        let row = &*self.row;
        match call {
            Call::Authorise => row.purchase_event_id.clone().unwrap_or_default(),
            Call::Capture => row.handed_over_by.clone().unwrap_or_default(),
            // What was given up is let go because it was given up, whatever else has happened.
            Call::Release if row.state == State::Declined => self.fact_id("declined"),
            Call::Void | Call::Refund | Call::Release => ended_by(row),
        }
    }

    fn currency(&self) -> String {
        self.row.currency.clone().unwrap_or_default()
    }

    fn fact_id(&self, step: &str) -> String {
        ids::derived(&self.row.purchase_id, &format!("payment.{step}"))
    }
}
