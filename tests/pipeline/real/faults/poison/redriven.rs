//! What was set aside, given to its group again while nothing has been mended: it comes back as it was.

use std::{collections::BTreeMap, sync::PoisonError};

use super::{rows::PARKED, shared::Shared};
use crate::whole::{members::GROUPS, shop::Place};

impl Shared {
    /// Asserts that every letter of every row can be redriven, and is set aside again for the same reason.
    pub(super) fn assert_all_come_back(&self) {
        let mut pipeline = self.pipeline.lock().unwrap_or_else(PoisonError::into_inner);
        for (group, _) in GROUPS {
            let redrive = ["dead-letters", "redrive", group, "--all", "--yes"];
            let at_once = ["--rate", "1000", "--wait", "120s"];
            // It says with its status that they came back.
            let (status, output) = pipeline.command(&[&redrive[..], &at_once].concat());
            assert_eq!(status.code(), Some(1), "{output}");
            let query =
                "SELECT topic, partition, record_offset, reason, redrives, state FROM dead_letters";
            let rows = pipeline.database.look(group, query).unwrap();
            let of_place: BTreeMap<(&str, Place), &[String]> = (rows.iter())
                .map(|row| {
                    let place = (row[1].parse().unwrap(), row[2].parse().unwrap());
                    ((row[0].as_str(), place), &row[3..])
                })
                .collect();
            let mut came_back = 0;
            for laid in &self.letters {
                if !laid.by.contains(&group) || laid.reason == PARKED {
                    continue;
                }
                let found = of_place[&(laid.topic.as_str(), laid.place)];
                let (row, kind) = (laid.row, laid.kind);
                assert_eq!(
                    found,
                    [laid.reason, "1", "set_aside"],
                    "{row}, {kind} in {group}"
                );
                came_back += 1;
            }
            assert!(came_back > 0, "{group} has nothing to give back");
        }
        pipeline.assert_running();
    }
}
