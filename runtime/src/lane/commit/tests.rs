//! Who may write: the fence, against a real database.

#![expect(
    unreachable_pub,
    reason = "the macros declare public types, as groups need them"
)]

use std::convert::Infallible;

use super::*;
use crate::{
    Answer, Decision, Effects, Outgoing, Record, Refusal, Task, Timer, Timestamp,
    bookkeeping::{COMPONENT, MIGRATIONS},
    lane::items::Item,
    rows::Scan,
    store::{Migration, SqliteStore},
    takeover,
};

crate::table! {
    /// That a timer was seen.
    pub struct Note in "notes" {
        key {
            /// The timer.
            timer_id: String,
        }
        /// When it was due.
        due_at: i64,
    }
}
crate::row_sets! {
    /// Rows of the group under test.
    pub struct Notes, keys NoteKeys {
        load notes: Note,
    }
}

/// Writes a note for every timer, and nothing follows from it.
struct Noting;

impl Group for Noting {
    const NAME: &'static str = "noting";
    type Event = Timer;
    type Fact = Infallible;
    type Rows = Notes;

    fn migrations(&self) -> &'static [Migration] {
        const SQL: &str = "CREATE TABLE notes (timer_id text PRIMARY KEY, due_at bigint NOT NULL)";
        &[Migration {
            number: 1,
            name: "notes",
            postgres: SQL,
            sqlite: SQL,
        }]
    }
    fn topics(&self) -> Vec<String> {
        vec![]
    }
    fn publishes(&self) -> Vec<String> {
        vec![]
    }
    fn decode(&self, _: &Record) -> Result<Timer, Refusal> {
        Err(Refusal::decode("unused", ""))
    }
    fn answered(&self, _: &Task, _: &Answer) -> Result<Timer, Refusal> {
        Err(Refusal::decode("unused", ""))
    }
    fn due(&self, timer: &Timer) -> Result<Timer, Refusal> {
        Ok(timer.clone())
    }
    fn touches(&self, timer: &Timer, keys: &mut NoteKeys) {
        keys.notes.insert(timer.timer_id.clone());
    }
    fn decide(
        &self,
        rows: &mut Notes,
        timer: &Timer,
        _: Timestamp,
        _: &mut Effects<Infallible>,
    ) -> Result<Decision, Refusal> {
        rows.notes.put(Note {
            timer_id: timer.timer_id.clone(),
            due_at: timer.due_at,
        });
        Ok(Decision::Applied)
    }
    fn encode(&self, fact: &Infallible) -> Outgoing {
        match *fact {}
    }
}

const SHARD: i32 = 3;

fn timer() -> Item {
    Item::timer(Timer {
        timer_id: "p:expire".to_owned(),
        shard: SHARD,
        key: "p".to_owned(),
        kind: "expire".to_owned(),
        due_at: 7,
        causation_id: String::new(),
        traceparent: None,
    })
}

async fn taken(store: &dyn Store, owner: &str) -> BTreeMap<i32, Shard> {
    let found = takeover::take(store, &[SHARD], &[], owner).await.unwrap();
    found
        .into_iter()
        .map(|found| (found.shard, Shard::take(found).0))
        .collect()
}

async fn batch(store: &dyn Store, shards: &BTreeMap<i32, Shard>) -> Result<Committed, BatchError> {
    let batch = Batch {
        group: &Noting,
        store,
        around: Surroundings {
            shards,
            dead_letter_topic: "dead",
            group: Noting::NAME,
            member: "test",
            redrives_max: 3,
            partitions: 12,
            now: 10,
        },
        retried: vec![],
        watermarks: vec![],
        allowed: &|_, _| true,
        refused: None,
        beat: &|_| {},
    };
    batch.write(vec![timer()]).await?.commit().await
}

async fn notes(store: &dyn Store) -> usize {
    let mut transaction = store.begin(Mode::Snapshot).await.unwrap();
    let page = Scan::<Note>::new(10).next_page(transaction.as_mut()).await;
    page.unwrap().map_or(0, |rows| rows.len())
}

#[tokio::test]
async fn a_former_owner_cannot_even_write_rows_for_a_timer_from_which_nothing_follows() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("noting.db")).unwrap();
    store.migrate(COMPONENT, MIGRATIONS).await.unwrap();
    store
        .migrate(Noting::NAME, Noting.migrations())
        .await
        .unwrap();
    let former = taken(&store, "former").await;
    let owner = taken(&store, "owner").await;
    let fenced = batch(&store, &former).await.err();
    assert_eq!(fenced, Some(BatchError::Fenced));
    assert_eq!(notes(&store).await, 0);
    assert!(batch(&store, &owner).await.is_ok());
    assert_eq!(notes(&store).await, 1);
}
