//! What a fault is made on: the whole pipeline on services of its own, shops that go on selling meanwhile,
//! and afterwards the verdict of SQL and of the auditor.

use std::{
    fs,
    time::{Duration, Instant},
};

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
    members::{Member, Pipeline, SOON},
    quiet,
};

/// A purchase makes about six events, so that groups and broker handle some 300 of them a second.
pub(super) const PURCHASES_PER_SECOND: f64 = 50.0;
/// Of them, what has to be reached with everything that is done meanwhile: below it there is no load to speak of.
const SOLD_PER_SECOND_MIN: f64 = PURCHASES_PER_SECOND / 5.0;
/// For everything to be done after the last fault has been healed, on a loaded machine.
pub(super) const HEALED_WITHIN: Duration = Duration::from_secs(120);

/// How long an audit that looks on rests between two rounds.
const LOOKS_EVERY: Duration = Duration::from_millis(500);
/// How often it has to have had a look in the middle of work.
const LOOKS_MIN: usize = 3;
/// The clock of `/proc/<pid>/stat`, on Linux whatever the kernel's own.
const TICKS_PER_SECOND: f64 = 100.0;
/// Of one processor, for a member that waits, of an unoptimised build that is asked by its probes all the time.
const WAITING_SHARE_MAX: f64 = 0.05;

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
        eventually(HEALED_WITHIN, "purchases are read", || {
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

    /// Waits until every group has read so many purchases more: how long it took.
    pub(super) fn until_read(&self, more: i64) -> Duration {
        let since = Instant::now();
        let mut before = None;
        eventually(HEALED_WITHIN, "so many purchases are read", || {
            let Ok(read) = quiet::purchases_read(&self.pipeline) else {
                return false;
            };
            read >= *before.get_or_insert(read) + more
        });
        since.elapsed()
    }

    /// Waits for so long, in which every member has to say that it lives.
    pub(super) fn hold(&self, time: Duration) {
        let since = Instant::now();
        let mut asked = 0;
        eventually(time + SOON, "the time has passed", || {
            // Once a second, as a supervisor asks: what members take meanwhile is measured.
            if since.elapsed().as_secs() >= asked {
                asked += 1;
                (self.pipeline.members.iter()).for_each(Member::assert_live);
            }
            since.elapsed() >= time
        });
    }

    /// How often each member was given shards anew.
    pub(super) fn rebalances(&self) -> Vec<serde_json::Value> {
        let members = self.pipeline.members.iter();
        members
            .map(|member| member.status()["rebalances"].clone())
            .collect()
    }

    /// What each member has had of the processors, in seconds.
    pub(super) fn processor_seconds(&self) -> Vec<f64> {
        let of = |member: &Member| -> f64 {
            let stat = fs::read_to_string(format!("/proc/{}/stat", member.id())).unwrap();
            let (_, fields) = stat.rsplit_once(')').unwrap();
            let ticks = fields.split_whitespace().skip(11).take(2);
            ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum()
        };
        let members = self.pipeline.members.iter();
        members
            .map(|member| of(member) / TICKS_PER_SECOND)
            .collect()
    }

    /// Asserts that no member has had more of the processors since then than one that waits needs.
    pub(super) fn assert_idle_since(&self, before: &[f64], time: Duration) {
        let now = self.processor_seconds();
        for ((member, before), now) in self.pipeline.members.iter().zip(before).zip(now) {
            let share = (now - before) / time.as_secs_f64();
            assert!(
                share < WAITING_SHARE_MAX,
                "{}: {share:.3} of a processor while there is nothing to do",
                member.name
            );
        }
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
        let (rate, sold, seed) = (report.rate(), report.actions, plan.seed);
        eprintln!("load: {sold} purchases, {rate:.0}/s, seed {seed}");
        assert!(rate >= SOLD_PER_SECOND_MIN, "sold {rate:.1} a second");
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

/// What a process has in memory.
pub(super) fn resident_kib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let digits = line.unwrap().trim().trim_end_matches(" kB");
    digits.parse().unwrap()
}
