//! Shops that sell for as long as asked while everything is killed, stopped and cut off at random, by a
//! schedule that a seed gives: the same code for two minutes in every test and for hours by `make soak`.
//!
//! All the while an audit looks on, in snapshots. Afterwards everything is healed, the pipeline has to
//! become quiet by itself, and SQL and the auditor judge every purchase. What each process took of memory,
//! descriptors, threads and disk is recorded all the while; growth that goes on is a failure.

mod asked;
mod control;
mod deaths;
mod disk;
mod judge;
mod machine;
mod nemesis;
mod report;
mod schedule;
mod slope;
mod tally;
mod usage;
mod watch;
mod zombies;

pub(crate) use asked::Asked;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::{Duration, Instant},
};

use harness::{registry, within};

use crate::whole::{
    endurance,
    following::{Following, Rounds},
    load::{Load, records_audited},
    quiet,
};
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
    machine.start_members(asked.seed);
    Load::until_open(&mut machine.pipeline);
    let ways = [("registry.url", registry::shared().url())];
    let ways = ways.each_ref().map(|(key, url)| (*key, url.as_str()));
    let audit = Following::begin(&machine.pipeline, asked.audit_every(), &ways);
    let usage = Usage::record(&mut machine, audit.pid(), asked.sample_every());
    let mut watch = Watch::begin(&machine, asked);
    let journal = machine.pipeline.file("intents");
    let mut plan = Load::plan(0, Some(asked.rate));
    plan.seed = asked.seed;
    let mut nemesis = Nemesis::new(asked);
    let (plan, sold) = load.sell_while(plan, journal, || {
        nemesis.go_on_for(&mut machine, asked, &usage, &audit, &mut watch);
    });
    let healed = Instant::now();
    until_quiet(&mut nemesis, &mut machine);
    watch.finish();
    let mut report = Report {
        asked: asked.clone(),
        seconds: began.elapsed().as_secs_f64(),
        quiet_after_seconds: healed.elapsed().as_secs_f64(),
        sold: sold.actions,
        events: 0,
        tally: nemesis.finish(&machine),
        usage: usage.finish(),
        rounds: audit.rounds(),
        verdict: "not reached".to_owned(),
    };
    report.write();
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let rounds = audit.judge(asked.looks_min());
        let audited = load.judge(&mut machine.pipeline, &plan, &sold);
        load.assert_some_were_refused(&machine.pipeline);
        (rounds, assert_all_was_audited(&machine, &audited))
    }));
    report.verdict = match (&judged, report.growing().is_empty()) {
        (Err(_), _) => "a promise is broken".to_owned(),
        (Ok(_), false) => "something grows".to_owned(),
        (Ok(_), true) => KEPT.to_owned(),
    };
    if let Ok((rounds, events)) = &judged {
        report.rounds = Rounds::clone(rounds);
        report.events = *events;
    }
    report.write();
    eprintln!("{}", report.summary());
    if let Err(broken) = judged {
        resume_unwind(broken);
    }
    let growing = report.growing();
    assert!(growing.is_empty(), "growth that goes on: {growing:?}");
    let tally = &report.tally;
    assert!(
        tally.kills() >= asked.kills_min && tally.fenced >= asked.fenced_min,
        "too little was met: {tally:?}"
    );
}

/// What the audit says that it has read is what the topics hold.
fn assert_all_was_audited(machine: &Machine, audited: &str) -> i64 {
    let held =
        watch::events(&machine.pipeline.bootstrap).expect("the broker answers when all is quiet");
    let read = records_audited(audited);
    assert_eq!(
        read, held,
        "records that were audited, and records on the topics"
    );
    read
}

/// Waits until nothing is left to do, and nobody has to do anything for it.
fn until_quiet(nemesis: &mut Nemesis, machine: &mut Machine) {
    let mut left = String::new();
    let done = within(QUIET_WITHIN, "the pipeline is quiet", || {
        nemesis.assert_nobody_has_ended(machine);
        left = quiet::left(&machine.pipeline);
        left.is_empty().then_some(())
    });
    if let Err(late) = done {
        panic!("{late}; left: {left}");
    }
}
