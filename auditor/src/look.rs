//! The audit itself: in which order everything is looked at, and where the blocking parts run.

use std::{collections::BTreeMap, sync::Arc};

use runtime::kafka::scan::Scanner;

use crate::{
    AuditError, Group, Inputs,
    checks::Sums,
    intents,
    memory::Memory,
    parts::Parts,
    poison::Poisons,
    progress::{Progress, Steps},
    provider,
    report::{Promise, Report},
    spill::Spill,
    stores::{self, Books},
    topics::{Layout, unreadable},
    work::Work,
};

/// Looks at everything and reports.
///
/// # Errors
/// [`AuditError`] when something cannot be read; nothing is said about the promises then.
pub async fn audit(
    inputs: &Inputs,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, AuditError> {
    look(inputs, &mut Memory::default(), Report::default(), progress).await
}

/// The same with a memory of what was read, and a report that is to be filled.
pub(crate) async fn look(
    inputs: &Inputs,
    memory: &mut Memory,
    report: Report,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, AuditError> {
    let ids = match memory.is_kept {
        true => memory.ids.ask(inputs).await,
        false => BTreeMap::new(),
    };
    let (scanner, layout) = connect(inputs, ids).await?;
    let (records, layout) = memory.go_on(inputs, layout).await?;
    let parts = records.parts;
    let mut steps = Steps::new(parts, progress);
    let before = match before_the_topics(inputs, &layout, parts, report, &mut steps).await {
        Ok(before) => before,
        Err(away) => {
            memory.records = Some(records);
            return Err(away);
        }
    };
    let mut work = Some(Work {
        inputs: inputs.clone(),
        scanner,
        layout: Arc::new(layout),
        records,
        letters: std::mem::take(&mut memory.letters),
        evidence: std::mem::take(&mut memory.evidence),
        is_kept: memory.is_kept,
        spill: before.spill,
        books: before.books,
        sums: before.sums,
        report: before.report,
    });
    let done = topics(&mut work, parts, &mut steps).await;
    // What was read stays read, also when the rest could not be looked at.
    let Some(work) = work else {
        return done.and(Err(AuditError::Topics("the reader ended".to_owned())));
    };
    if memory.is_kept {
        memory.records = Some(work.records);
        memory.letters = work.letters;
        memory.evidence = work.evidence;
    }
    done.map(|()| work.report)
}

/// What is looked at before the topics are read.
struct Before {
    spill: Spill,
    books: Books,
    sums: Sums,
    report: Report,
}

async fn before_the_topics(
    inputs: &Inputs,
    layout: &Layout,
    parts: Parts,
    mut report: Report,
    steps: &mut Steps<'_>,
) -> Result<Before, AuditError> {
    check_layout(layout, &mut report);
    let scratch = inputs.scratch.as_deref();
    let mut spill = Spill::new(scratch, parts)?;
    let mut books = Books::default();
    let mut sums = Sums::new(scratch, parts.shards)?;
    for group in Group::ALL {
        steps.begin(format!("database of {group}"));
        let store = inputs.stores.of(group).as_ref();
        let mut before = 0;
        let mut told = |rows| steps.rows(group, &mut before, rows);
        let shelves = &mut sums.shelves;
        stores::read(group, store, &mut spill, &mut books, shelves, &mut told).await?;
        steps.end_of_database();
    }
    steps.begin("journals".to_owned());
    let (spill, poisons, report) = sort_journals(inputs, spill, report).await?;
    books.poisons = poisons;
    steps.end();
    tracing::debug!(rows = spill.lines(), records = layout.records(), "sorted");
    Ok(Before {
        spill,
        books,
        sums,
        report,
    })
}

/// Reads the topics, shard by shard, and checks everything.
async fn topics(
    work: &mut Option<Work>,
    parts: Parts,
    steps: &mut Steps<'_>,
) -> Result<(), AuditError> {
    for shard in 0..parts.shards {
        steps.begin(format!("shard {shard}: topics"));
        let mut opened = step(work, move |work| work.open(shard)).await?;
        steps.end();
        for part in 0..parts.parts {
            steps.begin(format!(
                "shard {shard}: part {} of {}",
                part + 1,
                parts.parts
            ));
            let check = move |work: &mut Work| {
                work.part(&mut opened, part)?;
                Ok(opened)
            };
            opened = step(work, check).await?;
            steps.end();
        }
        step(work, move |work| {
            work.close(opened);
            Ok(())
        })
        .await?;
    }
    steps.begin("dead letters and sums".to_owned());
    step(work, Work::end).await
}

/// Does a step of the work where it may block. The work is gone when the step panics.
async fn step<T: Send + 'static>(
    work: &mut Option<Work>,
    step: impl FnOnce(&mut Work) -> Result<T, AuditError> + Send + 'static,
) -> Result<T, AuditError> {
    let mut taken = work.take().expect("it is put back after every step");
    let (back, done) = blocking(move || {
        let done = step(&mut taken);
        Ok((taken, done))
    })
    .await?;
    *work = Some(back);
    done
}

/// Connects to Kafka, and notes where the topics end.
async fn connect(
    inputs: &Inputs,
    ids: BTreeMap<String, String>,
) -> Result<(Scanner, Layout), AuditError> {
    let bootstrap = inputs.bootstrap_servers.clone();
    let options = inputs.kafka_options.clone();
    blocking(move || {
        let scanner = Scanner::connect(&bootstrap, &options).map_err(unreadable)?;
        let layout = Layout::ask(&scanner, ids)?;
        Ok((scanner, layout))
    })
    .await
}

/// All topics have as many partitions: what one group does for a key, every group does.
fn check_layout(layout: &Layout, report: &mut Report) {
    let shards = layout.shards();
    for (topic, partitions) in &layout.partitions {
        report.require(*partitions == shards, Promise::Accounting, topic, || {
            format!("{partitions} partitions, other topics have {shards}")
        });
    }
}

async fn sort_journals(
    inputs: &Inputs,
    mut spill: Spill,
    mut report: Report,
) -> Result<(Spill, Poisons, Report), AuditError> {
    let (journal, intended) = (inputs.provider_journal.clone(), inputs.intents.clone());
    blocking(move || {
        let mut poisons = Poisons::default();
        if let Some(folder) = journal {
            provider::sort(&folder, &mut spill, &mut report)?;
        }
        if let Some(path) = intended {
            intents::sort(&path, &mut spill, &mut poisons)?;
        }
        Ok((spill, poisons, report))
    })
    .await
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AuditError> + Send + 'static,
) -> Result<T, AuditError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|ended| Err(AuditError::Topics(format!("the reader ended: {ended}"))))
}
