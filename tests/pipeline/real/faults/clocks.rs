//! B13: clocks that jump.

use harness::{eventually, kafka::Kafka};
use sandbox::{Faults, Storm};

use super::machine::{HEALED_WITHIN, Machine};
use crate::whole::{
    load::Load,
    members::{GROUPS, Pipeline, SOON},
};

const HOUR_MICROS: i64 = 3_600_000_000;
/// A clock of this group alone.
const AHEAD: &str = "inventory";

/// Clocks that jump lose, double and reorder nothing; a deadline goes by the clock of the one who owns it.
#[test]
fn b13_clocks_that_jump_double_nothing_lose_nothing_and_reorder_nothing() {
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    for (group, _) in GROUPS {
        let clock = machine.pipeline.file(group).with_extension("clock");
        let clock = clock.display().to_string();
        (machine.pipeline).set_environment(failpoints::CLOCK_VARIABLE, &clock);
        machine.pipeline.start(group, &[]);
    }
    machine.sells_while(&load, |machine| {
        machine.until_at_work();
        let pipeline = &machine.pipeline;
        // Nothing is paid for, so that goods are kept for a quarter of an hour, by the clock of who keeps them.
        let storm = Storm {
            after_ms: 0,
            for_ms: 600_000,
            every_ms: 0,
        };
        pipeline.change_faults(&Faults {
            storm: Some(storm),
            ..Faults::default()
        });
        let reserved = "SELECT count(*) FROM reservations WHERE state = 'held'";
        eventually(SOON, "goods are kept", || {
            pipeline.database.number(AHEAD, reserved).unwrap() > 50
        });
        assert_eq!(expired(pipeline), 0);
        set_clock(pipeline, AHEAD, HOUR_MICROS);
        // A deadline waits for the backlog that was there when it passed.
        eventually(
            HEALED_WITHIN,
            "their time is over for who keeps them",
            || expired(pipeline) > 50,
        );
        set_clock(pipeline, AHEAD, 0);
        // For dispatch, whose clock is right, nothing is late.
        let called_off = "SELECT cancel_reason, count(*) FROM dispatches \
                          WHERE state = 'cancelled' GROUP BY cancel_reason";
        let called_off = pipeline.database.look("dispatch", called_off).unwrap();
        let late = called_off.iter().find(|row| row[0] == "answers_late");
        assert_eq!(late, None, "{called_off:?}");
        pipeline.change_faults(&Faults::default());
        // And all of them: ahead, behind, and as a clock is that is set right in the end.
        for micros in [HOUR_MICROS, -HOUR_MICROS, 500_000, -500_000, 0] {
            for (group, _) in GROUPS {
                set_clock(&machine.pipeline, group, micros);
            }
            machine.until_read(50);
        }
    });
}

/// Whose goods were given back because their time was over.
fn expired(pipeline: &Pipeline) -> i64 {
    let query = "SELECT count(DISTINCT purchase_id) FROM stock_movements WHERE kind = 'expired'";
    pipeline.database.number(AHEAD, query).unwrap()
}

/// In one step: it is read at any moment.
fn set_clock(pipeline: &Pipeline, group: &str, micros: i64) {
    let clock = pipeline.file(group).with_extension("clock");
    let draft = clock.with_extension("draft");
    std::fs::write(&draft, micros.to_string()).unwrap();
    std::fs::rename(&draft, &clock).unwrap();
}
