//! C4: the database's answers to a transaction that failed and may succeed when it is tried again.

use std::{
    fs,
    time::{Duration, Instant},
};

use harness::{eventually, kafka::Kafka, postgres::Postgres, wait};
use sandbox::Faults;

use super::{machine::Machine, topics::counted_and_offsets};
use crate::whole::{
    load::Load,
    members::{GROUPS, Member, SOON},
};

const SHOPS_OPEN: Duration = Duration::from_secs(6);
/// What the server says of a transaction that failed and may succeed when it is tried again.
const PASSING: [&str; 5] = ["40001", "40P01", "55P03", "57P01", "53300"];
/// How often each of them is said to each group.
const TIMES: usize = 2;

/// Serialisation failures, deadlocks, lock time-outs, ended connections and refused ones are tried again
/// whole: nothing is set aside for them, as the verdict on the dead letters says, and every record counts once.
#[test]
fn c4_transactions_that_fail_for_the_moment_are_tried_again_whole() {
    let few = Postgres::builder()
        .setting("max_connections", "70")
        .start()
        .unwrap();
    let mut machine = Machine::on(Kafka::start().unwrap(), few, &[]);
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    machine.pipeline.start_all(1);
    // Two that lock the same shelves.
    machine.pipeline.start("inventory", &[]);
    machine.sells_to(&load, SHOPS_OPEN, |machine| {
        machine.until_at_work();
        for (group, _) in GROUPS {
            sql(machine, &failing(group));
        }
        for (group, _) in GROUPS {
            eventually(SOON, &format!("{group} was told all of them"), || {
                let told = sql(machine, &format!("SELECT last_value FROM {group}.told"));
                told.parse::<usize>().unwrap() > PASSING.len() * TIMES
            });
        }
        let log = machine.postgres.log();
        let is_locked = || {
            let log = fs::read_to_string(&log).unwrap();
            log.contains("deadlock detected")
        };
        assert!(!is_locked(), "members lock each other out");
        with_shelves_locked_the_other_way(machine.pipeline.database.url(), is_locked);
        end_connections(machine);
        machine.until_progress();
        with_every_connection_taken(machine);
        machine.until_progress();
    });
    assert_tried_again_whole(&machine);
    for (group, _) in GROUPS {
        let (counted, offsets) = counted_and_offsets(&machine.pipeline.database, group);
        assert_eq!(
            counted, offsets,
            "{group}: counted, and between start and position"
        );
    }
}

/// Each group has said what it was told, and that it goes on; none has cut a batch in two for it.
fn assert_tried_again_whole(machine: &Machine) {
    for (group, _) in GROUPS {
        let members = machine.pipeline.members.iter();
        let mut of_group = members.filter(|member| member.group == group);
        let said = |member: &Member| member.says("SQLSTATE") && member.says("goes on");
        assert!(of_group.any(said), "{group} says nothing of it");
    }
    for member in &machine.pipeline.members {
        assert!(
            !member.says("halving it"),
            "{} cut a batch in two",
            member.name
        );
    }
}

/// Locks shelves in the order in which no member does, over and over, until a member was the victim of a
/// deadlock: this side never looks for one.
fn with_shelves_locked_the_other_way(url: String, is_over: impl Fn() -> bool + Send + Sync) {
    const PATIENT: &str = "SET search_path TO inventory; SET deadlock_timeout = '600s'";
    const SHELVES: &str = "SELECT sku FROM stock ORDER BY sku COLLATE \"C\"";
    wait::block_on(async move {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client.batch_execute(PATIENT).await.unwrap();
        let shelves = client.query(SHELVES, &[]).await.unwrap();
        let shelves: Vec<String> = shelves.iter().map(|row| row.get(0)).collect();
        let since = Instant::now();
        while !is_over() {
            assert!(since.elapsed() < SOON, "nobody was in the way");
            client.batch_execute("BEGIN").await.unwrap();
            for sku in shelves.iter().rev() {
                let lock = "SELECT on_hand FROM stock WHERE sku = $1 FOR UPDATE";
                client.query(lock, &[sku]).await.unwrap();
            }
            client.batch_execute("COMMIT").await.unwrap();
        }
    });
}

/// Statements after which each of the passing failures is raised a few times, one after the other, when a
/// group writes its positions: in the middle of the transaction of a batch.
fn failing(group: &str) -> String {
    let states = PASSING.join(",");
    let count = PASSING.len() * TIMES;
    format!(
        "CREATE SEQUENCE {group}.told;
         CREATE FUNCTION {group}.fails() RETURNS trigger LANGUAGE plpgsql AS $$
         DECLARE number bigint := nextval('{group}.told');
         BEGIN
           IF number <= {count} THEN
             RAISE EXCEPTION 'for the moment' USING ERRCODE =
               (string_to_array('{states}', ','))[1 + number % {}];
           END IF;
           RETURN NULL;
         END $$;
         CREATE TRIGGER fails AFTER INSERT OR UPDATE ON {group}.positions
         FOR EACH STATEMENT EXECUTE FUNCTION {group}.fails();",
        PASSING.len()
    )
}

const OURS: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                    WHERE application_name LIKE 'counterflow %'";

fn end_connections(machine: &Machine) {
    let ended: u32 = sql(machine, OURS).parse().unwrap();
    assert!(ended > 0, "there were connections to end");
}

/// Takes every connection that there is, so that whoever has to make a new one is refused.
fn with_every_connection_taken(machine: &Machine) {
    let url = machine.pipeline.database.url();
    let (taken, untaken) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            wait::block_on(async move {
                let mut held = Vec::new();
                // Those that are ended meanwhile are taken, too, until the test has seen enough.
                while untaken.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                    match tokio_postgres::connect(&url, tokio_postgres::NoTls).await {
                        Ok((client, connection)) => {
                            tokio::spawn(connection);
                            let ours: &tokio_postgres::Client = held.first().unwrap_or(&client);
                            ours.batch_execute(OURS).await.unwrap();
                            held.push(client);
                        }
                        Err(error) => {
                            let state = error.code().map(|state| state.code().to_owned());
                            assert_eq!(state.as_deref(), Some("53300"), "{error}");
                            held[0].batch_execute(OURS).await.unwrap();
                        }
                    }
                }
            });
        });
        // There is no connection left that they could make.
        machine.until_all_wait_for("database");
        drop(taken);
    });
}

fn sql(machine: &Machine, statements: &str) -> String {
    let url = machine.pipeline.database.url();
    let name = url.rsplit('/').next().unwrap();
    machine.postgres.sql(name, statements).unwrap()
}
