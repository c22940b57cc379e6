//! A timeline is shown in causal order, whatever its records say about their causes.

mod support;

use proptest::prelude::*;
use schemas::Event;
use support::{MADE_AT, READ_AT, apply, facts, observed, purchase, request, rows};
use timeline::{
    Explanation, TimelineRows,
    order::causal,
    read::{entries, of_row},
    rows::EntryRow,
};

const ID: &str = "p-1";

fn entry(event: usize, cause: Option<usize>, occurred_at: i64) -> EntryRow {
    EntryRow {
        purchase_id: ID.to_owned(),
        entry_id: format!("e{event}"),
        event_id: format!("e{event}"),
        kind: "Thing".to_owned(),
        topic: "t".to_owned(),
        record_partition: 0,
        record_offset: event as i64,
        occurred_at,
        recorded_at: occurred_at,
        applied_at: READ_AT,
        causation_id: cause.map(|cause| format!("e{cause}")),
        schema_version: 1,
        traceparent: None,
        summary: "{}".to_owned(),
    }
}

fn explained(rows: &TimelineRows) -> Explanation {
    let purchase = rows
        .purchases
        .get(&(ID.to_owned(),))
        .expect("a purchase")
        .clone();
    Explanation {
        entries: entries(&purchase, rows.events.iter().cloned().collect()),
        status: of_row(purchase),
    }
}

proptest! {
    #[test]
    fn no_entry_is_lost_and_each_follows_its_cause_unless_causes_go_in_a_circle(
        causes in prop::collection::vec((prop::option::of(0usize..14), 0i64..5), 0..12),
    ) {
        let rows: Vec<EntryRow> = (causes.iter().enumerate())
            .map(|(event, (cause, at))| entry(event, *cause, *at))
            .collect();
        let placed = causal(rows.clone());
        let mut names: Vec<String> = placed.iter().map(|p| p.row.entry_id.clone()).collect();
        names.sort();
        let mut expected: Vec<String> = rows.iter().map(|row| row.entry_id.clone()).collect();
        expected.sort();
        prop_assert_eq!(names, expected);
        for (place, entry) in placed.iter().enumerate() {
            if let Some(cause) = entry.cause {
                prop_assert!(cause < place);
                prop_assert_eq!(entry.row.causation_id.as_ref(), Some(&placed[cause].row.event_id));
                prop_assert_eq!(entry.depth, placed[cause].depth + 1);
            } else {
                prop_assert!(
                    is_root(&causes, index(&entry.row)) || goes_in_a_circle(&causes, index(&entry.row))
                );
            }
        }
    }

    #[test]
    fn the_order_does_not_depend_on_how_the_rows_were_stored(
        stored in Just((0..8).map(|n| entry(n, (n % 3 == 2).then(|| n - 1), (n / 2) as i64))
            .collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut sorted = stored.clone();
        sorted.sort_by_key(|row| row.record_offset);
        prop_assert_eq!(causal(stored), causal(sorted));
    }
}

fn index(row: &EntryRow) -> usize {
    usize::try_from(row.record_offset).expect("an index")
}

fn cause_of(causes: &[(Option<usize>, i64)], event: usize) -> Option<usize> {
    (causes[event].0).filter(|cause| *cause < causes.len() && *cause != event)
}

fn is_root(causes: &[(Option<usize>, i64)], event: usize) -> bool {
    cause_of(causes, event).is_none()
}

fn goes_in_a_circle(causes: &[(Option<usize>, i64)], event: usize) -> bool {
    let mut at = event;
    for _ in 0..=causes.len() {
        match cause_of(causes, at) {
            Some(cause) => at = cause,
            None => return false,
        }
    }
    true
}

#[test]
fn a_cause_whose_clock_is_ahead_still_comes_first() {
    let placed = causal(vec![entry(1, Some(0), 10), entry(0, None, 20)]);
    let names: Vec<&str> = placed.iter().map(|p| p.row.entry_id.as_str()).collect();
    assert_eq!(names, ["e0", "e1"]);
}

#[test]
fn hops_are_measured_from_the_cause() {
    let mut rows = rows(ID);
    let mut events = vec![Event::Purchase(purchase(ID)), request(ID, "a", 350_000)];
    events.extend(facts(ID));
    for event in events {
        apply(&mut rows, &observed(event, 0));
    }
    let explained = explained(&rows);
    let firm = (explained.entries.iter())
        .find(|entry| entry.occurred_at == MADE_AT + 500_000)
        .unwrap();
    assert_eq!((firm.hop_micros, firm.depth), (Some(100_000), 3));
    let cause = &explained.entries[firm.cause.unwrap()];
    assert_eq!(cause.kind, "ShipmentRequested");
    assert_eq!(explained.entries[0].kind, "Purchase");
}

#[test]
fn an_explanation_reads_as_text() {
    let mut rows = rows(ID);
    apply(&mut rows, &observed(Event::Purchase(purchase(ID)), 4));
    apply(&mut rows, &observed(facts(ID).swap_remove(0), 9));
    let text = explained(&rows).to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "purchase p-1: paid, total 65297 EUR (minor units)"
    );
    assert!(lines[1].starts_with(
        "2023-11-14T22:13:20.000Z  Purchase v1  shop.purchases.v1[3]@4  read after 60s  {"
    ));
    assert!(lines[2].starts_with(
        "2023-11-14T22:13:20.300Z    PaymentAuthorised v1  shop.payments.v1[3]@9  \
         300ms after its cause  read after 59s  {"
    ));
}
