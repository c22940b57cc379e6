//! The audit itself: in which order everything is looked at, and where the blocking parts run.

use std::sync::Arc;

use codec::Codec;
use runtime::kafka::scan::{ScanError, Scanner};

use crate::{
    AuditError, Group, Inputs,
    checks::{self, Around},
    intents, provider,
    report::{Promise, Report},
    shard::Shard,
    spill::Spill,
    stock::Shelves,
    stores::{self, Books},
    topics::{self, Layout, digest, unreadable},
    totals::Totals,
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
    let (bootstrap, options) = (
        inputs.bootstrap_servers.clone(),
        inputs.kafka_options.clone(),
    );
    let (scanner, layout) = blocking(move || {
        let scanner = Scanner::connect(&bootstrap, &options).map_err(unreadable)?;
        let layout = Layout::ask(&scanner)?;
        Ok((scanner, layout))
    })
    .await?;
    let layout = Arc::new(layout);
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
    let (mut books, mut shelves) = (Books::default(), Shelves::default());
    for group in Group::ALL {
        tell(format!("database of {group}"));
        let store = inputs.stores.of(group).as_ref();
        stores::read(group, store, &mut spill, &mut books, &mut shelves).await?;
    }
    tell("journals".to_owned());
    let (mut spill, after_journals) = sort_journals(inputs, spill, report).await?;
    report = after_journals;
    tracing::debug!(rows = spill.lines(), records = layout.records(), "sorted");
    let books = Arc::new(books);
    let mut totals = Totals::default();
    let mut scanner = scanner;
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
        let around = around(inputs, &books, &layout);
        checks::shard(&mut shard, &around, &mut shelves, &mut totals, &mut report);
    }
    tell("dead letters and sums".to_owned());
    shelves.check(&mut report);
    totals.check(&mut report);
    let remembered_since = inputs.now.saturating_sub(micros(inputs.journal_retention));
    report = blocking(move || dead_letters(&scanner, books, remembered_since, report)).await?;
    report.close();
    Ok(report)
}

fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn around<'a>(inputs: &Inputs, books: &'a Books, layout: &'a Layout) -> Around<'a> {
    Around {
        books,
        layout,
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
) -> Result<(Spill, Report), AuditError> {
    let (journal, intended) = (inputs.provider_journal.clone(), inputs.intents.clone());
    blocking(move || {
        if let Some(folder) = journal {
            provider::sort(&folder, &mut spill, &mut report)?;
        }
        if let Some(path) = intended {
            intents::sort(&path, &mut spill)?;
        }
        Ok((spill, report))
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
                away = shard.take(topic, &record, codec, books).err();
            }
        });
        read.map_err(unreadable)?;
        if let Some(away) = away {
            return Err(AuditError::Topics(away));
        }
    }
    shard.find_foreign(layout.shards());
    Ok((scanner, shard))
}

/// The dead-letter topics against the journals of the groups that publish there.
fn dead_letters(
    scanner: &Scanner,
    mut books: Arc<Books>,
    remembered_since: i64,
    mut report: Report,
) -> Result<Report, AuditError> {
    let books = Arc::get_mut(&mut books).expect("nobody else reads any more");
    for group in Group::ALL {
        let topic = group.dead_letter_topic();
        let partitions = match scanner.partitions(&topic) {
            Ok(partitions) => partitions,
            Err(ScanError::NoSuchTopic(_)) => 0,
            Err(error) => return Err(unreadable(error)),
        };
        let mut trimmed = false;
        for partition in 0..partitions {
            trimmed |= scanner.bounds(&topic, partition).map_err(unreadable)?.0 > 0;
            let read = scanner.read(&topic, partition, |record| {
                report.count(Promise::Accounting, format!("records of {topic}"), 1);
                let headers = record.headers.to_bytes();
                let content = digest(&[record.payload.as_deref(), Some(&headers)]);
                if let Some(publication) = books.dead_letters.get_mut(&(group, content)) {
                    publication.found = true;
                } else if record.timestamp_micros >= remembered_since {
                    let what = format!("invented: {group} has no such dead letter");
                    report.breach(Promise::Accounting, record.at.to_string(), what);
                }
            });
            read.map_err(unreadable)?;
        }
        let of_group = (books.dead_letters.iter()).filter(|((of, _), _)| *of == group);
        for (_, publication) in of_group {
            let missing = publication.acknowledged && !publication.found && !trimmed;
            report.require(!missing, Promise::Accounting, &publication.event_id, || {
                format!("lost: {group} has published the dead letter, and {topic} does not hold it")
            });
        }
    }
    Ok(report)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AuditError> + Send + 'static,
) -> Result<T, AuditError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|ended| Err(AuditError::Topics(format!("the reader ended: {ended}"))))
}
