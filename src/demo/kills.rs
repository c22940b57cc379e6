//! Kills each kind of process at least once while purchases are on their way.

use anyhow::Result;

use super::{Arguments, children::Children, show::Show};

/// The kills still to come: at which share of the traffic, and whom.
pub(super) struct Kills {
    planned: Vec<(f64, &'static str)>,
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
        Self { planned }
    }

    /// Kills whoever is due; one at a time, so that each is killed under load.
    pub(super) async fn due(
        &mut self,
        share_done: f64,
        children: &mut Children,
        show: &mut Show,
    ) -> Result<()> {
        if let Some((share, name)) = self.planned.last().copied()
            && share_done >= share
        {
            self.planned.pop();
            children.kill(name).await?;
            show.line(&format!("killed {name} with SIGKILL and started it again"));
        }
        Ok(())
    }

    pub(super) fn are_over(&self) -> bool {
        self.planned.is_empty()
    }
}
