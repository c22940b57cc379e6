//! Every process of the pipeline as it is deployed, wired by environment alone, and one purchase
//! that passes through all of them.

use std::time::Duration;

use harness::{Processes, eventually, processes::Process};
use runtime::kafka::in_process::InProcessCluster;
use serde_json::{Value, json};

use crate::{
    probes::address,
    program::{cluster_with_topics, counterflow, databases_in},
};

const PATIENCE: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 4;
const GROUPS: [&str; 5] = ["payment", "inventory", "dispatch", "analytics", "timeline"];

/// A cluster, the provider, all groups and the storefront.
struct Shop {
    settings: Vec<(String, String)>,
    running: Vec<Process>,
    base: String,
    views: String,
    _processes: Processes,
    _cluster: InProcessCluster,
}

impl Shop {
    fn open() -> Self {
        let cluster = cluster_with_topics(PARTITIONS);
        let mut processes = Processes::new().unwrap();
        let mut settings = vec![
            setting("KAFKA__BOOTSTRAP_SERVERS", cluster.bootstrap_servers()),
            setting("DATABASE__URL", databases_in(processes.folder())),
            setting("HTTP__LISTEN", "127.0.0.1:0"),
            setting("PROVIDER__KEY", "sk_test_shop"),
        ];
        for (name, value) in &settings {
            processes.set(name, value);
        }
        let mut provider = processes.start("provider", &["provider-sandbox"]).unwrap();
        let at = format!("http://{}", address(&mut provider, "provider and carrier"));
        for (name, value) in [setting("PROVIDER__URL", &at), setting("CARRIER__URL", &at)] {
            processes.set(&name, &value);
            settings.push((name, value));
        }
        run(&settings, &["migrate"]);
        let mut running = vec![provider];
        let mut views = String::new();
        for group in GROUPS {
            let mut member = processes.start(group, &[group]).unwrap();
            let admin = address(&mut member, "probes and metrics");
            if group == "analytics" {
                views = format!("http://{admin}");
            }
            running.push(member);
        }
        let mut storefront = processes.start("storefront", &["storefront"]).unwrap();
        let base = format!("http://{}", address(&mut storefront, "taking purchases"));
        running.push(storefront);
        Self {
            settings,
            running,
            base,
            views,
            _processes: processes,
            _cluster: cluster,
        }
    }

    fn run(&self, arguments: &[&str]) -> String {
        run(&self.settings, arguments)
    }

    /// Tells all of them to stop, the storefront first.
    fn close(mut self) {
        while let Some(mut process) = self.running.pop() {
            let ended = process.terminate(PATIENCE).unwrap();
            assert_eq!(ended.code(), Some(0), "{}", process.output());
        }
    }
}

fn setting(key: &str, value: impl Into<String>) -> (String, String) {
    (format!("COUNTERFLOW__{key}"), value.into())
}

fn run(settings: &[(String, String)], arguments: &[&str]) -> String {
    let settings: Vec<(&str, &str)> = (settings.iter())
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    counterflow(arguments, &settings).code(0).stdout
}

fn get(url: &str) -> Option<Value> {
    let answer = reqwest_blocking(|client| client.get(url));
    (answer.0 == 200).then_some(answer.1)
}

fn reqwest_blocking(
    request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
) -> (u16, Value) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = request(&client).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    })
}

#[test]
fn a_purchase_passes_through_every_process() {
    let shop = Shop::open();
    shop.run(&["stock", "receive", "2341083=5", "--id", "delivery-1"]);
    shop.run(&["stock", "receive", "2341083=5", "--id", "delivery-1"]);
    eventually(PATIENCE, "the delivery is in stock", || {
        let stock = shop.run(&["stock", "show", "--json"]);
        let stock: Value = serde_json::from_str(&stock).unwrap();
        stock[0]["on_hand"] == 5
    });
    let purchase = json!({
        "customer_id": "customer-1",
        "currency": "USD",
        "delivery_tier": "TWO_DAY",
        "lines": [{"item_id": 2341083, "quantity": 2, "unit_price_minor": 32349}],
        "tenders": [{"kind": "CARD", "amount_minor": 64698, "ref": "pm_card_visa"}],
        "instructions": "Please put a ribbon on my package",
    });
    for _ in 0..2 {
        let (status, answer) = reqwest_blocking(|client| {
            let post = client.post(format!("{}/v1/purchases", shop.base));
            post.header("Idempotency-Key", "\"order-1\"")
                .json(&purchase)
        });
        assert_eq!(status, 202, "{answer}");
    }
    let id = schemas::ids::purchase_id("default", "order-1");
    let url = format!("{}/v1/purchases/{id}", shop.base);
    eventually(PATIENCE, "the goods are paid for", || {
        get(&url).is_some_and(|purchase| purchase["status"] == "completed")
    });
    let explained: Value = serde_json::from_str(&shop.run(&["explain", &id, "--json"])).unwrap();
    let kinds: Vec<&str> = (explained["timeline"]["entries"].as_array().unwrap().iter())
        .filter_map(|entry| entry["kind"].as_str())
        .collect();
    for kind in [
        "Purchase",
        "PaymentAuthorised",
        "StockReserved",
        "ShipmentRequested",
        "ShipmentHandedOver",
        "PaymentCaptured",
        "StockCommitted",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == "PaymentCaptured")
            .count(),
        1
    );
    let text = shop.run(&["explain", &id]);
    for group in ["payment: ", "inventory: ", "dispatch: "] {
        assert!(text.contains(group), "{text}");
    }
    eventually(PATIENCE, "the goods are off the shelf", || {
        let stock = shop.run(&["stock", "show", "2341083", "--json"]);
        let stock: Value = serde_json::from_str(&stock).unwrap();
        stock[0]["on_hand"] == 3 && stock[0]["reserved"] == 0
    });
    eventually(PATIENCE, "analytics has counted the purchase", || {
        let windows = get(&format!("{}/analytics/windows?size=hour", shop.views));
        let all = windows
            .as_ref()
            .and_then(|found| found["windows"].as_array());
        let explained = shop.run(&["explain", &id]);
        all.is_some_and(|all| !all.is_empty()) && explained.contains("analytics: Counted among")
    });
    shop.close();
}
