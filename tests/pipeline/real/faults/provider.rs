//! E: the payment provider, and with it the carrier, going wrong while the whole pipeline is at work. What a
//! worker makes of each single fault stands with the workers.

use std::collections::BTreeMap;

use harness::{eventually, kafka::Kafka, probe};
use sandbox::{
    Faults, Shares, Storm,
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

/// The same for everything that payment and dispatch ask for.
fn of_all(shares: &Shares) -> Faults {
    Faults {
        seed: 11,
        authorise: shares.clone(),
        capture: shares.clone(),
        void: shares.clone(),
        refund: shares.clone(),
        hand_over: Shares {
            // The carrier says for itself whether it took a shipment.
            error_after_effect_per_mille: 0,
            ..shares.clone()
        },
        ..Faults::default()
    }
}

/// Sells so many purchases to a provider that goes wrong so, and asserts that each fault was met.
fn sells_to_a_provider_that(faults: &Faults, met: &[&str], count: i64) -> Machine {
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, faults);
    machine.pipeline.start_all(1);
    machine.sells_while(&load, |machine| {
        eventually(HEALED_WITHIN, "so many are sold", || {
            quiet::purchases_read(&machine.pipeline).unwrap() >= count
        });
    });
    let state = machine.pipeline.sandbox_state();
    for fault in met {
        let times = state["faults_met"][fault].as_u64().unwrap_or_default();
        assert!(times > 0, "{fault} was met: {state}");
    }
    machine
}

#[test]
fn e1_an_answer_that_does_not_come_in_time_is_asked_for_again_and_settled_once() {
    let shares = Shares {
        timeout_per_mille: 50,
        late_per_mille: 50,
        // Both longer than an attempt may take.
        timeout_ms: 4_000,
        late_ms: 4_000,
        ..Shares::default()
    };
    sells_to_a_provider_that(&of_all(&shares), &["timeout", "late"], 250);
}

#[test]
fn e2_what_was_done_although_the_reply_was_lost_or_said_no_is_done_once() {
    let shares = Shares {
        lost_reply_per_mille: 150,
        error_before_effect_per_mille: 50,
        error_after_effect_per_mille: 100,
        ..Shares::default()
    };
    let met = ["lost_reply", "error_before_effect", "error_after_effect"];
    sells_to_a_provider_that(&of_all(&shares), &met, 250);
}

#[test]
fn e4_a_provider_that_is_overwhelmed_is_given_time_and_the_other_groups_go_on() {
    let shares = Shares {
        too_many_requests_per_mille: 100,
        unavailable_per_mille: 100,
        reset_per_mille: 100,
        ..Shares::default()
    };
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &of_all(&shares));
    machine.pipeline.start_all(1);
    machine.sells_while(&load, |machine| {
        let pipeline = &mut machine.pipeline;
        eventually(SOON, "something is authorised", || {
            authorised(pipeline) > 20
        });
        let storm = Storm {
            after_ms: 0,
            for_ms: 600_000,
            every_ms: 0,
        };
        pipeline.change_faults(&Faults {
            storm: Some(storm),
            ..of_all(&shares)
        });
        let payment = pipeline
            .members
            .iter()
            .position(|member| member.group == "payment")
            .unwrap();
        eventually(SOON, "payment says whom it waits for", || {
            pipeline.members[payment].waits_for().contains("provider")
        });
        let (read, paid) = (
            quiet::purchases_read(pipeline).unwrap(),
            authorised(pipeline),
        );
        eventually(SOON, "every group reads on, payment too", || {
            quiet::purchases_read(pipeline).unwrap() > read + 150
        });
        // Those whose attempts were under way when it began.
        assert!(
            authorised(pipeline) < paid + 40,
            "nothing is authorised meanwhile"
        );
        let attempts = pipeline.members[payment].metric("counterflow_task_attempts_total");
        let waiting = "SELECT count(*) FROM tasks WHERE state = 'waiting'";
        let waiting = pipeline.database.number("payment", waiting).unwrap();
        assert!(waiting > 50, "{waiting} wait");
        for member in &pipeline.members {
            member.assert_live();
        }
        let read = quiet::purchases_read(pipeline).unwrap();
        eventually(SOON, "more is read", || {
            quiet::purchases_read(pipeline).unwrap() > read + 50
        });
        let later = pipeline.members[payment].metric("counterflow_task_attempts_total");
        assert!(
            later - attempts < 50.0,
            "an open breaker makes no attempts for those that wait"
        );
        pipeline.change_faults(&of_all(&shares));
    });
}

fn authorised(pipeline: &Pipeline) -> i64 {
    let query = "SELECT count(*) FROM payments WHERE authorised_at IS NOT NULL";
    pipeline.database.number("payment", query).unwrap()
}

#[test]
fn e8_where_authorising_works_and_capturing_does_not_what_is_owed_is_recorded() {
    let faults = Faults {
        authorisation_lapsed_per_mille: 300,
        capture: Shares {
            lost_reply_per_mille: 100,
            ..Shares::default()
        },
        ..Faults::default()
    };
    let machine = sells_to_a_provider_that(&faults, &["lost_reply"], 250);
    crate::whole::verdict::assert_some_lapsed(&machine.pipeline);
}

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
