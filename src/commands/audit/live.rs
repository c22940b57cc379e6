//! What `counterflow audit --follow` shows: a line that is rewritten on a terminal, a line for every
//! round elsewhere, an object for every round with --json. Breaches stay.

use std::{
    io::{IsTerminal, stdout},
    time::Duration,
};

use auditor::{AuditError, Promise, Round, State, Unexplained};
use serde_json::{Value, json};

use super::ended::Ended;
use crate::output;

/// When a round was, and how long it took.
pub(super) struct Seen {
    pub(super) round: u64,
    /// Microseconds since the epoch.
    pub(super) at: i64,
    pub(super) took: Duration,
}

/// In which way it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Rewritten,
    Lines,
    Json,
}

pub(super) struct Live {
    way: Way,
    /// Whether the line on the terminal is to be rewritten.
    is_drawn: bool,
}

impl Live {
    pub(super) fn new(is_json: bool) -> Self {
        let way = match (is_json, stdout().is_terminal()) {
            (true, _) => Way::Json,
            (false, true) => Way::Rewritten,
            (false, false) => Way::Lines,
        };
        Self {
            way,
            is_drawn: false,
        }
    }

    /// A round that has looked at everything.
    pub(super) fn looked(
        &mut self,
        seen: &Seen,
        round: &Round,
        state: State,
    ) -> anyhow::Result<()> {
        if self.way == Way::Json {
            return line_of(&object(seen, round, state));
        }
        for one in &round.new {
            let (promise, breach) = (one.promise.title(), &one.breach);
            let kind = if one.overdue { "OVERDUE" } else { "BREACH" };
            self.stays(&format!(
                "{kind}  {promise}: {}: {}",
                breach.subject, breach.what
            ))?;
        }
        let state = match state {
            State::Clean => "ok",
            State::Overdue => "OVERDUE",
            State::Broken => "BROKEN",
        };
        self.passes(&format!(
            "{} round {} ({:.1} s) {state}: {} purchases, {}",
            output::time(seen.at),
            seen.round,
            seen.took.as_secs_f64(),
            purchases(round),
            under_way(&round.report.unexplained, seen.at),
        ))
    }

    /// A round that could not.
    pub(super) fn could_not_look(&mut self, seen: &Seen, error: &AuditError) -> anyhow::Result<()> {
        let why = chain(error);
        if self.way == Way::Json {
            return line_of(&json!({
                "round": seen.round,
                "at": output::time(seen.at),
                "seconds": seen.took.as_secs_f64(),
                "state": "could_not_look",
                "why": why,
            }));
        }
        let (at, round) = (output::time(seen.at), seen.round);
        self.passes(&format!(
            "{at} round {round} could not look, trying again: {why}"
        ))
    }

    /// What it has come to.
    pub(super) fn end(&mut self, ended: &Ended<'_>) -> anyhow::Result<()> {
        match self.way {
            Way::Json => line_of(&ended.object()),
            _ => self.stays(&format!("{} rounds: {}", ended.rounds, ended.verdict())),
        }
    }

    /// A line that stays.
    fn stays(&mut self, line: &str) -> anyhow::Result<()> {
        let erased = if self.is_drawn { ERASE } else { "" };
        self.is_drawn = false;
        output::text(&format!("{erased}{line}\n"))
    }

    /// A line that stands until the next one, on a terminal.
    fn passes(&mut self, line: &str) -> anyhow::Result<()> {
        if self.way == Way::Lines {
            return output::line(line);
        }
        let erased = if self.is_drawn { ERASE } else { "" };
        self.is_drawn = true;
        // Not wrapped: only a single line can be taken back.
        output::text(&format!("{erased}\u{1b}[?7l{line}\u{1b}[?7h"))
    }
}

/// To the beginning of the line, and nothing left of it.
const ERASE: &str = "\r\u{1b}[2K";

fn line_of(value: &Value) -> anyhow::Result<()> {
    output::line(value.to_string())
}

fn purchases(round: &Round) -> i64 {
    let counted = &round.report.of(Promise::AcceptedIsKept).counted;
    counted
        .get("purchases on the topic")
        .copied()
        .unwrap_or_default()
}

fn object(seen: &Seen, round: &Round, state: State) -> Value {
    let open = &round.report.unexplained;
    json!({
        "round": seen.round,
        "at": output::time(seen.at),
        "seconds": seen.took.as_secs_f64(),
        "state": word(state),
        "purchases": purchases(round),
        "unexplained": open.purchases,
        "oldest": oldest(open, seen.at),
        "overdue": round.report.overdue,
        "findings": round.new,
        "unproven": round.report.unproven,
    })
}

/// What has waited longest; null when nothing waits.
pub(super) fn oldest(open: &Unexplained, now: i64) -> Value {
    let Some(oldest) = &open.oldest else {
        return Value::Null;
    };
    json!({
        "subject": oldest.subject,
        "since": output::time(oldest.since),
        "age_seconds": seconds(oldest.age_micros(now)),
        "waits_for": oldest.waits_for,
    })
}

/// As a state is named in JSON and in metrics.
pub(super) fn word(state: State) -> &'static str {
    match state {
        State::Clean => "clean",
        State::Overdue => "overdue",
        State::Broken => "broken",
    }
}

pub(super) fn under_way(open: &Unexplained, now: i64) -> String {
    let Some(oldest) = &open.oldest else {
        return "all explained".to_owned();
    };
    let many = match open.purchases {
        0 => "not explained yet".to_owned(),
        purchases => format!("{purchases} not explained yet, the oldest"),
    };
    format!(
        "{many} for {:.1} s: {} ({})",
        seconds(oldest.age_micros(now)),
        oldest.subject,
        oldest.waits_for
    )
}

/// Seconds of microseconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "an age of some years is shown to the second"
)]
pub(super) fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn chain(error: &AuditError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use auditor::{Unexplained, Waiting};

    use super::under_way;

    #[test]
    fn the_oldest_is_said_with_its_age_and_what_it_waits_for() {
        let mut open = Unexplained::default();
        assert_eq!(under_way(&open, 9), "all explained");
        open.purchases = 2;
        open.oldest = Some(Waiting {
            subject: "p1".to_owned(),
            since: 1_000_000,
            waits_for: "payment has not read it".to_owned(),
        });
        assert_eq!(
            under_way(&open, 3_500_000),
            "2 not explained yet, the oldest for 2.5 s: p1 (payment has not read it)"
        );
    }
}
