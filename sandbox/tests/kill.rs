//! `kill -9` of the provider's process while it is answering: what it has answered it still knows
//! under the same keys, byte for byte, and what it has not answered can be asked again.
//!
//! This program starts itself as the process that is killed, so it brings its own `main`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of this is a test"
)]

#[path = "http/common.rs"]
#[expect(dead_code, reason = "the other tests use the rest of it")]
mod common;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use common::{Answer, Caller, entries};
use sandbox::journal::Kind;
use tokio::{net::TcpListener, runtime::Runtime, task::JoinSet};

const FOLDER: &str = "SANDBOX_TO_BE_KILLED";
/// How many answers are awaited before each kill, on one journal.
const ROUNDS: [usize; 5] = [1, 10, 60, 150, 300];
const CALLERS: usize = 8;

fn main() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        serve_until_killed(Path::new(&folder));
    }
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.iter().any(|argument| argument == "--list") {
        return;
    }
    what_was_answered_is_known_after_a_kill();
}

/// Serves on a free port, which it prints.
fn serve_until_killed(folder: &Path) -> ! {
    Runtime::new().unwrap().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        std::io::stdout().flush().unwrap();
        let never = std::future::pending::<()>();
        sandbox::run(listener, common::config(folder), never)
            .await
            .unwrap();
    });
    unreachable!("it is killed")
}

/// A provider in a process of its own. Dropping it kills it.
struct Provider {
    process: Child,
    caller: Caller,
}

impl Provider {
    async fn start(folder: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut port)
            .unwrap();
        let caller = Caller::new(port.trim().parse().unwrap());
        caller.healthy().await;
        Self { process, caller }
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have been killed already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A request under a key.
#[derive(Debug, Clone)]
enum Request {
    Authorise {
        purchase_id: String,
        card: &'static str,
    },
    Act {
        purchase_id: String,
        intent: String,
        action: &'static str,
    },
    HandOver {
        purchase_id: String,
    },
}

impl Request {
    async fn send(&self, caller: &Caller) -> Option<Answer> {
        let answer = match self {
            Self::Authorise { purchase_id, card } => caller.authorise(purchase_id, card).await,
            Self::Act {
                purchase_id,
                intent,
                action,
            } => {
                let key = format!("{purchase_id}:{action}");
                caller.act(intent, action, &key).await
            }
            Self::HandOver { purchase_id } => {
                let shipment_id = format!("shipment-of-{purchase_id}");
                caller.hand_over(purchase_id, &shipment_id).await
            }
        };
        answer.ok()
    }
}

/// What was asked, and what was answered before the kill.
type Asked = Arc<Mutex<Vec<(Request, Option<Answer>)>>>;

/// Buys, one purchase after the other, until the provider is gone.
async fn buy(caller: Caller, name: String, asked: Asked, answered: Arc<AtomicUsize>) {
    let ask = async |request: Request| {
        let answer = request.send(&caller).await;
        answered.fetch_add(usize::from(answer.is_some()), Ordering::Relaxed);
        asked.lock().unwrap().push((request, answer.clone()));
        answer
    };
    for number in 0.. {
        let purchase_id = format!("{name}-{number}");
        let card = match number % 5 {
            4 => "pm_card_visa_chargeDeclined",
            _ => "pm_card_visa",
        };
        let authorise = Request::Authorise {
            purchase_id: purchase_id.clone(),
            card,
        };
        let Some(held) = ask(authorise).await else {
            return;
        };
        if held.status != 200 {
            continue;
        }
        let act = Request::Act {
            purchase_id: purchase_id.clone(),
            intent: held.id(),
            action: if number % 5 == 3 { "cancel" } else { "capture" },
        };
        if ask(act).await.is_none() || ask(Request::HandOver { purchase_id }).await.is_none() {
            return;
        }
    }
}

fn what_was_answered_is_known_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    Runtime::new().unwrap().block_on(async {
        let mut all: Vec<(Request, Answer)> = Vec::new();
        for (round, answers) in ROUNDS.into_iter().enumerate() {
            let mut provider = Provider::start(folder.path()).await;
            let (asked, answered) = (Asked::default(), Arc::new(AtomicUsize::new(0)));
            let mut callers = JoinSet::new();
            for number in 0..CALLERS {
                let name = format!("p-{round}-{number}");
                let (asked, answered) = (Arc::clone(&asked), Arc::clone(&answered));
                callers.spawn(buy(provider.caller.clone(), name, asked, answered));
            }
            common::eventually("so many are answered", async || {
                answered.load(Ordering::Relaxed) >= answers
            })
            .await;
            provider.kill();
            callers.join_all().await;

            let provider = Provider::start(folder.path()).await;
            let asked = std::mem::take(&mut *asked.lock().unwrap());
            let cut_off = asked.iter().filter(|(_, answer)| answer.is_none()).count();
            for (request, answer) in asked {
                let again = request.send(&provider.caller).await.unwrap();
                if let Some(first) = answer {
                    assert_same(&request, &first, &again);
                }
                all.push((request, again));
            }
            // Those of earlier rounds have survived another kill.
            for (request, first) in &all {
                let again = request.send(&provider.caller).await.unwrap();
                assert_same(request, first, &again);
            }
            println!("round {round}: {} known, {cut_off} cut off", all.len());
        }
        assert_one_effect_each(folder.path(), &all);
    });
}

fn assert_same(request: &Request, first: &Answer, again: &Answer) {
    assert!(
        again.replayed,
        "{request:?} had no effect before: {again:?}"
    );
    let bytes = |answer: &Answer| (answer.status, answer.text.clone());
    assert_eq!(bytes(first), bytes(again), "{request:?}");
}

/// The journal, read when nobody writes it, has each effect that was answered, once.
fn assert_one_effect_each(folder: &Path, all: &[(Request, Answer)]) {
    let mut effects: BTreeMap<(String, Kind), usize> = BTreeMap::new();
    for entry in entries(folder) {
        *effects
            .entry((entry.purchase_id.unwrap(), entry.kind))
            .or_default() += 1;
    }
    let mut expected = BTreeMap::new();
    for (request, answer) in all {
        let (purchase_id, kind) = match request {
            Request::Authorise { purchase_id, .. } if answer.status == 200 => {
                (purchase_id, Kind::Authorised)
            }
            Request::Authorise { purchase_id, .. } => (purchase_id, Kind::Declined),
            Request::Act {
                purchase_id,
                action: "capture",
                ..
            } => (purchase_id, Kind::Captured),
            Request::Act { purchase_id, .. } => (purchase_id, Kind::Voided),
            Request::HandOver { purchase_id } => (purchase_id, Kind::HandedOver),
        };
        expected.insert((purchase_id.clone(), kind), 1);
    }
    assert_eq!(effects, expected);
}
