//! Runs plans: one at a time on each of two threads, whose databases are migrated once.

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    groups::{self, Stores},
    history::History,
    plan::Plan,
    report::Report,
    shrink, verdict,
    world::World,
};

const THREADS: usize = 2;
/// How many lines of a history are printed, from its end.
const LINES_MAX: usize = 400;

/// What became of a run.
pub(crate) struct Outcome {
    pub(crate) result: Result<BTreeMap<String, u64>, String>,
    pub(crate) fingerprint: u64,
    pub(crate) steps: u64,
    pub(crate) commits: u64,
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) history: History,
}

thread_local! {
    static STORES: OnceCell<Stores> = const { OnceCell::new() };
}

/// Databases as they are after their migration.
fn stores(on: &tokio::runtime::Runtime) -> Stores {
    STORES.with(|stores| {
        let stores = stores.get_or_init(|| on.block_on(groups::migrated()));
        for store in stores {
            store.rewind().unwrap();
        }
        stores.clone()
    })
}

/// Runs a plan.
pub(crate) fn outcome(plan: &Plan) -> Outcome {
    run(plan, History::default())
}

fn run(plan: &Plan, history: History) -> Outcome {
    // Without a driver of its own: whatever would wait for real time, or for a socket, panics.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let stores = stores(&runtime);
    let mut world = World::new(plan.clone(), stores, history);
    let ran = runtime.block_on(world.run());
    let result = ran.and_then(|()| verdict::check(&world));
    let fingerprint = world.fingerprint();
    let commits = world.around.watch.seen().commits;
    let counts = world.all_counts();
    Outcome {
        result,
        fingerprint,
        steps: world.step,
        commits,
        counts,
        history: std::mem::take(&mut world.history),
    }
}

/// Runs one seed and tells its history.
pub(crate) fn one(seed: u64) -> Report {
    let mut report = Report::default();
    let outcome = run(&Plan::of(seed), History::kept());
    for line in outcome.history.lines() {
        eprintln!("{line}");
    }
    if let Err(broken) = report.add(outcome) {
        fail(seed, &broken);
    }
    report
}

/// Runs seeds, and says from time to time how far it is where it runs for ever.
pub(crate) fn all(seeds: std::ops::Range<u64>, tells: bool) -> Report {
    let next = AtomicU64::new(seeds.start);
    let report = Mutex::new(Report::default());
    let failed = Mutex::new(None);
    let is_over = AtomicBool::new(false);
    let (started, told) = (Instant::now(), Mutex::new(Instant::now()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = outcome(&Plan::of(seed));
                    let mut report = report.lock().unwrap();
                    if let Err(broken) = report.add(outcome) {
                        failed.lock().unwrap().get_or_insert((seed, broken));
                        is_over.store(true, Ordering::Relaxed);
                    }
                    let mut told = told.lock().unwrap();
                    if tells && told.elapsed() >= Duration::from_secs(5) {
                        *told = Instant::now();
                        eprintln!("{} s: {report}", started.elapsed().as_secs());
                    }
                }
            });
        }
    });
    if let Some((seed, broken)) = failed.into_inner().unwrap() {
        fail(seed, &broken);
    }
    report.into_inner().unwrap()
}

/// Runs it again to be sure, makes it as short as it gets, and tells what happened.
fn fail(seed: u64, broken: &str) -> ! {
    let again = outcome(&Plan::of(seed)).result;
    assert_eq!(
        again.as_ref().err().map(String::as_str),
        Some(broken),
        "seed {seed}, run again"
    );
    let kind = |broken: &str| broken.split([':', ' ']).next().map(str::to_owned);
    let fails = |plan: &Plan| {
        let result = outcome(plan).result;
        result.is_err_and(|other| kind(&other) == kind(broken))
    };
    let short = shrink::shortened(Plan::of(seed), fails);
    let outcome = run(&short, History::kept());
    let lines = outcome.history.lines();
    for line in &lines[lines.len().saturating_sub(LINES_MAX)..] {
        eprintln!("{line}");
    }
    let left = outcome.result.err().unwrap_or_default();
    let (deeds, faults) = (short.deeds.len(), &short.faults);
    panic!(
        "seed {seed}: {broken}\n\nshortened to {deeds} deeds of the shops, {:?} and {faults:#?} (above): {left}",
        short.shape
    );
}
