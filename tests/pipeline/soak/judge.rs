//! What of all that was sampled has grown, by the rule of [`super::slope`]: every life that is long enough,
//! and of what lives too shortly for that, the peaks from life to life.

use super::{
    slope::{Sample, Trend},
    usage::{AUDIT, Life, Lives},
};

const MIB: f64 = 1_048_576.0;

/// By how much something may rise over the time that is judged: the greater of an absolute bound and a
/// share of its median.
#[derive(Debug, Clone, Copy)]
struct Bound {
    what: &'static str,
    absolute: f64,
    share: f64,
    /// The same where at least [`LONG_SECONDS`] are judged: what fills caches and pools has filled them.
    long_absolute: f64,
    long_share: f64,
}

/// From so long a time on the tighter bounds hold.
const LONG_SECONDS: f64 = 300.0;

const fn bound(what: &'static str, short: (f64, f64), long: (f64, f64)) -> Bound {
    Bound {
        what,
        absolute: short.0,
        share: short.1,
        long_absolute: long.0,
        long_share: long.1,
    }
}

const BOUNDS: [Bound; 13] = [
    // More than what glibc's arenas and librdkafka's queues take in an outage, where a life is short.
    bound("memory", (32.0 * MIB, 0.25), (8.0 * MIB, 0.15)),
    // Connections come and go in storms when something is cut off; every one that leaks stays.
    bound("descriptors", (48.0, 0.5), (16.0, 0.15)),
    // Kafka's client has one for each broker address that it is told; the blocking pool comes and goes.
    bound("threads", (8.0, 0.0), (4.0, 0.0)),
    bound("processes", (16.0, 0.25), (8.0, 0.1)),
    bound("connections", (16.0, 0.25), (8.0, 0.1)),
    // As many as purchases are under way, and more in an outage of the provider.
    bound("tasks waiting", (200.0, 0.0), (100.0, 0.0)),
    // What is spooled in an outage is gone after it.
    bound("spool", (2.0 * MIB, 0.0), (2.0 * MIB, 0.0)),
    // Two dozen schemas.
    bound("schema cache", (0.25 * MIB, 0.0), (0.125 * MIB, 0.0)),
    // Twice what a checkpoint leaves behind.
    bound("write-ahead log", (96.0 * MIB, 0.0), (96.0 * MIB, 0.0)),
    // Rows and records are kept by design; what an event costs is not to grow.
    bound("tables per event", (256.0, 0.3), (256.0, 0.15)),
    bound("segments per event", (256.0, 0.3), (128.0, 0.15)),
    bound("provider's journal per event", (64.0, 0.3), (32.0, 0.15)),
    // What is logged follows the faults.
    bound("logs per event", (128.0, 0.5), (64.0, 0.3)),
];

impl Bound {
    fn of(&self, trend: &Trend) -> f64 {
        let (absolute, share) = if trend.seconds >= LONG_SECONDS {
            (self.long_absolute, self.long_share)
        } else {
            (self.absolute, self.share)
        };
        absolute.max(trend.median * share)
    }
}

/// Why something is recorded and not judged.
fn only_shown(name: &str, what: &str) -> Option<&'static str> {
    match (name, what) {
        ("sandbox", "memory") => {
            Some("it stands in for a provider, and keeps all that it was ever asked")
        }
        ("broker", "memory" | "threads") => {
            Some("a Java machine takes the heap that it is given, and its compiler's")
        }
        ("broker", "descriptors") => Some("it holds its segments open, and keeps all of them"),
        ("database", "memory") => Some("its buffers fill with the tables, up to their limit"),
        (AUDIT, "memory") => Some("it grows up to the size of one part of the purchases"),
        _ => None,
    }
}

/// One number of one process, and the life of it that comes nearest to its bound.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) name: String,
    pub(super) what: &'static str,
    pub(super) lives: usize,
    pub(super) lives_judged: usize,
    pub(super) max: f64,
    /// None when nothing of it was long enough.
    pub(super) trend: Option<Trend>,
    pub(super) bound: f64,
    pub(super) is_growing: bool,
    pub(super) only_shown: Option<&'static str>,
    /// Whether what was judged are the peaks from life to life.
    pub(super) is_of_peaks: bool,
    /// The samples of that life, or of the last.
    pub(super) samples: Vec<Sample>,
}

/// Judges every life that can be.
pub(super) fn judge(lives: &Lives) -> Vec<Judged> {
    let mut judged = Vec::new();
    for (name, lives) in lives {
        for bound in &BOUNDS {
            judged.extend(judge_one(name, lives, bound));
        }
    }
    judged
}

