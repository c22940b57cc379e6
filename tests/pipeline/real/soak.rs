//! The whole pipeline on Kafka, PostgreSQL and a schema registry, while it is killed a hundred times, stopped
//! and cut off. `make soak` runs the same for as long as asked.

use crate::soak::{self, Asked};

#[test]
fn nothing_is_lost_doubled_or_invented_whatever_is_killed_stopped_or_cut_off() {
    soak::run(&Asked::of_environment());
}
