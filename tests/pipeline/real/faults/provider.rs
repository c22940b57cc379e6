//! E: the payment provider, and with it the carrier, going wrong while the whole pipeline is at work. What a
//! worker makes of each single fault stands with the workers.

use harness::{eventually, kafka::Kafka};
use sandbox::{Faults, Shares, Storm};

use super::machine::{HEALED_WITHIN, Machine};
use crate::whole::{
    load::Load,
    members::{Pipeline, SOON},
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
    verdict::assert_some_lapsed(&machine.pipeline);
}
