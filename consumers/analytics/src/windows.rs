//! Windows of event time: how an instant is cut into them and how their rows are named.
//!
//! Windows tumble. What is narrow (counts, money) is kept in fine and coarse windows; what is wide
//! (items, pairs, sketches) in coarse ones alone, because it would be written again for each of
//! them.

/// One minute.
pub const MINUTE_MICROS: i64 = 60_000_000;
/// One hour.
pub const HOUR_MICROS: i64 = 60 * MINUTE_MICROS;

/// The sizes of the windows. A window's row carries its size, so that other sizes can be configured
/// later: windows of the old sizes stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Of counts and money.
    pub fine_micros: i64,
    /// Of counts, money, items, pairs and distinct customers.
    pub coarse_micros: i64,
    /// How long after its end a window's events are expected: later ones count as late, and count
    /// all the same.
    pub late_after_micros: i64,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            fine_micros: MINUTE_MICROS,
            coarse_micros: HOUR_MICROS,
            late_after_micros: MINUTE_MICROS,
        }
    }
}

/// A window as one shard sees it: the unit that has one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pane {
    /// The window's length.
    pub size_micros: i64,
    /// Its first instant, microseconds since the epoch.
    pub start: i64,
    /// The shard.
    pub shard: i32,
}

impl Windows {
    /// The fine and the coarse pane of an instant; one, when both have the same size.
    pub fn panes(&self, at: i64, shard: i32) -> impl Iterator<Item = Pane> + use<> {
        let coarse = self.coarse(at, shard);
        let fine = pane(self.fine_micros, at, shard);
        std::iter::once(coarse).chain((fine != coarse).then_some(fine))
    }

    /// The coarse pane of an instant.
    #[must_use]
    pub fn coarse(&self, at: i64, shard: i32) -> Pane {
        pane(self.coarse_micros, at, shard)
    }

    /// Whether a record that the broker had at `recorded_at` came late to a window. Both times stand
    /// in the record, so that reading it again gives the same answer.
    #[must_use]
    pub fn is_late(&self, pane: Pane, recorded_at: i64) -> bool {
        let end = pane.start.saturating_add(pane.size_micros);
        recorded_at > end.saturating_add(self.late_after_micros)
    }
}

fn pane(size_micros: i64, at: i64, shard: i32) -> Pane {
    let size_micros = size_micros.max(1);
    Pane {
        size_micros,
        start: at.saturating_sub(at.rem_euclid(size_micros)),
        shard,
    }
}

impl Pane {
    /// The key of its row.
    #[must_use]
    pub fn key(self) -> String {
        format!("{}:{}:{}", self.size_micros, self.start, self.shard)
    }

    /// The key of an item's row.
    #[must_use]
    pub fn item_key(self, item_id: i64) -> String {
        format!("{}:{item_id}", self.key())
    }

    /// The key of a pair's row.
    #[must_use]
    pub fn pair_key(self, (low, high): (i64, i64)) -> String {
        format!("{}:{low}:{high}", self.key())
    }
}
