//! PostgreSQL under the harness: what it committed outlives it, and databases do not see each other.

use harness::postgres::{self, Postgres};

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
