//! What each record that inflates costs whoever reads it.

use std::{fs, time::Duration};

use harness::eventually;

use super::{
    batches::{self, BOMBS, INFLATED_BYTES},
    rows,
    shared::{Laid, Shared},
};
use crate::whole::{
    members::{Member, Pipeline},
    quiet,
};

const DEADLINE: Duration = Duration::from_secs(120);
/// How often a record may be held at once: by the client, packed and unpacked, by the batch, and by the
/// statement that keeps it.
const COPIES_MAX: u64 = 6;

/// What a member had more in memory, at most, while it set a bomb aside.
pub(super) struct Cost {
    codec: &'static str,
    member: String,
    bytes: u64,
}

/// Publishes one bomb after the other, to members that have nothing else to do: where each lies, and what it cost.
pub(super) fn bombs(pipeline: &Pipeline) -> (Vec<Laid>, Vec<Cost>) {
    let (mut laid, mut costs) = (Vec::new(), Vec::new());
    for bomb in BOMBS {
        quiet::until_quiet(pipeline, DEADLINE);
        // From here on the kernel looks for the peak anew.
        let before = pipeline.members.iter().map(|member| {
            fs::write(format!("/proc/{}/clear_refs", member.id()), "5").unwrap();
            memory_bytes(member, "VmRSS:")
        });
        let before: Vec<u64> = before.collect();
        let (poison, place) = batches::bomb(&pipeline.bootstrap, bomb);
        let letter = rows::of("f14", poison.kind, poison.reason, poison.record);
        let letter = Laid::of(letter, place);
        let query = format!(
            "SELECT count(*) FROM dead_letters WHERE (topic, partition, record_offset) = ('{}', {}, {})",
            letter.topic, place.0, place.1
        );
        for (member, before) in pipeline.members.iter().zip(before) {
            if !letter.by.contains(&member.group) {
                continue;
            }
            let awaited = format!("{} sets a bomb aside", member.name);
            eventually(DEADLINE, &awaited, || {
                pipeline.database.number(member.group, &query).unwrap() == 1
            });
            costs.push(Cost {
                codec: bomb.0,
                member: member.name.clone(),
                bytes: memory_bytes(member, "VmHWM:").saturating_sub(before),
            });
        }
        laid.push(letter);
    }
    (laid, costs)
}

impl Shared {
    /// Asserts that no bomb was held more often than a record has to be.
    pub(super) fn assert_bombs_were_cheap(&self) {
        let most = COPIES_MAX * INFLATED_BYTES as u64;
        assert!(self.costs.len() >= BOMBS.len());
        for Cost {
            codec,
            member,
            bytes,
        } in &self.costs
        {
            eprintln!("f14: {codec} costs {member} {} MiB", bytes >> 20);
            assert!(*bytes < most, "{codec} costs {member} {bytes} bytes");
        }
    }
}

fn memory_bytes(member: &Member, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", member.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.unwrap().split_whitespace().next().unwrap();
    kilobytes.parse::<u64>().unwrap() << 10
}
