//! C: the database as a server: gone, hanging, and answering with what passes.

use std::{
    fs,
    time::{Duration, Instant},
};

use harness::{eventually, kafka::Kafka, postgres::Postgres, proxy::Proxy, wait};
use sandbox::Faults;

use super::machine::Machine;
use crate::whole::{
    load::Load,
    members::{GROUPS, SOON},
};

const SHOPS_OPEN: Duration = Duration::from_secs(6);
/// Longer than any wait for an answer, and than a session in the group.
const OUTAGE: Duration = Duration::from_secs(8);
/// The clock of `/proc/<pid>/stat`, on Linux whatever the kernel's own.
const TICKS_PER_SECOND: f64 = 100.0;
/// Of one processor, for a member that waits. Two of them are shared by many processes here.
const SHARE_MAX: f64 = 0.1;

/// A database that is gone is waited for, without a loop that eats the processor and without leaving the
/// group.
#[test]
fn c1_a_database_that_is_gone_is_waited_for_and_nobody_leaves_the_group() {
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    // At their start it is gone, too.
    machine.postgres.kill();
    machine.pipeline.start_all(1);
    machine.until_all_wait_for("database");
    machine.postgres.restart().unwrap();
    machine.is_followed = true;
    machine.sells_to(&load, SHOPS_OPEN, |machine| {
        machine.until_at_work();
        machine.audit().until_looked();
        let before = rebalances(machine);
        machine.postgres.kill();
        machine.until_all_wait_for("database");
        let (waited, busy) = (Instant::now(), processor_seconds(machine));
        while waited.elapsed() < OUTAGE {
            machine
                .pipeline
                .members
                .iter()
                .for_each(|member| member.assert_live());
        }
        let share = (processor_seconds(machine) - busy) / waited.elapsed().as_secs_f64();
        let members = GROUPS.len() as f64;
        assert!(
            share < SHARE_MAX * members,
            "{share} processors while there is nothing to do"
        );
        machine.audit().until_cannot_look();
        machine.postgres.restart().unwrap();
        machine.audit().until_looked();
        machine.until_progress();
        assert_eq!(rebalances(machine), before, "nobody has left the group");
    });
}

/// A database that hangs is given up in time and waited for.
#[test]
fn c2_a_database_that_hangs_is_given_up_in_time_and_nobody_leaves_the_group() {
    let machine = Machine::new(Kafka::builder());
    machine.sells_for(SHOPS_OPEN, |machine| {
        machine.until_at_work();
        let before = rebalances(machine);
        machine.postgres.stop();
        machine.until_all_wait_for("database");
        machine.postgres.cont();
        machine.until_progress();
        assert_eq!(rebalances(machine), before, "nobody has left the group");
    });
}

/// A COMMIT whose reply was lost is looked up, and never taken for a failure.
#[test]
fn c3_a_commit_whose_reply_is_lost_is_looked_up_by_every_group() {
    const LOST: u32 = 5;
    let mut machine = Machine::new(Kafka::builder());
    let load = Load::open(&mut machine.pipeline, &Faults::default());
    let direct = machine.pipeline.database.url();
    let port = machine.postgres.port();
    let proxies: Vec<Proxy> = (GROUPS.iter())
        .map(|(group, _)| {
            let proxy = Proxy::start(port).unwrap();
            let url = direct.replace(&format!(":{port}/"), &format!(":{}/", proxy.port()));
            machine.pipeline.start(group, &[("database.url", &url)]);
            proxy
        })
        .collect();
    machine.sells_to(&load, SHOPS_OPEN, |machine| {
        machine.until_at_work();
        // The server is sent it, and begins to answer.
        proxies
            .iter()
            .for_each(|proxy| proxy.drop_replies_to(b"COMMIT\0", LOST));
        for (proxy, (group, _)) in proxies.iter().zip(GROUPS) {
            eventually(
                SOON,
                &format!("{group} has lost the replies to its commits"),
                || proxy.replies_dropped() == u64::from(LOST),
            );
        }
        machine.until_progress();
    });
}

/// What the server says of a transaction that failed and may succeed when it is tried again.
const PASSING: [&str; 5] = ["40001", "40P01", "55P03", "57P01", "53300"];
/// How often each of them is said to each group.
const TIMES: usize = 2;

/// Serialisation failures, deadlocks, lock time-outs, ended connections and refused ones are tried again
/// whole.
#[test]
fn c4_transactions_that_fail_for_the_moment_are_tried_again_whole() {
    let few = Postgres::builder()
        .setting("max_connections", "70")
        .start()
        .unwrap();
    let machine = Machine::on(Kafka::start().unwrap(), few, &[]);
    machine.sells_for(SHOPS_OPEN, |machine| {
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
        end_connections(machine);
        machine.until_progress();
        with_every_connection_taken(machine);
        machine.until_progress();
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

fn rebalances(machine: &Machine) -> Vec<serde_json::Value> {
    let members = machine.pipeline.members.iter();
    members
        .map(|member| member.status()["rebalances"].clone())
        .collect()
}

/// What all members have had of the processors, in the kernel and out of it.
fn processor_seconds(machine: &Machine) -> f64 {
    let of = |id: u32| -> f64 {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2);
        ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum()
    };
    let members = machine.pipeline.members.iter();
    members.map(|member| of(member.id())).sum::<f64>() / TICKS_PER_SECOND
}
