//! What a fault is made on: the whole pipeline on services of its own, shops that go on selling meanwhile,
//! and afterwards the verdict of SQL and of the auditor.

use std::time::{Duration, Instant};

use harness::{
    Broker as _, eventually,
    kafka::{Builder, Kafka},
    postgres::Postgres,
    proxy::Proxy,
};
use sandbox::Faults;
use simulator::Plan;

use crate::whole::{
    database::Database,
    following::Following,
    load::Load,
    members::{Pipeline, SOON},
    quiet,
};

/// A purchase makes about six events, so that groups and broker handle some 300 of them a second.
pub(super) const PURCHASES_PER_SECOND: f64 = 50.0;
/// For everything to be done after the last fault has been healed, on a loaded machine.
pub(super) const HEALED_WITHIN: Duration = Duration::from_secs(120);

/// How long an audit that looks on rests between two rounds.
const LOOKS_EVERY: Duration = Duration::from_millis(500);
/// How often it has to have had a look in the middle of work.
const LOOKS_MIN: usize = 3;

/// The class of the processes that reach the broker through a proxy.
const BEHIND: &str = "behind";

/// The whole pipeline on a broker and a database of its own.
pub(super) struct Machine {
    // First: the processes end before what they stand on.
    pub(super) pipeline: Pipeline,
    pub(super) kafka: Kafka,
    pub(super) postgres: Postgres,
    /// Whether all that is sold is sold through the storefront. A shop that publishes by itself has no
    /// spool: it closes while the broker is away.
    pub(super) sells_over_http: bool,
    /// Whether an audit looks on from before the fault until all is quiet again.
    pub(super) is_followed: bool,
    /// That audit, while the shops are open.
    pub(super) following: Option<Following>,
}

impl Machine {
    /// Topics and tables are there, and nothing runs yet.
    pub(super) fn new(kafka: Builder) -> Self {
        Self::on(kafka.start().unwrap(), Postgres::start().unwrap(), &[])
    }

    /// The same on services that are there, with settings for every process.
    pub(super) fn on(kafka: Kafka, postgres: Postgres, settings: &[(&str, &str)]) -> Self {
        let database = Database::Postgres(postgres.fresh_database());
        let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
        for (key, value) in settings {
            pipeline.set(key, value);
        }
        pipeline.succeed(&["topics", "apply"]);
        pipeline.succeed(&["migrate"]);
        Self {
            pipeline,
            kafka,
            postgres,
            sells_over_http: false,
            is_followed: false,
            following: None,
        }
    }

    /// One whose processes reach the broker through a proxy.
    pub(super) fn behind_a_proxy() -> Self {
        let mut machine = Self::new(Kafka::builder().proxied(BEHIND));
        let way_in = machine.kafka.bootstrap_of(BEHIND);
        machine.pipeline.set("kafka.bootstrap_servers", &way_in);
        machine
    }

    /// The proxy that they reach it through.
    pub(super) fn network(&self) -> &Proxy {
        self.kafka.proxy(BEHIND)
    }

    /// Waits until every group is in the middle of its work.
    pub(super) fn until_at_work(&self) {
        eventually(SOON, "purchases are read", || {
            quiet::purchases_read(&self.pipeline).is_ok_and(|read| read > 50)
        });
    }

    /// The audit that looks on.
    pub(super) fn audit(&mut self) -> &mut Following {
        self.following.as_mut().expect("it was asked for")
    }

    /// Waits until every group has read more than it has by now, or all that there is.
    pub(super) fn until_progress(&self) {
        let mut before = None;
        eventually(SOON, "more purchases are read", || {
            // A database that does not answer yet tells nothing to begin from.
            let Ok(read) = quiet::purchases_read(&self.pipeline) else {
                return false;
            };
            read > *before.get_or_insert(read) || quiet::left(&self.pipeline).is_empty()
        });
    }

    /// Waits until every member says that it waits for something, and lives.
    pub(super) fn until_all_wait_for(&self, what: &str) {
        for member in &self.pipeline.members {
            let awaited = format!("{} says that it waits for {what}", member.name);
            eventually(SOON, &awaited, || member.waits_for().contains(what));
            member.assert_live();
        }
    }

    /// Starts one member of each group, lets the shops sell for at least so long while `fault` is made and
    /// healed, and asserts that every purchase had its effects, once.
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
        if self.is_followed {
            self.following = Some(Following::begin(&self.pipeline, LOOKS_EVERY, &[]));
        }
        let (plan, report) = load.sell_while(plan, journal, || {
            fault(self);
            if let Some(following) = &mut self.following {
                following.until_looked_at_work(LOOKS_MIN);
            }
        });
        quiet::until_quiet(&self.pipeline, HEALED_WITHIN);
        if let Some(following) = self.following.take() {
            following.judge(LOOKS_MIN);
        }
        load.judge(&mut self.pipeline, &plan, &report);
    }

    /// The same to shops that are open for at least so long, and members that are started.
    pub(super) fn sells_to(&mut self, load: &Load, time: Duration, fault: impl FnOnce(&mut Self)) {
        let mut plan = Load::plan(0, Some(PURCHASES_PER_SECOND));
        if self.sells_over_http {
            (plan.shares.http, plan.shares.poison) = (1.0, 0.0);
        }
        self.sells_plan_while(load, plan, |machine| {
            let opened = Instant::now();
            fault(machine);
            eventually(time, "the shops close", || opened.elapsed() >= time);
        });
    }
}