fn judge_one(name: &str, lives: &[Life], bound: &Bound) -> Option<Judged> {
    let all: Vec<&Vec<Sample>> = lives
        .iter()
        .filter_map(|life| life.series.get(bound.what))
        .collect();
    let last = *all.last()?;
    let peaks = peaks(&all);
    let trends = |series: &[&Vec<Sample>]| -> Vec<(Vec<Sample>, Trend)> {
        let of = |samples: &&Vec<Sample>| Some(((*samples).clone(), Trend::of(samples)?));
        series.iter().filter_map(of).collect()
    };
    let of_lives = trends(&all);
    let is_of_peaks = of_lives.is_empty();
    let found = if is_of_peaks {
        trends(&[&peaks])
    } else {
        of_lives
    };
    let only_shown = only_shown(name, bound.what);
    // Of those that grow the one that grows most, or else of all.
    let share = |trend: &Trend| trend.growth() / bound.of(trend);
    let key = |trend: &Trend| (trend.exceeds(bound.of(trend)), share(trend));
    let worst = found.iter().max_by(|one, other| {
        let (one, other) = (key(&one.1), key(&other.1));
        one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
    });
    let values = all.iter().flat_map(|samples| samples.iter());
    Some(Judged {
        name: name.to_owned(),
        what: bound.what,
        lives: all.len(),
        lives_judged: if is_of_peaks { 0 } else { found.len() },
        max: values.map(|sample| sample.1).fold(0.0, f64::max),
        trend: worst.map(|(_, trend)| *trend),
        bound: worst.map_or(bound.absolute, |(_, trend)| bound.of(trend)),
        is_growing: only_shown.is_none()
            && found
                .iter()
                .any(|(_, trend)| trend.exceeds(bound.of(trend))),
        only_shown,
        is_of_peaks: is_of_peaks && worst.is_some(),
        samples: worst.map_or_else(|| last.clone(), |(samples, _)| samples.clone()),
    })
}

/// The greatest of each life, at its end: what each life takes more of than the one before grows, too.
fn peaks(lives: &[&Vec<Sample>]) -> Vec<Sample> {
    let peak = |samples: &&Vec<Sample>| {
        let greatest = samples.iter().map(|sample| sample.1).fold(0.0, f64::max);
        Some((samples.last()?.0, greatest))
    };
    lives.iter().filter_map(peak).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(from: u32, seconds: u32, of: impl Fn(f64) -> f64) -> Life {
        let mut life = Life::default();
        for second in from..from + seconds {
            life.push(
                "memory",
                f64::from(second),
                of(f64::from(second - from)) * MIB,
            );
        }
        life
    }

    fn memory(lives: &[Life]) -> Judged {
        judge_one("payment-0", lives, &BOUNDS[0]).unwrap()
    }

    #[test]
    fn a_life_that_leaks_is_found_beside_one_that_fills_up_by_more() {
        let leaks = |second: f64| 40.0 + second * 0.5;
        let fills = |second: f64| 40.0 + 400.0 * (1.0 - (-second / 25.0).exp());
        let judged = memory(&[life(0, 120, leaks), life(120, 120, fills)]);
        assert!(judged.is_growing, "{judged:?}");
        assert_eq!((judged.lives, judged.lives_judged), (2, 2));
        assert_eq!(
            judged.samples[0],
            (0.0, 40.0 * MIB),
            "the one that leaks is shown"
        );
        assert!(!memory(&[life(0, 120, fills)]).is_growing);
    }

    #[test]
    fn what_every_life_takes_more_of_is_found_though_each_is_short() {
        let lives = |more: f64| -> Vec<Life> {
            let of = |number: u32| life(number * 6, 5, |_| 30.0 + f64::from(number) * more);
            (0..60).map(of).collect()
        };
        let judged = memory(&lives(1.0));
        assert!(judged.is_of_peaks && judged.is_growing, "{judged:?}");
        assert!(!memory(&lives(0.05)).is_growing);
        let few = memory(&lives(1.0)[..5]);
        assert!(few.trend.is_none() && !few.is_of_peaks);
    }

    #[test]
    fn a_longer_life_may_rise_by_less() {
        let rises = |of: f64, seconds: u32| {
            let rise = move |second: f64| 40.0 + of * second / f64::from(seconds) * 1.5;
            memory(&[life(0, seconds, rise)]).is_growing
        };
        assert!(!rises(24.0, 90) && rises(40.0, 90));
        assert!(rises(24.0, 900) && !rises(4.0, 900));
    }
}
