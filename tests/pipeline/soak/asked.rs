//! What a run is asked for. `make soak` says it in COUNTERFLOW_SOAK, as `minutes=30,seed=7,rate=40`; without
//! it a run is the short one that belongs to every test of the whole. That one's schedule is another for
//! each commit: COUNTERFLOW_SEED repeats one.

use std::{
    fmt,
    process::Command,
    time::{Duration, SystemTime},
};

/// A run.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Names the report.
    pub(crate) name: &'static str,
    /// How long the shops sell.
    pub(crate) time: Duration,
    /// Gives the schedule.
    pub(crate) seed: u64,
    /// Actions of the shops per second.
    pub(crate) rate: f64,
    /// Between two kills, on average.
    pub(crate) kill_every: Duration,
    /// Between two other faults, on average.
    pub(crate) fault_every: Duration,
    /// The shops sell on until so many were killed.
    pub(crate) kills_min: u32,
    /// So many batches of members that were taken for dead have to have been refused. They are sought in
    /// every run, and a short one on a busy machine may not come to it.
    pub(crate) fenced_min: u64,
}

impl Asked {
    /// What the environment asks for.
    pub(crate) fn of_environment() -> Self {
        match std::env::var("COUNTERFLOW_SOAK") {
            Ok(text) => Self::parse(&text).unwrap_or_else(|why| panic!("COUNTERFLOW_SOAK: {why}")),
            Err(_) => Self::short(),
        }
    }

    /// At least a hundred kills in about two minutes.
    fn short() -> Self {
        Self {
            name: "short",
            time: Duration::from_secs(75),
            seed: seed_of_environment(),
            rate: 20.0,
            kill_every: Duration::from_millis(600),
            fault_every: Duration::from_millis(2_500),
            kills_min: 100,
            fenced_min: 0,
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut asked = Self {
            name: "long",
            time: Duration::from_secs(30 * 60),
            rate: 30.0,
            kill_every: Duration::from_millis(1_500),
            fault_every: Duration::from_secs(4),
            kills_min: 1,
            fenced_min: 1,
            ..Self::short()
        };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("{part:?}: no value"))?;
            let number = |least: f64| match value.parse::<f64>() {
                Ok(number) if number.is_finite() && number >= least => Ok(number),
                _ => Err(format!(
                    "{key}: expected a number from {least}, not {value:?}"
                )),
            };
            match key {
                "minutes" => asked.time = Duration::from_secs_f64(number(1.0)? * 60.0),
                "rate" => asked.rate = number(1.0)?,
                "seed" => asked.seed = value.parse().map_err(|_| format!("seed: {value:?}"))?,
                "kill-every" => asked.kill_every = Duration::from_secs_f64(number(0.1)?),
                "fault-every" => asked.fault_every = Duration::from_secs_f64(number(0.1)?),
                _ => return Err(format!("unknown: {key}")),
            }
        }
        Ok(asked)
    }

    /// How long the audit that looks on rests between two rounds: it is to look often and to leave the
    /// machine to what it judges.
    pub(crate) fn audit_every(&self) -> Duration {
        (self.time / 40).clamp(Duration::from_secs(4), Duration::from_secs(15))
    }

    /// How often the audit has to have had a look in the middle of work.
    pub(crate) fn looks_min(&self) -> usize {
        usize::try_from(self.time.as_secs() / 40).map_or(2, |looks| looks.clamp(2, 40))
    }

    /// How often a process is looked at: some hundred times in a run, and not so often that it is felt.
    pub(crate) fn sample_every(&self) -> Duration {
        (self.time / 600).clamp(Duration::from_secs(1), Duration::from_secs(10))
    }
}

/// COUNTERFLOW_SEED; or the commit that is tested; or, of sources without a history, the day.
fn seed_of_environment() -> u64 {
    if let Ok(seed) = std::env::var("COUNTERFLOW_SEED") {
        return seed.parse().expect("COUNTERFLOW_SEED is a number");
    }
    let mut git = Command::new("git");
    git.args(["rev-parse", "--short=8", "HEAD"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let commit = git.output().ok().filter(|output| output.status.success());
    let commit = commit.and_then(|output| String::from_utf8(output.stdout).ok());
    let of_commit = commit.and_then(|commit| u64::from_str_radix(commit.trim().get(..8)?, 16).ok());
    of_commit.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(1, |since| since.as_secs() / 86_400)
    })
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}, {:.1} minutes, {} actions/s, a kill every {:.1} s, another fault every {:.1} s",
            self.seed,
            self.time.as_secs_f64() / 60.0,
            self.rate,
            self.kill_every.as_secs_f64(),
            self.fault_every.as_secs_f64(),
        )
    }
}

#[test]
fn a_mistake_in_what_is_asked_is_named() {
    let asked = Asked::parse("minutes=2,seed=9,rate=5").unwrap();
    assert_eq!((asked.time.as_secs(), asked.seed), (120, 9));
    for mistake in ["minutes", "minutes=0", "hours=1", "seed=-1", "rate=x"] {
        assert!(Asked::parse(mistake).is_err(), "{mistake}");
    }
}
