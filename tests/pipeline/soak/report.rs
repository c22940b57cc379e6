//! What a run has shown: for a person on the terminal and in a table, for a program as JSON, both under
//! `target/soak/`.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use serde_json::{Value, json};

use super::{
    asked::Asked,
    judge::Judged,
    tally::{Tally, failure_below},
};
use crate::whole::following::Rounds;

/// How many samples of a series are written down.
const SAMPLES_MAX: usize = 200;

/// A run.
pub(super) struct Report {
    pub(super) asked: Asked,
    pub(super) seconds: f64,
    pub(super) quiet_after_seconds: f64,
    pub(super) sold: u64,
    /// How many records the audit at the end has read, by its own word.
    pub(super) events: i64,
    pub(super) tally: Tally,
    pub(super) usage: Vec<Judged>,
    /// What the audit said that looked on.
    pub(super) rounds: Rounds,
    pub(super) verdict: String,
}

impl Report {
    /// Whatever grows and goes on, in words.
    pub(super) fn growing(&self) -> Vec<String> {
        let growing = self.usage.iter().filter(|judged| judged.is_growing);
        growing
            .map(|judged| format!("{}: {}", judged.name, trend(judged)))
            .collect()
    }

    /// The end of the run in a few lines.
    pub(super) fn summary(&self) -> String {
        let tally = &self.tally;
        let (kills, troubles) = (tally.kills(), tally.troubles());
        let is_judged = |judged: &&Judged| judged.trend.is_some() && judged.only_shown.is_none();
        let judged = self.usage.iter().filter(is_judged).count();
        let mut text = format!(
            "\nsoak: {}\nsoak: {}\nsoak: {} actions sold, {} events audited, {kills} kills and {troubles} other \
             faults survived in {:.0} s\nsoak: killed {:?}\nsoak: troubled {:?}; {} batches of members that were \
             taken for dead were refused\nsoak: quiet {:.1} s after the last fault; the audit looked {} times \
             meanwhile, {} of them in the middle of work, and the oldest purchase that it could not explain yet \
             was {:.0} s old\n",
            self.verdict,
            self.asked,
            self.sold,
            self.events,
            self.seconds,
            tally.killed,
            tally.troubles,
            tally.fenced,
            self.quiet_after_seconds,
            self.rounds.looks(),
            self.rounds.looked_at_work(),
            self.rounds.oldest_seconds_max(),
        );
        if self.verdict == super::KEPT {
            writeln!(
                text,
                "soak: no failure in {kills} kills: with 95 % confidence fewer than {:.2} % of kills do harm \
                 (3/{kills}); by what died: {}",
                failure_below(kills) * 100.0,
                tally.by_death()
            )
            .expect("a text takes all");
        }
        writeln!(
            text,
            "soak: {judged} series of memory, descriptors, threads and disk judged, {} grow; not judged: {}",
            self.growing().len(),
            self.not_judged()
        )
        .expect("a text takes all");
        for judged in self.usage.iter().filter(|judged| judged.what == "memory") {
            writeln!(
                text,
                "soak:   {:<12} {}{}",
                judged.name,
                trend(judged),
                self.per_kill(judged)
            )
            .expect("a text takes all");
        }
        text
    }

    /// What no life was long enough for, and what is shown alone: whose, by reason.
    fn not_judged(&self) -> String {
        let mut by_reason: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
        for judged in &self.usage {
            let reason = match (judged.only_shown, judged.trend) {
                (Some(reason), _) => reason,
                (None, None) => "every life too short",
                (None, Some(_)) => continue,
            };
            let of_reason = by_reason.entry(reason).or_default();
            of_reason.entry(&judged.name).or_default().push(judged.what);
        }
        let said = by_reason.iter().map(|(reason, whose)| {
            let whose = whose
                .iter()
                .map(|(name, what)| format!("{name} ({})", what.join(", ")));
            format!("{}: {reason}", whose.collect::<Vec<_>>().join(", "))
        });
        let said: Vec<String> = said.collect();
        if said.is_empty() {
            return "nothing".to_owned();
        }
        said.join("; ")
    }

    /// What a process that lives on takes for each kill around it: a rebalance of its group, or an outage.
    fn per_kill(&self, judged: &Judged) -> String {
        let Some(trend) = judged.trend.filter(|_| !judged.is_of_peaks) else {
            return String::new();
        };
        let kills = f64::from(self.tally.kills()) / self.seconds * trend.seconds;
        format!(
            ", {:+.1} KiB for each kill around it",
            trend.growth() / 1_024.0 / kills.max(1.0)
        )
    }

