//! Shops in another language, with Confluent's client and the registry and with fastavro alone: what they
//! publish takes effect like what ours publish, and they read what we state.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    time::Duration,
};

use harness::{
    Broker as _, eventually,
    kafka::Kafka,
    postgres,
    proxy::{Fault, Proxy},
    python_clients, registry,
};
use schemas::{Registry, decode::SchemaSource as _, wire::framing::SchemaName};
use serde_json::Value;

use crate::whole::{database::Database, members::Pipeline, quiet, shop::Counter};

const DEADLINE: Duration = Duration::from_secs(90);
/// Purchases of each version and of each way to name a schema.
const COUNT: usize = 5;
const VERSIONS: usize = 3;
/// Purchases of a shop whose client partitions otherwise; of twelve, one is right by chance.
const MISPLACED: usize = 12;
/// What the auditor prints when every promise was kept.
const KEPT: &str = "nothing lost, nothing doubled, nothing invented";

#[test]
fn purchases_of_python_clients_take_effect_like_ours_and_they_read_our_facts() {
    let kafka = Kafka::start().unwrap();
    let registry = registry::shared();
    let proxy = Proxy::start(registry.port()).unwrap();
    let database = Database::Postgres(postgres::shared().fresh_database());
    let mut pipeline = Pipeline::new(kafka.bootstrap(), database);
    pipeline.set("registry.url", &registry.url());
    pipeline.succeed(&["topics", "apply"]);
    pipeline.succeed(&["migrate"]);
    pipeline.succeed(&["schemas", "register"]);
    Counter::open(&pipeline.bootstrap).fill_shelves(1_000);
    pipeline.start_sandbox();
    let payment = pipeline.start(
        "payment",
        &[("registry.url", &registry.url_at(proxy.port()))],
    );
    for group in ["inventory", "dispatch", "analytics", "timeline"] {
        pipeline.start(group, &[]);
    }

    pipeline.until_shelves_are_full();
    let first = python(&pipeline, &registry.url(), "publish", Some(COUNT));
    quiet::until_quiet(&pipeline, DEADLINE);
    assert_completed(&pipeline, &first);

    // Started while the registry is away, payment names its schemas by fingerprint, for the other
    // reader, and by id again once the registry is back. It knows what the ids of others stand for.
    pipeline.stop(payment);
    proxy.set(Fault::Reset);
    let known = pipeline.file("payment-schemas");
    learn_ids(&registry.url(), &known);
    pipeline.set_of(payment, "registry.cache_dir", &known.display().to_string());
    pipeline.start_again(payment);
    pipeline.until_ready(payment);
    let second = python(&pipeline, &registry.url(), "publish", Some(COUNT));
    quiet::until_quiet(&pipeline, DEADLINE);
    assert_completed(&pipeline, &second);
    proxy.heal();
    eventually(DEADLINE, "payment knows the registry's ids", || {
        let metrics = pipeline.members[payment].probe("metrics");
        metrics.is_some_and(|(_, text)| text.contains("\ncounterflow_schemas_without_id 0\n"))
    });
    let third = python(&pipeline, &registry.url(), "publish", Some(COUNT));
    quiet::until_quiet(&pipeline, DEADLINE);
    assert_completed(&pipeline, &third);

    let facts = python(&pipeline, &registry.url(), "read", None);
    assert_read(&facts, "registry", &[first, third].concat());
    assert_read(&facts, "fingerprint", &second);

    let elsewhere = python(&pipeline, &registry.url(), "misplace", Some(MISPLACED));
    quiet::until_quiet(&pipeline, DEADLINE);
    assert_misplaced(&pipeline, &elsewhere);
    let journal = pipeline.journal().display().to_string();
    let audit = pipeline.succeed(&["audit", "--provider-journal", &journal]);
    assert!(audit.contains(KEPT), "{audit}");
}

/// Keeps in a folder what the registry's ids stand for, as one that has met them in records does: how
/// it calls our own schemas is not among that.
fn learn_ids(url: &str, folder: &Path) {
    let config = schemas::registry::Config {
        url: url.to_owned(),
        authorization: None,
    };
    let ids = Registry::open(&config, None).unwrap().ids().unwrap();
    assert_eq!(
        ids.unknown,
        [],
        "`schemas register` has registered them all"
    );
    let reader = Registry::open(&config, Some(folder)).unwrap();
    for id in ids.known.into_values() {
        reader.find(SchemaName::Id(id)).unwrap();
    }
}

