//! E: the payment provider, and with it the carrier, going wrong while the whole pipeline is at work. What a
//! worker makes of each single fault stands with the workers.

use harness::{eventually, kafka::Kafka};
use sandbox::{Faults, Shares, Span, Storm};

use super::machine::{HEALED_WITHIN, Machine, PURCHASES_PER_SECOND};
use crate::whole::{
    load::Load,
    members::{Member, Pipeline, SOON},
    quiet, verdict,
};

/// The same for everything that payment and dispatch ask for.
fn of_all(shares: &Shares) -> Faults {
    Faults {
        seed: 11,
        authorise: shares.clone(),
        capture: shares.clone(),
        void: shares.clone(),
        refund: shares.clone(),
        hand_over: shares.clone(),
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
    assert_met(&machine, met);
    machine
}

/// Each fault was met.
fn assert_met(machine: &Machine, met: &[&str]) {
    let state = machine.pipeline.sandbox_state();
    for fault in met {
        let times = state["faults_met"][fault].as_u64().unwrap_or_default();
        assert!(times > 0, "{fault} was met: {state}");
    }
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
    let storm = Storm {
        after_ms: 0,
        for_ms: 600_000,
        every_ms: 0,
    };
    let storm = Faults {
        storm: Some(storm),
        ..of_all(&shares)
    };
    // Ten times as long as an attempt may take.
    let slow = of_all(&Shares {
        latency_ms: Some(Span {
            min: 30_000,
            max: 30_000,
        }),
        ..Shares::default()
    });
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &of_all(&shares));
    machine.pipeline.start_all(1);
    // Some are cancelled, so that what is held is to be let go, too.
    let mut plan = Load::plan(0, Some(PURCHASES_PER_SECOND));
    plan.shares.cancelled = 0.3;
    machine.sells_plan_while(&load, plan, |machine| {
        let pipeline = &mut machine.pipeline;
        eventually(SOON, "something is authorised", || {
            authorised(pipeline) > 20
        });
        pipeline.change_faults(&storm);
        others_go_on_while_payment_waits(pipeline);
        pipeline.change_faults(&slow);
        others_go_on_while_payment_waits(pipeline);
        pipeline.change_faults(&of_all(&shares));
    });
}

/// While the provider does nothing for anybody: payment reads on and asks hardly ever, whatever it has to ask
/// for, and nobody waits for it.
fn others_go_on_while_payment_waits(pipeline: &Pipeline) {
    let members = pipeline.members.iter();
    let payment = members
        .clone()
        .find(|member| member.group == "payment")
        .unwrap();
    eventually(SOON, "payment says whom it waits for", || {
        payment.waits_for().contains("provider")
    });
    let read = quiet::purchases_read(pipeline).unwrap();
    let paid = authorised(pipeline);
    eventually(SOON, "every group reads on, payment too", || {
        quiet::purchases_read(pipeline).unwrap() > read + 100
    });
    // Those whose attempts were under way when it began.
    assert!(
        authorised(pipeline) < paid + 40,
        "nothing is authorised meanwhile"
    );
    let waiting = |step: &str| {
        let query = format!(
            "SELECT count(*) FROM tasks WHERE state = 'waiting' AND task_id LIKE '%:{step}'"
        );
        pipeline.database.number("payment", &query).unwrap()
    };
    eventually(SOON, "each of what it does waits", || {
        waiting("authorise") > 50 && waiting("void") > 0
    });
    members.for_each(Member::assert_live);
    let attempts = payment.metric("counterflow_task_attempts_total");
    let read = quiet::purchases_read(pipeline).unwrap();
    eventually(SOON, "more is read", || {
        quiet::purchases_read(pipeline).unwrap() > read + 50
    });
    let later = payment.metric("counterflow_task_attempts_total");
    assert!(
        later - attempts < 50.0,
        "an open breaker makes no attempts for those that wait"
    );
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
            // So slow that a customer changes his mind meanwhile.
            latency_ms: Some(Span {
                min: 500,
                max: 2_000,
            }),
            ..Shares::default()
        },
        refund: Shares {
            lost_reply_per_mille: 200,
            ..Shares::default()
        },
        ..Faults::default()
    };
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &faults);
    machine.pipeline.start_all(1);
    let mut plan = Load::plan(0, Some(PURCHASES_PER_SECOND));
    plan.shares.cancelled = 0.3;
    machine.sells_plan_while(&load, plan, |machine| {
        eventually(HEALED_WITHIN, "so many are sold", || {
            quiet::purchases_read(&machine.pipeline).unwrap() >= 250
        });
    });
    assert_met(&machine, &["lost_reply"]);
    verdict::assert_some_lapsed(&machine.pipeline);
    // The purchase was called off before the money was taken, and the money given back afterwards.
    let during = "SELECT count(*) FROM purchases \
                  WHERE refunded_at IS NOT NULL AND cancelled_at < captured_at";
    let during = machine.pipeline.database.number("timeline", during);
    assert!(during.unwrap() > 0, "nobody was refunded during a capture");
}
