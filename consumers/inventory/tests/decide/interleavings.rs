//! Every order between topics, any duplication: the same rows where stock suffices, and no broken
//! promise where it does not. Order within a topic is kept, as a partition keeps it.

use std::collections::BTreeSet;

use inventory::State;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use runtime::Refusal;
use schemas::{Event, Fact};

use crate::given::{
    Shop, adjusted, cancelled, declined, handed_over, purchase, received, requested, voided,
};

/// What becomes of a purchase, as far as others decide it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Story {
    Shipped,
    Declined,
    CancelledEarly,
    RefusedByCarrier,
    Forgotten,
}

type Basket = Vec<(i64, i32)>;

fn story() -> impl Strategy<Value = Story> {
    prop_oneof![
        3 => Just(Story::Shipped),
        1 => Just(Story::Declined),
        1 => Just(Story::CancelledEarly),
        1 => Just(Story::RefusedByCarrier),
        1 => Just(Story::Forgotten),
    ]
}

fn purchases() -> impl Strategy<Value = Vec<(Story, Basket)>> {
    let basket = prop::collection::vec((1..4_i64, 1..5_i32), 1..4);
    prop::collection::vec((story(), basket), 1..7)
}

/// One topic: its log, and how far it was read.
#[derive(Default, Clone)]
struct Topic {
    log: Vec<Event>,
    read: usize,
}

/// A count may find less than is reserved; nothing else of these stories may be refused.
fn tell(shop: &mut Shop, event: Event) {
    match shop.tell(event).0 {
        Ok(_) => {}
        Err(Refusal::Poison {
            reason: "adjustment_below_reserved",
            ..
        }) => {}
        Err(refusal) => panic!("{refusal}"),
    }
}

/// Reads on in one of the topics that have more, or again what was read before.
fn deliver(topics: &mut [Topic], choice: u16, shop: &mut Shop) {
    let topic = usize::from(choice) % topics.len();
    let topic = &mut topics[topic];
    let again = choice & 0x300 == 0 && topic.read > 0;
    if again {
        let index = usize::from(choice >> 10) % topic.read;
        tell(shop, topic.log[index].clone());
    } else if topic.read < topic.log.len() {
        topic.read += 1;
        tell(shop, topic.log[topic.read - 1].clone());
    }
}

fn deliver_rest(topics: &mut [Topic], shop: &mut Shop) {
    for topic in topics {
        while topic.read < topic.log.len() {
            topic.read += 1;
            tell(shop, topic.log[topic.read - 1].clone());
        }
    }
}

fn told_openly(purchases: &[(Story, Basket)]) -> Vec<Topic> {
    let mut topics = vec![Topic::default(); 3];
    for (number, (story, basket)) in purchases.iter().enumerate() {
        let id = format!("p{number}");
        topics[0].log.push(purchase(&id, basket));
        match story {
            Story::Shipped => topics[2].log.extend([requested(&id), handed_over(&id)]),
            Story::Declined => {
                topics[1].log.push(declined(&id));
                topics[2].log.push(cancelled(&id, "declined"));
            }
            Story::CancelledEarly => {
                topics[1].log.push(voided(&id));
                topics[2].log.push(cancelled(&id, "customer"));
            }
            Story::RefusedByCarrier => {
                topics[2]
                    .log
                    .extend([requested(&id), cancelled(&id, "carrier_refused")]);
                topics[1].log.push(voided(&id));
            }
            Story::Forgotten => {}
        }
    }
    topics
}

/// Where every reservation stands and when it lapses; on hand and reserved of every SKU.
type Outcome = (Vec<(String, State, Option<i64>)>, Vec<(String, i64, i64)>);

/// What must not depend on the order: where every reservation stands, and the stock. The first
/// reason that became known, and the facts that came too late to be entered, do depend on it.
fn outcome(shop: &mut Shop) -> Outcome {
    let reservations = shop.reservations().into_iter();
    let reservations = reservations.map(|row| {
        let state = row.stands();
        (row.purchase_id, state, row.expires_at)
    });
    (reservations.collect(), shop.all_stock())
}

