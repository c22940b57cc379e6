//! Kills each kind of process at least once while purchases are on their way.

use anyhow::Result;

use super::{Arguments, children::Children, numbers::Numbers, show::Show};

/// The kills still to come: at which share of the traffic, and whom.
pub(super) struct Kills {
    planned: Vec<(f64, &'static str)>,
    made: u32,
    made_at_work: u32,
}

impl Kills {
    /// One kill per kind, spread over the middle of the traffic, and the money's group once more.
    pub(super) fn planned(children: &Children, arguments: &Arguments) -> Self {
        let mut names = children.names();
        names.push("payment");
        let steps = f64::from(u32::try_from(names.len()).unwrap_or(u32::MAX));
        let mut share = 0.1;
        let mut planned = Vec::new();
        for name in names {
            planned.push((share, name));
            share += 0.8 / steps;
        }
        planned.reverse();
        if arguments.no_kills {
            planned.clear();
        }
        Self {
            planned,
            made: 0,
            made_at_work: 0,
        }
    }

    /// Kills whoever is due; one at a time, so that each is killed under load.
    pub(super) async fn due(
        &mut self,
        share_done: f64,
        numbers: &Numbers,
        children: &mut Children,
        show: &mut Show,
    ) -> Result<()> {
        if let Some((share, name)) = self.planned.last().copied()
            && share_done >= share
        {
            self.planned.pop();
            let (records, tasks, events) = numbers.left();
            children.kill(name).await?;
            self.made += 1;
            self.made_at_work += u32::from(share_done < 1.0 || records + tasks + events > 0);
            show.line(&format!(
                "killed {name} with SIGKILL and started it again; the groups had {records} records \
                 to read, {tasks} tasks to do and {events} events to publish"
            ));
        }
        Ok(())
    }

    /// How many were killed, and how many of them while purchases were on their way.
    pub(super) fn made(&self) -> (u32, u32) {
        (self.made, self.made_at_work)
    }

    pub(super) fn are_over(&self) -> bool {
        self.planned.is_empty()
    }
}
