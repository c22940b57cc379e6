//! What a soak runs on: Kafka, PostgreSQL and a schema registry, the whole pipeline with two members in
//! every group, and a fault proxy on every way between a class of clients and what it depends on.

use harness::{Broker as _, kafka::Kafka, postgres::Postgres, proxy::Proxy, registry};

use super::schedule::Who;
use crate::whole::{
    database::Database,
    members::{GROUPS, Pipeline},
};

/// The ways on which a fault can be made: whose, and to what.
pub(super) const WAYS: [(&str, &str); 15] = [
    ("payment", "broker"),
    ("inventory", "broker"),
    ("dispatch", "broker"),
    ("analytics", "broker"),
    ("timeline", "broker"),
    ("storefront", "broker"),
    ("payment", "database"),
    ("inventory", "database"),
    ("dispatch", "database"),
    ("analytics", "database"),
    ("timeline", "database"),
    ("storefront", "database"),
    ("payment", "provider"),
    ("dispatch", "carrier"),
    ("everybody", "registry"),
];

/// Everything that runs.
pub(super) struct Machine {
    // First: the processes end before what they stand on.
    pub(super) pipeline: Pipeline,
    pub(super) kafka: Kafka,
    pub(super) postgres: Postgres,
    /// Those that are not the broker's own, in the order of [`WAYS`].
    proxies: Vec<Proxy>,
}

impl Machine {
    /// Topics, tables and schemas are there, and no process yet.
    pub(super) fn start() -> Self {
        let mut kafka = Kafka::builder();
        for (whose, _) in WAYS.iter().filter(|(_, what)| *what == "broker") {
            kafka = kafka.proxied(whose);
        }
        let kafka = kafka.start().unwrap();
        // The log of a database stays within bounds that a short run reaches too.
        let postgres = Postgres::builder()
            .setting("max_wal_size", "96MB")
            .setting("min_wal_size", "32MB")
            .setting("checkpoint_timeout", "30s")
            .start()
            .unwrap();
        let url = postgres.fresh_database();
        let mut pipeline = Pipeline::new(kafka.bootstrap(), Database::Postgres(url.clone()));
        let registry = registry::shared();
        pipeline.set("registry.url", &registry.url());
        let schemas = pipeline.file("schemas");
        pipeline.set("registry.cache_dir", &schemas.display().to_string());
        pipeline.succeed(&["topics", "apply"]);
        pipeline.succeed(&["migrate"]);
        pipeline.succeed(&["schemas", "register"]);
        let ports = |what: &str| match what {
            "database" => postgres.port(),
            "registry" => registry.port(),
            _ => pipeline.sandbox_port(),
        };
        let others = WAYS.iter().filter(|(_, what)| *what != "broker");
        let proxies = others.map(|(_, what)| Proxy::start(ports(what)).unwrap());
        let mut machine = Self {
            proxies: proxies.collect(),
            pipeline,
            kafka,
            postgres,
        };
        machine.lead_through_proxies(&url, &registry.url());
        machine
    }

    /// Tells every process that is started from here on to take its own way.
    fn lead_through_proxies(&mut self, database: &str, registry: &str) {
        let at = |url: &str, proxy: &Proxy| {
            let (before, behind) = url.split_once("127.0.0.1:").expect("it is on loopback");
            let path = behind.trim_start_matches(|digit: char| digit.is_ascii_digit());
            format!("{before}127.0.0.1:{}{path}", proxy.port())
        };
        let sandbox = format!("http://127.0.0.1:{}", self.pipeline.sandbox_port());
        for (way, (whose, what)) in WAYS.iter().enumerate() {
            let proxy = self.proxy(way);
            let (key, value) = match *what {
                "broker" => ("kafka.bootstrap_servers", self.kafka.bootstrap_of(whose)),
                "database" => ("database.url", at(database, proxy)),
                "provider" => ("provider.url", at(&sandbox, proxy)),
                "carrier" => ("carrier.url", at(&sandbox, proxy)),
                _ => ("registry.url", at(registry, proxy)),
            };
            match *whose {
                "everybody" => self.pipeline.set(key, &value),
                _ => self.pipeline.set_of_command(whose, key, &value),
            }
        }
    }

    /// Two members in every group: one that is never killed, and one with a name that is kept, so that
    /// it comes back to its own shards at once.
    pub(super) fn start_members(&mut self) {
        for (group, _) in GROUPS {
            self.pipeline.start(group, &[]);
        }
        for (group, _) in GROUPS {
            let name = format!("{group}-1");
            let kept = [("consumer.group_instance_id", name.as_str())];
            self.pipeline.start(group, &kept);
        }
    }

