//! Whatever the order between topics, whatever is delivered twice and whenever the provider
//! answers, a purchase ends the same.
//!
//! "The same" is: the same money taken in the end, and nothing left held. A purchase that did not
//! end early has the same row, to the last field. One that ended early may have come there by more
//! than one way (never asked for, declined, held and let go, taken and given back), depending on
//! how far the provider was when the news arrived; all of them leave the customer with nothing to
//! pay. The facts that contradict each other (no stock, yet handed over, and never cancelled) are
//! left out: dispatch cannot state them, since the carrier is asked on a firm reservation only.
#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without fails it"
)]

mod world;

use payment::{PaymentEvent, State};
use proptest::prelude::*;
use runtime::Decision;
use world::{NOW, Provider, Trouble, World, bought, cancelled, handed_over, rejected};

#[derive(Debug, Clone)]
struct Story {
    card_minor: i64,
    rejected: bool,
    shipments: Vec<&'static str>,
    declines: bool,
    capture_fails: bool,
    trouble: Trouble,
}

impl Story {
    fn topics(&self) -> [Vec<PaymentEvent>; 3] {
        let shipments = self.shipments.iter().map(|what| match *what {
            "handed_over" => handed_over(),
            _ => cancelled("customer"),
        });
        let reservations = self.rejected.then(rejected).into_iter().collect();
        [
            vec![bought(self.card_minor)],
            reservations,
            shipments.collect(),
        ]
    }

    fn ends_early(&self) -> bool {
        self.rejected || self.shipments.contains(&"cancelled")
    }
}

fn story() -> impl Strategy<Value = Story> {
    let card = proptest::sample::select(vec![0, 300, 1000]);
    let shipments = proptest::sample::select(vec![
        vec![],
        vec!["cancelled"],
        vec!["handed_over"],
        vec!["handed_over", "cancelled"],
        vec!["cancelled", "handed_over"],
    ]);
    let trouble = proptest::sample::select(vec![
        Trouble::None,
        Trouble::Lies,
        Trouble::Unnamed,
        Trouble::Untraced,
        Trouble::Rejects,
    ]);
    let told = (
        card,
        any::<bool>(),
        shipments,
        any::<bool>(),
        any::<bool>(),
        trouble,
    );
    told.prop_map(
        |(card_minor, rejected, shipments, declines, capture_fails, trouble)| Story {
            card_minor,
            rejected: rejected && shipments != ["handed_over"],
            declines,
            capture_fails,
            // Dispatch ships what is paid: where the money is in doubt, nothing is handed over.
            trouble: match shipments.contains(&"handed_over") {
                true => Trouble::None,
                false => trouble,
            },
            shipments,
        },
    )
}

fn play(story: &Story, schedule: &[u8]) -> World {
    let mut world = World::new(Provider {
        declines: story.declines,
        capture_fails: story.capture_fails,
        trouble: story.trouble,
        ..Provider::default()
    });
    let mut topics = story.topics().map(Vec::into_iter);
    let mut delivered: Vec<PaymentEvent> = vec![];
    for &choice in schedule {
        match choice % 6 {
            topic @ 0..3 => {
                if let Some(event) = topics[usize::from(topic)].next() {
                    world.deliver(&event).unwrap();
                    delivered.push(event);
                }
            }
            3 => world.answer(),
            4 if !delivered.is_empty() => {
                let again = &delivered[usize::from(choice / 6) % delivered.len()];
                assert_eq!(world.deliver(again), Ok(Decision::Duplicate));
            }
            _ => {
                if let Some(again) = world.answered.last().cloned() {
                    let state = world.payment().unwrap().state;
                    match world.deliver(&again) {
                        Ok(decision) => assert_ne!(decision, Decision::Applied),
                        Err(_) => assert_eq!(state, State::Disputed),
                    }
                }
            }
        }
    }
    for topic in topics {
        for event in topic {
            world.deliver(&event).unwrap();
        }
    }
    world.answer_all();
    world
}

/// What must hold of every ending.
fn check_money(world: &mut World, story: &Story) -> i64 {
    let row = world.payment().unwrap();
    let provider = world.provider;
    assert!(provider.refunded_minor <= provider.captured_minor);
    assert!(provider.captured_minor <= story.card_minor);
    let net = provider.captured_minor - provider.refunded_minor;
    // Of a dispute the provider holds what it holds; the ledger knows of nothing.
    let held = match row.state {
        State::Authorised | State::Disputed => story.card_minor,
        _ => 0,
    };
    assert_eq!(provider.held_minor, held, "held in state {:?}", row.state);
    let balances = world.balances();
    let on = |account: &str| balances.get(account).copied().unwrap_or(0);
    assert_eq!(balances.values().sum::<i64>(), 0);
    assert_eq!(on("psp_receivable"), net, "ledger and provider differ");
    let holds_all = if row.state == State::Authorised {
        1000
    } else {
        0
    };
    assert_eq!(on("auth_receivable"), holds_all);
    assert_eq!(on("auth_liability"), -holds_all);
    assert_eq!(on("customer_prepayments"), 0);
    let takings = on("revenue") + on("tax_payable") + on("shipping_income");
    let owed = on("customer_receivable");
    let is_owed = row.state == State::CaptureFailed;
    assert_eq!(owed, if is_owed { 1000 } else { 0 });
    let is_returned = row.handed_over_by.is_some() && row.cancelled_by.is_some();
    assert!(!(is_owed && is_returned), "what came back is owed for");
    assert_eq!(
        -takings,
        on("psp_receivable") + on("gift_card_liability") + owed
    );
    net
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_schedule_ends_the_same(
        story in story(),
        one in proptest::collection::vec(any::<u8>(), 0..24),
        other in proptest::collection::vec(any::<u8>(), 0..24),
    ) {
        let (mut one, mut other) = (play(&story, &one), play(&story, &other));
        prop_assert_eq!(check_money(&mut one, &story), check_money(&mut other, &story));
        let (mut a, mut b) = (one.payment().unwrap(), other.payment().unwrap());
        if story.ends_early() {
            let over = [State::Voided, State::Declined, State::Refunded, State::Credited];
            prop_assert!(over.contains(&a.state) && over.contains(&b.state));
            // How it came to its end may differ; what is known may not.
            for row in [&mut a, &mut b] {
                row.state = State::Voided;
                row.reason = None;
                row.provider_ref = None;
                row.refund_ref = None;
                row.authorised_at = None;
                row.captured_at = None;
            }
        } else {
            prop_assert_eq!(&one.facts, &other.facts);
            prop_assert_eq!(&one.asked, &other.asked);
        }
        prop_assert_eq!(a, b);
    }

    #[test]
    fn facts_that_contradict_each_other_break_nothing(
        card_minor in proptest::sample::select(vec![0, 300, 1000]),
        schedule in proptest::collection::vec(any::<u8>(), 0..24),
    ) {
        let story = Story {
            card_minor,
            rejected: true,
            shipments: vec!["handed_over"],
            declines: false,
            capture_fails: false,
            trouble: Trouble::None,
        };
        let mut world = play(&story, &schedule);
        check_money(&mut world, &story);
        let state = world.payment().unwrap().state;
        prop_assert!(matches!(state, State::Captured | State::CaptureFailed), "{state:?}");
    }
}

#[test]
fn time_is_told_and_not_read() {
    let mut world = World::new(Provider::default());
    world.deliver(&bought(1000)).unwrap();
    world.answer_all();
    let row = world.payment().unwrap();
    assert_eq!((row.created_at, row.authorised_at), (NOW, Some(NOW)));
}
