//! What payment decides, story by story.
#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without fails it"
)]

mod world;

use payment::{
    PaymentEvent, State,
    event::{Call, Outcome, Said},
    explain,
};
use runtime::{Decision, Refusal};
use schemas::{Event, Fact, domain::TenderKind};
use world::{ID, Provider, Trouble, World, bought, cancelled, handed_over, purchase, rejected};

fn reason(refused: Result<Decision, Refusal>) -> &'static str {
    match refused {
        Err(Refusal::Poison { reason, .. }) => reason,
        other => panic!("{other:?} is no refusal"),
    }
}

#[test]
fn money_is_held_at_purchase_and_taken_at_hand_over() {
    let mut world = World::new(Provider::default());
    world.deliver(&bought(1000)).unwrap();
    world.answer_all();
    world.deliver(&handed_over()).unwrap();
    world.answer_all();
    assert_eq!(world.fact_kinds(), ["PaymentAuthorised", "PaymentCaptured"]);
    let earned = [
        ("psp_receivable", 1000),
        ("revenue", -800),
        ("shipping_income", -50),
        ("tax_payable", -150),
    ];
    let earned = earned.map(|(account, minor)| (account.to_owned(), minor));
    assert_eq!(world.balances(), earned.into());
}

#[test]
fn a_purchase_by_gift_card_alone_needs_no_provider() {
    let mut world = World::new(Provider::default());
    world.deliver(&bought(0)).unwrap();
    assert!(world.asked.is_empty());
    let authorised = world.facts.values().next().unwrap();
    let Fact::PaymentAuthorised(fact) = authorised else {
        panic!("{authorised:?}");
    };
    assert_eq!(
        (fact.provider_ref.as_str(), fact.amount_minor),
        ("gift-card", 1000)
    );
    world.deliver(&handed_over()).unwrap();
    world.deliver(&cancelled("customer")).unwrap();
    assert_eq!(world.payment().unwrap().state, State::Refunded);
    assert!(world.asked.is_empty() && world.balances().is_empty());
}

#[test]
fn only_the_cards_part_is_asked_of_the_provider() {
    let mut world = World::new(Provider::default());
    world.deliver(&bought(300)).unwrap();
    assert_eq!(world.tasks[0].payload["amount_minor"], 300);
    world.answer_all();
    world.deliver(&handed_over()).unwrap();
    world.answer_all();
    assert_eq!(world.provider.captured_minor, 300);
    assert_eq!(world.balances()["gift_card_liability"], 700);
}

#[test]
fn a_purchase_that_has_ended_is_never_asked_for() {
    for ending in [cancelled("customer"), rejected()] {
        let mut world = World::new(Provider::default());
        world.deliver(&ending).unwrap();
        world.deliver(&bought(1000)).unwrap();
        assert!(world.asked.is_empty());
        assert_eq!(world.fact_kinds(), ["PaymentVoided"]);
        assert!(world.balances().is_empty());
    }
}

#[test]
fn a_cancellation_while_the_provider_is_asked_lets_go_once_it_has_answered() {
    let mut world = World::new(Provider::default());
    world.deliver(&bought(1000)).unwrap();
    world.deliver(&cancelled("customer")).unwrap();
    assert_eq!(world.tasks.len(), 1);
    world.answer_all();
    assert_eq!(world.fact_kinds(), ["PaymentAuthorised", "PaymentVoided"]);
    assert_eq!(world.provider.held_minor, 0);
}

#[test]
fn what_was_taken_is_given_back_when_the_purchase_is_cancelled() {
    let mut world = World::new(Provider::default());
    world.deliver(&bought(1000)).unwrap();
    world.deliver(&handed_over()).unwrap();
    world.deliver(&cancelled("carrier_refused")).unwrap();
    world.answer_all();
    assert_eq!(world.provider.captured_minor, 1000);
    assert_eq!(world.provider.refunded_minor, 1000);
    assert!(world.balances().is_empty());
}

#[test]
fn goods_that_are_gone_unpaid_are_owed_for() {
    let mut world = World::new(Provider {
        capture_fails: true,
        ..Provider::default()
    });
    world.deliver(&bought(1000)).unwrap();
    world.answer_all();
    world.deliver(&handed_over()).unwrap();
    world.answer_all();
    assert_eq!(world.fact_kinds(), ["CaptureFailed", "PaymentAuthorised"]);
    assert_eq!(world.balances()["customer_receivable"], 1000);
    assert!(explain(&world.payment().unwrap()).contains("canceled"));
}

