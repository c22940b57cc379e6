//! Whatever the order between topics, whatever comes twice, whenever answers and deadlines come: a
//! purchase is handed over or cancelled, both only where goods come back, and never left between.
//!
//! Payment and inventory are models that react to what dispatch has stated once that is delivered
//! to them. Without a race (a cancellation, a lapse or a deadline running against the answers) the
//! ending is a function of what the world says, and the row is the same to the last field; where
//! both the money and the stock are refused, only the reason given may be either. With a race, who
//! was first decides, and what must hold of every ending is checked.
#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without fails it"
)]

mod world;

use std::collections::VecDeque;

use dispatch::{DispatchEvent, State};
use proptest::prelude::*;
use runtime::Decision;
use world::*;

#[derive(Debug, Clone, Copy)]
struct Story {
    declines: bool,
    no_stock: bool,
    carrier_refuses: bool,
    /// Whether the shop takes goods back.
    returns: bool,
    /// Races: none of these in a story that must end the same.
    cancels: bool,
    lapses: bool,
    second_try_fails: bool,
    deadline: bool,
}

impl Story {
    fn has_race(&self) -> bool {
        self.cancels || self.lapses || self.deadline
    }
}

/// The topics, and what the models have already seen of what dispatch stated.
struct Play {
    world: World,
    story: Story,
    topics: [VecDeque<DispatchEvent>; 3],
    seen: [usize; 2],
    delivered: Vec<DispatchEvent>,
    asked_before_cancellation: bool,
}

const PURCHASES: usize = 0;
const PAYMENTS: usize = 1;
const RESERVATIONS: usize = 2;

impl Play {
    fn new(story: Story) -> Self {
        let mut topics = [VecDeque::from([bought()]), VecDeque::new(), VecDeque::new()];
        if story.cancels {
            topics[PURCHASES].push_back(cancel_please("cancellation"));
        }
        topics[PAYMENTS].push_back(if story.declines {
            declined()
        } else {
            authorised()
        });
        topics[RESERVATIONS].push_back(if story.no_stock {
            rejected()
        } else {
            reserved()
        });
        if story.lapses && !story.no_stock {
            topics[RESERVATIONS].push_back(expired());
        }
        Self {
            world: match story.returns {
                true => World::new(),
                false => World::without_returns(),
            },
            story,
            topics,
            seen: [0; 2],
            delivered: vec![],
            asked_before_cancellation: false,
        }
    }

    /// Payment lets go of what it holds when it hears of a cancellation; what it took for goods that
    /// are gone it gives back, which dispatch does not hear of.
    fn payment_reads(&mut self) {
        let Some(fact) = self.world.facts.get(self.seen[0]) else {
            return;
        };
        self.seen[0] += 1;
        let is_gone = self.world.stated("ShipmentHandedOver");
        if fact.kind() == "PurchaseCancelled" && !self.story.declines && !is_gone {
            self.topics[PAYMENTS].push_back(voided("customer"));
        }
    }

    /// Inventory makes a reservation firm when a shipment is requested, and releases it when the
    /// purchase is cancelled.
    fn inventory_reads(&mut self) {
        let Some(fact) = self.world.facts.get(self.seen[1]) else {
            return;
        };
        self.seen[1] += 1;
        let fails = self.story.lapses && self.story.second_try_fails;
        let is_gone = self.world.stated("ShipmentHandedOver");
        match fact.kind() {
            "ShipmentRequested" if fails => self.topics[RESERVATIONS].push_back(rejected()),
            "ShipmentRequested" => self.topics[RESERVATIONS].push_back(firm()),
            "PurchaseCancelled" if !self.story.no_stock && !is_gone => {
                self.topics[RESERVATIONS].push_back(released());
            }
            _ => {}
        }
    }

