//! The worker against the provider of the sandbox, over HTTP, with everything that can go wrong:
//! money moves once, and every task comes to an answer once the provider is well.
#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without fails it"
)]

use std::time::{Duration, Instant};

use payment::{
    ProviderConfig, ProviderWorker,
    event::{Ask, Call, Outcome},
};
use runtime::{Attempt, Task, Worker};
use sandbox::{
    Config, Faults, Shares,
    journal::{self, Kind},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

fn now_micros() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_micros()).unwrap()
}

fn task(call: Call, provider_ref: Option<&str>) -> Task {
    let ask = Ask {
        purchase_id: "p-1".into(),
        amount_minor: 1000,
        currency: "EUR".into(),
        payment_method: (call == Call::Authorise).then(|| "pm_card_visa".into()),
        provider_ref: provider_ref.map(str::to_owned),
    };
    Task {
        task_id: format!("p-1:{}", call.as_str()),
        shard: 0,
        sequence: 1,
        key: "p-1".into(),
        kind: call.as_str().into(),
        payload: serde_json::to_value(ask).unwrap(),
        causation_id: "cause".into(),
        traceparent: None,
        created_at: now_micros(),
        attempts: 0,
    }
}

struct Provider {
    url: String,
    folder: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), sandbox::Error>>,
    worker: ProviderWorker,
}

impl Provider {
    async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path());
        config.search_delay = Duration::ZERO;
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(sandbox::run(listener, config, stopped));
        let worker = ProviderWorker::new(&ProviderConfig {
            request_timeout: Duration::from_millis(500),
            search_lag: Duration::ZERO,
            ..ProviderConfig::new(&url, "sk_test")
        });
        Self {
            url,
            folder,
            stop,
            ended,
            worker: worker.unwrap(),
        }
    }

    async fn set_faults(&self, faults: &Faults) {
        let set = reqwest::Client::new()
            .post(format!("{}/sandbox/faults", self.url))
            .body(serde_json::to_vec(faults).unwrap())
            .send();
        assert!(set.await.unwrap().status().is_success());
    }

    async fn perform(&self, task: &Task) -> Option<Outcome> {
        match self.worker.perform(task).await {
            Attempt::Answered(answer) => Some(serde_json::from_value(answer.0).unwrap()),
            Attempt::Retry { .. } => None,
        }
    }

    /// Tries as the runtime does, until there is an answer.
    async fn perform_until_answered(&self, mut task: Task) -> Outcome {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(outcome) = self.perform(&task).await {
                return outcome;
            }
            assert!(Instant::now() < deadline, "no answer: {task:?}");
            task.attempts += 1;
        }
    }

    /// One attempt while the faults hold, and then as many as it takes without them.
    async fn through(&self, faults: &Faults, mut task: Task) -> Outcome {
        self.set_faults(faults).await;
        let first = self.perform(&task).await;
        self.set_faults(&Faults::default()).await;
        match first {
            Some(outcome) => outcome,
            None => {
                task.attempts = 1;
                self.perform_until_answered(task).await
            }
        }
    }

    async fn authorised(&self) -> String {
        match self.perform(&task(Call::Authorise, None)).await {
            Some(Outcome::Done(said)) => said.intent,
            other => panic!("{other:?}"),
        }
    }

    /// Ends the provider, and says what it has done.
    async fn stop(self) -> Vec<Kind> {
        drop(self.stop);
        self.ended.await.unwrap().unwrap();
        let entries = journal::read(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().kind).collect()
    }
}

/// Each way in which a request can go wrong, always.
fn every_fault() -> Vec<(&'static str, Shares)> {
    let with = |set: fn(&mut Shares)| {
        let mut shares = Shares::default();
        set(&mut shares);
        shares
    };
    vec![
        ("lost reply", with(|it| it.lost_reply_per_mille = 1000)),
        (
            "time-out",
            with(|it| (it.timeout_per_mille, it.timeout_ms) = (1000, 2_000)),
        ),
        (
            "late",
            with(|it| (it.late_per_mille, it.late_ms) = (1000, 700)),
        ),
        (
            "error before",
            with(|it| it.error_before_effect_per_mille = 1000),
        ),
        (
            "error after",
            with(|it| it.error_after_effect_per_mille = 1000),
        ),
        ("wrong amount", with(|it| it.wrong_amount_per_mille = 1000)),
        ("too many", with(|it| it.too_many_requests_per_mille = 1000)),
        ("unavailable", with(|it| it.unavailable_per_mille = 1000)),
        ("reset", with(|it| it.reset_per_mille = 1000)),
    ]
}

fn error_saved() -> Shares {
    Shares {
        error_saved_per_mille: 1000,
        ..Shares::default()
    }
}

