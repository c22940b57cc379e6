//! What a run has shown: for a person on the terminal and in a table, for a program as JSON, both under
//! `target/soak/`.

use std::{fmt::Write as _, fs, path::PathBuf};

use serde_json::{Value, json};

use super::{asked::Asked, tally::Tally, usage::Judged};

/// How many samples of a series are written down.
const SAMPLES_MAX: usize = 200;

/// A run.
pub(super) struct Report {
    pub(super) asked: Asked,
    pub(super) seconds: f64,
    pub(super) quiet_after_seconds: f64,
    pub(super) sold: u64,
    pub(super) events: i64,
    pub(super) tally: Tally,
    pub(super) usage: Vec<Judged>,
    pub(super) oldest_seconds_max: i64,
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
        let judged = self.usage.iter().filter(|judged| judged.trend.is_some());
        let mut text = format!(
            "\nsoak: {}\nsoak: {} actions sold, {} events audited, {kills} kills and {troubles} other faults survived \
             in {:.0} s\nsoak: killed {:?}\nsoak: troubled {:?}; {} static members ended \
             because the broker took them for two, and were started again\nsoak: quiet {:.1} s after the last fault; the oldest \
             purchase that was not yet explained was {} s old\nsoak: no failure in {kills} kills: with 95 % confidence \
             fewer than {:.2} % of kills do harm (3/{kills})\nsoak: {} series of memory, descriptors, threads and disk \
             judged, {} grow\n",
            self.verdict,
            self.sold,
            self.events,
            self.seconds,
            tally.killed,
            tally.troubles,
            tally.fenced,
            self.quiet_after_seconds,
            self.oldest_seconds_max,
            tally.failure_below() * 100.0,
            judged.count(),
            self.growing().len(),
        );
        for judged in self.usage.iter().filter(|judged| judged.what == "memory") {
            writeln!(text, "soak:   {:<12} {}", judged.name, trend(judged))
                .expect("a text takes all");
        }
        if self.verdict != super::KEPT {
            text = text.replace("no failure in", "FAILED, so nothing follows from");
        }
        text
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
        let usage: Vec<Value> = (self.usage.iter())
            .map(|judged| {
                let step = judged.samples.len().div_ceil(SAMPLES_MAX).max(1);
                let samples: Vec<_> = judged.samples.iter().step_by(step).collect();
                json!({
                    "process": judged.name, "what": judged.what, "lives": judged.lives,
                    "max": judged.max, "bound": judged.bound, "is_growing": judged.is_growing,
                    "median": judged.trend.map(|trend| trend.median),
                    "judged_seconds": judged.trend.map(|trend| trend.seconds),
                    "growth": judged.trend.map(|trend| trend.growth()),
                    "per_second": judged.trend.map(|trend| trend.per_second),
                    "late_per_second": judged.trend.map(|trend| trend.late_per_second),
                    "samples": samples,
                })
            })
            .collect();
        json!({
            "verdict": self.verdict, "seed": self.asked.seed, "asked": self.asked.to_string(),
            "seconds": self.seconds, "sold": self.sold, "events": self.events,
            "kills": self.tally.kills(), "killed": self.tally.killed, "troubles": self.tally.troubles,
            "fenced": self.tally.fenced,
            "failure_below": self.tally.failure_below(),
            "quiet_after_seconds": self.quiet_after_seconds,
            "oldest_unexplained_seconds_max": self.oldest_seconds_max, "usage": usage,
        })
    }

    fn markdown(&self) -> String {
        let mut text = format!("# Soak: {}\n\n", self.asked);
        for line in self.summary().lines().filter(|line| !line.is_empty()) {
            let line = line.trim_start_matches("soak:").trim();
            writeln!(text, "- {line}").expect("a text takes all");
        }
        text += "\n| Process | What | Lives | Greatest | After the first third | Grows |\n|---|---|---|---|---|---|\n";
        for judged in &self.usage {
            let (name, what, lives) = (&judged.name, judged.what, judged.lives);
            let (max, grows) = (amount(what, judged.max), judged.is_growing);
            let trend = trend(judged);
            writeln!(
                text,
                "| {name} | {what} | {lives} | {max} | {trend} | {grows} |"
            )
            .expect("a text takes all");
        }
        text
    }
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
    format!(
        "{what} {}, {sign}{} in {:.0} s (may rise by {})",
        amount(what, trend.median),
        amount(what, trend.growth().abs()),
        trend.seconds,
        amount(what, judged.bound),
    )
}

fn amount(what: &str, value: f64) -> String {
    match what {
        "descriptors" | "threads" => format!("{value:.0}"),
        "tables per event" => format!("{value:.0} B"),
        _ => format!("{:.2} MiB", value / 1_048_576.0),
    }
}

/// Beside what cargo builds: a test program lies in `target/<profile>/deps`.
fn folder() -> PathBuf {
    let program = std::env::current_exe().expect("this program has a path");
    let target = program.ancestors().nth(3).expect("target/<profile>/deps");
    target.join("soak")
}
