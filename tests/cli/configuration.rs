//! Mistakes are found before anything is done, all at once, and secrets are never shown.

use std::net::TcpListener;

use crate::program::counterflow;

#[test]
fn a_wrong_configuration_ends_with_64_and_names_every_mistake_at_once() {
    let settings = [
        ("COUNTERFLOW__CONSUMER__LANES", "none"),
        ("COUNTERFLOW__DATABASE__URL", "mysql://shop"),
        ("COUNTERFLOW__KAFKA__OPTIONS__ACKS", "1"),
        ("COUNTERFLOW__CONSUMERS__LANES", "2"),
    ];
    let ended = counterflow(&["payment", "--set", "tasks.timeout=soon"], &settings).code(64);
    for part in [
        "consumer.lanes (COUNTERFLOW__CONSUMER__LANES)",
        "database.url (COUNTERFLOW__DATABASE__URL)",
        "kafka.options.acks (COUNTERFLOW__KAFKA__OPTIONS__ACKS)",
        "consumers.lanes (COUNTERFLOW__CONSUMERS__LANES): no such setting",
        "tasks.timeout (--set tasks.timeout)",
        "kafka.bootstrap_servers (nowhere set)",
        "provider.url (nowhere set)",
        "provider.key (nowhere set)",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    }
    assert!(ended.stderr.contains("8 mistakes"), "{ended:?}");
}

#[test]
fn a_wrong_configuration_opens_no_socket() {
    // Were the address bound, or Kafka asked, before the mistake is found, this would show it.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    taken.set_nonblocking(true).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let settings = [
        ("COUNTERFLOW__ADMIN__LISTEN", address.as_str()),
        ("COUNTERFLOW__HTTP__LISTEN", address.as_str()),
        ("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", address.as_str()),
        ("COUNTERFLOW__SPOOL__BYTES_MAX", "much"),
    ];
    let ended = counterflow(&["storefront"], &settings).code(64);
    assert!(ended.stderr.contains("spool.bytes_max"), "{ended:?}");
    assert!(!ended.stderr.contains("listen on"), "{ended:?}");
    assert!(taken.accept().is_err(), "somebody connected");
}

#[test]
fn what_a_client_or_a_member_would_refuse_is_found_before_a_socket_opens() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    taken.set_nonblocking(true).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let registry = format!("http://{address}");
    let wrong: [(&str, &[(&str, &str)]); 3] = [
        (
            "linger.ms",
            &[
                ("COUNTERFLOW__KAFKA__OPTIONS__LINGER_MS", "abc"),
                ("COUNTERFLOW__KAFKA__OPTIONS__FETCH_MIN_BYTE", "1"),
            ],
        ),
        (
            "queuing.strategy",
            &[("COUNTERFLOW__KAFKA__OPTIONS__QUEUING_STRATEGY", "lifo")],
        ),
        (
            "consumer.drain_timeout",
            &[
                ("COUNTERFLOW__CONSUMER__MAX_POLL_INTERVAL", "60s"),
                ("COUNTERFLOW__CONSUMER__SESSION_TIMEOUT", "55s"),
                ("COUNTERFLOW__CONSUMER__SHUTDOWN_TIMEOUT", "50s"),
                ("COUNTERFLOW__CONSUMER__DRAIN_TIMEOUT", "40s"),
            ],
        ),
    ];
    for command in ["timeline", "storefront", "config"] {
        for (named, settings) in wrong {
            let mut settings = settings.to_vec();
            settings.extend([
                ("COUNTERFLOW__ADMIN__LISTEN", address.as_str()),
                ("COUNTERFLOW__HTTP__LISTEN", address.as_str()),
                ("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", address.as_str()),
                ("COUNTERFLOW__REGISTRY__URL", registry.as_str()),
            ]);
            let ended = counterflow(&[command], &settings).code(64);
            assert!(ended.stderr.contains(named), "{command}: {ended:?}");
            assert!(!ended.stderr.contains("listen on"), "{command}: {ended:?}");
            if named == "linger.ms" {
                assert!(ended.stderr.contains("2 mistakes"), "{command}: {ended:?}");
                assert!(ended.stderr.contains("fetch.min.byte"), "{ended:?}");
            }
        }
    }
    assert!(taken.accept().is_err(), "somebody connected");
}

#[test]
fn config_as_json_hides_secrets() {
    let settings = [
        ("COUNTERFLOW__PROVIDER__KEY", "canary-1"),
        (
            "COUNTERFLOW__DATABASE__URL",
            "postgres://shop:canary-2@db/shop",
        ),
        ("COUNTERFLOW__KAFKA__OPTIONS__SASL_PASSWORD", "canary-3"),
        ("COUNTERFLOW__HTTP__ACCOUNT_KEYS", "canary-4=shop"),
        ("COUNTERFLOW__REGISTRY__AUTHORIZATION", "Basic canary-5"),
        ("COUNTERFLOW__CONSUMER__LANES", "7"),
    ];
    let ended = counterflow(&["config", "--json"], &settings).code(0);
    assert!(!ended.stdout.contains("canary"), "{ended:?}");
    let all = ended.json();
    let line = |key: &str| {
        let lines = all.as_array().unwrap().iter();
        lines
            .clone()
            .find(|line| line["key"] == key)
            .unwrap()
            .clone()
    };
    assert_eq!(line("consumer.lanes")["value"], "7");
    assert_eq!(
        line("consumer.lanes")["origin"],
        "COUNTERFLOW__CONSUMER__LANES"
    );
    assert_eq!(line("provider.key")["value"], "(hidden)");
    assert_eq!(
        line("database.url")["value"],
        "postgres://shop:(hidden)@db/shop"
    );
    let text = counterflow(&["config"], &settings).code(0).stdout;
    assert!(
        !text.contains("canary") && text.contains("provider.key"),
        "{text}"
    );
}

#[test]
fn a_file_can_be_named_by_flag_and_by_variable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.toml");
    std::fs::write(&file, "[consumer]\nlanes = 5\n").unwrap();
    let path = file.to_str().unwrap();
    for ended in [
        counterflow(&["config", "--config", path], &[]),
        counterflow(&["config"], &[("COUNTERFLOW_CONFIG", path)]),
    ] {
        let ended = ended.code(0);
        let line = ended
            .stdout
            .lines()
            .find(|line| line.starts_with("consumer.lanes"));
        assert!(line.unwrap().contains(" 5  "), "{ended:?}");
    }
    let ended = counterflow(&["config", "--config", "/nowhere.toml"], &[]).code(64);
    assert!(ended.stderr.contains("/nowhere.toml"), "{ended:?}");
}

#[test]
fn what_goes_wrong_is_printed_once_with_its_cause() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("provider");
    let settings = [
        ("COUNTERFLOW__HTTP__LISTEN", address.as_str()),
        ("COUNTERFLOW__SANDBOX__DIR", journal.to_str().unwrap()),
    ];
    let ended = counterflow(&["provider-sandbox"], &settings).code(70);
    let errors: Vec<&str> = (ended.stderr.lines())
        .filter(|line| line.starts_with("counterflow: "))
        .collect();
    assert_eq!(errors.len(), 1, "{ended:?}");
    assert!(
        errors[0].contains("http.listen") && errors[0].contains("in use"),
        "{ended:?}"
    );
}
