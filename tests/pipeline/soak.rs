//! Shops that sell for as long as asked while everything is killed, stopped and cut off at random, by a
//! schedule that a seed gives: the same code for two minutes in every test and for hours by `make soak`.
//!
//! Afterwards everything is healed, the pipeline has to become quiet by itself, and SQL and the auditor
//! judge every purchase. What each process took of memory, descriptors, threads and disk is recorded all
//! the while; growth that goes on is a failure.

mod asked;
mod machine;
mod nemesis;
mod report;
mod schedule;
mod slope;
mod tally;
mod usage;
mod watch;

pub(crate) use asked::Asked;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::{Duration, Instant},
};

use harness::within;

use crate::whole::{endurance, load::Load, quiet};
use machine::Machine;
use nemesis::Nemesis;
use report::Report;
use usage::Usage;
use watch::Watch;

/// What a run ends with that has found nothing.
const KEPT: &str = "0 lost, 0 doubled, 0 invented, 0 unexplained";

/// For everything to be done after the last fault has been healed, on a loaded machine.
const QUIET_WITHIN: Duration = Duration::from_secs(240);

/// Runs it, and panics when a promise is broken or something grows.
pub(crate) fn run(asked: &Asked) {
    let began = Instant::now();
    eprintln!("soak: {asked}");
    let mut machine = Machine::start();
    let load = Load::open(&mut machine.pipeline, &endurance::faults());
    machine.start_members();
    Load::until_open(&mut machine.pipeline);
    let usage = Usage::record(&mut machine, asked.sample_every());
    let watch = Watch::begin(&machine, asked);
    let journal = machine.pipeline.file("intents");
    let plan = Load::plan(0, Some(asked.rate));
    let mut nemesis = Nemesis::new(asked);
    let (plan, sold) = load.sell_while(plan, journal, || {
        nemesis.go_on_for(&mut machine, asked, &usage, &watch);
    });
    let healed = Instant::now();
    until_quiet(&mut nemesis, &mut machine, &usage);
    let mut report = Report {
        asked: asked.clone(),
        seconds: began.elapsed().as_secs_f64(),
        quiet_after_seconds: healed.elapsed().as_secs_f64(),
        sold: sold.actions,
        events: watch::events(&machine.pipeline.bootstrap)
            .expect("the broker answers when all is quiet"),
        tally: nemesis.tally().clone(),
        usage: usage.finish(),
        oldest_seconds_max: watch.finish(),
        verdict: "not reached".to_owned(),
    };
    report.write();
    let judged = catch_unwind(AssertUnwindSafe(|| {
        load.judge(&mut machine.pipeline, &plan, &sold);
        load.assert_some_were_refused(&machine.pipeline);
    }));
    report.verdict = match (&judged, report.growing().is_empty()) {
        (Err(_), _) => "a promise is broken".to_owned(),
        (Ok(()), false) => "something grows".to_owned(),
        (Ok(()), true) => KEPT.to_owned(),
    };
    report.write();
    eprintln!("{}", report.summary());
    if let Err(broken) = judged {
        resume_unwind(broken);
    }
    let growing = report.growing();
    assert!(growing.is_empty(), "growth that goes on: {growing:?}");
    assert!(
        report.tally.kills() >= asked.kills_min,
        "{} kills are fewer than {}",
        report.tally.kills(),
        asked.kills_min
    );
}

/// Waits until nothing is left to do. Members may still find out what was done to them.
fn until_quiet(nemesis: &mut Nemesis, machine: &mut Machine, usage: &Usage) {
    let mut left = String::new();
    let done = within(QUIET_WITHIN, "the pipeline is quiet", || {
        nemesis.revive(machine, usage);
        left = quiet::left(&machine.pipeline);
        left.is_empty().then_some(())
    });
    if let Err(late) = done {
        panic!("{late}; left: {left}");
    }
}
