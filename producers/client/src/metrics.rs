//! What the publisher counts.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use crate::spool::Backlog;

/// Counters of one publisher.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// By topic and outcome: `stored`, `spooled`, `too_large`, `full`, `unconfirmed`, `closed`.
    pub(crate) published: IntCounterVec,
    /// From the call to the durable answer.
    pub(crate) seconds: Histogram,
    /// Deliveries of records that had been spooled by then: they arrive twice.
    pub(crate) late: IntCounter,
    /// Records that went from the spool to Kafka.
    pub(crate) drained: IntCounter,
    /// Spooled records that no broker takes, set aside.
    pub(crate) set_aside: IntCounter,
    /// Producers that were replaced after a fatal error.
    pub(crate) renewals: IntCounter,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let published = IntCounterVec::new(
            Opts::new("counterflow_publish_total", "Records by topic and outcome"),
            &["topic", "outcome"],
        )?;
        registry.register(Box::new(published.clone()))?;
        let seconds = Histogram::with_opts(
            HistogramOpts::new(
                "counterflow_publish_seconds",
                "From the call until the records were durable",
            )
            .buckets(vec![
                0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
            ]),
        )?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self {
            published,
            seconds,
            late: counter(
                "counterflow_publish_late_total",
                "Deliveries of records that had been spooled or reported by then",
            )?,
            drained: counter(
                "counterflow_spool_drained_total",
                "Records that went from the spool to Kafka",
            )?,
            set_aside: counter(
                "counterflow_spool_set_aside_total",
                "Spooled records that no broker takes",
            )?,
            renewals: counter(
                "counterflow_publisher_renewals_total",
                "Producers replaced after a fatal error",
            )?,
        })
    }

    pub(crate) fn count(&self, topic: &str, outcome: &str) {
        self.published.with_label_values(&[topic, outcome]).inc();
    }
}

/// Reads the spool's backlog when it is asked for, so that the age is never stale.
pub(crate) struct SpoolCollector {
    bytes: Gauge,
    oldest_seconds: Gauge,
    backlog: Arc<dyn Fn() -> Backlog + Send + Sync>,
}

impl SpoolCollector {
    pub(crate) fn new(backlog: Arc<dyn Fn() -> Backlog + Send + Sync>) -> prometheus::Result<Self> {
        Ok(Self {
            bytes: Gauge::new(
                "counterflow_spool_bytes",
                "Bytes of accepted records that Kafka does not have yet",
            )?,
            oldest_seconds: Gauge::new(
                "counterflow_spool_oldest_seconds",
                "Age of the oldest accepted record that Kafka does not have yet; 0 when none waits",
            )?,
            backlog,
        })
    }
}

impl Collector for SpoolCollector {
    fn desc(&self) -> Vec<&Desc> {
        let mut descriptions = self.bytes.desc();
        descriptions.extend(self.oldest_seconds.desc());
        descriptions
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let backlog = (self.backlog)();
        self.bytes.set(backlog.bytes as f64);
        self.oldest_seconds.set(age_seconds(backlog.oldest_at));
        let mut families = self.bytes.collect();
        families.extend(self.oldest_seconds.collect());
        families
    }
}

/// The version that is written now; whoever writes registers it.
pub(crate) fn write_version() -> IntGauge {
    IntGauge::new(
        "counterflow_write_version",
        "The version in which purchases are written now",
    )
    .expect("its name is one that Prometheus takes: pinned by test")
}

/// How long ago, in seconds; 0 for never and for a clock that was set back.
pub(crate) fn age_seconds(since: Option<i64>) -> f64 {
    let now = jiff::Timestamp::now().as_microsecond();
    since.map_or(0.0, |since| now.saturating_sub(since).max(0) as f64 / 1e6)
}