fn faults_of(call: Call, shares: Shares) -> Faults {
    let mut faults = Faults::default();
    match call {
        Call::Authorise => faults.authorise = shares,
        Call::Capture => faults.capture = shares,
        Call::Void | Call::Release => faults.void = shares,
        Call::Refund => faults.refund = shares,
    }
    faults
}

#[tokio::test]
async fn after_every_fault_the_money_is_held_once() {
    for (fault, shares) in every_fault() {
        let provider = Provider::new(|_| ()).await;
        let faults = faults_of(Call::Authorise, shares);
        let outcome = provider.through(&faults, task(Call::Authorise, None)).await;
        assert!(
            matches!(&outcome, Outcome::Done(said) if said.amount_minor == 1000),
            "{fault}: {outcome:?}"
        );
        assert_eq!(provider.stop().await, [Kind::Authorised], "{fault}");
    }
}

#[tokio::test]
async fn after_every_fault_what_is_held_is_taken_let_go_or_given_back_once() {
    let mut faults = every_fault();
    faults.push(("error saved", error_saved()));
    for (fault, shares) in faults {
        for (call, done) in [(Call::Capture, Kind::Captured), (Call::Void, Kind::Voided)] {
            let provider = Provider::new(|_| ()).await;
            let intent = provider.authorised().await;
            let faults = faults_of(call, shares.clone());
            let outcome = provider.through(&faults, task(call, Some(&intent))).await;
            assert!(
                matches!(&outcome, Outcome::Done(said) if said.intent == intent),
                "{fault} of {call:?}: {outcome:?}"
            );
            let mut kinds = vec![Kind::Authorised, done];
            if call == Call::Capture {
                let faults = faults_of(Call::Refund, shares.clone());
                let refund = task(Call::Refund, Some(&intent));
                let outcome = provider.through(&faults, refund).await;
                assert!(
                    matches!(&outcome, Outcome::Done(said) if said.amount_minor == 1000),
                    "{fault} of a refund: {outcome:?}"
                );
                kinds.push(Kind::Refunded);
            }
            assert_eq!(provider.stop().await, kinds, "{fault} of {call:?}");
        }
    }
}

/// What no header and no query can hold as it is.
#[tokio::test]
async fn a_purchase_id_in_any_script_is_paid_and_found_again() {
    let provider = Provider::new(|config| config.key_retention = Duration::ZERO).await;
    let mut held = task(Call::Authorise, None);
    held.task_id = "o'hara \\ \u{65e5}\u{672c}:authorise".into();
    held.payload["purchase_id"] = "o'hara \\ \u{65e5}\u{672c}".into();
    let outcome = provider.perform(&held).await;
    let Some(Outcome::Done(said)) = outcome else {
        panic!("{outcome:?}");
    };
    // Past the window of its key it is searched for.
    held.created_at = 0;
    assert_eq!(provider.perform(&held).await, Some(Outcome::Done(said)));
    assert_eq!(provider.stop().await, [Kind::Authorised]);
}

#[tokio::test]
async fn a_saved_error_without_effect_gives_the_authorisation_up() {
    let provider = Provider::new(|_| ()).await;
    let faults = faults_of(Call::Authorise, error_saved());
    let outcome = provider.through(&faults, task(Call::Authorise, None)).await;
    assert_eq!(outcome, Outcome::Untraced);
    assert!(provider.stop().await.is_empty());
}

#[tokio::test]
async fn what_turns_up_after_it_was_given_up_is_let_go() {
    for (fault, shares) in every_fault() {
        let provider = Provider::new(|_| ()).await;
        provider.authorised().await;
        let faults = faults_of(Call::Release, shares);
        let outcome = provider.through(&faults, task(Call::Release, None)).await;
        assert!(
            matches!(&outcome, Outcome::Released { intents } if intents.len() == 1),
            "{fault}: {outcome:?}"
        );
        let kinds = provider.stop().await;
        assert_eq!(kinds, [Kind::Authorised, Kind::Voided], "{fault}");
    }
}

#[tokio::test]
async fn nothing_is_concluded_from_a_search_that_is_behind() {
    let provider = Provider::new(|config| config.search_delay = Duration::from_secs(3600)).await;
    let patient = ProviderWorker::new(&ProviderConfig {
        search_lag: Duration::from_secs(7200),
        ..ProviderConfig::new(&provider.url, "sk_test")
    })
    .unwrap();
    provider.authorised().await;
    let attempt = patient.perform(&task(Call::Release, None)).await;
    assert!(matches!(attempt, Attempt::Retry { .. }), "{attempt:?}");
    assert_eq!(provider.stop().await, [Kind::Authorised]);
}

