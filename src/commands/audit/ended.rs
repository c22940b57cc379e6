//! What `counterflow audit --follow` has come to when it is told to stop: its last line. Nothing that is
//! not explained passes for explained there.

use auditor::{Round, State};
use serde_json::{Value, json};

use super::live::{oldest, under_way, word};

/// How it ended.
pub(super) struct Ended<'a> {
    pub(super) rounds: u64,
    pub(super) state: State,
    /// The last round that could look, and when it was.
    pub(super) last: Option<&'a (Round, i64)>,
    /// Whether the last round could not look, or none was over.
    pub(super) is_unseen: bool,
}

impl Ended<'_> {
    /// Whether nothing was under way when it looked last.
    pub(super) fn is_explained(&self) -> bool {
        let open = self.last.map(|(round, _)| &round.report.unexplained);
        open.is_some_and(|open| open.purchases == 0 && open.oldest.is_none())
    }

    /// In words.
    pub(super) fn verdict(&self) -> String {
        let said = match (self.state, self.last) {
            (State::Broken, _) => "a promise is broken".to_owned(),
            (State::Overdue, _) => "left unexplained for longer than the grace".to_owned(),
            (State::Clean, Some((round, _))) => round.report.verdict.clone(),
            (State::Clean, None) => return "nothing was looked at".to_owned(),
        };
        let mut verdict = match self.is_unseen {
            true => format!("{said}; the last round could not look"),
            false => said,
        };
        if let Some((round, at)) = self.last.filter(|_| !self.is_explained()) {
            let open = under_way(&round.report.unexplained, *at);
            verdict.push_str(&format!("; {open}"));
        }
        verdict
    }

    /// As JSON.
    pub(super) fn object(&self) -> Value {
        let report = self.last.map(|(round, _)| &round.report);
        let open = report.map(|report| &report.unexplained);
        let at = self.last.map_or(0, |(_, at)| *at);
        let is_clean = self.state == State::Clean;
        let state = match is_clean {
            true if self.is_unseen => "could_not_look",
            true if !self.is_explained() => "unexplained",
            _ => word(self.state),
        };
        json!({
            "rounds": self.rounds,
            "state": state,
            "verdict": self.verdict(),
            "unexplained": open.map(|open| open.purchases),
            "oldest": open.map(|open| oldest(open, at)),
            "overdue": report.map(|report| report.overdue),
            "unproven": report.map(|report| &report.unproven),
        })
    }
}

#[cfg(test)]
mod tests {
    use auditor::{CLEAN, Report, Waiting};

    use super::*;

    fn round(waiting: Option<&str>) -> (Round, i64) {
        let mut report = Report::default();
        report.verdict = CLEAN.to_owned();
        report.unexplained.purchases = i64::from(waiting.is_some());
        report.unexplained.oldest = waiting.map(|subject| Waiting {
            subject: subject.to_owned(),
            since: 1_000_000,
            waits_for: "payment has not read it".to_owned(),
        });
        let new = Vec::new();
        (Round { report, new }, 3_500_000)
    }

    fn ended(state: State, last: Option<&(Round, i64)>, is_unseen: bool) -> (String, Value) {
        let rounds = 2;
        let ended = Ended {
            rounds,
            state,
            last,
            is_unseen,
        };
        (ended.verdict(), ended.object()["state"].clone())
    }

    #[test]
    fn what_is_not_explained_is_said_beside_the_verdict() {
        let (explained, waiting) = (round(None), round(Some("p1")));
        let (verdict, state) = ended(State::Clean, Some(&explained), false);
        assert_eq!((verdict.as_str(), state), (CLEAN, json!("clean")));
        let (verdict, state) = ended(State::Clean, Some(&waiting), false);
        assert_eq!(state, "unexplained");
        let open = "1 not explained yet, the oldest for 2.5 s: p1 (payment has not read it)";
        assert_eq!(verdict, format!("{CLEAN}; {open}"));
        let (verdict, state) = ended(State::Overdue, Some(&waiting), false);
        assert_eq!(state, "overdue");
        assert!(
            verdict.ends_with(open) && !verdict.contains(CLEAN),
            "{verdict}"
        );
    }

    #[test]
    fn who_could_not_look_says_so_whatever_it_saw_before() {
        let explained = round(None);
        let (verdict, state) = ended(State::Clean, Some(&explained), true);
        assert_eq!(state, "could_not_look");
        assert!(verdict.ends_with("the last round could not look"));
        let (verdict, state) = ended(State::Clean, None, true);
        assert_eq!(state, "could_not_look");
        assert_eq!(verdict, "nothing was looked at");
        let (_, state) = ended(State::Broken, Some(&explained), true);
        assert_eq!(state, "broken");
    }
}
