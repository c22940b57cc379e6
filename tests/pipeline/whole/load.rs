//! The shops at work while something is done to the pipeline, and the verdict afterwards: what every
//! scenario has in common in which everything that was sold must have had its effects once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::LazyLock,
};

use sandbox::Faults;
use simulator::{Plan, Report, catalogue};

use super::{
    members::Pipeline,
    quiet::TOPICS,
    shop::{Counter, now},
    verdict,
};

/// More than is ever sold of one item.
const FILLED: i64 = 10_000_000;
/// Less than is wanted of some, so that members compete for the last.
const FEW: i64 = 2;

/// Other shops with `COUNTERFLOW_SEED`.
static SEED: LazyLock<u64> = LazyLock::new(|| {
    std::env::var("COUNTERFLOW_SEED").map_or(7, |seed| {
        seed.parse().expect("COUNTERFLOW_SEED is a number")
    })
});

/// What the auditor prints when every promise was kept.
pub(crate) const KEPT: &str = "nothing lost, nothing doubled, nothing invented";

/// Items of which there are few: not the most wanted, or hardly anything would be sold.
fn scarce_skus() -> impl Iterator<Item = String> {
    catalogue::stocked_skus().skip(20).take(10)
}

/// The shops, with goods on the shelves, and a storefront and a provider that run.
pub(crate) struct Load {
    pub(crate) counter: Counter,
    /// Where the storefront is.
    pub(crate) storefront: String,
    shelves: BTreeMap<String, i64>,
    scarce: BTreeSet<String>,
}

impl Load {
    /// Fills the shelves and starts the provider, which goes wrong as `faults` says, and the storefront.
    /// Topics and tables are there.
    pub(crate) fn open(pipeline: &mut Pipeline, faults: &Faults) -> Self {
        let counter = Counter::open(&pipeline.bootstrap);
        let scarce: BTreeSet<String> = scarce_skus().collect();
        let of = |sku: &String| if scarce.contains(sku) { FEW } else { FILLED };
        let shelves: BTreeMap<String, i64> = (catalogue::stocked_skus())
            .map(|sku| (sku.clone(), of(&sku)))
            .collect();
        counter.receive(|sku| shelves[sku]);
        pipeline.set_faults(faults);
        pipeline.start_sandbox();
        let storefront = pipeline.start_storefront();
        Self {
            counter,
            storefront,
            shelves,
            scarce,
        }
    }

    /// Waits until every member has its share and inventory knows its shelves.
    pub(crate) fn until_open(pipeline: &mut Pipeline) {
        for which in 0..pipeline.members.len() {
            pipeline.until_ready(which);
        }
        pipeline.until_shelves_are_full();
    }

    /// Shops of every kind: `actions` of them, at so many per second if paced.
    pub(crate) fn plan(actions: u64, rate: Option<f64>) -> Plan {
        let mut plan = Plan::new(*SEED, now());
        plan.count = Some(actions);
        plan.rate = rate;
        plan.shares.http = 0.2;
        plan.shares.duplicates = 0.05;
        plan.shares.conflicts = 0.005;
        plan.shares.poison = 0.01;
        plan.shares.cancelled = 0.04;
        plan.shares.cancelled_early = 0.005;
        plan
    }

    /// Runs a plan to its end while `meanwhile` is done; it is told whether the shops have closed.
    pub(crate) fn run(
        &self,
        plan: &Plan,
        journal: PathBuf,
        meanwhile: impl FnOnce(&dyn Fn() -> bool),
    ) -> Report {
        std::thread::scope(|scope| {
            let never = std::future::pending();
            let publishing =
                scope.spawn(|| (self.counter).simulate(plan, &self.storefront, journal, never));
            meanwhile(&|| publishing.is_finished());
            publishing.join().expect("the shops publish to the end")
        })
    }

    /// Sells by a plan for as long as something is done: what was sold, as a plan of its own.
    pub(crate) fn sell_while(
        &self,
        mut plan: Plan,
        journal: PathBuf,
        meanwhile: impl FnOnce(),
    ) -> (Plan, Report) {
        plan.count = None;
        let report = std::thread::scope(|scope| {
            let (done, is_done) = tokio::sync::oneshot::channel::<()>();
            // Also when `meanwhile` panics: the shops close with it.
            let stop = async { drop(is_done.await) };
            let publishing =
                scope.spawn(|| (self.counter).simulate(&plan, &self.storefront, journal, stop));
            meanwhile();
            drop(done);
            publishing
                .join()
                .expect("the shops publish until they close")
        });
        // The shops are a sequence, of which this much was sold.
        plan.count = Some(report.actions);
        (plan, report)
    }

    /// Judges a pipeline that is quiet, by SQL and by the auditor: what the latter said.
    pub(crate) fn judge(&self, pipeline: &mut Pipeline, plan: &Plan, report: &Report) -> String {
        pipeline.assert_running();
        verdict::assert_single_effects(pipeline, plan, report);
        verdict::assert_stock_is_what_was_not_sold(pipeline, &self.shelves);
        self.audit(pipeline)
    }

    /// Of the items of which there were few, somebody was refused one.
    pub(crate) fn assert_some_were_refused(&self, pipeline: &Pipeline) {
        verdict::assert_some_were_refused(pipeline, &self.scarce);
    }

    /// The auditor's own verdict alone, for loads that the plan's verdict does not know.
    pub(crate) fn audit(&self, pipeline: &mut Pipeline) -> String {
        let (provider, intents) = (pipeline.journal(), pipeline.file("intents"));
        let audit = pipeline.succeed(&[
            "audit",
            "--provider-journal",
            &provider.display().to_string(),
            "--intents",
            &intents.display().to_string(),
        ]);
        assert!(audit.contains(KEPT), "{audit}");
        audit
    }
}

/// How many records of the topics that the groups read an audit has read, by its own report.
pub(crate) fn records_audited(audit: &str) -> i64 {
    let counted = audit.lines().filter_map(|line| {
        let (count, topic) = line.trim().split_once("  records of ")?;
        TOPICS
            .contains(&topic)
            .then(|| count.parse::<i64>().unwrap())
    });
    counted.sum()
}
