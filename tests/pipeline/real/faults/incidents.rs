//! E6 and E7: what the provider says does not fit what it was asked. That is an incident: nothing is believed
//! of it and nothing sent out on it, until a person gives it back.

use std::collections::BTreeMap;

use harness::{eventually, kafka::Kafka, probe};
use sandbox::{
    Faults, Shares,
    journal::{self, Kind},
};
use schemas::Purchase;

use super::machine::{HEALED_WITHIN, Machine};
use crate::whole::{
    load::Load,
    members::{GROUPS, PROVIDER_LETS_IN, Pipeline, SOON},
    quiet,
    shop::{self, Counter},
};

/// A pipeline that has sold nothing yet.
fn idle(faults: &Faults) -> (Machine, Counter) {
    let mut machine = Machine::new(Kafka::builder());
    let counter = Counter::open(&machine.pipeline.bootstrap);
    counter.fill_shelves(10_000);
    machine.pipeline.set_faults(faults);
    machine.pipeline.start_sandbox();
    machine.pipeline.start_all(1);
    Load::until_open(&mut machine.pipeline);
    (machine, counter)
}

fn set_aside(pipeline: &Pipeline) -> usize {
    let query = "SELECT count(*) FROM dead_letters \
                 WHERE reason = 'provider_mismatch' AND state = 'set_aside'";
    let count = pipeline.database.number("payment", query).unwrap();
    usize::try_from(count).unwrap()
}

fn done_at_the_provider(pipeline: &Pipeline) -> BTreeMap<Kind, usize> {
    let mut done = BTreeMap::new();
    for entry in journal::read(pipeline.journal()).unwrap() {
        *done.entry(entry.unwrap().kind).or_default() += 1;
    }
    done
}

/// Gives what was set aside to payment again, and waits until all is sold.
fn made_good(pipeline: &mut Pipeline, bought: usize) {
    pipeline.succeed(&[
        "dead-letters",
        "redrive",
        "payment",
        "--reason",
        "provider_mismatch",
        "--yes",
        "--wait",
        "60s",
    ]);
    quiet::until_quiet(pipeline, HEALED_WITHIN);
    let query = "SELECT count(*) FROM purchases WHERE status = 'completed'";
    let completed = pipeline.database.number("timeline", query).unwrap();
    assert_eq!(usize::try_from(completed).unwrap(), bought);
    let journal = pipeline.journal().display().to_string();
    pipeline.succeed(&["audit", "--provider-journal", &journal]);
}

#[test]
fn e7_an_answer_for_another_amount_currency_or_purchase_is_not_believed_and_nothing_is_sent() {
    let lies = Shares {
        wrong_amount_per_mille: 334,
        wrong_currency_per_mille: 333,
        wrong_purchase_per_mille: 333,
        ..Shares::default()
    };
    let faults = Faults {
        seed: 3,
        authorise: lies.clone(),
        retrieve: lies,
        ..Faults::default()
    };
    let (mut machine, counter) = idle(&faults);
    let pipeline = &mut machine.pipeline;
    let bought = shop::purchases(7, 2, 40);
    counter.buy(&bought);
    eventually(SOON, "each is an incident", || {
        set_aside(pipeline) == bought.len()
    });
    quiet::until_quiet(pipeline, HEALED_WITHIN);
    let done = done_at_the_provider(pipeline);
    assert_eq!(done.get(&Kind::HandedOver), None, "nothing was sent");
    assert_eq!(done.get(&Kind::Captured), None, "nothing was taken");
    let state = pipeline.sandbox_state();
    for lie in ["wrong_amount", "wrong_currency", "wrong_purchase"] {
        assert!(
            state["faults_met"][lie].as_u64() > Some(0),
            "{lie}: {state}"
        );
    }
    pipeline.change_faults(&Faults::default());
    made_good(pipeline, bought.len());
}

#[test]
fn e6_a_key_that_was_used_for_another_amount_is_an_incident_and_no_other_key_is_tried() {
    let (mut machine, counter) = idle(&Faults::default());
    let pipeline = &mut machine.pipeline;
    let bought = shop::purchases(7, 2, 10);
    for purchase in &bought {
        tamper(pipeline, purchase);
    }
    let honest = shop::purchases(8, 2, 30);
    counter.buy(&bought);
    counter.buy(&honest);
    eventually(SOON, "each is an incident", || {
        set_aside(pipeline) == bought.len()
    });
    quiet::until_quiet(pipeline, HEALED_WITHIN);
    let done = done_at_the_provider(pipeline);
    assert_eq!(
        done[&Kind::HandedOver],
        honest.len(),
        "nothing was sent on it"
    );
    assert_eq!(
        done[&Kind::Authorised],
        honest.len() + bought.len(),
        "no second key was tried"
    );
    for (group, _) in GROUPS {
        assert!(pipeline.is_group_ready(group), "{group}");
    }
}

/// Uses a purchase's key before payment does, for one unit of money.
fn tamper(pipeline: &Pipeline, purchase: &Purchase) {
    let currency = purchase.currency.to_lowercase();
    let form = [
        ("amount", "1"),
        ("currency", &currency),
        ("payment_method", "pm_card_visa"),
        ("payment_method_types[]", "card"),
        ("capture_method", "manual"),
        ("confirm", "true"),
        ("metadata[purchase_id]", &purchase.purchase_id),
    ];
    let key = format!("{}:authorise", purchase.purchase_id);
    let headers = [
        ("Idempotency-Key", key.as_str()),
        ("Authorization", PROVIDER_LETS_IN),
    ];
    let url = pipeline.sandbox_url("/v1/payment_intents");
    let (status, body) = probe::post_form(&url, &headers, &form).unwrap();
    assert_eq!(status, 200, "{body}");
}
