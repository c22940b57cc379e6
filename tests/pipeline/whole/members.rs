//! The processes: members of the groups, the provider sandbox, and commands that end by themselves.

mod armed;
mod own;
mod sandbox;

use std::{process::ExitStatus, time::Duration};

use anyhow::Context as _;
use harness::{Processes, disk::Disk, eventually, free_port, probe, processes::Process};
use schemas::topics::{PAYMENTS, PURCHASES, RESERVATIONS, SHIPMENTS, STOCK};

use super::database::Database;

/// The groups, and what each reads.
pub(crate) const GROUPS: [(&str, &[&str]); 5] = [
    ("payment", &[PURCHASES, RESERVATIONS, SHIPMENTS]),
    ("inventory", &[PURCHASES, PAYMENTS, SHIPMENTS, STOCK]),
    ("dispatch", &[PURCHASES, PAYMENTS, RESERVATIONS]),
    (
        "analytics",
        &[PURCHASES, PAYMENTS, RESERVATIONS, SHIPMENTS, STOCK],
    ),
    ("timeline", &[PURCHASES, PAYMENTS, RESERVATIONS, SHIPMENTS]),
];

/// A process that starts on a loaded machine, or a command that ends.
pub(crate) const SOON: Duration = Duration::from_secs(60);

const PROVIDER_KEY: &str = "sk_test_pipeline";
/// With it the provider lets anybody in.
pub(crate) const PROVIDER_LETS_IN: &str = "Bearer sk_test_pipeline";

/// What the processes are told: limits short enough for a test in which members are killed.
const SETTINGS: &[(&str, &str)] = &[
    ("consumer.session_timeout", "6s"),
    ("consumer.shutdown_timeout", "5s"),
    ("consumer.drain_timeout", "2s"),
    ("consumer.max_poll_interval", "60s"),
    ("tasks.timeout", "3s"),
    ("provider.key", PROVIDER_KEY),
    ("kafka.options.reconnect.backoff.max.ms", "500"),
];

/// The pipeline's processes on a broker and a database.
pub(crate) struct Pipeline {
    /// Where the broker is.
    pub(crate) bootstrap: String,
    /// Where the tables are.
    pub(crate) database: Database,
    /// Which members there are.
    pub(crate) members: Vec<Member>,
    sandbox: Option<Process>,
    sandbox_port: u16,
    storefront: Option<Process>,
    storefront_port: u16,
    storefront_admin_port: u16,
    commands: u32,
    /// Settings of one command alone: `payment`, `storefront`.
    of_commands: Vec<(String, (String, String))>,
    // Last: its folder goes when nothing writes to it any more.
    processes: Processes,
}

/// A member of a group.
pub(crate) struct Member {
    pub(crate) group: &'static str,
    pub(crate) name: String,
    port: u16,
    environment: Vec<(String, String)>,
    process: Process,
    was_asked_to_stop: bool,
}

impl Pipeline {
    /// Nothing runs yet.
    pub(crate) fn new(bootstrap: String, database: Database) -> Self {
        let processes = Processes::new().unwrap();
        let sandbox_port = free_port().unwrap();
        let storefront_port = free_port().unwrap();
        let storefront_admin_port = free_port().unwrap();
        let mut pipeline = Self {
            bootstrap: bootstrap.clone(),
            database: database.clone(),
            members: Vec::new(),
            sandbox: None,
            sandbox_port,
            storefront: None,
            storefront_port,
            storefront_admin_port,
            commands: 0,
            of_commands: Vec::new(),
            processes,
        };
        for (key, value) in SETTINGS {
            pipeline.set(key, value);
        }
        pipeline.set("kafka.bootstrap_servers", &bootstrap);
        pipeline.set("database.url", &database.url());
        let sandbox = format!("http://127.0.0.1:{sandbox_port}");
        pipeline.set("provider.url", &sandbox);
        pipeline.set("carrier.url", &sandbox);
        let journal = pipeline.journal();
        pipeline.set("sandbox.dir", &journal.display().to_string());
        let spool = pipeline.file("spool");
        pipeline.set("spool.dir", &spool.display().to_string());
        pipeline
    }

