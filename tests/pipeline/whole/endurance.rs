//! The scenario that the whole of Counterflow stands or falls by: shops publish all that shops publish,
//! members of every group are killed and started again until the last purchase is read, and afterwards each
//! purchase has had its effects once.

use std::time::Duration;

use harness::within;
use sandbox::{Faults, Shares};
use simulator::Report;

use super::{
    kills::Kills,
    load::Load,
    members::{GROUPS, Pipeline},
    quiet, verdict,
};

/// One run.
pub(crate) struct Endurance {
    /// Actions of the shops, repeats and poison included.
    pub(crate) actions: u64,
    /// Actions per second; as fast as they are taken without.
    pub(crate) rate: Option<f64>,
    /// In every group a member is killed so often, and not before the group has recovered from the last.
    pub(crate) kill_every: Duration,
    /// Whether one member of each group has a static membership.
    pub(crate) has_static_members: bool,
    /// How long it may take.
    pub(crate) deadline: Duration,
}

impl Endurance {
    /// Runs it on a pipeline whose topics and tables are there.
    pub(crate) fn run(&self, pipeline: &mut Pipeline) {
        let plan = Load::plan(self.actions, self.rate);
        let load = Load::open(pipeline, &faults());
        self.start(pipeline);
        Load::until_open(pipeline);
        let report = load.run(&plan, pipeline.file("intents"), |are_shops_closed| {
            self.kill(pipeline, are_shops_closed);
        });
        self.report(&report);
        load.judge(pipeline, &plan, &report);
        load.assert_some_were_refused(pipeline);
        verdict::assert_some_lapsed(pipeline);
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

    /// Kills to the end: until everything that the shops sold is done with, and every group has lost a
    /// member; the storefront once.
    fn kill(&self, pipeline: &mut Pipeline, are_shops_closed: &dyn Fn() -> bool) {
        let mut kills = Kills::new(self.kill_every);
        let mut left = String::new();
        let mut is_storefront_killed = false;
        let done = within(self.deadline, "everything is done", || {
            kills.go_on(pipeline);
            if !is_storefront_killed && kills.has_met_every_group() {
                pipeline.kill_storefront();
                is_storefront_killed = true;
            }
            if !are_shops_closed() || !kills.has_met_every_group() {
                return None;
            }
            left = quiet::left(pipeline);
            left.is_empty().then_some(())
        });
        if let Err(late) = done {
            let actions = self.actions;
            let read = quiet::purchases_read(pipeline);
            panic!("{late}; read {read:?} of {actions}; left: {left}; {kills:?}");
        }
        eprintln!("endurance: members killed: {kills:?}");
    }

    fn report(&self, report: &Report) {
        eprintln!(
            "endurance: {} actions, {:?}, {} cancellations, {:?} poison, {:?}",
            report.actions,
            report.by_kind,
            report.cancellations,
            report.expected_reasons,
            report.outcomes
        );
    }
}

/// Of a thousand requests, how many go wrong, whatever is asked for. A time-out is longer than a task may
/// take, so that its outcome is not known.
pub(crate) fn faults() -> Faults {
    let of_all = Shares {
        timeout_per_mille: 5,
        timeout_ms: 4_000,
        lost_reply_per_mille: 20,
        late_per_mille: 5,
        late_ms: 1_000,
        error_before_effect_per_mille: 20,
        too_many_requests_per_mille: 10,
        unavailable_per_mille: 10,
        reset_per_mille: 20,
        ..Shares::default()
    };
    let of_payments = Shares {
        error_after_effect_per_mille: 10,
        ..of_all.clone()
    };
    Faults {
        seed: 7,
        authorise: of_payments.clone(),
        capture: of_payments.clone(),
        void: of_payments.clone(),
        refund: of_payments,
        retrieve: of_all.clone(),
        search: of_all.clone(),
        hand_over: of_all,
        authorisation_lapsed_per_mille: 10,
        ..Faults::default()
    }
}
