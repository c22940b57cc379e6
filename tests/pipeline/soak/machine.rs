//! What a soak runs on: Kafka, PostgreSQL and a schema registry, the whole pipeline with two members in
//! every group, and a fault proxy on every way between a class of clients and what it depends on.

use harness::{Broker as _, eventually, kafka::Kafka, postgres::Postgres, proxy::Proxy, registry};

use super::zombies;
use crate::whole::{
    database::Database,
    members::{GROUPS, Pipeline, SOON},
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
        // A registry that has just begun may be slow to take the first one.
        eventually(SOON, "the schemas are registered", || {
            pipeline.command(&["schemas", "register"]).0.success()
        });
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

    /// Two members in every group: one that is killed only when its whole group is, and one with a name
    /// that is kept, so that it comes back to its own shards at once.
    pub(super) fn start_members(&mut self, seed: u64) {
        let hangs = zombies::failpoints();
        for (place, (group, _)) in GROUPS.into_iter().enumerate() {
            let armed = (place == zombies::group_of(seed)).then_some(hangs.as_str());
            let which = self.pipeline.start_armed(group, armed, &[]);
            self.pipeline.arm(which, armed);
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
}
