//! Whether everything is done: every record read, every task answered, every event published. Read from
//! the topics' ends and the groups' tables alone, so that it holds whatever the processes believe.

use std::{collections::BTreeMap, time::Duration};

use harness::{
    records::{self, Ends},
    wait,
};
use schemas::topics;

use super::{
    database::Database,
    members::{GROUPS, Pipeline},
};

/// Everything that the groups read.
pub(crate) const TOPICS: [&str; 5] = [
    topics::PURCHASES,
    topics::PAYMENTS,
    topics::RESERVATIONS,
    topics::SHIPMENTS,
    topics::STOCK,
];
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What a group still has to do.
const WORK: &str = "\
    SELECT (SELECT count(*) FROM tasks WHERE state = 'waiting'), \
           (SELECT count(*) FROM shards WHERE published_sequence < next_sequence - 1), \
           (SELECT count(*) FROM dead_letters WHERE state = 'redrive'), \
           (SELECT count(*) FROM positions WHERE halted IS NOT NULL)";
const WORDS: [&str; 4] = [
    "tasks waiting",
    "shards with events unpublished",
    "redrives",
    "halts",
];

/// Waits until the groups of this pipeline have nothing left to do.
pub(crate) fn until_quiet(pipeline: &Pipeline, deadline: Duration) {
    let mut last = String::new();
    let done = wait::within(deadline, "the pipeline is quiet", || {
        last = left(pipeline);
        last.is_empty().then_some(())
    });
    if let Err(late) = done {
        let waiting: Vec<String> = (pipeline.members.iter())
            .map(|member| format!("{}: {}", member.name, member.waits_for()))
            .collect();
        panic!("{late}; left: {last}\nwaiting: {}", waiting.join("\n"));
    }
}

/// What is left to do, or why that is not known now; empty when nothing is.
pub(crate) fn left(pipeline: &Pipeline) -> String {
    match unfinished(pipeline) {
        Ok(left) => left.unwrap_or_default(),
        Err(error) => format!("{error:#}"),
    }
}

/// What is left to do, if anything is. A group that is looked at first may be given something by one that
/// is looked at later, but then a topic ends elsewhere afterwards.
fn unfinished(pipeline: &Pipeline) -> anyhow::Result<Option<String>> {
    // What is accepted and not yet on its topic no group can be behind.
    let spooled_bytes = pipeline.spooled_bytes()?;
    if spooled_bytes > 0 {
        return Ok(Some(format!(
            "{spooled_bytes} bytes in the storefront's spool"
        )));
    }
    let before = ends(pipeline)?;
    for (group, topics) in GROUPS {
        if !pipeline.members.iter().any(|member| member.group == group) {
            continue;
        }
        if let Some(left) = of_group(&pipeline.database, group, topics, &before)? {
            return Ok(Some(format!("{group}: {left}")));
        }
    }
    let moved = ends(pipeline)? != before;
    Ok(moved.then(|| "records that were published meanwhile".to_owned()))
}

fn ends(pipeline: &Pipeline) -> anyhow::Result<Vec<Ends>> {
    records::ends(&pipeline.bootstrap, &TOPICS, ANSWER_WITHIN)
}

fn of_group(
    database: &Database,
    group: &str,
    topics: &[&str],
    ends: &[Ends],
) -> anyhow::Result<Option<String>> {
    let positions = "SELECT topic, partition, next_offset FROM positions";
    let answers = database.look_at(group, &[positions, WORK])?;
    let positions: BTreeMap<(&str, &str), &str> = (answers[0].iter())
        .map(|row| ((row[0].as_str(), row[1].as_str()), row[2].as_str()))
        .collect();
    for end in ends
        .iter()
        .filter(|end| topics.contains(&end.topic.as_str()))
    {
        for (partition, next_offset) in end.next_offsets.iter().enumerate() {
            let at = (end.topic.as_str(), &*partition.to_string());
            let position = positions.get(&at).copied().unwrap_or("0");
            if position != next_offset.to_string() {
                let topic = &end.topic;
                return Ok(Some(format!(
                    "at {position} of {next_offset} in {topic}[{partition}]"
                )));
            }
        }
    }
    let left: Vec<String> = (answers[1][0].iter().zip(WORDS))
        .filter(|(count, _)| *count != "0")
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    Ok((!left.is_empty()).then(|| left.join(", ")))
}

/// How many purchase records the slowest group has read.
pub(crate) fn purchases_read(pipeline: &Pipeline) -> anyhow::Result<i64> {
    let query = format!(
        "SELECT coalesce(sum(next_offset), 0) FROM positions WHERE topic = '{}'",
        topics::PURCHASES
    );
    let mut slowest = i64::MAX;
    for (group, _) in GROUPS {
        slowest = slowest.min(pipeline.database.number(group, &query)?);
    }
    Ok(slowest)
}
