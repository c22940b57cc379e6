//! What is one process's own: settings of its command, and the process itself, to be stopped and killed.

use harness::processes::Process;

use super::{Member, Pipeline, variable};

impl Pipeline {
    /// A setting for one command alone, from its next start on.
    pub(crate) fn set_of_command(&mut self, command: &str, key: &str, value: &str) {
        let own = (variable(key), value.to_owned());
        self.of_commands.push((command.to_owned(), own));
    }

    pub(super) fn of_command(&self, command: &str) -> Vec<(String, String)> {
        let own = self.of_commands.iter().filter(|(of, _)| of == command);
        own.map(|(_, own)| own.clone()).collect()
    }

    /// Where the provider and the carrier listen.
    pub(crate) fn sandbox_port(&self) -> u16 {
        self.sandbox_port
    }

    /// The storefront, if it was started.
    pub(crate) fn storefront_process(&mut self) -> Option<&mut Process> {
        self.storefront.as_mut()
    }

    /// The provider and the carrier, if they were started.
    pub(crate) fn sandbox_process(&mut self) -> Option<&mut Process> {
        self.sandbox.as_mut()
    }
}

impl Member {
    pub(crate) fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}
