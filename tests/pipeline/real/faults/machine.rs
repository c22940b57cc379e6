//! What a fault is made on: the whole pipeline on services of its own, shops that go on selling meanwhile,
//! and afterwards the verdict of SQL and of the auditor.

use std::time::Duration;

use harness::{
    Broker as _,
    kafka::{Builder, Kafka},
    postgres::Postgres,
};
use sandbox::Faults;
use simulator::Plan;

use crate::whole::{database::Database, load::Load, members::Pipeline, quiet};

/// A purchase makes about six events, so that groups and broker handle some 300 of them a second.
pub(super) const PURCHASES_PER_SECOND: f64 = 50.0;
/// For everything to be done after the last fault has been healed, on a loaded machine.
pub(super) const HEALED_WITHIN: Duration = Duration::from_secs(120);

/// The whole pipeline on a broker and a database of its own.
pub(super) struct Machine {
    // First: the processes end before what they stand on.
    pub(super) pipeline: Pipeline,
    pub(super) kafka: Kafka,
    pub(super) postgres: Postgres,
}

impl Machine {
    /// Topics and tables are there, and nothing runs yet.
    pub(super) fn new(kafka: Builder) -> Self {
        let kafka = kafka.start().unwrap();
        let postgres = Postgres::start().unwrap();
        let database = Database::Postgres(postgres.fresh_database());
        let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
        pipeline.succeed(&["topics", "apply"]);
        pipeline.succeed(&["migrate"]);
        Self {
            pipeline,
            kafka,
            postgres,
        }
    }

    /// Starts one member of each group, lets the shops sell for so long while `fault` is made and healed,
    /// and asserts that every purchase had its effects, once.
    pub(super) fn sells_for(mut self, time: Duration, fault: impl FnOnce(&mut Self)) {
        let load = Load::open(&mut self.pipeline, &Faults::default());
        self.pipeline.start_all(1);
        self.sells_to(&load, time, fault);
    }

    /// The same for as long as the fault takes.
    pub(super) fn sells_while(&mut self, load: &Load, fault: impl FnOnce(&mut Self)) {
        let plan = Load::plan(0, Some(PURCHASES_PER_SECOND));
        self.sells_plan_while(load, plan, fault);
    }

    /// The same by a plan that has no end of its own.
    pub(super) fn sells_plan_while(
        &mut self,
        load: &Load,
        plan: Plan,
        fault: impl FnOnce(&mut Self),
    ) {
        Load::until_open(&mut self.pipeline);
        let journal = self.pipeline.file("intents");
        let (plan, report) = load.sell_while(plan, journal, || fault(self));
        quiet::until_quiet(&self.pipeline, HEALED_WITHIN);
        load.judge(&mut self.pipeline, &plan, &report);
    }

    /// The same to shops that are open and members that are started.
    pub(super) fn sells_to(&mut self, load: &Load, time: Duration, fault: impl FnOnce(&mut Self)) {
        Load::until_open(&mut self.pipeline);
        let actions = time.as_secs() * PURCHASES_PER_SECOND as u64;
        let plan = Load::plan(actions, Some(PURCHASES_PER_SECOND));
        let report = load.run(&plan, self.pipeline.file("intents"), |_| fault(self));
        quiet::until_quiet(&self.pipeline, HEALED_WITHIN);
        load.judge(&mut self.pipeline, &plan, &report);
    }
}
