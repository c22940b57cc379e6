//! Rejections against the shelf: whether stock was short when a purchase was told so.
//!
//! A SKU's movements are replayed in their order. A batch reads its time before it locks stock, and
//! members' clocks differ, so a rejection and a movement are set in order only when more than a
//! minute lies between them: it is judged by the least that was free from the beginning of the
//! minute before it to the end of the minute after it, and by what stood before that.
//!
//! **Memory.** Of SKUs that somebody was refused: the rejections, and a few numbers for every minute
//! in which such a SKU moved.

use std::collections::{BTreeMap, HashMap};

use crate::{
    report::{Promise, Report},
    witness::{Line, Witness},
};

const MINUTE_MICROS: i64 = 60_000_000;

#[derive(Debug)]
struct Rejection {
    purchase_id: String,
    quantity: i64,
    minute: i64,
}

/// What was free of a SKU in a minute in which it moved.
#[derive(Debug, Clone, Copy)]
struct Minute {
    least: i64,
    /// Sequence of the last movement, and what it left.
    last: (i64, i64),
}

#[derive(Debug, Default)]
struct Shelf {
    rejections: Vec<Rejection>,
    minutes: BTreeMap<i64, Minute>,
}

/// The SKUs that somebody was refused.
#[derive(Debug, Default)]
pub(crate) struct Replay(HashMap<String, Shelf>);

impl Replay {
    /// Whether nobody was refused anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// First pass: who was refused what.
    pub(crate) fn expect(&mut self, line: Line) {
        if let Witness::Rejected {
            purchase_id,
            quantity,
            at,
        } = line.witness
        {
            let shelf = self.0.entry(line.subject).or_default();
            shelf.rejections.push(Rejection {
                purchase_id,
                quantity,
                minute: at.div_euclid(MINUTE_MICROS),
            });
        }
    }

    /// Second pass: what was free meanwhile.
    pub(crate) fn moved(&mut self, line: Line) {
        let Witness::Moved { sequence, at, free } = line.witness else {
            return;
        };
        if let Some(shelf) = self.0.get_mut(&line.subject) {
            let minute = shelf.minutes.entry(at.div_euclid(MINUTE_MICROS));
            let minute = minute.or_insert(Minute {
                least: free,
                last: (sequence, free),
            });
            minute.least = minute.least.min(free);
            minute.last = minute.last.max((sequence, free));
        }
    }

    /// Names the purchases that were refused what was there.
    pub(crate) fn check(&self, report: &mut Report) {
        for (sku, shelf) in &self.0 {
            for one in &shelf.rejections {
                report.count(Promise::Stock, "rejections judged", 1);
                let least = shelf.least_around(one.minute);
                report.require(
                    least < one.quantity,
                    Promise::Stock,
                    &one.purchase_id,
                    || {
                        format!(
                            "rejected for want of {} of sku {sku}, of which {least} were free",
                            one.quantity
                        )
                    },
                );
            }
        }
    }
}

impl Shelf {
    /// The least that may have been free at some time in a minute; nothing before the first
    /// movement.
    fn least_around(&self, minute: i64) -> i64 {
        let before = self.minutes.range(..minute - 1).next_back();
        let stood = before.map_or(0, |(_, before)| before.last.1);
        let around = self.minutes.range(minute - 1..=minute + 1);
        around.map(|(_, one)| one.least).fold(stood, i64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, MINUTE_MICROS, Replay, Report, Witness};

    fn judge(rejected_at: i64, quantity: i64, moves: &[(i64, i64)]) -> u64 {
        let line = |witness| Line {
            subject: "7".to_owned(),
            witness,
        };
        let mut replay = Replay::default();
        replay.expect(line(Witness::Rejected {
            purchase_id: "p".to_owned(),
            quantity,
            at: rejected_at,
        }));
        // In no order: a scan goes by key.
        for (index, (at, free)) in moves.iter().enumerate().rev() {
            let sequence = i64::try_from(index).unwrap() + 1;
            let (at, free) = (*at, *free);
            replay.moved(line(Witness::Moved { sequence, at, free }));
        }
        let mut report = Report::default();
        replay.check(&mut report);
        report.breaches()
    }

    #[test]
    fn what_was_there_all_along_must_not_be_refused() {
        let hour = 60 * MINUTE_MICROS;
        assert_eq!(judge(hour, 3, &[(0, 10), (1, 3)]), 1);
        assert_eq!(judge(hour, 4, &[(0, 10), (1, 3)]), 0);
        assert_eq!(judge(hour, 1, &[(0, 10), (hour / 2, 0)]), 0);
        assert_eq!(judge(hour, 1, &[]), 0, "it was never received");
    }

    #[test]
    fn what_moved_at_about_that_time_proves_nothing() {
        let hour = 60 * MINUTE_MICROS;
        assert_eq!(judge(hour, 2, &[(0, 10), (hour + MINUTE_MICROS, 1)]), 0);
        assert_eq!(judge(hour, 2, &[(0, 10), (hour + 2 * MINUTE_MICROS, 1)]), 1);
        assert_eq!(
            judge(hour, 2, &[(hour - MINUTE_MICROS, 10)]),
            0,
            "just received"
        );
    }
}
