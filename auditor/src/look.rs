//! The audit itself: in which order everything is looked at, and where the blocking parts run.

use std::sync::Arc;

use codec::Codec;
use runtime::kafka::scan::Scanner;

use crate::{
    AuditError, Group, Inputs,
    checks::{self, Around, Sums},
    dead_letters, intents,
    poison::Poisons,
    provider,
    report::{Promise, Report},
    shard::Shard,
    spill::Spill,
    stores::{self, Books},
    topics::{self, Layout, unreadable},
};

/// How far the audit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being looked at.
    pub step: String,
    /// How many steps are done.
    pub done: u64,
    /// Of how many.
    pub of: u64,
}

/// Looks at everything and reports.
///
/// # Errors
/// [`AuditError`] when something cannot be read; nothing is said about the promises then.
pub async fn audit(
    inputs: &Inputs,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, AuditError> {
    let mut report = Report::default();
    let (mut scanner, layout) = connect(inputs).await?;
    let shards = layout.shards();
    let steps = Group::ALL.len() as u64 + 2 + u64::try_from(shards).unwrap_or_default();
    let mut done = 0;
    let mut tell = |step: String| {
        progress(Progress {
            step,
            done,
            of: steps,
        });
        done += 1;
    };
    check_layout(&layout, &mut report);
    let mut spill = Spill::new(shards)?;
    let mut books = Books::default();
    let mut sums = Sums::new(shards)?;
    for group in Group::ALL {
        tell(format!("database of {group}"));
        let store = inputs.stores.of(group).as_ref();
        stores::read(group, store, &mut spill, &mut books, &mut sums.shelves).await?;
    }
    tell("journals".to_owned());
    let (mut spill, poisons, after_journals) = sort_journals(inputs, spill, report).await?;
    (books.poisons, report) = (poisons, after_journals);
    tracing::debug!(rows = spill.lines(), records = layout.records(), "sorted");
    let books = Arc::new(books);
    for number in 0..shards {
        tell(format!("shard {number}"));
        let mut shard = Shard::new(number);
        spill.read(number, |line| shard.hear(line))?;
        let (codec, known, bounds) = (
            inputs.codec.clone(),
            Arc::clone(&books),
            Arc::clone(&layout),
        );
        let reading =
            blocking(move || read_topics(scanner, shard, &codec, &known, &bounds)).await?;
        (scanner, shard) = reading;
        let around = around(inputs, &shard, &books, &layout);
        checks::shard(&mut shard, &around, &mut sums, &mut report);
        sums.shelves.sort()?;
    }
    tell("dead letters and sums".to_owned());
    sums.totals.check(&mut report);
    let has_lost_records = layout.bounds.values().any(|bounds| bounds.first > 0);
    (books.poisons).check(&sums.poison, has_lost_records, &mut report);
    let remembered_since = inputs.now.saturating_sub(micros(inputs.journal_retention));
    report = blocking(move || {
        sums.shelves.check(&mut report)?;
        dead_letters::compare(&scanner, books, remembered_since, report)
    })
    .await?;
    report.close();
    Ok(report)
}

/// Connects to Kafka, and notes where the topics end.
async fn connect(inputs: &Inputs) -> Result<(Scanner, Arc<Layout>), AuditError> {
    let bootstrap = inputs.bootstrap_servers.clone();
    let options = inputs.kafka_options.clone();
    blocking(move || {
        let scanner = Scanner::connect(&bootstrap, &options).map_err(unreadable)?;
        let layout = Layout::ask(&scanner)?;
        Ok((scanner, Arc::new(layout)))
    })
    .await
}

fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn around<'a>(inputs: &Inputs, shard: &Shard, books: &'a Books, layout: &'a Layout) -> Around<'a> {
    Around {
        books,
        layout,
        kept: shard.kept(layout),
        now: inputs.now,
        grace_micros: micros(inputs.grace),
        retention_micros: micros(inputs.journal_retention),
        has_provider: inputs.provider_journal.is_some(),
        has_intents: inputs.intents.is_some(),
    }
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

fn read_topics(
    scanner: Scanner,
    mut shard: Shard,
    codec: &Codec,
    books: &Books,
    layout: &Layout,
) -> Result<(Scanner, Shard), AuditError> {
    let number = shard.number;
    for topic in topics::ALL {
        if layout
            .partitions
            .get(topic)
            .is_none_or(|count| number >= *count)
        {
            continue;
        }
        let mut away = None;
        let read = scanner.read(topic, number, |record| {
            if away.is_none() {
                away = shard.take(topic, &record, codec, books, layout).err();
            }
        });
        read.map_err(unreadable)?;
        if let Some(away) = away {
            return Err(AuditError::Topics(away));
        }
    }
    Ok((scanner, shard))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AuditError> + Send + 'static,
) -> Result<T, AuditError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|ended| Err(AuditError::Topics(format!("the reader ended: {ended}"))))
}
