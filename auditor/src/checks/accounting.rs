//! Accounting: per group, topic and partition every offset that was passed is accounted for, and
//! every dead letter is one record.

use super::{Around, answers};
use crate::{
    Group,
    report::{Promise, Report},
    shard::{Shard, Standing},
    topics,
};

const P: Promise = Promise::Accounting;

pub(crate) fn check(shard: &Shard, around: &Around<'_>, report: &mut Report) {
    for topic in topics::ALL {
        let records = shard.records.get(topic).copied().unwrap_or_default();
        report.count(P, format!("records of {topic}"), records);
        for group in Group::ALL.into_iter().filter(|group| group.reads(topic)) {
            position(shard, group, topic, around, report);
        }
    }
    for (row, is_the_same) in shard.letters() {
        report.count(P, format!("set aside by {}: {}", row.group, row.reason), 1);
        let topic = topics::ALL.into_iter().find(|topic| *topic == row.topic);
        let gone =
            topic.is_some_and(|topic| row.offset < around.layout.of(topic, row.partition).first);
        let subject = format!("{}[{}]@{}", row.topic, row.partition, row.offset);
        report.require(is_the_same == Some(true) || gone, P, &subject, || {
            let what = if is_the_same.is_some() {
                "another record"
            } else {
                "no record"
            };
            format!("{} has a dead letter, and {what} stands there", row.group)
        });
        report.require(answers::is_told(row, around), P, &subject, || {
            format!(
                "forged: {} has a dead letter, {}",
                row.group,
                answers::UNTOLD
            )
        });
    }
    unreadable(shard, around, report);
    for (key, what) in &shard.misplaced {
        report.breach(Promise::NothingInvented, key, format!("invented: {what}"));
    }
}

fn position(
    shard: &Shard,
    group: Group,
    topic: &'static str,
    around: &Around<'_>,
    report: &mut Report,
) {
    let subject = format!("{group} {topic}[{}]", shard.number);
    let bounds = around.layout.of(topic, shard.number);
    let place = (group, topic.to_owned(), shard.number);
    unread(shard, (group, topic), &subject, around, report);
    let Some(position) = around.books.positions.get(&place) else {
        return;
    };
    let (start, next) = (position.start_offset, position.next_offset);
    let moves = around.books.moves.of(&place);
    let accounted = position.accounted() - moves.counted_before;
    for (reason, offsets) in &moves.skipped {
        let what = format!("offsets skipped by {group} on an operator's word: {reason}");
        report.count(P, what, *offsets);
    }
    let mut require = |holds: bool, what: String| report.require(holds, P, &subject, || what);
    let held = shard.held.get(&(group, topic)).copied().unwrap_or_default();
    let end = shard
        .last_seen
        .get(topic)
        .map_or(0, |last| last + 1)
        .max(bounds.noted_end);
    require(
        next <= end,
        format!("stands at {next}, and the topic ends at {end}"),
    );
    require(
        start <= bounds.first
            || next == start
            || start == shard.first_seen(topic)
            || moves.begins_anew_at == Some(start),
        format!(
            "began at {start}, and the topic holds records from {}",
            bounds.first
        ),
    );
    if start >= bounds.first {
        require(
            held == accounted,
            format!(
                "unexplained: {held} records between {start} and {next}, and {accounted} accounted for"
            ),
        );
    } else {
        require(
            next - start - moves.skipped_since_start >= accounted,
            format!("{accounted} accounted for between {start} and {next}"),
        );
    }
    let letters = (shard.letters())
        .filter(|(row, _)| row.group == group && row.topic == topic)
        .count();
    let letters = i64::try_from(letters).unwrap_or(i64::MAX);
    let unparked = position.parked - shard.parked(group, topic);
    require(
        (position.set_aside..=position.set_aside + unparked.max(0)).contains(&letters),
        format!(
            "{} set aside by its count, {letters} dead letters",
            position.set_aside
        ),
    );
    require(
        unparked >= 0,
        format!("{} parked by its count, and more are", position.parked),
    );
    if let Some(why) = &position.halted {
        require(false, format!("halted at {next}: {why}"));
    }
    report.count(P, format!("accounted for by {group}"), accounted);
}

/// What a group has not come to is younger than the grace, whatever it is about.
fn unread(
    shard: &Shard,
    place: (Group, &'static str),
    subject: &str,
    around: &Around<'_>,
    report: &mut Report,
) {
    let Some(unread) = shard.unread.get(&place) else {
        return;
    };
    (report.unexplained).unread(subject, unread.since, unread.records);
    let age = around.now.saturating_sub(unread.since);
    if age > around.grace_micros {
        let what = format!(
            "left unexplained: {} records unread, the oldest for {} s",
            unread.records,
            age / 1_000_000
        );
        report.overdue(Promise::Finished, subject, what);
    }
}

/// Records that nobody can read: each is a dead letter, or parked, in every group that passed it.
fn unreadable(shard: &Shard, around: &Around<'_>, report: &mut Report) {
    for record in &shard.unreadable {
        let at = record.at;
        report.count(P, "unreadable records", 1);
        let subject = format!("{}[{}]@{}", at.topic, shard.number, at.offset);
        for group in Group::ALL.into_iter().filter(|group| group.reads(at.topic)) {
            let standing = shard.standing(group, at, around.books);
            if shard.was_set_aside(group, at) || matches!(standing, Standing::SetAside(_)) {
                continue;
            }
            if standing != Standing::Unread {
                let what = format!("{group} has passed it and not set it aside: {}", record.why);
                report.breach(P, subject.clone(), what);
            } else if around.now.saturating_sub(at.recorded_at) > around.grace_micros {
                let what = format!("left unexplained: {group} has not read it");
                report.overdue(Promise::Finished, subject.clone(), what);
            }
        }
    }
}
