//! Whatever order the topics are read in and however often a record is repeated, the same rows
//! are left behind and no rank falls.

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use runtime::Decision;
use schemas::Event;
use support::{READ_AT, apply, contradicting, facts, observed, purchase, request, rows, topic_of};
use timeline::{
    Observed, TimelineRows,
    rows::{EntryRow, PurchaseRow},
};

const ID: &str = "p-1";

/// Everything that may happen to a purchase, in the order of each topic's log; a record that is
/// repeated is repeated later in its own log.
fn logs(chosen: &[bool], repeats: &[bool]) -> [Vec<Observed>; 4] {
    let mut events = vec![Event::Purchase(purchase(ID))];
    events.push(Event::Purchase(contradicting(ID)));
    events.push(request(ID, "a", 350_000));
    events.push(request(ID, "b", 360_000));
    events.extend(facts(ID));
    let mut logs: [Vec<Event>; 4] = Default::default();
    for (event, chosen) in events.iter().zip(chosen) {
        if *chosen {
            logs[topic_of(event)].push(event.clone());
        }
    }
    let mut repeats = repeats.iter();
    logs.map(|log| {
        let again: Vec<Event> = (log.iter())
            .filter(|_| *repeats.next().unwrap_or(&false))
            .cloned()
            .collect();
        (log.into_iter().chain(again))
            .enumerate()
            .map(|(offset, event)| observed(event, offset as i64))
            .collect()
    })
}

/// One way to read the logs side by side: each pick names a log among those not read to the end.
fn interleave(logs: &[Vec<Observed>; 4], picks: &[usize]) -> Vec<Observed> {
    let mut next = [0; 4];
    let mut read = Vec::new();
    let mut picks = picks.iter().chain(std::iter::repeat(&0));
    loop {
        let open: Vec<usize> = (0..4).filter(|log| next[*log] < logs[*log].len()).collect();
        let Some(pick) = picks.next().filter(|_| !open.is_empty()) else {
            return read;
        };
        let log = open[pick % open.len()];
        read.push(logs[log][next[log]].clone());
        next[log] += 1;
    }
}

type Left = (Vec<PurchaseRow>, BTreeMap<String, EntryRow>);

fn left(rows: &TimelineRows) -> Left {
    let mut entries = BTreeMap::new();
    for entry in rows.events.iter() {
        let before = entries.insert(entry.entry_id.clone(), entry.clone());
        assert_eq!(before, None, "an entry was written twice");
    }
    (rows.purchases.iter().cloned().collect(), entries)
}

fn read_all(records: &[Observed]) -> Left {
    let mut rows = rows(ID);
    let mut rank = 0;
    for record in records {
        apply(&mut rows, record);
        let now = rows
            .purchases
            .get(&(ID.to_owned(),))
            .expect("a purchase")
            .status_rank;
        assert!(now >= rank, "rank fell from {rank} to {now}");
        rank = now;
    }
    left(&rows)
}

proptest! {
    #[test]
    fn any_interleaving_and_repetition_leaves_the_same_rows(
        chosen in prop::collection::vec(any::<bool>(), 19),
        repeats in prop::collection::vec(any::<bool>(), 19),
        picks in prop::collection::vec(0usize..4, 40),
    ) {
        let logs = logs(&chosen, &repeats);
        let one_log_after_the_other = interleave(&logs, &[]);
        prop_assert_eq!(
            read_all(&one_log_after_the_other),
            read_all(&interleave(&logs, &picks))
        );
    }

    #[test]
    fn reading_everything_twice_changes_nothing(
        chosen in prop::collection::vec(any::<bool>(), 19),
        picks in prop::collection::vec(0usize..4, 40),
    ) {
        let records = interleave(&logs(&chosen, &[]), &picks);
        let mut rows = rows(ID);
        for record in &records {
            prop_assert_eq!(apply(&mut rows, record), Decision::Applied);
        }
        let once = left(&rows);
        for record in &records {
            prop_assert_eq!(apply(&mut rows, record), Decision::Duplicate);
        }
        prop_assert_eq!(once, left(&rows));
    }

    #[test]
    fn facts_in_any_order_give_the_same_purchase(
        shuffled in Just(facts(ID)).prop_shuffle(),
        taken in 1usize..16,
    ) {
        let records: Vec<Observed> = (shuffled.into_iter().take(taken))
            .map(|event| observed(event, 0))
            .collect();
        let mut backwards = records.clone();
        backwards.reverse();
        prop_assert_eq!(read_all(&records), read_all(&backwards));
    }
}

#[test]
fn every_record_but_repetitions_is_an_entry() {
    let records = interleave(&logs(&[true; 19], &[]), &[]);
    let (_, entries) = read_all(&records);
    assert_eq!(entries.len(), 19);
    assert!(entries.values().all(|entry| entry.applied_at == READ_AT));
}