    /// A setting for every process that is started from here on.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.processes.set(&variable(key), value);
    }

    /// A file in the folder of the processes.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.processes.folder().join(name)
    }

    /// Where the provider and the carrier keep what they did.
    pub(crate) fn journal(&self) -> std::path::PathBuf {
        self.file("provider")
    }

    /// Runs a command to its end: its status and all that it printed.
    pub(crate) fn command(&mut self, arguments: &[&str]) -> (ExitStatus, String) {
        self.commands += 1;
        let name = format!("{}-{}", arguments[0], self.commands);
        let mut process = self.processes.start(&name, arguments).unwrap();
        let status = process.wait(Duration::from_secs(300)).unwrap();
        (status, process.output())
    }

    /// Runs a command that has to succeed: what it printed.
    pub(crate) fn succeed(&mut self, arguments: &[&str]) -> String {
        let (status, output) = self.command(arguments);
        assert!(
            status.success(),
            "counterflow {arguments:?}: {status}\n{output}"
        );
        output
    }

    /// Starts the provider and the carrier, and waits until they listen.
    pub(crate) fn start_sandbox(&mut self) {
        self.spawn_sandbox();
        let port = self.sandbox_port;
        let process = self.sandbox.as_mut().expect("it was just started");
        process
            .until(SOON, || {
                std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
            })
            .unwrap();
    }

    /// Starts the provider and the carrier.
    pub(crate) fn spawn_sandbox(&mut self) {
        let own = [own(
            "http.listen",
            &format!("127.0.0.1:{}", self.sandbox_port),
        )];
        let process = self
            .processes
            .start_with("sandbox", &["provider-sandbox"], &own)
            .unwrap();
        self.sandbox = Some(process);
    }

    /// Lets the provider and the carrier go wrong as often as `faults` says, from their next start on.
    pub(crate) fn set_faults(&mut self, faults: &::sandbox::Faults) {
        let file = self.file("faults.json");
        std::fs::write(&file, serde_json::to_vec(faults).unwrap()).unwrap();
        self.set("sandbox.faults", &file.display().to_string());
    }

    /// Starts the storefront and waits until it listens: where it is.
    pub(crate) fn start_storefront(&mut self) -> String {
        let url = self.spawn_storefront();
        let address = url.trim_start_matches("http://").to_owned();
        let process = self.storefront.as_mut().expect("it was just started");
        process
            .until(SOON, || std::net::TcpStream::connect(&address).is_ok())
            .unwrap();
        url
    }

    /// Starts the storefront: where it will be.
    pub(crate) fn spawn_storefront(&mut self) -> String {
        let address = format!("127.0.0.1:{}", self.storefront_port);
        let admin = format!("127.0.0.1:{}", self.storefront_admin_port);
        let mut environment = self.of_command("storefront");
        environment.extend([own("http.listen", &address), own("admin.listen", &admin)]);
        let process = self
            .processes
            .start_with("storefront", &["storefront"], &environment)
            .unwrap();
        self.storefront = Some(process);
        format!("http://{address}")
    }

    /// How much the storefront, if it runs, has accepted that is not on its topic yet.
    pub(crate) fn spooled_bytes(&self) -> anyhow::Result<u64> {
        if self.storefront.is_none() {
            return Ok(0);
        }
        let port = self.storefront_admin_port;
        let (_, body) = probe::get(&format!("http://127.0.0.1:{port}/status"))?;
        let status: serde_json::Value = serde_json::from_str(&body)?;
        status["spool_bytes"]
            .as_u64()
            .context("/status tells of the spool")
    }

    /// Kills the storefront and starts it again on its spool.
    pub(crate) fn kill_storefront(&mut self) {
        self.storefront = None;
        self.start_storefront();
    }

    /// Starts one more member of a group, with settings of its own.
    pub(crate) fn start(&mut self, group: &'static str, settings: &[(&str, &str)]) -> usize {
        let settings = settings.iter().map(|(key, value)| own(key, value));
        self.start_in(group, settings.collect())
    }

    /// Starts one more member of a group on a disk of its own kind.
    pub(crate) fn start_on(&mut self, group: &'static str, disk: &Disk) -> usize {
        let environment = disk.environment();
        let own = environment.map(|(name, value)| (name.to_owned(), value));
        self.start_in(group, own.to_vec())
    }

    fn start_in(&mut self, group: &'static str, settings: Vec<(String, String)>) -> usize {
        let number = self
            .members
            .iter()
            .filter(|member| member.group == group)
            .count();
        let name = format!("{group}-{number}");
        let port = free_port().unwrap();
        let mut environment = self.of_command(group);
        environment.push(own("admin.listen", &format!("127.0.0.1:{port}")));
        environment.extend(settings);
        let process = self
            .processes
            .start_with(&name, &[group], &environment)
            .unwrap();
        self.members.push(Member {
            group,
            name,
            port,
            environment,
            process,
            was_asked_to_stop: false,
        });
        self.members.len() - 1
    }

    /// Starts so many members of every group.
    pub(crate) fn start_all(&mut self, of_each: usize) {
        for _ in 0..of_each {
            for (group, _) in GROUPS {
                self.start(group, &[]);
            }
        }
    }

    /// Kills one of a group's members, by its place among them, with SIGKILL, and starts it again.
    pub(crate) fn kill_and_restart(&mut self, group: &str, place: usize) {
        let members = self.members.iter().enumerate();
        let mut of_group = members.filter(|(_, member)| member.group == group);
        let (which, _) = of_group.nth(place).expect("the group has so many members");
        let member = &mut self.members[which];
        assert!(
            member.process.is_running(),
            "{} has ended by itself",
            member.name
        );
        member.process.kill();
        self.start_again(which);
    }

    /// Asks a member to end, which it has to do in order.
    pub(crate) fn stop(&mut self, which: usize) {
        let member = &mut self.members[which];
        member.was_asked_to_stop = true;
        let status = member.process.terminate(Duration::from_secs(20)).unwrap();
        assert!(status.success(), "{} ended with {status}", member.name);
    }

    /// Starts a member again that has ended; somebody else may have taken its port for probes meanwhile.
    pub(crate) fn start_again(&mut self, which: usize) {
        let member = &mut self.members[which];
        member.port = free_port().unwrap();
        let listen = variable("admin.listen");
        member.environment.retain(|(name, _)| *name != listen);
        (member.environment).push((listen, format!("127.0.0.1:{}", member.port)));
        let (name, group) = (member.name.clone(), member.group);
        member.was_asked_to_stop = false;
        member.process = self
            .processes
            .start_with(&name, &[group], &member.environment)
            .unwrap();
    }

    /// Changes a setting of a member for when it is started again.
    pub(crate) fn set_of(&mut self, which: usize, key: &str, value: &str) {
        self.members[which].environment.push(own(key, value));
    }

    /// Waits until a member is assigned its share.
    pub(crate) fn until_ready(&mut self, which: usize) {
        let member = &mut self.members[which];
        let port = member.port;
        member
            .process
            .until(SOON, || answers_ok(port, "readyz"))
            .unwrap();
    }

    /// Whether every member of a group is assigned its share.
    pub(crate) fn is_group_ready(&self, group: &str) -> bool {
        let mut of_group = self.members.iter().filter(|member| member.group == group);
        of_group.all(|member| answers_ok(member.port, "readyz"))
    }

    /// Waits until inventory, which has to run, knows what is on every shelf: a purchase that it reads
    /// before finds nothing.
    pub(crate) fn until_shelves_are_full(&self) {
        let skus = simulator::catalogue::stocked_skus().count();
        let query = "SELECT count(*) FROM stock";
        eventually(SOON, "the stock on its topic is on the shelves", || {
            let known = self.database.number("inventory", query).unwrap_or_default();
            usize::try_from(known).is_ok_and(|known| known == skus)
        });
    }

    /// Nothing has ended by itself.
    pub(crate) fn assert_running(&mut self) {
        for member in &mut self.members {
            assert!(
                member.process.is_running(),
                "{} has ended by itself:\n{}",
                member.name,
                member.process.output()
            );
        }
    }
}