#[test]
fn goods_that_come_back_unpaid_are_owed_for_no_more() {
    for (card_minor, declines) in [(1000, false), (300, false), (1000, true)] {
        let mut world = World::new(Provider {
            capture_fails: true,
            declines,
            ..Provider::default()
        });
        world.deliver(&bought(card_minor)).unwrap();
        world.answer_all();
        world.deliver(&handed_over()).unwrap();
        world.answer_all();
        let unpaid = world.payment().unwrap();
        assert_eq!(unpaid.state, State::CaptureFailed);
        let stated = world.facts.len();

        world.deliver(&cancelled("customer")).unwrap();
        assert!(world.balances().is_empty(), "{:?}", world.balances());
        let row = world.payment().unwrap();
        assert_eq!(row.state, State::Credited);
        assert_eq!((row.reason, row.ended_at), (unpaid.reason, unpaid.ended_at));
        assert_eq!(world.facts.len(), stated, "nothing moved at the provider");
        assert!(world.tasks.is_empty());
        let rows = world.payments.rows();
        let entry = (rows.entries.iter()).find(|entry| entry.kind == "credited");
        assert_eq!(entry.unwrap().causation_id, "event-cancelled");
        assert!(explain(&world.payment().unwrap()).contains("came back"));
    }
}

#[test]
fn other_contents_under_the_same_id_are_set_aside() {
    let mut world = World::new(Provider::default());
    world.deliver(&bought(1000)).unwrap();
    assert_eq!(world.deliver(&bought(1000)), Ok(Decision::Duplicate));
    let refused = world.deliver(&bought(300));
    assert_eq!(reason(refused), "conflicting_duplicate");
}

#[test]
fn a_purchase_on_two_cards_is_set_aside_and_not_guessed_at() {
    let mut two = purchase(1000);
    two.tenders[0].amount_minor = 400;
    two.tenders.push(two.tenders[0].clone());
    two.tenders[1].amount_minor = 600;
    two.tenders[1].reference = Some("pm_card_mastercard".into());
    assert!(
        two.tenders
            .iter()
            .all(|tender| tender.kind == TenderKind::Card)
    );
    let mut world = World::new(Provider::default());
    let refused = world.deliver(&PaymentEvent::Event(Event::Purchase(two)));
    assert_eq!(reason(refused), "several_cards");
    assert_eq!(world.payment(), None);
}

fn said() -> Said {
    Said {
        intent: "pi_1".into(),
        refund: None,
        amount_minor: 1000,
        currency: "eur".into(),
        purchase_id: Some(ID.into()),
    }
}

#[test]
fn an_answer_that_does_not_fit_what_was_asked_is_never_a_fact() {
    let wrong = [
        Said {
            amount_minor: 1001,
            ..said()
        },
        Said {
            currency: "usd".into(),
            ..said()
        },
        Said {
            purchase_id: Some("another".into()),
            ..said()
        },
        Said {
            intent: String::new(),
            ..said()
        },
    ];
    for said in wrong {
        let mut world = World::new(Provider::default());
        world.deliver(&bought(1000)).unwrap();
        let answer = PaymentEvent::Answer {
            purchase_id: ID.into(),
            call: Call::Authorise,
            outcome: Outcome::Done(said),
        };
        assert_eq!(world.deliver(&answer), Ok(Decision::Applied));
        assert_eq!(world.set_aside, ["provider_mismatch"]);
        assert!(world.facts.is_empty() && world.balances().is_empty());
        assert_eq!(world.payment().unwrap().state, State::Disputed);
    }
}

#[test]
fn a_disputed_authorisation_is_let_go_by_its_reference_when_the_purchase_ends() {
    let mut world = World::new(Provider {
        trouble: Trouble::Lies,
        ..Provider::default()
    });
    world.deliver(&bought(1000)).unwrap();
    world.answer_all();
    let row = world.payment().unwrap();
    let kept = (row.state, row.provider_ref.as_deref());
    assert_eq!(kept, (State::Disputed, Some("pi_1")));
    world.deliver(&cancelled("answers_late")).unwrap();
    assert_eq!(world.tasks[0].task_id, format!("{ID}:void"));
    assert_eq!(world.tasks[0].payload["provider_ref"], "pi_1");
    world.answer_all();
    assert_eq!(world.fact_kinds(), ["PaymentVoided"]);
    assert_eq!(world.provider.held_minor, 0);
    assert!(world.balances().is_empty(), "it was never in the ledger");
}

#[test]
fn a_dispute_without_a_reference_is_let_go_by_the_purchase() {
    let mut world = World::new(Provider {
        trouble: Trouble::Unnamed,
        ..Provider::default()
    });
    world.deliver(&bought(1000)).unwrap();
    world.answer_all();
    world.deliver(&cancelled("answers_late")).unwrap();
    assert_eq!(world.tasks[0].task_id, format!("{ID}:release"));
    world.answer_all();
    assert_eq!(world.fact_kinds(), ["PaymentVoided"]);
    assert_eq!(world.provider.held_minor, 0);
}

