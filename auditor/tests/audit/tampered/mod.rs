//! What is tampered with while purchases go on is named by the audit that goes on, whatever else is
//! under way; and a purchase of which something comes in every round is judged all the same.

mod table;

use std::time::{Duration, Instant};

use auditor::{
    Finding, Follower, Inputs,
    Promise::{self, Accounting, NothingInvented},
};
use rusqlite::{Connection, OpenFlags};
use sandbox::Faults;
use schemas::{Encoder, Event, Fact};
use table::TABLE;

use crate::{
    copy::lawless,
    members::provider,
    shops::{buy, contradict},
    topics::forged_capture,
    troubled::carrier,
    world::{World, now},
};

const PATIENCE: Duration = Duration::from_secs(120);
/// While this passes, something comes of the hot purchase once.
const BEAT: Duration = Duration::from_millis(50);
/// The purchase of which something comes in every round.
const HOT: &str = "hot";

/// What is to be named: promise, subject, words.
type Expected = (Promise, String, String);

#[test]
fn what_is_tampered_with_while_purchases_go_on_is_named() {
    let world = World::empty();
    world.runtime.block_on(async {
        let running = world.start(Faults::default(), provider, carrier).await;
        world.fill_shelves().await;
        buy(&world, &[HOT]).await;
        tokio::select! {
            () = world.publish_on(30.0) => panic!("the shops have closed"),
            () = contradicted(&world) => panic!("nobody contradicts any more"),
            () = looked_at(&world) => {}
        }
        running.stop().await;
    });
}

/// Says something else of one purchase, again and again.
async fn contradicted(world: &World) {
    let mut beat = tokio::time::interval(BEAT);
    for number in 0_u64.. {
        beat.tick().await;
        contradict(world, HOT, number).await;
    }
}

async fn looked_at(world: &World) {
    let mut follower = Follower::new(Inputs {
        grace: Duration::MAX,
        // Not all who publish here keep one.
        intents: None,
        ..world.inputs(world.folder.path())
    });
    let deadline = Instant::now() + PATIENCE;
    let victims = loop {
        let round = follower.round(now()).await.unwrap();
        assert!(round.new.is_empty(), "a false alarm:\n{}", round.report);
        // Those that came first have long been at an end when there are so many.
        let all = delivered(world);
        if all.len() > 3 * TABLE.len()
            && all.iter().any(|one| one == HOT)
            && letter(world).is_some()
        {
            break all.into_iter().filter(|one| one != HOT);
        }
        assert!(Instant::now() < deadline, "{}", round.report);
    };
    let mut expected = tampered(world, victims);
    expected.push(forged(world).await);
    let deadline = Instant::now() + PATIENCE;
    let mut under_way = 0;
    while !expected.is_empty() {
        let round = follower.round(now()).await.unwrap();
        under_way += round.report.unexplained.purchases;
        expected.retain(|one| !round.new.iter().any(|found| is_it(found, one)));
        let is_late = Instant::now() > deadline;
        assert!(!is_late, "not named: {expected:#?}\n{}", round.report);
    }
    assert!(under_way > 0, "nothing was under way meanwhile");
}

fn is_it(found: &Finding, (promise, subject, what): &Expected) -> bool {
    found.promise == *promise
        && found.breach.subject.contains(subject)
        && found.breach.what.contains(what)
}

/// Does everything at once, to a purchase each.
fn tampered(world: &World, mut victims: impl Iterator<Item = String>) -> Vec<Expected> {
    let mut expected = Vec::new();
    for (promise, group, sql, subject, what) in TABLE {
        let victim = victims.next().unwrap();
        change(world, group, &sql.replace('?', &victim));
        let subject = subject.replace('?', &victim);
        expected.push((*promise, subject, (*what).to_owned()));
    }
    let place = letter(world).unwrap();
    let sql = format!("DELETE FROM dead_letters WHERE dead_letter_id = '{place}'");
    change(world, "payment", &sql);
    let what = "payment has passed it and not set it aside";
    expected.push((Accounting, place, what.to_owned()));
    expected
}

fn change(world: &World, group: &str, sql: &str) {
    let database = lawless(world.folder.path(), group);
    assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
}

/// A capture of what nobody bought.
async fn forged(world: &World) -> Expected {
    let fact = Event::Fact(Fact::from(forged_capture("never-bought")));
    let encoded = Encoder::new().encode_event(&fact).unwrap();
    world.publisher.publish(encoded).await.unwrap();
    let what = "of what nobody bought";
    (NothingInvented, "never-bought".to_owned(), what.to_owned())
}

/// Purchases that were paid by card and delivered, the first before the others.
fn delivered(world: &World) -> Vec<String> {
    let sql = "SELECT purchase_id FROM payments WHERE state = 'captured' AND card_minor > 0 \
               ORDER BY captured_at";
    texts(world, sql)
}

/// A record that payment has set aside, and that nobody can read.
fn letter(world: &World) -> Option<String> {
    let sql = "SELECT dead_letter_id FROM dead_letters WHERE reason <> 'conflicting_duplicate' \
               ORDER BY dead_letter_id LIMIT 1";
    texts(world, sql).pop()
}

fn texts(world: &World, sql: &str) -> Vec<String> {
    let path = world.folder.path().join("stores/payment.db");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut asked = database.prepare(sql).unwrap();
    let rows = asked.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}
