//! What the person who runs the demo sees: a table that is redrawn in place on a terminal, a line
//! now and then elsewhere.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use super::numbers::Numbers;

/// Elsewhere than on a terminal, a line so often.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

pub(super) struct Show {
    started: Instant,
    is_terminal: bool,
    /// How many lines the table on the screen has.
    drawn: usize,
    last_line: Option<Instant>,
}

impl Show {
    pub(super) fn new(started: Instant) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        Self {
            started,
            is_terminal,
            drawn: 0,
            last_line: None,
        }
    }

    /// A line that stays.
    pub(super) fn line(&mut self, text: &str) {
        let text = format!("[{:>6.1} s] {text}", self.started.elapsed().as_secs_f64());
        self.write(&[text], false);
    }

    /// Text that stays, as it is.
    pub(super) fn text(&mut self, text: &str) {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        self.write(&lines, false);
    }

    /// The numbers as they are now.
    pub(super) fn table(&mut self, numbers: &Numbers, traffic: &str) {
        if self.is_terminal {
            let table = table(numbers, traffic, self.started.elapsed());
            self.write(&table, true);
        } else if self
            .last_line
            .is_none_or(|last| last.elapsed() >= LINE_INTERVAL)
        {
            self.last_line = Some(Instant::now());
            let groups = numbers.groups.iter().map(|(group, one)| {
                let done = one.applied + one.duplicates + one.ignored + one.set_aside + one.parked;
                format!("{group} {done} (lag {}, dead {})", one.lag, one.set_aside)
            });
            let groups = groups.collect::<Vec<_>>().join(", ");
            self.line(&format!("{traffic}; {groups}"));
        }
    }

    /// Writes lines over the table; what is not a table stays above the next one.
    fn write(&mut self, lines: &[String], is_table: bool) {
        let mut out = std::io::stdout().lock();
        let mut text = String::new();
        if self.drawn > 0 {
            // Up to the first line of the table, then clear from there to the end of the screen.
            text.push_str(&format!("\u{1b}[{}A\u{1b}[J", self.drawn));
        }
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = if is_table { lines.len() } else { 0 };
        // A closed pipe ends what is shown, not the demo.
        drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }
}

fn table(numbers: &Numbers, traffic: &str, elapsed: Duration) -> Vec<String> {
    let mut lines = vec![
        format!("{:>6.1} s  {traffic}", elapsed.as_secs_f64()),
        format!(
            "{:<10} {:>9} {:>9} {:>9} {:>8} {:>6} {:>7} {:>6} {:>11}",
            "group",
            "applied",
            "duplicate",
            "ignored",
            "dead",
            "parked",
            "lag",
            "tasks",
            "unpublished"
        ),
    ];
    for (group, one) in &numbers.groups {
        lines.push(format!(
            "{group:<10} {:>9} {:>9} {:>9} {:>8} {:>6} {:>7} {:>6} {:>11}",
            one.applied,
            one.duplicates,
            one.ignored,
            one.set_aside,
            one.parked,
            one.lag,
            one.tasks,
            one.unpublished
        ));
    }
    lines
}
