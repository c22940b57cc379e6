//! What is one process's own: settings of its command, and the process itself, to be stopped and killed.

use harness::{disk::Disk, processes::Process};

use super::{Member, Pipeline, variable};

impl Pipeline {
    /// A setting for one command alone, from its next start on.
    pub(crate) fn set_of_command(&mut self, command: &str, key: &str, value: &str) {
        let own = (variable(key), value.to_owned());
        self.of_commands.push((command.to_owned(), own));
    }

    /// A disk for one command alone, from its next start on.
    pub(crate) fn set_disk_of_command(&mut self, command: &str, disk: &Disk) {
        for (name, value) in disk.environment() {
            let own = (name.to_owned(), value);
            self.of_commands.push((command.to_owned(), own));
        }
    }

    pub(super) fn of_command(&self, command: &str) -> Vec<(String, String)> {
        let own = self.of_commands.iter().filter(|(of, _)| of == command);
        own.map(|(_, own)| own.clone()).collect()
    }

    /// Starts a command that goes on beside the members, with settings of its own. What it writes down for
    /// a while is in the folder of the processes, and goes with it.
    pub(crate) fn start_beside(
        &self,
        name: &str,
        arguments: &[String],
        settings: &[(&str, &str)],
    ) -> Process {
        let folder = self.file(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut environment = vec![("TMPDIR".to_owned(), folder.display().to_string())];
        let own = settings.iter();
        environment.extend(own.map(|(key, value)| (variable(key), (*value).to_owned())));
        self.processes
            .start_with(name, arguments, &environment)
            .unwrap()
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
