//! What the storefront counts.

use client::WriteVersion;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
};

/// Counters of one storefront.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// By route and status.
    pub(crate) requests: IntCounterVec,
    /// From the headers to the answer, by route.
    pub(crate) seconds: HistogramVec,
    /// Requests under way: `read` or `write`.
    pub(crate) in_flight: IntGaugeVec,
    /// Requests refused because too many were under way: `read` or `write`.
    pub(crate) shed: IntCounterVec,
    /// Purchases written with a higher version than the others, because a lower cannot say them.
    pub(crate) raised: IntCounter,
    /// Purchases that were known already and not published again.
    pub(crate) repeated: IntCounter,
}

impl Metrics {
    pub(crate) fn register(
        registry: &Registry,
        write_version: &WriteVersion,
    ) -> prometheus::Result<Self> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new("counterflow_http_requests_total", "Requests answered"),
                &["route", "method", "status"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new("counterflow_http_request_seconds", "From headers to answer")
                    .buckets(vec![
                        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
                    ]),
                &["route"],
            )?,
            in_flight: IntGaugeVec::new(
                Opts::new("counterflow_http_in_flight", "Requests under way"),
                &["kind"],
            )?,
            shed: IntCounterVec::new(
                Opts::new(
                    "counterflow_http_shed_total",
                    "Requests refused as too many",
                ),
                &["kind"],
            )?,
            raised: IntCounter::new(
                "counterflow_write_version_raised_total",
                "Purchases written above the version of the others, which cannot say them",
            )?,
            repeated: IntCounter::new(
                "counterflow_purchases_repeated_total",
                "Purchases that were known already and not published again",
            )?,
        };
        registry.register(Box::new(write_version.gauge()))?;
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.in_flight.clone()))?;
        registry.register(Box::new(metrics.shed.clone()))?;
        registry.register(Box::new(metrics.raised.clone()))?;
        registry.register(Box::new(metrics.repeated.clone()))?;
        Ok(metrics)
    }
}
