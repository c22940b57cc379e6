//! Bringing a database up to date.

use runtime::store::{Migration, MigrationError, StoreError};

use super::{
    Database,
    sample::{MIGRATIONS, count_committed},
};

const BROKEN: Migration = Migration {
    number: 3,
    name: "broken",
    postgres: "CREATE TABLE half (id text); INSERT INTO missing VALUES (1)",
    sqlite: "CREATE TABLE half (id text); INSERT INTO missing VALUES (1)",
};

pub(crate) async fn processes_that_migrate_at_once_apply_each_step_once(database: &Database) {
    let mut processes = tokio::task::JoinSet::new();
    let shared = database.connect();
    for process in 0..6 {
        let store = if process < 3 {
            shared.clone()
        } else {
            database.connect()
        };
        processes.spawn(async move { store.migrate("sample", &MIGRATIONS).await.unwrap() });
    }
    let applied: usize = processes.join_all().await.into_iter().sum();
    assert_eq!(applied, MIGRATIONS.len());
    assert_eq!(count_committed(&*shared, "migrations").await, 2);
    assert_eq!(shared.pending("sample", &MIGRATIONS).await, Ok(vec![]));
    assert_eq!(count_committed(&*shared, "movements").await, 0);
}

pub(crate) async fn an_edited_step_is_refused(database: &Database) {
    let store = database.prepared().await;
    let mut edited = MIGRATIONS;
    edited[0].postgres = "CREATE TABLE other (id text)";
    edited[0].sqlite = "CREATE TABLE other (id text)";
    let expected = MigrationError::Edited {
        component: "sample".to_owned(),
        number: 1,
        name: "samples",
    };
    assert_eq!(
        store.pending("sample", &edited).await,
        Err(expected.clone())
    );
    assert_eq!(store.migrate("sample", &edited).await, Err(expected));
}

pub(crate) async fn a_failing_step_leaves_nothing(database: &Database) {
    let store = database.connect();
    let steps = [MIGRATIONS[0], MIGRATIONS[1], BROKEN];
    let error = store.migrate("sample", &steps).await.unwrap_err();
    let MigrationError::Step {
        number: 3,
        source: StoreError::Fatal(_),
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert!(!error.is_transient());
    assert_eq!(store.pending("sample", &steps).await, Ok(vec![BROKEN]));
    let mended = Migration {
        postgres: "CREATE TABLE half (id text)",
        sqlite: "CREATE TABLE half (id text)",
        ..BROKEN
    };
    let steps = [MIGRATIONS[0], MIGRATIONS[1], mended];
    assert_eq!(store.migrate("sample", &steps).await, Ok(1));
    assert_eq!(count_committed(&*store, "half").await, 0);
}

pub(crate) async fn components_are_counted_apart(database: &Database) {
    let store = database.connect();
    let all = MIGRATIONS.to_vec();
    assert_eq!(store.pending("sample", &MIGRATIONS).await, Ok(all));
    let runtime = [Migration {
        number: 1,
        name: "first of another component",
        postgres: "CREATE TABLE positions (topic text)",
        sqlite: "CREATE TABLE positions (topic text)",
    }];
    assert_eq!(store.migrate("runtime", &runtime).await, Ok(1));
    assert_eq!(store.migrate("sample", &MIGRATIONS).await, Ok(2));
    assert_eq!(store.migrate("runtime", &runtime).await, Ok(0));
}

pub(crate) async fn a_database_ahead_of_the_build_is_left_alone(database: &Database) {
    let store = database.prepared().await;
    assert_eq!(store.pending("sample", &MIGRATIONS[..1]).await, Ok(vec![]));
    assert_eq!(store.migrate("sample", &MIGRATIONS[..1]).await, Ok(0));
}
