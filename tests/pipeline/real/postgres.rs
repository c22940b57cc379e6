//! PostgreSQL under the harness: what it committed outlives it, and databases do not see each other.

use harness::postgres::{self, Postgres};

use crate::whole::{database::Database, members::Pipeline};

#[test]
fn a_commit_outlives_a_kill_and_a_restart() {
    let mut server = Postgres::start().unwrap();
    assert_eq!(server.sql("postgres", "SHOW fsync").unwrap(), "on");
    server
        .sql(
            "postgres",
            "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)",
        )
        .unwrap();

    server.kill();
    assert!(
        server.sql("postgres", "SELECT 1").is_err(),
        "a killed server answers"
    );
    server.restart().unwrap();
    server
        .sql("postgres", "INSERT INTO kept VALUES (2)")
        .unwrap();
    server.restart().unwrap();

    assert_eq!(
        server
            .sql("postgres", "SELECT sum(n), count(*) FROM kept")
            .unwrap(),
        "3|2"
    );
    server.stop();
    server.cont();
    assert_eq!(
        server.sql("postgres", "SELECT count(*) FROM kept").unwrap(),
        "2"
    );
}

#[test]
fn each_database_is_empty_and_apart() {
    let server = postgres::shared();
    let (one, other) = (server.fresh_database(), server.fresh_database());
    assert_ne!(one, other);
    let name = |url: &str| url.rsplit('/').next().unwrap().to_owned();
    server
        .sql(&name(&one), "CREATE TABLE mine (n int)")
        .unwrap();
    assert!(server.sql(&name(&other), "SELECT * FROM mine").is_err());
}

/// A key that no sorted index could hold, because it cannot be made shorter than a third of a page.
#[test]
fn a_record_with_a_long_key_can_be_parked_and_is_found_by_it() {
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = Pipeline::new("127.0.0.1:1".to_owned(), database);
    pipeline.succeed(&["migrate"]);
    let parked = |first: i32, last: i32| {
        format!(
            "INSERT INTO parked SELECT 't', 0, n, 0, (SELECT string_agg(decode(md5(n || '.' || m), 'hex'), '') \
             FROM generate_series(1, 600) m), NULL, '', 0, 9, 0, n FROM generate_series({first}, {last}) n"
        )
    };
    let plan = "EXPLAIN SELECT 1 FROM timers t WHERE shard = 0 AND EXISTS (SELECT 1 FROM parked p \
                WHERE p.shard = 0 AND p.record_key = convert_to(t.timer_key, 'UTF8'))";
    let sql = [
        &parked(1, 300),
        "ANALYZE parked",
        "SET enable_seqscan = off",
        "SET enable_hashjoin = off",
        "SET enable_mergejoin = off",
        plan,
    ];
    let found = pipeline.database.look_at("payment", &sql).unwrap();
    let plan: Vec<&str> = found[5].iter().map(|row| row[0].as_str()).collect();
    assert!(plan.join("\n").contains("parked_key"), "{plan:?}");
}
