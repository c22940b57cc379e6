//! Layers, mistakes and secrets, as an operator meets them.

use std::{collections::BTreeMap, io, path::Path, time::Duration};

use super::{
    DatabaseUrl, Flag, Inputs, Loaded, Mistakes, SETTINGS, listing_json, listing_text, load,
};

/// Reads a configuration from a file's text, variables and `--set` flags.
fn read(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Loaded, Mistakes> {
    let environment: BTreeMap<String, String> = (variables.iter())
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let flags: Vec<Flag> = flags.iter().map(|flag| Flag::set(flag)).collect();
    let read = |path: &Path| match path.to_str() {
        Some("shop.toml") => Ok(file.to_owned()),
        Some("/run/secrets/key") => Ok("sk_test_from_file\n".to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let inputs = Inputs {
        file: Some(Path::new("shop.toml")),
        environment: &environment,
        flags: &flags,
        read: &read,
    };
    load(&inputs, &[])
}

fn problems(result: Result<Loaded, Mistakes>) -> Vec<String> {
    let mistakes = result.expect_err("a mistake is found");
    mistakes.0.iter().map(ToString::to_string).collect()
}

#[test]
fn the_defaults_are_without_mistake() {
    let config = read("", &[], &[]).unwrap().config;
    assert_eq!(config.consumer.lanes.get(), 2);
    assert_eq!(config.deadlines.reservation, Duration::from_secs(900));
    assert!(matches!(config.database.url, DatabaseUrl::Sqlite(_)));
}

#[test]
fn each_layer_replaces_the_one_below() {
    let file = "[consumer]\nlanes = 3\nbatch_records_max = 300\nredrives_max = 33\n";
    let variables = [
        ("COUNTERFLOW__CONSUMER__BATCH_RECORDS_MAX", "400"),
        ("COUNTERFLOW__CONSUMER__REDRIVES_MAX", "44"),
        ("PATH", "/bin"),
    ];
    let loaded = read(file, &variables, &["consumer.redrives_max=55"]).unwrap();
    let consumer = &loaded.config.consumer;
    assert_eq!(consumer.lanes.get(), 3);
    assert_eq!(consumer.batch_records_max.get(), 400);
    assert_eq!(consumer.redrives_max, 55);
    let origin = |key: &str| {
        let mut lines = loaded.effective.iter();
        lines.find(|line| line.key == key).unwrap().origin.clone()
    };
    assert_eq!(origin("consumer.lanes"), "shop.toml:2");
    assert_eq!(
        origin("consumer.batch_records_max"),
        "COUNTERFLOW__CONSUMER__BATCH_RECORDS_MAX"
    );
    assert_eq!(
        origin("consumer.redrives_max"),
        "--set consumer.redrives_max"
    );
    assert_eq!(origin("consumer.protocol"), "default");
}

#[test]
fn every_mistake_is_reported_at_once_with_its_place_and_the_expected_form() {
    let file = "[consumer]\nlane = 2\nbatch_linger = 10\n";
    let variables = [("COUNTERFLOW__LOG__FORMAT", "xml")];
    let found = problems(read(file, &variables, &["http.listen=8080"]));
    assert_eq!(
        found,
        [
            "consumer.lane (shop.toml:2): no such setting; is consumer.lanes meant?",
            "consumer.batch_linger (shop.toml:3): \"10\" is not a time such as 250ms, 10s, 15m, 2h or 5d, longer than 0",
            "http.listen (--set http.listen): \"8080\" is not an address and port such as 127.0.0.1:8080",
            "log.format (COUNTERFLOW__LOG__FORMAT): \"xml\" is not a log format: text or json",
        ]
    );
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    let found = problems(read("[consumer]\nlanes = \n", &[], &[]));
    assert!(
        found[0].starts_with("--config (shop.toml:2): is not TOML"),
        "{found:?}"
    );
}

#[test]
fn what_a_command_cannot_do_without_is_asked_for() {
    let environment = BTreeMap::new();
    let inputs = Inputs {
        file: None,
        environment: &environment,
        flags: &[],
        read: &|_| Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let found = problems(load(&inputs, &["kafka.bootstrap_servers"]));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("set COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS"),
        "{found:?}"
    );
}

#[test]
fn options_are_passed_through_from_every_layer() {
    let file = "[kafka.options]\nsecurity.protocol = \"SASL_SSL\"\n\"fetch.wait.max.ms\" = 50\n";
    let variables = [
        ("COUNTERFLOW__KAFKA__OPTIONS__SASL_USERNAME", "shop"),
        ("COUNTERFLOW__KAFKA__OPTIONS__SASL_PASSWORD", "canary"),
    ];
    let flags = ["kafka.options.sasl.mechanism=PLAIN"];
    let options = read(file, &variables, &flags)
        .unwrap()
        .config
        .kafka
        .options
        .0;
    let expected = [
        ("fetch.wait.max.ms", "50"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.password", "canary"),
        ("sasl.username", "shop"),
        ("security.protocol", "SASL_SSL"),
    ];
    assert_eq!(
        options,
        expected
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    );
}

#[test]
fn options_that_the_promise_depends_on_are_refused_with_the_reason() {
    let variables = [("COUNTERFLOW__KAFKA__OPTIONS__ENABLE_AUTO_COMMIT", "true")];
    let found = problems(read("[kafka.options]\nacks = \"1\"\n", &variables, &[]));
    assert_eq!(
        found,
        [
            "kafka.options.acks (shop.toml:2): must not be set: a lost, doubled or reordered record would break the promise",
            "kafka.options.enable.auto.commit (COUNTERFLOW__KAFKA__OPTIONS__ENABLE_AUTO_COMMIT): must not be set: positions live in the group's database and move with the effects",
        ]
    );
}

#[test]
fn options_that_librdkafka_does_not_take_are_all_found_with_their_place() {
    let variables = [("COUNTERFLOW__KAFKA__OPTIONS__LINGER_MS", "abc")];
    let file = "[kafka.options]\nfetch.min.byte = \"1\"\n[consumer]\nlanes = 0\n";
    let flags = [
        "kafka.options.ssl.key.password=canary",
        "kafka.options.socket.timeout.ms=1",
    ];
    let found = problems(read(file, &variables, &flags));
    assert_eq!(found.len(), 4, "{found:?}");
    for (at, begin) in [
        "consumer.lanes (shop.toml:4): ",
        "kafka.options.fetch.min.byte (shop.toml:2): librdkafka has no such option",
        "kafka.options.linger.ms (COUNTERFLOW__KAFKA__OPTIONS__LINGER_MS): ",
        "kafka.options.socket.timeout.ms (--set kafka.options.socket.timeout.ms): ",
    ]
    .into_iter()
    .enumerate()
    {
        let sorted = {
            let mut sorted = found.clone();
            sorted.sort_unstable();
            sorted
        };
        assert!(sorted[at].starts_with(begin), "{begin}: {sorted:?}");
    }
}

#[test]
fn options_that_make_no_client_together_are_a_mistake_of_them_all() {
    let flags = [
        "kafka.options.fetch.max.bytes=1000",
        "kafka.options.message.max.bytes=100000",
    ];
    let found = problems(read("", &[], &flags));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("kafka.options ("), "{found:?}");
    assert!(found[0].contains("fetch.max.bytes"), "{found:?}");
    // It would turn the records of a producer that sends again; a consumer has no such option.
    let found = problems(read("", &[], &["kafka.options.queuing.strategy=lifo"]));
    assert!(found[0].contains("queuing.strategy"), "{found:?}");
    let found = problems(read(
        "",
        &[],
        &[
            "consumer.session_timeout=2h",
            "consumer.max_poll_interval=4h",
            "consumer.timer_patience=3h",
        ],
    ));
    assert!(found[0].contains("session.timeout.ms"), "{found:?}");
}

#[test]
fn a_secret_can_stand_in_a_file_of_its_own() {
    let variables = [
        ("COUNTERFLOW__PROVIDER__KEY_FILE", "/run/secrets/key"),
        (
            "COUNTERFLOW__KAFKA__OPTIONS__SASL_PASSWORD_FILE",
            "/run/secrets/key",
        ),
    ];
    let config = read("", &variables, &[]).unwrap().config;
    assert_eq!(config.provider.key.unwrap().reveal(), "sk_test_from_file");
    assert_eq!(config.kafka.options.0["sasl.password"], "sk_test_from_file");
    let both = [("COUNTERFLOW__PROVIDER__KEY", "x"), variables[0]];
    let found = problems(read("", &both, &[]));
    assert_eq!(
        found,
        [
            "provider.key (COUNTERFLOW__PROVIDER__KEY_FILE): is set already by COUNTERFLOW__PROVIDER__KEY"
        ]
    );
    let found = problems(read(
        "",
        &[("COUNTERFLOW__PROVIDER__KEY_FILE", "/none")],
        &[],
    ));
    assert!(found[0].contains("cannot be read"), "{found:?}");
}

#[test]
fn secrets_are_never_shown() {
    let variables = [
        ("COUNTERFLOW__PROVIDER__KEY", "canary-1"),
        (
            "COUNTERFLOW__DATABASE__URL",
            "postgres://shop:canary-2@db/shop?password=canary-3",
        ),
        ("COUNTERFLOW__KAFKA__OPTIONS__SASL_PASSWORD", "canary-4"),
    ];
    let loaded = read("", &variables, &[]).unwrap();
    let shown = format!(
        "{loaded:?}{}{}",
        listing_text(&loaded.effective),
        listing_json(&loaded.effective)
    );
    assert!(!shown.contains("canary"), "{shown}");
    assert!(
        shown.contains("postgres://shop:(hidden)@db/shop?(hidden)"),
        "{shown}"
    );
    let found = problems(read(
        "",
        &[("COUNTERFLOW__DATABASE__URL", "mysql://a:canary@b")],
        &[],
    ));
    assert!(!found[0].contains("canary"), "{found:?}");
}

#[test]
fn time_limits_must_fit_into_one_another() {
    let flags = ["consumer.drain_timeout=30s", "consumer.session_timeout=20s"];
    let found = problems(read("", &[], &flags));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("consumer.drain_timeout (--set consumer.drain_timeout): 30s must be shorter than consumer.shutdown_timeout (default), which is 25s"), "{found:?}");
    assert!(
        found[1].starts_with("consumer.shutdown_timeout (default): 25s must be shorter"),
        "{found:?}"
    );

    // A shutdown waits for no call, so a call may take longer than it; an attempt may not be shorter.
    let flags = ["tasks.timeout=40s", "tasks.attempt_timeout=50s"];
    assert!(read("", &[], &flags).is_ok());
    let flags = ["tasks.attempt_timeout=10s", "consumer.timer_patience=30s"];
    let found = problems(read("", &[], &flags));
    let call = "tasks.timeout (default): 10s must be shorter than tasks.attempt_timeout";
    assert!(found[0].starts_with(call), "{found:?}");
    let session =
        "consumer.session_timeout (default): 45s must be shorter than consumer.timer_patience";
    assert!(found[1].starts_with(session), "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn whatever_a_member_would_refuse_at_its_start_is_a_mistake_before_it() {
    let flags = [
        "consumer.max_poll_interval=60s",
        "consumer.session_timeout=55s",
        "consumer.shutdown_timeout=50s",
        "consumer.drain_timeout=40s",
    ];
    let found = problems(read("", &[], &flags));
    assert_eq!(found.len(), 1, "{found:?}");
    let begin = "consumer.drain_timeout (--set consumer.drain_timeout): 40s must be at most half";
    assert!(found[0].starts_with(begin), "{found:?}");
    let fitting = [flags[0], flags[1], flags[2], "consumer.drain_timeout=30s"];
    let config = read("", &[], &fitting).unwrap().config;
    let member = crate::wiring::member_config(&config, "payment");
    assert_eq!(member.mistakes(), Vec::<String>::new());
}

#[test]
fn accounts_whose_purchases_could_not_be_told_apart_are_refused() {
    let mut by_mark = BTreeMap::new();
    let mut names = (0..).map(|number| format!("shop-{number}"));
    let (one, other) = names
        .find_map(|name| {
            let earlier = by_mark.insert(schemas::ids::account_mark(&name), name.clone())?;
            Some((earlier, name))
        })
        .unwrap();
    let keys = |other: &str| format!("http.account_keys=k1={one},k2={one},k3={other}");
    let refused = problems(read("", &[], &[keys(&other).as_str()]));
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(
        refused[0].starts_with("http.account_keys (--set"),
        "{refused:?}"
    );
    assert!(refused[0].contains(&one) && refused[0].contains(&other));
    assert!(!refused[0].contains("k3"), "keys are secrets");
    read("", &[], &[keys("another").as_str()]).unwrap();
}

#[test]
fn currencies_can_be_written_as_a_table() {
    let file = "[v0.currency_by_symbol]\n\"$\" = \"CAD\"\n\"kr\" = \"SEK\"\n";
    let currencies = read(file, &[], &[]).unwrap().config.v0.currency_by_symbol.0;
    assert_eq!(
        (currencies["$"].as_str(), currencies["kr"].as_str()),
        ("CAD", "SEK")
    );
    assert!(read("", &[], &["v0.currency_by_symbol=$=usd"]).is_err());
}

#[test]
fn every_setting_says_what_it_does_and_its_default_is_listed() {
    let listing = listing_text(&read("", &[], &[]).unwrap().effective);
    for setting in SETTINGS {
        assert!(!setting.doc.trim().is_empty(), "{}", setting.key);
        assert!(listing.contains(setting.key), "{}", setting.key);
    }
}

#[test]
fn a_mistake_in_one_value_does_not_hide_that_others_do_not_fit_together() {
    let flags = [
        "consumer.lanes=many",
        "consumer.drain_timeout=1ms",
        "topics.min_insync_replicas=3",
        "consumer.session_timeout=soon",
    ];
    let problems = problems(read("", &[], &flags));
    let about = |key: &str| (problems.iter()).filter(|one| one.starts_with(key)).count();
    assert_eq!(about("consumer.lanes"), 1, "{problems:?}");
    assert_eq!(about("consumer.session_timeout"), 1, "{problems:?}");
    assert_eq!(about("topics.min_insync_replicas"), 1, "{problems:?}");
    // The linger does not fit into the drain; what the session time-out would be is not known.
    assert_eq!(about("consumer.batch_linger"), 1, "{problems:?}");
    assert_eq!(problems.len(), 4, "{problems:?}");
}

#[test]
fn a_variable_that_is_nearly_a_setting_is_named() {
    let near = read(
        "",
        &[("COUNTERFLOW_DATABASE__URL", "postgres://host/db")],
        &[],
    );
    let problems = problems(near);
    assert!(
        problems[0].contains("begin with COUNTERFLOW__"),
        "{problems:?}"
    );
    assert!(read("", &[("COUNTERFLOW_CONFIG", "x.toml")], &[]).is_ok());
}

#[test]
fn nothing_is_counted_in_more_than_millions() {
    for flag in ["http.max_in_flight=9000000000000000000", "consumer.lanes=0"] {
        let problems = problems(read("", &[], &[flag]));
        assert!(problems[0].contains("from 1 to 1000000"), "{problems:?}");
    }
}
