//! The audit that goes on: a system under load gives no false alarm, a purchase that is held back
//! has an age until it goes on, and what is tampered with meanwhile is named once and never excused.

use std::time::{Duration, Instant};

use auditor::{Follower, Inputs, Promise, Round, State};
use sandbox::Faults;

use crate::{
    copy::lawless,
    members::{Running, provider},
    shops::buy,
    troubled::carrier,
    world::{World, now},
};

const PATIENCE: Duration = Duration::from_secs(120);
const HELD_BACK: &str = "held-back";

fn follower(world: &World) -> Follower {
    // Without a limit, what is under way is no breach.
    Follower::new(Inputs {
        grace: Duration::MAX,
        ..world.inputs(world.folder.path())
    })
}

async fn members(world: &World) -> Running {
    world.start(Faults::default(), provider, carrier).await
}

/// Rounds, none of which may name anything, until one is as it should be.
async fn until(follower: &mut Follower, what: &str, reached: impl Fn(&Round) -> bool) -> Round {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let round = follower.round(now()).await.unwrap();
        assert!(round.new.is_empty(), "a false alarm:\n{}", round.report);
        if reached(&round) {
            return round;
        }
        assert!(Instant::now() < deadline, "not {what}:\n{}", round.report);
    }
}

fn all_is_explained(round: &Round) -> bool {
    round.report.unexplained.oldest.is_none()
}

#[test]
fn under_load_nothing_is_called_lost_and_what_waits_has_an_age() {
    let world = World::empty();
    world.runtime.block_on(async {
        let running = members(&world).await;
        world.fill_shelves().await;
        let mut follower = follower(&world);
        let mut rounds = 0;
        // As many rounds as fit while shops publish.
        let publishing = world.publish(300, Some(60.0));
        tokio::pin!(publishing);
        loop {
            let round = follower.round(now());
            tokio::pin!(round);
            let is_over = tokio::select! {
                looked = &mut round => {
                    assert_no_alarm(&looked.unwrap());
                    rounds += 1;
                    continue;
                }
                () = &mut publishing => true,
            };
            assert_no_alarm(&round.await.unwrap());
            if is_over {
                break;
            }
        }
        let round = until(&mut follower, "explained", all_is_explained).await;
        let purchases = &round.report.of(Promise::AcceptedIsKept).counted["purchases on the topic"];
        assert!(*purchases > 200 && rounds > 0, "{rounds}: {}", round.report);
        running.stop().await;
        held_back(&world, &mut follower).await;
        assert_eq!(follower.state(), State::Clean);
        doubled(&world, &mut follower).await;
        assert_eq!(follower.state(), State::Broken);
    });
}

fn assert_no_alarm(round: &Round) {
    assert!(round.new.is_empty(), "a false alarm:\n{}", round.report);
}

/// Nobody is there to read a purchase; then somebody is.
async fn held_back(world: &World, follower: &mut Follower) {
    buy(world, &[HELD_BACK]).await;
    let round = follower.round(now()).await.unwrap();
    assert_no_alarm(&round);
    let open = round.report.unexplained;
    let oldest = open.oldest.unwrap();
    assert_eq!((open.purchases, oldest.subject.as_str()), (1, HELD_BACK));
    assert!(oldest.waits_for.contains("has not read shop.purchases.v1"));
    let later = now() + 90_000_000;
    let round = follower.round(later).await.unwrap();
    assert_no_alarm(&round);
    let again = round.report.unexplained.oldest.unwrap();
    assert_eq!(again.since, oldest.since, "an age does not start anew");
    assert!(again.age_micros(later) >= 90_000_000);
    let running = members(world).await;
    until(follower, "explained once it goes on", all_is_explained).await;
    running.stop().await;
}

/// A row that is there twice while everything goes on.
async fn doubled(world: &World, follower: &mut Follower) {
    let twice = format!(
        "INSERT INTO postings SELECT posting_id || 'x', entry_id, debit_account, credit_account, \
         amount_minor, currency FROM postings WHERE posting_id = '{HELD_BACK}:captured:1'"
    );
    let database = lawless(world.folder.path(), "payment");
    assert_eq!(database.execute(&twice, []).unwrap(), 1);
    let round = follower.round(now()).await.unwrap();
    let is_named = round.new.iter().any(|one| {
        one.promise == Promise::Money
            && one.breach.subject == HELD_BACK
            && one.breach.what.contains("the ledger says")
    });
    assert!(is_named, "{}", round.report);
    let round = follower.round(now()).await.unwrap();
    assert!(round.new.is_empty(), "named again:\n{}", round.report);
    let undone = format!("DELETE FROM postings WHERE posting_id = '{HELD_BACK}:captured:1x'");
    assert_eq!(database.execute(&undone, []).unwrap(), 1);
    let round = follower.round(now()).await.unwrap();
    assert!(round.report.is_clean(), "{}", round.report);
}
