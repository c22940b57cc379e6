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

    /// How a member has ended, if it has.
    pub(crate) fn ended(&mut self, which: usize) -> Option<ExitStatus> {
        let process = &mut self.members[which].process;
        if process.is_running() {
            return None;
        }
        Some(process.wait(Duration::ZERO).expect("it has ended"))
    }

    /// Ends a member with SIGKILL.
    pub(crate) fn kill(&mut self, which: usize) {
        self.members[which].process.kill();
    }
}

impl Member {
    /// Asks it to end, and does not wait until it has.
    pub(crate) fn ask_to_stop(&mut self) {
        self.process.ask_to_stop();
    }

    /// Whether its log holds a text.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.process.output().contains(text)
    }
}