impl Member {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.pid()
    }

    /// What a probe answers, if it does.
    pub(crate) fn probe(&self, path: &str) -> Option<(u16, String)> {
        probe::get(&format!("http://127.0.0.1:{}/{path}", self.port)).ok()
    }

    /// Asserts that it says it lives.
    pub(crate) fn assert_live(&self) {
        let name = &self.name;
        eventually(
            Duration::from_secs(10),
            &format!("{name} answers /livez"),
            || self.probe("livez").is_some(),
        );
        let (status, body) = self.probe("livez").unwrap_or_default();
        assert_eq!(status, 200, "{name} says that it is not live: {body}");
    }

    /// What it says that it waits for, by part.
    pub(crate) fn waits_for(&self) -> String {
        self.status()["waiting"].to_string()
    }
}

fn answers_ok(port: u16, path: &str) -> bool {
    probe::get(&format!("http://127.0.0.1:{port}/{path}")).is_ok_and(|(status, _)| status == 200)
}

fn own(key: &str, value: &str) -> (String, String) {
    (variable(key), value.to_owned())
}

/// `database.url` is `COUNTERFLOW__DATABASE__URL`; a dot in an option of Kafka's is one underscore.
fn variable(key: &str) -> String {
    let name = match key.strip_prefix("kafka.options.") {
        Some(option) => format!("kafka__options__{}", option.replace('.', "_")),
        None => key.replace('.', "__"),
    };
    format!("COUNTERFLOW__{}", name.to_uppercase())
}
