//! What a member counts, on a registry that is handed in. Labels are bounded: never an id.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    core::Collector,
};

use crate::{
    bookkeeping::rows::DeadLetter, group::Timestamp, lane::Item, status::Status, task::Attempt,
};

/// The metrics of one member.
#[derive(Debug)]
pub struct Metrics {
    events: IntCounterVec,
    dead_letters: IntCounterVec,
    batch_inputs: Histogram,
    batch_seconds: Histogram,
    batch_statements: Histogram,
    event_age_seconds: Histogram,
    fenced_batches: IntCounter,
    task_attempts: IntCounterVec,
    lag_records: IntGaugeVec,
    shards: IntGaugeVec,
    waiting: IntGaugeVec,
    halted: IntGaugeVec,
}

impl Metrics {
    /// Registers the metrics, all labelled with the group.
    ///
    /// # Errors
    /// When the registry holds metrics of these names already.
    pub fn register(registry: &Registry, group: &str) -> Result<Self, prometheus::Error> {
        let new = Registering { registry, group };
        Ok(Self {
            events: new.counters(
                "events_total",
                "Records finished, by what became of them.",
                &["topic", "outcome"],
            )?,
            dead_letters: new.counters(
                "dead_letters_total",
                "Inputs set aside, by reason and by the step that refused them.",
                &["reason", "stage"],
            )?,
            batch_inputs: new.histogram(
                "batch_inputs",
                "Inputs per batch.",
                prometheus::exponential_buckets(1.0, 2.0, 13)?,
            )?,
            batch_seconds: new.histogram(
                "batch_seconds",
                "Time from the first statement of a batch to its commit.",
                prometheus::exponential_buckets(0.001, 2.0, 16)?,
            )?,
            batch_statements: new.histogram(
                "batch_statements",
                "Statements per batch, its begin and commit included.",
                prometheus::linear_buckets(2.0, 2.0, 15)?,
            )?,
            event_age_seconds: new.histogram(
                "event_age_seconds",
                "Time from a record's timestamp to the commit of its effect.",
                prometheus::exponential_buckets(0.005, 2.0, 20)?,
            )?,
            fenced_batches: new.counter("fenced_batches_total", "Batches refused by an epoch.")?,
            task_attempts: new.counters(
                "task_attempts_total",
                "Attempts at tasks, by how they ended.",
                &["kind", "outcome"],
            )?,
            lag_records: new.gauges(
                "lag_records",
                "Records between the position and the end of a partition.",
                &["topic", "partition"],
            )?,
            shards: new.gauges(
                "shard_work",
                "Work in the shards of this member, by kind.",
                &["kind"],
            )?,
            waiting: new.gauges(
                "waiting",
                "1 while a part of the member waits for a dependency or an operator.",
                &["part"],
            )?,
            halted: new.gauges(
                "halted",
                "1 while a partition has stopped until an operator says where to go on.",
                &["topic", "partition"],
            )?,
        })
    }

    pub(crate) fn batch(&self, inputs: usize, statements: u64, took: Duration) {
        self.batch_inputs.observe(as_f64(inputs));
        self.batch_statements
            .observe(as_f64(usize::try_from(statements).unwrap_or(usize::MAX)));
        self.batch_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn fates(&self, fates: &[(String, &'static str)]) {
        for (topic, outcome) in fates {
            self.events
                .with_label_values(&[topic.as_str(), outcome])
                .inc();
        }
    }

    pub(crate) fn set_aside(&self, letters: &[DeadLetter]) {
        for letter in letters.iter().filter(|letter| letter.state == "set_aside") {
            self.dead_letters
                .with_label_values(&[&letter.reason, &letter.stage])
                .inc();
        }
    }

    pub(crate) fn event_ages(&self, items: &[Item], now: Timestamp) {
        for record in items.iter().filter_map(Item::as_record) {
            if record.timestamp_micros > 0 {
                let micros = now.saturating_sub(record.timestamp_micros).max(0);
                let micros = u64::try_from(micros).unwrap_or(0);
                self.event_age_seconds
                    .observe(Duration::from_micros(micros).as_secs_f64());
            }
        }
    }

    pub(crate) fn fenced(&self) {
        self.fenced_batches.inc();
    }

    pub(crate) fn attempt(&self, kind: &str, attempt: &Attempt) {
        let outcome = match attempt {
            Attempt::Answered(_) => "answered",
            Attempt::Retry {
                dependency_failed: true,
                ..
            } => "dependency_failed",
            Attempt::Retry { .. } => "later",
        };
        self.task_attempts.with_label_values(&[kind, outcome]).inc();
    }

    /// Brings the gauges up to date: called when they are scraped.
    pub fn refresh(&self, status: &Status) {
        let report = status.report();
        self.lag_records.reset();
        for (at, lag) in &report.lag_records {
            self.lag_records.with_label_values(&labels(at)).set(*lag);
        }
        self.halted.reset();
        for at in report.halted.keys() {
            self.halted.with_label_values(&labels(at)).set(1);
        }
        let sum = |of: fn(&crate::status::ShardStatus) -> usize| {
            i64::try_from(report.shards.values().map(of).sum::<usize>()).unwrap_or(i64::MAX)
        };
        let owned = i64::try_from(report.shards.len()).unwrap_or(i64::MAX);
        self.shards.with_label_values(&["owned"]).set(owned);
        self.shards
            .with_label_values(&["unpublished"])
            .set(sum(|shard| shard.unpublished));
        self.shards
            .with_label_values(&["tasks"])
            .set(sum(|shard| shard.tasks));
        self.shards
            .with_label_values(&["parked_keys"])
            .set(sum(|shard| shard.parked_keys));
        self.waiting.reset();
        for part in report.waiting.keys() {
            self.waiting.with_label_values(&[part.as_str()]).set(1);
        }
    }
}

/// `topic[partition]` as two labels.
fn labels(at: &str) -> [&str; 2] {
    let (topic, partition) = at.trim_end_matches(']').split_once('[').unwrap_or((at, ""));
    [topic, partition]
}

/// Makes metrics and registers them, all with the prefix and the group.
struct Registering<'a> {
    registry: &'a Registry,
    group: &'a str,
}

impl Registering<'_> {
    fn opts(&self, name: &str, help: &str) -> Opts {
        Opts::new(format!("counterflow_{name}"), help).const_label("group", self.group)
    }

    fn add<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, prometheus::Error> {
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.add(IntCounter::with_opts(self.opts(name, help))?)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.add(IntCounterVec::new(self.opts(name, help), labels)?)
    }

    fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        self.add(IntGaugeVec::new(self.opts(name, help), labels)?)
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        buckets: Vec<f64>,
    ) -> Result<Histogram, prometheus::Error> {
        let opts = HistogramOpts::from(self.opts(name, help)).buckets(buckets);
        self.add(Histogram::with_opts(opts)?)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a histogram's value; counts are far below 2^52"
)]
fn as_f64(count: usize) -> f64 {
    count as f64
}
