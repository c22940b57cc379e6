//! `counterflow audit --follow` beside everything else: the one that looks at topics, databases and journals
//! in snapshots all the while that something is done to them, and is itself a process like any other.
//!
//! It has its own direct ways to what it looks at: faults are made for the pipeline, not for its judge. What
//! is killed or stopped it cannot look at either, says so, and looks again.

use std::time::Duration;

use harness::{eventually, processes::Process};
use serde_json::Value;

use super::{load::KEPT, members::Pipeline};

/// For a round on a loaded machine, with a broker or a database in it that does not answer at once.
const ROUND_WITHIN: Duration = Duration::from_secs(120);

/// An audit that goes on.
pub(crate) struct Following {
    process: Process,
}

/// The rounds of an audit, as far as they have come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rounds {
    rounds: Vec<Value>,
}

impl Following {
    /// Begins. A sandbox has been started, so that there is a journal of the provider's.
    pub(crate) fn begin(pipeline: &Pipeline, every: Duration, settings: &[(&str, &str)]) -> Self {
        let (provider, intents) = (pipeline.journal(), pipeline.file("intents"));
        let (provider, intents) = (provider.display(), intents.display());
        let arguments = [
            "audit".to_owned(),
            "--follow".to_owned(),
            "--json".to_owned(),
            format!("--every={}ms", every.as_millis()),
            // What a fault holds up is held up for as long as the fault goes on; afterwards nothing may be.
            "--grace=1h".to_owned(),
            format!("--provider-journal={provider}"),
            format!("--intents={intents}"),
        ];
        Self {
            process: pipeline.start_beside("audit-follow", &arguments, settings),
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has said so far.
    pub(crate) fn rounds(&self) -> Rounds {
        let output = self.process.output();
        let lines = output.lines().filter(|line| line.starts_with('{'));
        // The last line may not be whole yet.
        let objects = lines.filter_map(|line| serde_json::from_str(line).ok());
        Rounds {
            rounds: objects.collect(),
        }
    }

    /// Waits until it has looked once more since this was asked.
    pub(crate) fn until_looked(&mut self) {
        let before = self.rounds().begun();
        self.until("the audit has looked once more", |rounds| {
            rounds.looked_since(before).next().is_some()
        });
    }

    /// Waits until it has had a look in the middle of work so often in all.
    pub(crate) fn until_looked_at_work(&mut self, times: usize) {
        self.until("the audit has looked often enough", |rounds| {
            rounds.looked_at_work() >= times
        });
    }

    /// Waits until it has tried and could not.
    pub(crate) fn until_cannot_look(&mut self) {
        let before = self.rounds().begun();
        self.until("the audit could not look", |rounds| {
            rounds.could_not_look_since(before)
        });
    }

    /// Ends it over a pipeline that is quiet, and judges all that it has said: it had a look often enough
    /// while work was under way, never found anything, and in the end finds nothing that is left to explain.
    pub(crate) fn judge(mut self, looked_min: usize) -> Rounds {
        let before = self.rounds().begun();
        self.until("the audit finds all explained", |rounds| {
            let mut since = rounds.looked_since(before);
            since.any(|round| round["oldest"].is_null() && round["unexplained"] == 0)
        });
        let ended = self.process.terminate(ROUND_WITHIN).unwrap();
        let rounds = self.rounds();
        assert_eq!(rounds.findings(), Vec::<&Value>::new());
        assert_eq!(ended.code(), Some(0), "{:#?}", rounds.rounds.last());
        let last = rounds.rounds.last().expect("it says how it ends");
        assert_eq!(
            (&last["verdict"], &last["state"]),
            (&KEPT.into(), &"clean".into()),
            "{last:#}"
        );
        let looked = rounds.looked_at_work();
        eprintln!(
            "audit: {looked} of {} rounds in the middle of work, the oldest unexplained {:.1} s old",
            rounds.begun(),
            rounds.oldest_seconds_max()
        );
        assert!(
            looked >= looked_min,
            "it looked {looked} times in the middle of work, not {looked_min}: {rounds:#?}"
        );
        rounds
    }

    /// What it has found ends the waiting: it is what the test is to say.
    fn until(&mut self, awaited: &str, holds: impl Fn(&Rounds) -> bool) {
        let mut found = false;
        eventually(ROUND_WITHIN, awaited, || {
            assert!(self.process.is_running(), "{}", self.process.output());
            let rounds = self.rounds();
            found = !rounds.findings().is_empty();
            found || holds(&rounds)
        });
        assert!(!found, "{:#?}", self.rounds().findings());
    }
}

impl Rounds {
    /// The number of the last round.
    pub(crate) fn begun(&self) -> u64 {
        let numbers = self
            .rounds
            .iter()
            .filter_map(|round| round["round"].as_u64());
        numbers.max().unwrap_or_default()
    }

    /// Everything that was found, in every round.
    pub(crate) fn findings(&self) -> Vec<&Value> {
        let found = self
            .rounds
            .iter()
            .filter_map(|round| round["findings"].as_array());
        found.flatten().collect()
    }

    /// How often it could look while purchases were under way.
    pub(crate) fn looked_at_work(&self) -> usize {
        let looked = self.looked().filter(|round| round["unexplained"] != 0);
        looked.count()
    }

    /// How often it could look.
    pub(crate) fn looks(&self) -> usize {
        self.looked().count()
    }

    /// The age of the oldest purchase that was not explained in the last round that could look, seconds.
    pub(crate) fn oldest_seconds(&self) -> f64 {
        self.looked().last().map(age).unwrap_or_default()
    }

    /// The greatest of all rounds.
    pub(crate) fn oldest_seconds_max(&self) -> f64 {
        self.looked().map(age).fold(0.0, f64::max)
    }

    fn looked(&self) -> impl Iterator<Item = &Value> {
        // What it says at last is no round.
        let is_look =
            |round: &&Value| round["round"].is_number() && round["state"] != "could_not_look";
        self.rounds.iter().filter(is_look)
    }

    /// A round that is said after `before` may have begun before it; the one after that has not.
    fn looked_since(&self, before: u64) -> impl Iterator<Item = &Value> {
        self.looked()
            .filter(move |round| round["round"].as_u64() > Some(before + 1))
    }

    fn could_not_look_since(&self, before: u64) -> bool {
        let mut rounds = self.rounds.iter();
        rounds.any(|round| {
            round["state"] == "could_not_look" && round["round"].as_u64() > Some(before)
        })
    }
}

/// How long the oldest had waited in a round.
fn age(round: &Value) -> f64 {
    round["oldest"]["age_seconds"].as_f64().unwrap_or_default()
}
