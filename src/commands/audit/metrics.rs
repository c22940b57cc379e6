//! The metrics of `counterflow audit --follow`: what it found, and how long the oldest purchase has
//! waited, also while it cannot look.

use auditor::{Promise, Round, State};
use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus::{Gauge, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

use super::live::{Seen, seconds, word};

pub(super) struct Metrics {
    rounds: IntCounterVec,
    findings: IntCounterVec,
    oldest: Gauge,
    unexplained: IntGauge,
    round_seconds: Gauge,
    /// Since when the oldest has waited, as of the last round that could look.
    oldest_since: Option<i64>,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let rounds = IntCounterVec::new(
            Opts::new(
                "counterflow_audit_rounds_total",
                "Rounds by what they came to: clean, overdue, broken, could_not_look.",
            ),
            &["outcome"],
        )?;
        let findings = IntCounterVec::new(
            Opts::new(
                "counterflow_audit_findings_total",
                "Breaches, each counted when it was first found.",
            ),
            &["promise"],
        )?;
        let oldest = Gauge::new(
            "counterflow_audit_oldest_unexplained_seconds",
            "Age of the oldest purchase that is not explained yet; 0 when all are.",
        )?;
        let unexplained = IntGauge::new(
            "counterflow_audit_unexplained_purchases",
            "Purchases that are not explained yet.",
        )?;
        let round_seconds = Gauge::new(
            "counterflow_audit_round_seconds",
            "How long the last round took that could look.",
        )?;
        registry.register(Box::new(rounds.clone()))?;
        registry.register(Box::new(findings.clone()))?;
        registry.register(Box::new(oldest.clone()))?;
        registry.register(Box::new(unexplained.clone()))?;
        registry.register(Box::new(round_seconds.clone()))?;
        // A rate needs a beginning.
        for outcome in ["clean", "overdue", "broken", "could_not_look"] {
            rounds.with_label_values(&[outcome]);
        }
        for promise in Promise::ALL {
            findings.with_label_values(&[label(promise).as_str()]);
        }
        Ok(Self {
            rounds,
            findings,
            oldest,
            unexplained,
            round_seconds,
            oldest_since: None,
        })
    }

    pub(super) fn looked(&mut self, seen: &Seen, round: &Round, state: State) {
        self.rounds.with_label_values(&[word(state)]).inc();
        for one in &round.new {
            let promise = label(one.promise);
            self.findings.with_label_values(&[promise.as_str()]).inc();
        }
        let open = &round.report.unexplained;
        self.unexplained.set(open.purchases);
        self.round_seconds.set(seen.took.as_secs_f64());
        self.oldest_since = open.oldest.as_ref().map(|oldest| oldest.since);
        self.age(seen.at);
    }

    pub(super) fn could_not_look(&self, now: i64) {
        self.rounds.with_label_values(&["could_not_look"]).inc();
        self.age(now);
    }

    fn age(&self, now: i64) {
        let since = self.oldest_since.unwrap_or(now);
        self.oldest.set(seconds(now.saturating_sub(since).max(0)));
    }
}

/// As a promise is named in JSON.
fn label(promise: Promise) -> String {
    let json = serde_json::to_value(promise).unwrap_or_default();
    json.as_str().unwrap_or("unknown").to_owned()
}

/// Where they are read.
pub(super) fn route(registry: Registry) -> Router {
    Router::new().route("/metrics", get(async move || text(&registry)))
}

fn text(registry: &Registry) -> Response {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
