//! Members that are made to fail at a step of theirs, and how they ended.

use std::process::ExitStatus;

use super::{Duration, Member, Pipeline};

impl Pipeline {
    /// Arms a member, which has to be a debug build, for when it is started again; or disarms it.
    pub(crate) fn arm(&mut self, which: usize, failpoints: Option<&str>) {
        let environment = &mut self.members[which].environment;
        environment.retain(|(name, _)| name != failpoints::VARIABLE);
        environment
            .extend(failpoints.map(|armed| (failpoints::VARIABLE.to_owned(), armed.to_owned())));
    }

    /// Starts one more member of a group, armed or not.
    pub(crate) fn start_armed(
        &mut self,
        group: &'static str,
        failpoints: Option<&str>,
        settings: &[(&str, &str)],
    ) -> usize {
        // What is set for all goes before nothing else, so that it reaches this one alone.
        self.processes
            .set(failpoints::VARIABLE, failpoints.unwrap_or_default());
        let which = self.start(group, settings);
        self.processes.set(failpoints::VARIABLE, "");
        which
    }

    /// Strikes members from the list that have ended: each had been asked to, and did so in order.
    pub(crate) fn forget_ended(&mut self) {
        self.members.retain_mut(|member| {
            if member.process.is_running() {
                return true;
            }
            let name = &member.name;
            assert!(member.was_asked_to_stop, "{name} has ended by itself");
            let ended = member.process.wait(Duration::ZERO).expect("it has ended");
            assert!(ended.success(), "{name} ended with {ended}");
            false
        });
    }

    /// How a member has ended, if it has.
    pub(crate) fn ended(&mut self, which: usize) -> Option<ExitStatus> {
        let process = &mut self.members[which].process;
        if process.is_running() {
            return None;
        }
        Some(process.wait(Duration::ZERO).expect("it has ended"))
    }

    /// Waits until a member has ended, in whichever way it does.
    pub(crate) fn until_ended(&mut self, which: usize, deadline: Duration) -> ExitStatus {
        self.members[which].process.wait(deadline).unwrap()
    }

    /// A variable for every process that is started from here on.
    pub(crate) fn set_environment(&mut self, name: &str, value: &str) {
        self.processes.set(name, value);
    }

    /// Ends a member with SIGKILL.
    pub(crate) fn kill(&mut self, which: usize) {
        self.members[which].process.kill();
    }
}

impl Member {
    /// Asks it to end, and does not wait until it has.
    pub(crate) fn ask_to_stop(&mut self) {
        self.was_asked_to_stop = true;
        self.process.ask_to_stop();
    }

    /// Freezes it with SIGSTOP.
    pub(crate) fn freeze(&mut self) {
        self.process.stop();
    }

    /// Lets it go on after that.
    pub(crate) fn thaw(&mut self) {
        self.process.cont();
    }

    /// What it tells of itself; null while it does not answer.
    pub(crate) fn status(&self) -> serde_json::Value {
        let body = self
            .probe("status")
            .map(|(_, body)| body)
            .unwrap_or_default();
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// The sum of a metric over its labels; 0 while it does not answer.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self
            .probe("metrics")
            .map(|(_, body)| body)
            .unwrap_or_default();
        let of_metric = (text.lines()).filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        let numbers = of_metric.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        numbers.sum()
    }

    /// Whether its log holds a text.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.process.output().contains(text)
    }
}