    /// The fault proxy on one of the [`WAYS`].
    pub(super) fn proxy(&self, way: usize) -> &Proxy {
        let (whose, what) = WAYS[way];
        let others = WAYS[..way].iter().filter(|(_, what)| *what != "broker");
        match what {
            "broker" => self.kafka.proxy(whose),
            _ => &self.proxies[others.count()],
        }
    }

    /// A process of ours by the name that the report gives it.
    pub(super) fn name_of(&self, who: Who) -> String {
        match who {
            Who::Steady(_) | Who::Mortal(_) => self.pipeline.members[place(who)].name.clone(),
            Who::Storefront => "storefront".to_owned(),
            Who::Sandbox => "sandbox".to_owned(),
            Who::Broker => "broker".to_owned(),
            Who::Database => "database".to_owned(),
        }
    }

    /// Its process id, if it is one of ours and runs.
    pub(super) fn pid_of(&mut self, who: Who) -> Option<u32> {
        match who {
            Who::Steady(_) | Who::Mortal(_) => Some(self.pipeline.members[place(who)].id()),
            Who::Storefront => Some(self.pipeline.storefront_process()?.pid()),
            Who::Sandbox => Some(self.pipeline.sandbox_process()?.pid()),
            Who::Broker | Who::Database => None,
        }
    }

    /// SIGSTOP.
    pub(super) fn stop(&mut self, who: Who) {
        match who {
            Who::Steady(_) | Who::Mortal(_) => {
                self.pipeline.members[place(who)].process_mut().stop();
            }
            Who::Storefront => self.pipeline.storefront_process().unwrap().stop(),
            Who::Sandbox => self.pipeline.sandbox_process().unwrap().stop(),
            Who::Broker => self.kafka.stop(),
            Who::Database => self.postgres.stop(),
        }
    }

    /// SIGCONT.
    pub(super) fn cont(&mut self, who: Who) {
        match who {
            Who::Steady(_) | Who::Mortal(_) => {
                self.pipeline.members[place(who)].process_mut().cont();
            }
            Who::Storefront => self.pipeline.storefront_process().unwrap().cont(),
            Who::Sandbox => self.pipeline.sandbox_process().unwrap().cont(),
            Who::Broker => self.kafka.cont(),
            Who::Database => self.postgres.cont(),
        }
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self, who: Who) {
        match who {
            Who::Steady(_) | Who::Mortal(_) => {
                self.pipeline.members[place(who)].process_mut().kill();
            }
            Who::Storefront => self.pipeline.storefront_process().unwrap().kill(),
            Who::Sandbox => self.pipeline.sandbox_process().unwrap().kill(),
            Who::Broker => self.kafka.kill(),
            Who::Database => self.postgres.kill(),
        }
    }

    /// A new process in the place of one that was killed.
    pub(super) fn start_again(&mut self, who: Who) {
        match who {
            Who::Steady(_) | Who::Mortal(_) => self.pipeline.start_again(place(who)),
            // Without waiting: what they need may be cut off.
            Who::Storefront => drop(self.pipeline.spawn_storefront()),
            Who::Sandbox => self.pipeline.spawn_sandbox(),
            Who::Broker => self.kafka.restart().unwrap(),
            Who::Database => self.postgres.restart().unwrap(),
        }
    }

    /// The last line of a process that has ended by itself.
    pub(super) fn last_words(&mut self, who: Who) -> Option<String> {
        let process = match who {
            Who::Steady(_) | Who::Mortal(_) => self.pipeline.members[place(who)].process_mut(),
            Who::Storefront => self.pipeline.storefront_process()?,
            Who::Sandbox => self.pipeline.sandbox_process()?,
            Who::Broker | Who::Database => return None,
        };
        if process.is_running() {
            return None;
        }
        Some(
            process
                .output()
                .lines()
                .last()
                .unwrap_or_default()
                .to_owned(),
        )
    }

    /// Whether a member has its share; the others always have theirs.
    pub(super) fn is_ready(&self, who: Who) -> bool {
        match who {
            Who::Steady(_) | Who::Mortal(_) => {
                let probed = self.pipeline.members[place(who)].probe("readyz");
                probed.is_some_and(|(status, _)| status == 200)
            }
            _ => true,
        }
    }
}

/// All processes of ours.
pub(super) fn all() -> impl Iterator<Item = Who> {
    let members = 0..GROUPS.len();
    (members.clone().map(Who::Steady))
        .chain(members.map(Who::Mortal))
        .chain([Who::Storefront, Who::Sandbox])
}

/// The place of a member among all.
fn place(who: Who) -> usize {
    match who {
        Who::Steady(group) => group,
        Who::Mortal(group) => GROUPS.len() + group,
        _ => unreachable!("only members have a place"),
    }
}