#[test]
fn a_dispute_that_is_put_right_before_the_purchase_ends_is_paid() {
    let mut world = World::new(Provider {
        trouble: Trouble::Lies,
        ..Provider::default()
    });
    world.deliver(&bought(1000)).unwrap();
    world.answer_all();
    let answer = PaymentEvent::Answer {
        purchase_id: ID.into(),
        call: Call::Authorise,
        outcome: Outcome::Done(said()),
    };
    assert_eq!(world.deliver(&answer), Ok(Decision::Applied));
    assert_eq!(world.fact_kinds(), ["PaymentAuthorised"]);
}

#[test]
fn an_authorisation_that_left_no_trace_is_declined_and_let_go_should_it_turn_up() {
    let mut world = World::new(Provider {
        trouble: Trouble::Untraced,
        ..Provider::default()
    });
    world.deliver(&bought(1000)).unwrap();
    world.answer();
    assert_eq!(world.fact_kinds(), ["PaymentDeclined"]);
    assert_eq!(
        world.payment().unwrap().reason.as_deref(),
        Some("provider_error")
    );
    assert_eq!(world.tasks[0].task_id, format!("{ID}:release"));
    world.deliver(&cancelled("declined")).unwrap();
    world.answer_all();
    assert_eq!(world.provider.held_minor, 0);
    assert_eq!(world.fact_kinds(), ["PaymentDeclined"]);
    assert_eq!(world.payment().unwrap().state, State::Declined);
}

#[test]
fn a_capture_of_another_intent_is_a_mismatch() {
    let mut world = World::new(Provider::default());
    world.deliver(&bought(1000)).unwrap();
    world.answer_all();
    world.deliver(&handed_over()).unwrap();
    let answer = PaymentEvent::Answer {
        purchase_id: ID.into(),
        call: Call::Capture,
        outcome: Outcome::Done(Said {
            intent: "pi_2".into(),
            ..said()
        }),
    };
    let refused = world.deliver(&answer);
    assert_eq!(reason(refused), "provider_mismatch");
}

#[test]
fn a_request_that_the_provider_calls_wrong_is_declined_with_its_word() {
    let mut world = World::new(Provider {
        trouble: Trouble::Rejects,
        ..Provider::default()
    });
    world.deliver(&bought(1000)).unwrap();
    world.answer_all();
    assert_eq!(world.fact_kinds(), ["PaymentDeclined"]);
    let row = world.payment().unwrap();
    assert_eq!(row.reason.as_deref(), Some("resource_missing"));
}

fn rejected_outcome() -> Outcome {
    Outcome::Rejected {
        code: "payment_intent_unexpected_state".into(),
        detail: "http 400".into(),
    }
}

#[test]
fn a_capture_that_is_refused_is_owed_for_and_what_gives_money_back_waits_for_a_person() {
    let refusal = |call| PaymentEvent::Answer {
        purchase_id: ID.into(),
        call,
        outcome: rejected_outcome(),
    };
    let mut world = World::new(Provider::default());
    world.deliver(&bought(1000)).unwrap();
    world.answer_all();
    world.deliver(&handed_over()).unwrap();
    world.deliver(&refusal(Call::Capture)).unwrap();
    assert_eq!(world.payment().unwrap().state, State::CaptureFailed);

    let mut world = World::new(Provider::default());
    world.deliver(&bought(1000)).unwrap();
    world.answer_all();
    world.deliver(&cancelled("customer")).unwrap();
    let refused = world.deliver(&refusal(Call::Void));
    assert_eq!(reason(refused), "provider_refused");
    assert_eq!(world.payment().unwrap().state, State::Voiding);
    world.answer_all();
    assert_eq!(world.payment().unwrap().state, State::Voided);
}

#[test]
fn the_cause_of_a_fact_is_the_event_that_called_for_it() {
    let mut world = World::new(Provider::default());
    world.deliver(&handed_over()).unwrap();
    world.deliver(&bought(1000)).unwrap();
    world.answer_all();
    let cause = |kind: &str| {
        let fact = world.facts.values().find(|fact| fact.kind() == kind);
        fact.and_then(|fact| fact.causation_id().map(str::to_owned))
    };
    assert_eq!(
        cause("PaymentAuthorised").as_deref(),
        Some("event-purchase")
    );
    assert_eq!(
        cause("PaymentCaptured").as_deref(),
        Some("event-handed-over")
    );
}