/// Every purchase came to its end, with all of its events on one partition: keys are placed alike.
fn assert_completed(pipeline: &Pipeline, bought: &[Value]) {
    let mut by_way: BTreeMap<(i64, String), usize> = BTreeMap::new();
    let query = "SELECT purchase_id, written_version, status FROM purchases";
    let rows = pipeline.database.look("timeline", query).unwrap();
    let known: BTreeMap<&str, (&str, &str)> = (rows.iter())
        .map(|row| (row[0].as_str(), (row[1].as_str(), row[2].as_str())))
        .collect();
    for purchase in bought {
        let version = purchase["version"].as_i64().unwrap();
        let purchase_id = purchase["purchase_id"].as_str().unwrap();
        let found = known.get(purchase_id).copied();
        assert_eq!(
            found,
            Some((&*version.to_string(), "completed")),
            "{purchase}"
        );
        let writer = purchase["writer"].as_str().unwrap().to_owned();
        *by_way.entry((version, writer)).or_default() += 1;
    }
    assert_eq!(by_way.len(), 2 * VERSIONS, "{by_way:?}");
    assert!(by_way.values().all(|count| *count == COUNT), "{by_way:?}");
    let query = "SELECT purchase_id FROM purchase_events GROUP BY purchase_id \
                 HAVING count(DISTINCT record_partition) > 1";
    let apart = pipeline.database.column("timeline", query).unwrap();
    assert_eq!(
        apart,
        Vec::<String>::new(),
        "all partitioners place a key alike"
    );
}

/// Another partitioner puts most purchases where their facts do not go. Those are set aside by
/// every group, and the others are completed.
fn assert_misplaced(pipeline: &Pipeline, bought: &[Value]) {
    let query = "SELECT record_key FROM dead_letters WHERE reason = 'wrong_partition'";
    let of_group = |group: &str| pipeline.database.column(group, query).unwrap().len();
    let set_aside = of_group("payment");
    assert!(set_aside > 0, "none of {MISPLACED} is elsewhere");
    for group in ["inventory", "dispatch", "analytics", "timeline"] {
        assert_eq!(of_group(group), set_aside, "{group}");
    }
    let query = "SELECT purchase_id FROM purchases WHERE status = 'completed'";
    let completed = pipeline.database.column("timeline", query).unwrap();
    let completed: BTreeSet<String> = completed.into_iter().collect();
    let ids = (bought.iter()).map(|purchase| purchase["purchase_id"].as_str().unwrap());
    let at_home = ids.filter(|id| completed.contains(*id)).count();
    assert_eq!(at_home + set_aside, bought.len());
}

/// Each purchase was authorised and captured, as a foreign reader reads it.
fn assert_read(facts: &[Value], reader: &str, bought: &[Value]) {
    let of_reader = facts.iter().filter(|line| line["reader"] == reader);
    let mut captured = BTreeSet::new();
    for line in of_reader {
        let fact = &line["fact"];
        assert_eq!(fact["purchase_id"], line["key"], "{line}");
        if !fact["provider_ref"].is_null() {
            assert_eq!(fact["currency"], "USD", "{line}");
            assert!(fact["amount_minor"].as_i64().unwrap() > 0, "{line}");
            captured.insert(fact["purchase_id"].as_str().unwrap().to_owned());
        }
    }
    let all: BTreeSet<String> = (bought.iter())
        .map(|purchase| purchase["purchase_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(captured, all, "read with {reader}");
}

/// Runs the Python program: the lines that it prints.
fn python(pipeline: &Pipeline, registry: &str, command: &str, count: Option<usize>) -> Vec<Value> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", python_clients().unwrap());
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python
        .arg(repository.join("tests/python/purchases.py"))
        .arg(command);
    python.arg(&pipeline.bootstrap).arg(registry);
    python.arg(repository.join("schemas/avsc"));
    python.args(count.map(|count| count.to_string()));
    let output = python.output().unwrap();
    let (printed, said) = (output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "{command}: {}\n{said}",
        output.status
    );
    let printed = String::from_utf8(printed).unwrap();
    printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
