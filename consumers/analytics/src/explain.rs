//! One sentence about what of a purchase is counted, and where.

use crate::{answers::Answer, rows::CountedRow, windows::Windows};

/// What of a purchase is counted, and into which windows, in one sentence.
#[must_use]
pub fn explain(row: &CountedRow, windows: &Windows) -> String {
    let answers: Vec<&str> = (Answer::ALL.into_iter())
        .filter(|answer| answer.is_in(row.answers))
        .map(Answer::as_str)
        .collect();
    let facts = match row.seen.len() {
        1 => "1 fact".to_owned(),
        facts => format!("{facts} facts"),
    };
    let (Some(at), Some(currency)) = (row.purchased_at, &row.currency) else {
        return format!(
            "{facts} of it counted before the purchase itself ({}); it counts among no window's \
             purchases yet.",
            listed(&answers)
        );
    };
    // Fine and coarse, whichever is given first.
    let mut starts: Vec<String> = (windows.panes(at, 0))
        .map(|pane| jiff::Timestamp::from_microsecond(pane.start))
        .filter_map(|start| start.ok().map(|start| start.to_string()))
        .collect();
    starts.sort_unstable();
    format!(
        "Counted among the purchases of the windows from {}, in {currency}, with {facts} and as \
         {}.",
        starts.join(" and "),
        listed(&answers)
    )
}

fn listed(answers: &[&str]) -> String {
    if answers.is_empty() {
        "nothing answered yet".to_owned()
    } else {
        answers.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> CountedRow {
        CountedRow {
            purchase_id: "p-1".into(),
            content_hash: None,
            purchased_at: None,
            currency: None,
            basket: None,
            answers: 0,
            seen: runtime::rows::Seen::default(),
        }
    }

    #[test]
    fn a_purchase_is_explained_by_its_windows_and_its_answers() {
        let mut row = row();
        row.seen.add("e-2");
        Answer::Declined.add_to(&mut row.answers);
        let early = explain(&row, &Windows::default());
        assert!(
            early.contains("before the purchase") && early.contains("1 fact of it"),
            "{early}"
        );
        assert!(early.contains("(declined)"), "{early}");
        row.seen.add("e-1");
        // 2026-03-12T09:30:00.123456Z
        row.purchased_at = Some(1_773_307_800_123_456);
        row.currency = Some("EUR".into());
        Answer::Cancelled.add_to(&mut row.answers);
        assert_eq!(
            explain(&row, &Windows::default()),
            "Counted among the purchases of the windows from 2026-03-12T09:00:00Z and \
             2026-03-12T09:30:00Z, in EUR, with 2 facts and as declined, cancelled."
        );
    }
}
