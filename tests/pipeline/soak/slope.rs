//! When a number that is looked at again and again has grown, and when it only goes up and down.
//!
//! The rule: the first third of a life is left out, in which caches and pools fill. Through the rest goes
//! the line of Theil and Sen, whose slope is the median of the slopes between all pairs of samples: the
//! quarter of them that an outage spoils does not move it, as it would move a line of least squares. It is
//! growth when the line rises by more than a bound over the time that was looked at, and when the second
//! half of that time rises at least half as fast as the whole: what fills up flattens, what leaks does not.
//! The bounds are absolute, so the longer a run, the smaller the leak that it finds.

/// What is looked at less often, or for less time, says nothing.
const SAMPLES_MIN: usize = 24;
const SECONDS_MIN: f64 = 45.0;

/// A sample: seconds, and what was found.
pub(super) type Sample = (f64, f64);

/// How a number has moved after the first third of a life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trend {
    /// How long it was looked at, seconds.
    pub(super) seconds: f64,
    pub(super) median: f64,
    pub(super) per_second: f64,
    /// The same for the second half of the time.
    pub(super) late_per_second: f64,
}

impl Trend {
    /// None of a life that is too short to judge.
    pub(super) fn of(samples: &[Sample]) -> Option<Self> {
        let (first, last) = (samples.first()?.0, samples.last()?.0);
        let from = first + (last - first) / 3.0;
        let seconds = last - from;
        let settled = behind(samples, from);
        if settled.len() < SAMPLES_MIN || seconds < SECONDS_MIN {
            return None;
        }
        let late = behind(samples, from + seconds / 2.0);
        Some(Self {
            seconds,
            median: median(settled.iter().map(|sample| sample.1).collect()),
            per_second: slope(settled),
            late_per_second: slope(late),
        })
    }

    /// By how much the line rises over the time that was looked at.
    pub(super) fn growth(&self) -> f64 {
        self.per_second * self.seconds
    }

    /// Whether it grows, and goes on.
    pub(super) fn exceeds(&self, bound: f64) -> bool {
        self.growth() > bound && self.late_per_second >= self.per_second / 2.0
    }
}

fn behind(samples: &[Sample], from: f64) -> &[Sample] {
    &samples[samples.partition_point(|sample| sample.0 < from)..]
}

/// The median of the slopes between all pairs.
fn slope(samples: &[Sample]) -> f64 {
    let mut slopes = Vec::new();
    for (place, one) in samples.iter().enumerate() {
        for other in &samples[place + 1..] {
            if other.0 > one.0 {
                slopes.push((other.1 - one.1) / (other.0 - one.0));
            }
        }
    }
    median(slopes)
}

fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: f64 = 16.0;

    fn samples(of: impl Fn(f64) -> f64) -> Vec<Sample> {
        (0..120)
            .map(|second| (f64::from(second), of(f64::from(second))))
            .collect()
    }

    /// Up and down by a few, the same in every run.
    fn noise(second: f64) -> f64 {
        (second * 7.3).sin() * 4.0
    }

    #[test]
    fn a_leak_is_growth_however_noisy() {
        let leak = samples(|second| 60.0 + second * 0.25 + noise(second));
        assert!(Trend::of(&leak).unwrap().exceeds(BOUND));
        // Also one that goes up by steps.
        let steps = samples(|second| 60.0 + (second / 20.0).floor() * 6.0);
        assert!(Trend::of(&steps).unwrap().exceeds(BOUND));
    }

    #[test]
    fn what_fills_up_or_goes_up_and_down_is_none() {
        let fills = samples(|second| 60.0 + 200.0 * (1.0 - (-second / 25.0).exp()));
        assert!(Trend::of(&fills).unwrap().growth() > BOUND);
        assert!(!Trend::of(&fills).unwrap().exceeds(BOUND));
        let still = samples(|second| 60.0 + noise(second));
        assert!(!Trend::of(&still).unwrap().exceeds(BOUND));
        // An outage of a fifth of the time, at the end of it.
        let outage = samples(|second| if second > 104.0 { 500.0 } else { 60.0 });
        assert!(!Trend::of(&outage).unwrap().exceeds(BOUND));
    }

    #[test]
    fn a_short_life_is_not_judged() {
        let life = samples(|second| second);
        assert_eq!(Trend::of(&life[..40]), None);
        assert_eq!(Trend::of(&[]), None);
    }
}