    /// Writes both, over what a run before has written.
    pub(super) fn write(&self) {
        let folder = folder();
        fs::create_dir_all(&folder).unwrap();
        let name = self.asked.name;
        let json = serde_json::to_vec_pretty(&self.json()).unwrap();
        fs::write(folder.join(format!("{name}.json")), json).unwrap();
        fs::write(folder.join(format!("{name}.md")), self.markdown()).unwrap();
    }

    fn json(&self) -> Value {
        let usage: Vec<Value> = self.usage.iter().map(series).collect();
        let deaths = self.tally.deaths.iter();
        let below: BTreeMap<_, _> = deaths
            .map(|(way, times)| (way, failure_below(*times)))
            .collect();
        json!({
            "verdict": self.verdict, "seed": self.asked.seed, "asked": self.asked.to_string(),
            "seconds": self.seconds, "sold": self.sold, "events_audited": self.events,
            "kills": self.tally.kills(), "killed": self.tally.killed, "deaths": self.tally.deaths,
            "troubles": self.tally.troubles, "fenced_batches": self.tally.fenced,
            "failure_below": failure_below(self.tally.kills()), "failure_below_by_death": below,
            "quiet_after_seconds": self.quiet_after_seconds,
            "audits": self.rounds.looks(), "audits_at_work": self.rounds.looked_at_work(),
            "oldest_unexplained_seconds_max": self.rounds.oldest_seconds_max(), "usage": usage,
        })
    }

    fn markdown(&self) -> String {
        let mut text = format!("# Soak: {}\n\n", self.asked);
        for line in self.summary().lines().filter(|line| !line.is_empty()) {
            let line = line.trim_start_matches("soak:").trim();
            writeln!(text, "- {line}").expect("a text takes all");
        }
        text += "\n| Process | What | Lives | Judged | Greatest | After the first third | Grows |\n|---|---|---|---|---|---|---|\n";
        for judged in &self.usage {
            let (name, what, lives) = (&judged.name, judged.what, judged.lives);
            let grows = match (judged.only_shown, judged.trend) {
                (Some(_), _) => "only shown",
                (None, None) => "too short to judge",
                (None, Some(_)) if judged.is_growing => "yes",
                (None, Some(_)) => "no",
            };
            let (of_them, max, trend) =
                (judged.lives_judged, amount(what, judged.max), trend(judged));
            writeln!(
                text,
                "| {name} | {what} | {lives} | {of_them} | {max} | {trend} | {grows} |"
            )
            .expect("a text takes all");
        }
        text
    }
}

fn series(judged: &Judged) -> Value {
    let step = judged.samples.len().div_ceil(SAMPLES_MAX).max(1);
    let samples: Vec<_> = judged.samples.iter().step_by(step).collect();
    json!({
        "process": judged.name, "what": judged.what, "lives": judged.lives,
        "lives_judged": judged.lives_judged, "is_of_peaks": judged.is_of_peaks,
        "max": judged.max, "bound": judged.bound, "is_growing": judged.is_growing,
        "only_shown": judged.only_shown,
        "median": judged.trend.map(|trend| trend.median),
        "judged_seconds": judged.trend.map(|trend| trend.seconds),
        "growth": judged.trend.map(|trend| trend.growth()),
        "per_second": judged.trend.map(|trend| trend.per_second),
        "late_per_second": judged.trend.map(|trend| trend.late_per_second),
        "samples": samples,
    })
}

/// `memory 52.1 MiB, +0.4 MiB in 70 s (may rise by 16.0 MiB)`
fn trend(judged: &Judged) -> String {
    let Some(trend) = judged.trend else {
        return format!(
            "{}: every one of {} lives too short",
            judged.what, judged.lives
        );
    };
    let what = judged.what;
    let sign = if trend.growth() < 0.0 { "-" } else { "+" };
    let of = if judged.is_of_peaks {
        " at its peak, life after life"
    } else {
        ""
    };
    let may = match judged.only_shown {
        Some(_) => "not judged".to_owned(),
        None => format!("may rise by {}", amount(what, judged.bound)),
    };
    format!(
        "{what}{of} {}, {sign}{} in {:.0} s ({may})",
        amount(what, trend.median),
        amount(what, trend.growth().abs()),
        trend.seconds,
    )
}

fn amount(what: &str, value: f64) -> String {
    match what {
        "descriptors" | "threads" | "processes" | "connections" | "tasks waiting" => {
            format!("{value:.0}")
        }
        _ if what.ends_with("per event") => format!("{value:.0} B"),
        _ => format!("{:.2} MiB", value / 1_048_576.0),
    }
}

/// Beside what cargo builds: a test program lies in `target/<profile>/deps`.
fn folder() -> PathBuf {
    let program = std::env::current_exe().expect("this program has a path");
    let target = program.ancestors().nth(3).expect("target/<profile>/deps");
    target.join("soak")
}