/// Payment and dispatch, as far as inventory can see them: they answer what it states.
fn answer(
    fact: &Fact,
    stories: &[(Story, Basket)],
    topics: &mut [Topic],
    asked: &mut BTreeSet<String>,
) {
    let Some(id) = fact.purchase_id().map(str::to_owned) else {
        return;
    };
    let number: usize = id[1..].parse().expect("p and a number");
    match (fact, stories[number].0) {
        (Fact::StockReserved(held), story) if held.expires_at.is_some() => match story {
            Story::Shipped | Story::RefusedByCarrier => {
                asked.insert(id.clone());
                topics[2].log.push(requested(&id));
            }
            Story::Declined => {
                topics[1].log.push(declined(&id));
                topics[2].log.push(cancelled(&id, "declined"));
            }
            Story::CancelledEarly => {
                topics[2].log.push(cancelled(&id, "customer"));
                topics[1].log.push(voided(&id));
            }
            Story::Forgotten => {}
        },
        (Fact::StockReserved(_), Story::RefusedByCarrier) => {
            topics[2].log.push(cancelled(&id, "carrier_refused"));
            topics[1].log.push(voided(&id));
        }
        (Fact::StockReserved(_), _) => topics[2].log.push(handed_over(&id)),
        (Fact::StockRejected(_), _) => {
            topics[2].log.push(cancelled(&id, "no_stock"));
            topics[1].log.push(voided(&id));
        }
        (Fact::ReservationExpired(_), Story::Forgotten) if !asked.contains(&id) => {
            topics[2].log.push(cancelled(&id, "expired"));
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn any_order_and_any_duplication_end_in_the_same_rows_when_stock_suffices(
        stories in purchases(),
        choices in prop::collection::vec(any::<u16>(), 0..120),
    ) {
        let stocked = || {
            let mut shop = Shop::new();
            for sku in 1..4 {
                shop.tell(received(&format!("r{sku}"), sku, 1_000)).0.unwrap();
            }
            shop
        };
        let (mut straight, mut topics) = (stocked(), told_openly(&stories));
        deliver_rest(&mut topics, &mut straight);

        let (mut mixed, mut topics) = (stocked(), told_openly(&stories));
        for choice in choices {
            deliver(&mut topics, choice, &mut mixed);
        }
        deliver_rest(&mut topics, &mut mixed);
        assert_eq!(outcome(&mut straight), outcome(&mut mixed));
    }

    /// `Shop` checks after every input that stock is the fold of its movements, is never negative,
    /// and that what is reserved is what live reservations hold.
    #[test]
    fn scarce_stock_is_never_oversold_and_every_purchase_ends_once(
        stories in purchases(),
        receipts in prop::collection::vec((1..4_i64, 1..6_i64), 0..8),
        counts in prop::collection::vec((1..4_i64, -4..4_i64), 0..6),
        choices in prop::collection::vec(any::<u16>(), 0..200),
    ) {
        let mut topics = vec![Topic::default(); 4];
        for (number, (_, basket)) in stories.iter().enumerate() {
            topics[0].log.push(purchase(&format!("p{number}"), basket));
        }
        for (number, (sku, quantity)) in receipts.iter().enumerate() {
            topics[3].log.push(received(&format!("r{number}"), *sku, *quantity));
        }
        for (number, (sku, change)) in counts.iter().enumerate() {
            let place = number.min(topics[3].log.len());
            topics[3].log.insert(place, adjusted(&format!("a{number}"), *sku, *change));
        }
        let (mut shop, mut answered, mut asked) = (Shop::new(), 0, BTreeSet::new());
        let mut choices = choices.into_iter();
        loop {
            let choice = choices.next();
            match choice {
                Some(choice) if choice & 0x38 == 0 && !shop.timers.is_empty() => {
                    let timers: Vec<_> = shop.timers.values().map(|timer| timer.key.clone()).collect();
                    shop.lapse(&timers[usize::from(choice >> 6) % timers.len()]).0.unwrap();
                }
                Some(choice) => deliver(&mut topics, choice, &mut shop),
                None => deliver_rest(&mut topics, &mut shop),
            }
            for fact in &shop.facts[answered..] {
                answer(fact, &stories, &mut topics, &mut asked);
            }
            let quiet = answered == shop.facts.len();
            answered = shop.facts.len();
            if choice.is_none() && quiet {
                let Some(timer) = shop.timers.values().next() else { break };
                let purchase_id = timer.key.clone();
                shop.lapse(&purchase_id).0.unwrap();
            }
        }
        for row in shop.reservations() {
            let ends: Vec<&str> = (shop.facts.iter())
                .filter(|fact| fact.purchase_id() == Some(&row.purchase_id))
                .map(Fact::kind)
                .filter(|kind| !matches!(*kind, "StockReserved"))
                .collect();
            let expected: &[&[&str]] = match row.stands() {
                State::Committed => &[&["StockCommitted"], &["ReservationExpired", "StockCommitted"]],
                State::Rejected => &[&["StockRejected"], &["ReservationExpired", "StockRejected"]],
                State::Released => &[
                    &["StockReleased"],
                    &["ReservationExpired"],
                    &["ReservationExpired", "StockReleased"],
                ],
                other => panic!("{} is left {other:?}", row.purchase_id),
            };
            assert!(expected.contains(&ends.as_slice()), "{row:?}: {ends:?}");
        }
        assert_eq!(shop.reservations().len(), stories.len());
        assert!(shop.all_stock().iter().all(|(_, _, reserved)| *reserved == 0));
    }
}
