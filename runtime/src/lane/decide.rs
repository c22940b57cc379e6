//! A batch in memory: every input through `decide`, one refusal never touching another input.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use failpoints::Step;

use super::{
    changes::Surroundings,
    items::{Item, Origin},
};
use crate::{
    bookkeeping::{parking::Draft, position::Fate},
    group::{Decision, Effects, Group, Timestamp},
    record::Outgoing,
    refusal::{Refusal, Stage},
    rows::Rows,
    task::{NewTask, NewTimer},
};

/// What became of one input.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It was decided on.
    Done {
        fate: Fate,
        note: Option<&'static str>,
        follows: Follows,
    },
    /// It is set aside.
    SetAside {
        reason: &'static str,
        detail: String,
        stage: Stage,
    },
    /// It waits for a newer reader, or behind a record that does.
    Parked { min_reader: u32 },
    /// It came back from too many redrives: it is left as it was set aside, for a person.
    Left,
    /// It, and what is behind it in its shard, stays where it is until something is back.
    Later {
        dependency: &'static str,
        detail: String,
    },
}

/// What follows from an input, its facts encoded.
#[derive(Debug, Default)]
pub(crate) struct Follows {
    pub(crate) facts: Vec<Outgoing>,
    pub(crate) tasks: Vec<NewTask>,
    pub(crate) timers: Vec<NewTimer>,
    pub(crate) cancelled_timers: Vec<String>,
    /// See [`Effects::set_aside`].
    pub(crate) set_aside: Option<(&'static str, String)>,
}

/// An input, read.
pub(crate) struct Read<E> {
    pub(crate) item: Item,
    pub(crate) event: Result<E, Refusal>,
}

/// Reads all inputs of topics of so many partitions, a panic in the group's decoding counting as
/// poison.
pub(crate) fn read_all<G: Group>(
    group: &G,
    items: Vec<Item>,
    partitions: i32,
) -> Vec<Read<G::Event>> {
    let read = |item: Item| {
        let event = catch_unwind(AssertUnwindSafe(|| item.decode(group, partitions)));
        let event = event.unwrap_or_else(|_| Err(panicked(Stage::Decode)));
        Read { item, event }
    };
    items.into_iter().map(read).collect()
}

/// Names the rows of all inputs that could be read, a panic of the group counting as poison.
/// Whatever a panicking input has named until then is loaded for nothing.
pub(crate) fn name_rows<E, K: Default>(
    inputs: &mut [Read<E>],
    mut names: impl FnMut(&E, &mut K),
) -> K {
    let mut keys = K::default();
    for input in inputs {
        let Ok(event) = &input.event else {
            continue;
        };
        let named = catch_unwind(AssertUnwindSafe(|| names(event, &mut keys)));
        if named.is_err() {
            input.event = Err(panicked(Stage::Decide));
        }
    }
    keys
}

/// Decides on all inputs in order. `parked` holds the parked keys of the shards and is kept up to
/// date, so that a record behind one that this batch parks is parked too.
pub(crate) fn decide_all<G: Group>(
    group: &G,
    rows: &mut G::Rows,
    inputs: &[Read<G::Event>],
    parked: &mut BTreeMap<i32, Draft<'_>>,
    around: &Surroundings<'_>,
) -> Vec<Verdict> {
    let mut stopped = BTreeSet::new();
    let mut parked_again = BTreeSet::new();
    let mut verdicts = Vec::with_capacity(inputs.len());
    for input in inputs {
        let shard = input.item.shard;
        let verdict = if stopped.contains(&shard) {
            Verdict::Later {
                dependency: "",
                detail: String::new(),
            }
        } else if is_looping(&input.item.origin, around.redrives_max) {
            Verdict::Left
        } else {
            let parked = parked.entry(shard).or_default();
            let key = match &input.item.origin {
                Origin::Unparked(record, _) => Some((shard, record.key.clone())),
                _ => None,
            };
            let verdict = match &key {
                Some(key) if parked_again.contains(key) => park_behind(input, parked),
                _ => decide_one(group, rows, input, parked, around.now),
            };
            if let (Some(key), Verdict::Parked { .. }) = (key, &verdict) {
                parked_again.insert(key);
            }
            verdict
        };
        if matches!(verdict, Verdict::Later { .. }) {
            stopped.insert(shard);
        }
        verdicts.push(verdict);
    }
    verdicts
}

/// Whether a dead letter has been redriven and has come back as often as it may.
fn is_looping(origin: &Origin, redrives_max: i64) -> bool {
    matches!(origin, Origin::Redrive(letter, _) if letter.redrives >= redrives_max)
}

/// A record before it on its key was read and has to wait for a newer reader still.
fn park_behind<E>(input: &Read<E>, parked: &mut Draft<'_>) -> Verdict {
    let record = input.item.as_record();
    let key = record.and_then(|record| record.key.as_deref());
    let min_reader = parked.waits_for(key.unwrap_or_default()).unwrap_or(0);
    Verdict::Parked { min_reader }
}

fn decide_one<G: Group>(
    group: &G,
    rows: &mut G::Rows,
    input: &Read<G::Event>,
    parked: &mut Draft<'_>,
    now: Timestamp,
) -> Verdict {
    let event = match &input.event {
        Ok(event) => event,
        Err(refusal) => return refused(input, refusal.clone(), parked),
    };
    if let Origin::Record(record) = &input.item.origin {
        let key = record.key.as_deref().unwrap_or_default();
        if let Some(min_reader) = parked.waits_for(key)
            && !mutants::on("parked-key-overtaken")
        {
            parked.park(key, min_reader);
            return Verdict::Parked { min_reader };
        }
    }
    rows.mark();
    let decided = catch_unwind(AssertUnwindSafe(|| {
        failpoints::at(Step::Deciding);
        let mut effects = Effects::default();
        let decision = group.decide(rows, event, now, &mut effects)?;
        Ok((decision, encoded(group, effects)))
    }));
    match decided.unwrap_or_else(|_| Err(panicked(Stage::Decide))) {
        Ok((decision, follows)) => {
            if let Origin::Unparked(record, _) = &input.item.origin {
                parked.unpark(record.key.as_deref().unwrap_or_default());
            }
            let (fate, note) = match decision {
                Decision::Applied => (Fate::Applied, None),
                Decision::Duplicate => (Fate::Duplicate, None),
                Decision::Ignored(reason) => (Fate::Ignored, Some(reason)),
            };
            Verdict::Done {
                fate,
                note,
                follows,
            }
        }
        Err(refusal) => {
            rows.undo();
            refused(input, refusal, parked)
        }
    }
}

fn encoded<G: Group>(group: &G, effects: Effects<G::Fact>) -> Follows {
    Follows {
        facts: (effects.facts.iter())
            .map(|fact| group.encode(fact))
            .collect(),
        tasks: effects.tasks,
        timers: effects.timers,
        cancelled_timers: effects.cancelled_timers,
        set_aside: effects.set_aside,
    }
}

fn refused<E>(input: &Read<E>, refusal: Refusal, parked: &mut Draft<'_>) -> Verdict {
    let key = input
        .item
        .as_record()
        .and_then(|record| record.key.as_deref())
        .unwrap_or_default();
    match refusal {
        Refusal::Poison {
            reason,
            detail,
            stage,
        } => {
            if matches!(input.item.origin, Origin::Unparked(..)) {
                parked.unpark(key);
            }
            Verdict::SetAside {
                reason,
                detail,
                stage,
            }
        }
        Refusal::Parked { min_reader } => {
            // What is behind a parked record carries at least its reader version, so that reading
            // parked records by version never lets one overtake another of its key.
            let min_reader = parked
                .waits_for(key)
                .map_or(min_reader, |waits| waits.max(min_reader));
            if matches!(input.item.origin, Origin::Unparked(..)) {
                parked.unpark(key);
            }
            parked.park(key, min_reader);
            Verdict::Parked { min_reader }
        }
        Refusal::Wait { dependency, detail } => Verdict::Later { dependency, detail },
    }
}

/// The verdicts on inputs that the database refuses by themselves.
pub(crate) fn refused_by_store<E>(
    why: &str,
    inputs: &[Read<E>],
    parked: &mut BTreeMap<i32, Draft<'_>>,
) -> Vec<Verdict> {
    let verdict = |input: &Read<E>| {
        let refusal = Refusal::Poison {
            reason: "store_refused",
            detail: why.to_owned(),
            stage: Stage::Store,
        };
        refused(input, refusal, parked.entry(input.item.shard).or_default())
    };
    inputs.iter().map(verdict).collect()
}

fn panicked(stage: Stage) -> Refusal {
    Refusal::Poison {
        reason: "panicked",
        detail: "the group's code panicked on this input; see the log".to_owned(),
        stage,
    }
}
