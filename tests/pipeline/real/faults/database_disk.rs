//! C: the disk under the database: full, slow to sync, and written to by a process that dies.

use std::{fs, time::Duration};

use harness::{
    Broker as _,
    disk::{Disk, DiskFault},
    eventually,
    kafka::Kafka,
    postgres::Postgres,
};
use sandbox::Faults;

use super::machine::{HEALED_WITHIN, Machine, PURCHASES_PER_SECOND};
use crate::whole::{
    database::Database,
    load::Load,
    members::{GROUPS, Pipeline, SOON},
    quiet,
};

const SHOPS_OPEN: Duration = Duration::from_secs(6);
const SLOW_SYNC_MS: u32 = 500;

/// A machine whose PostgreSQL has a disk with faults.
fn machine(disk: &Disk) -> Machine {
    let postgres = Postgres::builder().disk(disk).start().unwrap();
    Machine::on(Kafka::start().unwrap(), postgres, &[])
}

/// A database whose disk is full stops its group with nothing half written, and work goes on when there is
/// space.
#[test]
fn c5_a_full_disk_under_postgres_stops_the_groups_until_there_is_space() {
    let disk = Disk::new("").unwrap();
    machine(&disk).sells_for(SHOPS_OPEN, |machine| {
        machine.until_at_work();
        disk.set(DiskFault::Full);
        machine.until_all_wait_for("database");
        let log = || fs::read_to_string(machine.postgres.log()).unwrap();
        eventually(SOON, "the server says why", || {
            log().contains("No space left on device")
        });
        disk.heal();
        // Where its log could not grow either, it has ended, as it has to.
        if log().contains("PANIC") {
            machine.postgres.restart().unwrap();
        }
        machine.until_progress();
    });
}

/// A disk that is slow to sync slows work down, and no member is taken for dead.
#[test]
fn c6_a_disk_that_is_slow_to_sync_takes_nobody_for_dead() {
    let disk = Disk::new("").unwrap();
    machine(&disk).sells_for(SHOPS_OPEN, |machine| {
        machine.until_at_work();
        let before = machine.rebalances();
        disk.set(DiskFault::SlowSync(SLOW_SYNC_MS));
        for _ in 0..5 {
            machine.until_progress();
        }
        assert_eq!(
            machine.rebalances(),
            before,
            "somebody was given shards anew"
        );
        disk.heal();
    });
}

/// The whole pipeline on SQLite, each group with a disk under the same faults, sells while `fault` is made.
fn sells_on_sqlite(disk: &Disk, fault: impl FnOnce(&mut Pipeline)) {
    let kafka = Kafka::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(folder.path().to_owned());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    let load = Load::open(&mut pipeline, &Faults::default());
    for (group, _) in GROUPS {
        pipeline.start_on(group, disk);
    }
    Load::until_open(&mut pipeline);
    let actions = SHOPS_OPEN.as_secs() * PURCHASES_PER_SECOND as u64;
    let plan = Load::plan(actions, Some(PURCHASES_PER_SECOND));
    let report = load.run(&plan, pipeline.file("intents"), |_| {
        eventually(SOON, "purchases are read", || {
            quiet::purchases_read(&pipeline).is_ok_and(|read| read > 50)
        });
        fault(&mut pipeline);
    });
    quiet::until_quiet(&pipeline, HEALED_WITHIN);
    load.judge(&mut pipeline, &plan, &report);
}

/// A database whose disk is full stops its group with nothing half written, and work goes on when there is
/// space.
#[test]
fn c5_a_full_disk_under_sqlite_stops_the_groups_until_there_is_space() {
    let disk = Disk::new("").unwrap();
    sells_on_sqlite(&disk, |pipeline| {
        disk.set(DiskFault::Full);
        for member in &pipeline.members {
            let awaited = format!("{} waits for its database", member.name);
            eventually(SOON, &awaited, || member.waits_for().contains("database"));
            assert!(member.says("disk is full"), "{} says why", member.name);
            member.assert_live();
        }
        disk.heal();
    });
}

/// SQLite that is killed in the middle of a checkpoint is whole.
#[test]
fn c8_sqlite_whose_process_is_killed_in_the_middle_of_a_checkpoint_is_whole() {
    // Only a checkpoint writes to the file itself; all else goes to the log beside it.
    let disk = Disk::new(".db").unwrap();
    sells_on_sqlite(&disk, |pipeline| {
        for write in [1, 4] {
            disk.set(DiskFault::DiesAtWrite(write));
            for which in 0..pipeline.members.len() {
                pipeline.until_ended(which, SOON);
            }
            disk.heal();
            for (group, _) in GROUPS {
                assert_whole(&pipeline.database, group);
            }
            for which in 0..pipeline.members.len() {
                pipeline.start_again(which);
            }
        }
    });
}

/// Looks at a copy: whoever opens the file itself would mend it.
fn assert_whole(database: &Database, group: &str) {
    let Database::Sqlite(folder) = database else {
        unreachable!("it is on SQLite")
    };
    let copy = tempfile::tempdir().unwrap();
    for ending in ["db", "db-wal"] {
        let name = format!("{group}.{ending}");
        fs::copy(folder.join(&name), copy.path().join(&name)).unwrap();
    }
    let copied = Database::Sqlite(copy.path().to_owned());
    let says = copied.column(group, "PRAGMA integrity_check").unwrap();
    assert_eq!(says, ["ok"], "{group}");
    let breaches = copied.column(group, "PRAGMA foreign_key_check").unwrap();
    assert_eq!(breaches, Vec::<String>::new(), "{group}");
}
