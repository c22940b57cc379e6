//! The provider sandbox beside stripe-mock: what the payment group sends is taken by both, and a request
//! that is wrong is refused by both. The sandbox may be stricter than the provider, never laxer.

use std::{path::Path, time::Duration};

use harness::{eventually, probe, stripe_mock};
use payment::{
    ProviderConfig, ProviderWorker,
    event::{Ask, Call},
};
use reqwest::{Client, Method, StatusCode};
use runtime::{Attempt, Task, Worker as _};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot};

const KEY: &str = "sk_test_123";
const SOON: Duration = Duration::from_secs(30);

/// A sandbox in this process; it ends when the sender is dropped.
async fn sandbox(folder: &Path) -> (String, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let mut config = sandbox::Config::new(folder);
    config.search_delay = Duration::ZERO;
    tokio::spawn(sandbox::run(listener, config, async {
        // Told, or nobody is left to tell.
        drop(stopped.await);
    }));
    let healthy = format!("{url}/sandbox/healthz");
    tokio::task::spawn_blocking(move || {
        eventually(SOON, "the sandbox is healthy", || {
            probe::get(&healthy).is_ok_and(|(status, _)| status == 200)
        });
    })
    .await
    .unwrap();
    (url, stop)
}

/// A request, with `{intent}` for an intent that there is.
struct Case {
    method: Method,
    path: &'static str,
    form: &'static [(&'static str, &'static str)],
}

const fn post(path: &'static str, form: &'static [(&'static str, &'static str)]) -> Case {
    Case {
        method: Method::POST,
        path,
        form,
    }
}

const INTENTS: &str = "/v1/payment_intents";

const AUTHORISE: &[(&str, &str)] = &[
    ("amount", "1999"),
    ("currency", "usd"),
    ("payment_method", "pm_card_visa"),
    ("payment_method_types[]", "card"),
    ("capture_method", "manual"),
    ("confirm", "true"),
    ("metadata[purchase_id]", "p-1"),
];

const TAKEN: &[Case] = &[
    post(INTENTS, AUTHORISE),
    post(
        "/v1/payment_intents/{intent}/capture",
        &[("amount_to_capture", "1999")],
    ),
    post(
        "/v1/refunds",
        &[("payment_intent", "{intent}"), ("amount", "1999")],
    ),
    Case {
        method: Method::GET,
        path: "/v1/payment_intents/{intent}",
        form: &[],
    },
    Case {
        method: Method::GET,
        path: "/v1/refunds",
        form: &[("payment_intent", "{intent}"), ("limit", "10")],
    },
    Case {
        method: Method::GET,
        path: "/v1/payment_intents/search",
        form: &[("query", "metadata['purchase_id']:'p-1'"), ("limit", "10")],
    },
];

const REFUSED: &[Case] = &[
    // What is required is missing.
    post(INTENTS, &[("amount", "1999")]),
    post(INTENTS, &[("currency", "usd")]),
    post("/v1/payment_intents/{intent}/nonsense", &[]),
    // A value has another form.
    post(INTENTS, &[("amount", "many"), ("currency", "usd")]),
    post(INTENTS, &[("amount", "19.99"), ("currency", "usd")]),
    post(
        INTENTS,
        &[
            ("amount", "1"),
            ("currency", "usd"),
            ("capture_method", "whenever"),
        ],
    ),
    post(
        INTENTS,
        &[("amount", "1"), ("currency", "usd"), ("confirm", "perhaps")],
    ),
    post(
        "/v1/payment_intents/{intent}/capture",
        &[("amount_to_capture", "all")],
    ),
    post(
        "/v1/payment_intents/{intent}/cancel",
        &[("cancellation_reason", "no_reason_at_all")],
    ),
    post(
        "/v1/refunds",
        &[("payment_intent", "{intent}"), ("amount", "x")],
    ),
    // There is no such parameter.
    post(
        INTENTS,
        &[("amount", "1"), ("currency", "usd"), ("amonut", "1")],
    ),
    post("/v1/payment_intents/{intent}/capture", &[("ammount", "1")]),
    post(
        "/v1/refunds",
        &[("payment_intent", "{intent}"), ("why", "x")],
    ),
];

async fn ask(client: &Client, url: &str, intent: &str, case: &Case) -> (StatusCode, Value) {
    let address = format!("{url}{}", case.path.replace("{intent}", intent));
    let form: Vec<(&str, String)> = (case.form.iter())
        .map(|(name, value)| (*name, value.replace("{intent}", intent)))
        .collect();
    let request = client
        .request(case.method.clone(), address)
        .bearer_auth(KEY);
    let request = match case.method {
        Method::GET => request.query(&form),
        _ => request.form(&form),
    };
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stripe_takes_the_sandbox_takes_and_what_it_refuses_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, _stop) = sandbox(folder.path()).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let theirs = stripe_mock::shared().url();
    let (_, held) = ask(&client, &ours, "", &TAKEN[0]).await;
    let held = held["id"].as_str().unwrap();
    for (cases, is_taken) in [(TAKEN, true), (REFUSED, false)] {
        for case in cases {
            for url in [&ours, &theirs] {
                let (status, answer) = ask(&client, url, held, case).await;
                let what = format!("{} {} {:?} at {url}", case.method, case.path, case.form);
                assert_eq!(status.is_success(), is_taken, "{what}: {status} {answer}");
                if !is_taken {
                    let kind = &answer["error"]["type"];
                    assert_eq!(kind, "invalid_request_error", "{what}: {answer}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_of_the_payment_group_is_one_that_stripe_knows() {
    let url = stripe_mock::shared().url();
    let worker = ProviderWorker::new(&ProviderConfig::new(url, KEY)).unwrap();
    for call in [Call::Authorise, Call::Capture, Call::Void, Call::Refund] {
        let attempt = worker.perform(&task(call)).await;
        // The example that it answers is of another amount and state, which is for the group to see;
        // what matters is that the request was none to be refused.
        let text = format!("{attempt:?}");
        assert!(!text.contains("rejected"), "{}: {text}", call.as_str());
        let is_answered = match &attempt {
            Attempt::Answered(_) => true,
            Attempt::Retry {
                dependency_failed, ..
            } => !dependency_failed,
        };
        assert!(is_answered, "{}: {text}", call.as_str());
    }
}

fn task(call: Call) -> Task {
    let ask = Ask {
        purchase_id: "5f0c7a5e-0b3d-5c55-9a41-63f2d5f077c1".into(),
        amount_minor: 1_999,
        currency: "USD".into(),
        payment_method: Some("pm_card_visa".into()),
        provider_ref: (call != Call::Authorise).then(|| "pi_123".into()),
    };
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Task {
        task_id: format!("p-1:{}", call.as_str()),
        shard: 0,
        sequence: 1,
        key: "p-1".into(),
        kind: call.as_str().into(),
        payload: serde_json::to_value(ask).unwrap(),
        causation_id: "cause".into(),
        traceparent: None,
        created_at: i64::try_from(since.unwrap().as_micros()).unwrap(),
        attempts: 0,
    }
}
