//! Answers and timers that were set aside: each is what its task says, and was told to others, or
//! it is nobody's. Only what is borne out excuses a purchase.

use super::Around;
use crate::{
    case::Case,
    report::{Promise, Report},
    witness::SetAsideRow,
};

const P: Promise = Promise::Accounting;

/// Whether a letter is still set aside, and stands on more than itself.
pub(crate) fn excuses(
    purchase_id: &str,
    case: &Case,
    letter: &SetAsideRow,
    around: &Around<'_>,
) -> bool {
    letter.state != "redriven" && forged(purchase_id, case, letter, around).is_none()
}

pub(crate) fn check(purchase_id: &str, case: &Case, around: &Around<'_>, report: &mut Report) {
    for letter in &case.answers_set_aside {
        let what = format!("set aside by {}: {}", letter.group, letter.reason);
        report.count(P, what, 1);
        if let Some(why) = forged(purchase_id, case, letter, around) {
            let what = format!(
                "forged: {} has a dead letter {}, {why}",
                letter.group, letter.letter_id
            );
            report.breach(P, purchase_id, what);
        }
    }
    for task in &case.refused {
        let has_letter = (case.answers_set_aside.iter())
            .any(|letter| letter.group == task.group && is_of(letter, &task.task_id));
        report.require(has_letter, P, purchase_id, || {
            format!(
                "lost: the answer to task {} of {} was set aside, and no dead letter says so",
                task.task_id, task.group
            )
        });
    }
}

/// Why a letter about an answer or a timer cannot be the group's; none when it can.
fn forged(
    purchase_id: &str,
    case: &Case,
    letter: &SetAsideRow,
    around: &Around<'_>,
) -> Option<&'static str> {
    if !is_told(letter, around) {
        return Some(UNTOLD);
    }
    if let Some(task_id) = letter.letter_id.strip_prefix("task:") {
        if letter.state == "redriven" {
            return None;
        }
        let task = (case.refused.iter())
            .find(|task| task.group == letter.group && task.task_id == task_id);
        return match task {
            None => Some("and no task whose answer was set aside"),
            Some(task) if task.content != letter.content => Some("and the task has another answer"),
            Some(_) => None,
        };
    }
    // A timer is gone once it was due.
    let timer_id = letter.letter_id.strip_prefix("timer:");
    let is_ours = timer_id
        .and_then(|id| id.strip_prefix(purchase_id))
        .is_some_and(|kind| kind.starts_with(':'));
    (!is_ours).then_some("which is about no record, no task and no timer")
}

/// What is wrong with a letter that is not [told](is_told).
pub(crate) const UNTOLD: &str = "and its journal no event that tells of it";

/// Whether the group's journal tells of a letter, as far back as journals go.
pub(crate) fn is_told(letter: &SetAsideRow, around: &Around<'_>) -> bool {
    let age = around.now.saturating_sub(letter.last_failed_at);
    letter.is_told || age > around.retention_micros
}

fn is_of(letter: &SetAsideRow, task_id: &str) -> bool {
    letter.letter_id.strip_prefix("task:") == Some(task_id)
}
