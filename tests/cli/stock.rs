//! What a stock keeper says counts once each, however it is said and however often.

use std::net::TcpListener;

use crate::program::counterflow;

#[test]
fn a_sku_that_is_named_twice_is_refused_before_anything_is_published() {
    let kafka = TcpListener::bind("127.0.0.1:0").unwrap();
    kafka.set_nonblocking(true).unwrap();
    let address = kafka.local_addr().unwrap().to_string();
    let settings = [("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", address.as_str())];
    for command in [
        &["stock", "receive", "7=100", "8=1", "7=100"][..],
        &["stock", "receive", "7=100", "7=50", "--id", "delivery-17"],
        &["stock", "adjust", "7=-1", "7=-2", "--reason", "damaged"],
    ] {
        let ended = counterflow(command, &settings).code(64);
        assert!(ended.stderr.contains("more than once: 7;"), "{ended:?}");
    }
    assert!(kafka.accept().is_err(), "somebody connected");
}

#[test]
fn a_delivery_that_failed_can_be_sent_again_under_its_name() {
    // Nobody is there: whether the first movement is stored is not known.
    let settings = [("COUNTERFLOW__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")];
    let unnamed = counterflow(&["stock", "receive", "7=100"], &settings).code(70);
    let (_, name) = unnamed
        .stderr
        .split_once("--id \"")
        .expect("a name is said");
    let (name, _) = name.split_once('"').unwrap();
    assert!(uuid::Uuid::parse_str(name).is_ok(), "{unnamed:?}");
    let named = [
        "stock", "adjust", "7=1", "--reason", "counted", "--id", "count-3",
    ];
    let named = counterflow(&named, &settings).code(70);
    assert!(named.stderr.contains("--id \"count-3\""), "{named:?}");
}