    fn step(&mut self, choice: u8) {
        match choice % 9 {
            topic @ 0..3 => {
                if let Some(event) = self.topics[usize::from(topic)].pop_front() {
                    let decision = self.world.deliver(&event).unwrap();
                    if event == cancel_please("cancellation") {
                        self.asked_before_cancellation = self.world.asked > 0;
                        let late = decision == Decision::Ignored("too_late");
                        let may_be_gone = self.asked_before_cancellation && self.is_not_cancelled();
                        assert_eq!(late, may_be_gone && !self.story.returns);
                    }
                    self.delivered.push(event);
                }
            }
            3 => self.payment_reads(),
            4 => self.inventory_reads(),
            5 => self.world.carrier_answers(self.story.carrier_refuses),
            6 if !self.delivered.is_empty() => {
                let again = &self.delivered[usize::from(choice / 9) % self.delivered.len()];
                let again = self.world.deliver(again).unwrap();
                assert_ne!(again, Decision::Applied);
            }
            7 if self.story.deadline => {
                self.world.time_comes("answers");
            }
            _ => {}
        }
    }

    fn is_not_cancelled(&mut self) -> bool {
        self.world
            .row()
            .is_some_and(|row| row.state != State::Cancelled)
    }

    /// Goes on until nothing more can happen.
    fn finish(mut self) -> World {
        for _ in 0..40 {
            for choice in 0..6 {
                self.step(choice);
            }
        }
        assert!(self.topics.iter().all(VecDeque::is_empty));
        check_ending(&mut self);
        self.world
    }
}

fn check_ending(play: &mut Play) {
    let row = play.world.row().unwrap();
    let over = matches!(
        row.state,
        State::HandedOver | State::Returned | State::Cancelled
    );
    assert!(over, "left at {:?}: {row:?}", row.state);
    let world = &play.world;
    assert_eq!(
        world.stated("ShipmentHandedOver"),
        matches!(row.state, State::HandedOver | State::Returned)
    );
    assert_eq!(
        world.stated("PurchaseCancelled"),
        matches!(row.state, State::Cancelled | State::Returned)
    );
    assert!(world.timers.is_empty(), "{:?}", world.timers);
    if world.stated("ShipmentHandedOver") {
        assert!(world.stated("ShipmentRequested") && row.firm_by.is_some());
        assert!(!play.story.declines && !play.story.no_stock && !play.story.carrier_refuses);
        assert!(!play.story.cancels || play.asked_before_cancellation);
        let comes_back = play.story.cancels && play.story.returns;
        assert_eq!(row.state == State::Returned, comes_back);
        assert_eq!(
            row.cancel_reason.as_deref(),
            comes_back.then_some("customer")
        );
    }
}

fn story(race: bool) -> impl Strategy<Value = Story> {
    let flag = any::<bool>;
    let told = (
        flag(),
        flag(),
        flag(),
        flag(),
        flag(),
        flag(),
        flag(),
        flag(),
    );
    told.prop_map(move |told| Story {
        declines: told.0 && told.1,
        no_stock: told.2 && told.3,
        carrier_refuses: told.4 && told.5 && told.6,
        returns: told.7,
        cancels: race && told.0,
        lapses: race && told.2,
        second_try_fails: told.4,
        deadline: race && told.6,
    })
}

fn play(story: Story, schedule: &[u8]) -> World {
    let mut play = Play::new(story);
    for &choice in schedule {
        play.step(choice);
    }
    play.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn without_a_race_every_schedule_ends_the_same(
        story in story(false),
        one in proptest::collection::vec(any::<u8>(), 0..40),
        other in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        prop_assert!(!story.has_race());
        let (mut one, mut other) = (play(story, &one), play(story, &other));
        let (mut a, mut b) = (one.row().unwrap(), other.row().unwrap());
        let ships = !story.declines && !story.no_stock && !story.carrier_refuses;
        prop_assert_eq!(a.state == State::HandedOver, ships);
        for row in [&mut a, &mut b] {
            // Which fact was the first to be heard of is the one thing that order may tell.
            row.opened_by = String::new();
            if story.declines && story.no_stock {
                row.cancel_reason = None;
            }
        }
        prop_assert_eq!(a, b);
    }

    #[test]
    fn with_races_every_purchase_ends_once(
        story in story(true),
        schedule in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        play(story, &schedule);
    }
}
