//! The scenario that the whole of Counterflow stands or falls by: shops publish all that shops publish,
//! members of every group are killed and started again until the last purchase is read, whatever else the
//! caller disturbs meanwhile, and afterwards each purchase has had its effects once.

use std::time::{Duration, Instant};

use harness::within;
use simulator::{Plan, Report};

use super::{
    members::{GROUPS, Pipeline},
    quiet,
    shop::{Counter, now},
    verdict,
};

/// More than is ever sold of one item.
const FILLED: i64 = 10_000_000;

/// What the auditor prints when every promise was kept.
const KEPT: &str = "nothing lost, nothing doubled, nothing invented";

/// One run.
pub(crate) struct Endurance {
    /// Actions of the shops, repeats and poison included.
    pub(crate) actions: u64,
    /// Actions per second; as fast as they are taken without.
    pub(crate) rate: Option<f64>,
    /// A member, another each time, is killed so often.
    pub(crate) kill_every: Duration,
    /// Whether one member of each group has a static membership.
    pub(crate) has_static_members: bool,
    /// How long reading the purchases, and then finishing, may take.
    pub(crate) deadline: Duration,
}

/// A disturbance, to be made once when such a share of the purchases is read by all groups.
pub(crate) struct Disturbance<'a> {
    pub(crate) at: f64,
    pub(crate) make: Box<dyn FnOnce(&mut Pipeline) + 'a>,
}

impl Endurance {
    /// Runs it on a pipeline whose topics and tables are there.
    pub(crate) fn run(&self, pipeline: &mut Pipeline, disturbances: Vec<Disturbance<'_>>) {
        let plan = self.plan();
        let counter = Counter::open(&pipeline.bootstrap);
        counter.fill_shelves(FILLED);
        pipeline.start_sandbox();
        self.start(pipeline);
        for which in 0..pipeline.members.len() {
            pipeline.until_ready(which);
        }
        pipeline.until_shelves_are_full();
        let journal = pipeline.file("intents");
        let report = std::thread::scope(|scope| {
            let publishing = scope.spawn(|| counter.simulate(&plan, journal));
            self.disturb(pipeline, disturbances);
            publishing.join().expect("the shops publish to the end")
        });
        quiet::until_quiet(pipeline, self.deadline);
        pipeline.assert_running();
        self.report(&report);
        verdict::assert_single_effects(pipeline, &plan, &report, FILLED);
        let (provider, intents) = (pipeline.journal(), pipeline.file("intents"));
        let audit = pipeline.succeed(&[
            "audit",
            "--provider-journal",
            &provider.display().to_string(),
            "--intents",
            &intents.display().to_string(),
        ]);
        assert!(audit.contains(KEPT), "{audit}");
    }

    /// Two members in every group, the first with a name that is kept over restarts if so asked.
    fn start(&self, pipeline: &mut Pipeline) {
        for (group, _) in GROUPS {
            let name = format!("{group}-0");
            let kept = [("consumer.group_instance_id", name.as_str())];
            pipeline.start(group, if self.has_static_members { &kept } else { &[] });
        }
        pipeline.start_all(1);
    }

    fn plan(&self) -> Plan {
        let mut plan = Plan::new(7, now());
        plan.count = Some(self.actions);
        plan.rate = self.rate;
        plan.shares.duplicates = 0.05;
        plan.shares.conflicts = 0.005;
        plan.shares.poison = 0.01;
        plan.shares.cancelled = 0.04;
        plan.shares.cancelled_early = 0.005;
        plan
    }

    /// Kills and disturbs until every group has read the last purchase, and has lost a member.
    fn disturb(&self, pipeline: &mut Pipeline, mut disturbances: Vec<Disturbance<'_>>) {
        let actions = i64::try_from(self.actions).unwrap();
        disturbances.sort_by(|one, other| other.at.total_cmp(&one.at));
        let (mut kills, mut next, mut read) = (Vec::new(), 0, 0);
        let mut killed_at = Instant::now();
        let done = within(self.deadline, "every group has read every purchase", || {
            // A database that is away is asked again.
            read = quiet::purchases_read(pipeline).unwrap_or(read);
            let share = f64::from(u32::try_from(read).unwrap()) / self.actions as f64;
            if disturbances.last().is_some_and(|due| share >= due.at) {
                (disturbances.pop()?.make)(pipeline);
            }
            if killed_at.elapsed() >= self.kill_every
                && let Some(which) = killable(pipeline, next)
            {
                pipeline.kill_and_restart(which);
                kills.push(pipeline.members[which].group);
                (next, killed_at) = (which + 1, Instant::now());
            }
            let all_lost_one = GROUPS.iter().all(|(group, _)| kills.contains(group));
            (read >= actions && disturbances.is_empty() && all_lost_one).then_some(())
        });
        if let Err(late) = done {
            panic!("{late}; read {read} of {actions}; killed {kills:?}");
        }
        eprintln!("endurance: {} members killed", kills.len());
    }

    fn report(&self, report: &Report) {
        eprintln!(
            "endurance: {} actions, {:?}, {} cancellations, {:?} poison",
            report.actions, report.by_kind, report.cancellations, report.expected_reasons
        );
    }
}

/// The next member whose group has recovered from its last kill: one that is killed before would never
/// get to work.
fn killable(pipeline: &Pipeline, next: usize) -> Option<usize> {
    let count = pipeline.members.len();
    let mut in_turn = (0..count).map(|step| (next + step) % count);
    in_turn.find(|which| pipeline.is_group_ready(*which))
}