#[tokio::test]
async fn a_card_that_does_not_exist_and_an_amount_that_is_too_large_are_refused_for_good() {
    let provider = Provider::new(|_| ()).await;
    let mut unknown = task(Call::Authorise, None);
    unknown.payload["payment_method"] = "pm_card_of_nobody".into();
    let outcome = provider.perform(&unknown).await;
    assert!(
        matches!(&outcome, Some(Outcome::Rejected { code, .. }) if code == "resource_missing"),
        "{outcome:?}"
    );
    // The most that a purchase may ask of a card is the most that is taken.
    let mut huge = task(Call::Authorise, None);
    huge.payload["amount_minor"] = (schemas::validate::CARD_MINOR_MAX + 1).into();
    let outcome = provider.perform(&huge).await;
    assert!(
        matches!(outcome, Some(Outcome::Rejected { .. })),
        "{outcome:?}"
    );
    // While it cannot be asked what it holds, nothing is concluded.
    let deaf = Shares {
        unavailable_per_mille: 1000,
        ..Shares::default()
    };
    provider
        .set_faults(&Faults {
            search: deaf,
            ..Faults::default()
        })
        .await;
    assert_eq!(provider.perform(&unknown).await, None);
    assert!(provider.stop().await.is_empty());
}

#[tokio::test]
async fn a_declined_card_is_final_whatever_became_of_the_reply() {
    for (fault, shares) in every_fault() {
        let provider = Provider::new(|_| ()).await;
        let mut poor = task(Call::Authorise, None);
        poor.payload["payment_method"] = "pm_card_visa_chargeDeclinedInsufficientFunds".into();
        let outcome = provider
            .through(&faults_of(Call::Authorise, shares), poor)
            .await;
        assert!(
            matches!(outcome, Outcome::Declined { .. }),
            "{fault}: {outcome:?}"
        );
        assert_eq!(provider.stop().await, [Kind::Declined], "{fault}");
    }
}

#[tokio::test]
async fn what_has_lapsed_is_not_captured_whatever_became_of_the_reply() {
    for (fault, shares) in every_fault() {
        let provider = Provider::new(|_| ()).await;
        let intent = provider.authorised().await;
        let lapsed = |faults| Faults {
            authorisation_lapsed_per_mille: 1000,
            ..faults
        };
        provider
            .set_faults(&lapsed(faults_of(Call::Capture, shares)))
            .await;
        let mut capture = task(Call::Capture, Some(&intent));
        let outcome = match provider.perform(&capture).await {
            Some(outcome) => outcome,
            None => {
                provider.set_faults(&lapsed(Faults::default())).await;
                capture.attempts = 1;
                provider.perform_until_answered(capture).await
            }
        };
        assert!(
            matches!(outcome, Outcome::Declined { .. } | Outcome::Rejected { .. }),
            "{fault}: {outcome:?}"
        );
        let kinds = provider.stop().await;
        assert_eq!(kinds, [Kind::Authorised, Kind::Voided], "{fault}");
    }
}

#[tokio::test]
async fn e5_past_the_key_window_what_was_done_is_found_and_not_done_again() {
    let provider = Provider::new(|config| config.key_retention = Duration::ZERO).await;
    let yesterday = |mut task: Task| {
        task.created_at -= 25 * 3600 * 1_000_000;
        task
    };
    let intent = provider.authorised().await;
    let again = yesterday(task(Call::Authorise, None));
    let outcome = provider.perform(&again).await;
    assert!(matches!(outcome, Some(Outcome::Done(said)) if said.intent == intent));
    for call in [Call::Capture, Call::Refund] {
        let task = task(call, Some(&intent));
        assert!(matches!(
            provider.perform(&task).await,
            Some(Outcome::Done(_))
        ));
        let again = provider.perform(&yesterday(task)).await;
        assert!(matches!(again, Some(Outcome::Done(_))), "{call:?}");
    }
    let kinds = provider.stop().await;
    assert_eq!(kinds, [Kind::Authorised, Kind::Captured, Kind::Refunded]);
}

#[tokio::test]
async fn a_purchase_is_paid_in_whatever_script_its_id_is_written() {
    let provider = Provider::new(|_| ()).await;
    let mut foreign = task(Call::Authorise, None);
    foreign.task_id = "ключ-1:authorise".to_owned();
    foreign.payload["purchase_id"] = "ключ-1".into();
    for _ in 0..2 {
        let outcome = provider.perform(&foreign).await;
        let said = match outcome {
            Some(Outcome::Done(said)) => said,
            other => panic!("{other:?}"),
        };
        assert_eq!(said.purchase_id.as_deref(), Some("ключ-1"));
    }
    assert_eq!(provider.stop().await, [Kind::Authorised]);
}
