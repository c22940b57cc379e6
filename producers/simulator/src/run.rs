//! A run: takes from the shops what is due, writes down the intent, sends it, and counts what
//! became of it. At most one window is on its way to Kafka, and a few actions per lane to the
//! storefront.

use std::future::Future;
use std::io;
use std::iter::Peekable;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client::Publisher;
use schemas::Encoder;
use tokio::sync::mpsc;

use crate::action::{Action, Way};
use crate::clock::{Clock, MachineClock};
use crate::direct;
use crate::http::Lanes;
use crate::journal::{Journal, Outcome};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::report::Report;
use crate::shop::Shop;

/// How often what is due is looked at when a rate is given.
const TICK: Duration = Duration::from_millis(20);

/// The ways out of a run.
pub struct Ways {
    /// To Kafka.
    pub publisher: Arc<Publisher>,
    /// Names the schemas.
    pub encoder: Encoder,
    /// To the storefront: `http://host:port`; needed when the plan gives it a share.
    pub storefront: Option<String>,
    /// Where intents are written down, if they are.
    pub journal: Option<PathBuf>,
    /// Whether to show how far the run is: not when somebody else does.
    pub shows_progress: bool,
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan gives the storefront a share and nobody said where it is.
    #[error("a share of purchases goes through the storefront, and its address is not given")]
    NoStorefront,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made")]
    Http(#[source] reqwest::Error),
    /// Without its journal a run proves nothing.
    #[error("the journal cannot be written")]
    Journal(#[source] io::Error),
}

/// Runs a plan to its end, or until `stop` is ready.
pub async fn run(
    plan: &Plan,
    ways: Ways,
    stop: impl Future<Output = ()> + Send,
) -> Result<Report, Error> {
    run_by(&MachineClock::start(), plan, ways, stop).await
}

/// The same, by a clock that begins with it.
pub async fn run_by(
    clock: &(impl Clock + Sync),
    plan: &Plan,
    ways: Ways,
    stop: impl Future<Output = ()> + Send,
) -> Result<Report, Error> {
    let journal = ways.journal.as_deref().map(Journal::create);
    let journal = journal.transpose().map_err(Error::Journal)?;
    let lanes = match &ways.storefront {
        Some(base) => Some(Lanes::open(base, plan.requests_max).map_err(Error::Http)?),
        None if plan.shares.http > 0.0 => return Err(Error::NoStorefront),
        None => None,
    };
    let (lanes, outcomes) = lanes.unzip();
    let mut run = Run {
        publisher: ways.publisher,
        encoder: ways.encoder,
        journal,
        outcomes,
        report: Report::default(),
        progress: Progress::start(plan.count, ways.shows_progress),
    };
    let mut shop = Shop::new(plan).peekable();
    let mut pace = Pace::new(plan);
    tokio::pin!(stop);
    loop {
        let actions = pace.due(&mut shop, clock.elapsed());
        if actions.is_empty() {
            if shop.peek().is_none() {
                break;
            }
            tokio::select! {
                () = &mut stop => break,
                () = clock.wait(TICK) => continue,
            }
        }
        run.act(actions, lanes.as_ref())
            .await
            .map_err(Error::Journal)?;
        let is_told = futures_ready(stop.as_mut()).await;
        if is_told {
            break;
        }
    }
    if let Some(lanes) = lanes {
        lanes.finish().await;
    }
    run.finish(clock.elapsed()).map_err(Error::Journal)
}

/// Whether a future is ready now.
async fn futures_ready(future: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>) -> bool {
    tokio::select! {
        biased;
        () = future => true,
        () = std::future::ready(()) => false,
    }
}

struct Run {
    publisher: Arc<Publisher>,
    encoder: Encoder,
    journal: Option<Journal>,
    outcomes: Option<mpsc::UnboundedReceiver<(Action, Outcome)>>,
    report: Report,
    progress: Progress,
}

impl Run {
    async fn act(&mut self, actions: Vec<Action>, lanes: Option<&Lanes>) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.intend(&actions)?;
        }
        let (direct, storefront): (Vec<Action>, Vec<Action>) =
            (actions.into_iter()).partition(|action| action.way == Way::Direct);
        if let Some(lanes) = lanes {
            for action in storefront {
                lanes.send(action).await;
            }
        }
        let outcomes = direct::publish(&self.publisher, &self.encoder, &direct).await;
        for (action, outcome) in direct.iter().zip(outcomes) {
            self.done(action, outcome)?;
        }
        self.collect()
    }

    /// Takes down what the lanes have done so far.
    fn collect(&mut self) -> io::Result<()> {
        while let Some(Ok((action, outcome))) = self
            .outcomes
            .as_mut()
            .map(mpsc::UnboundedReceiver::try_recv)
        {
            self.done(&action, outcome)?;
        }
        Ok(())
    }

    fn done(&mut self, action: &Action, outcome: Outcome) -> io::Result<()> {
        self.report.count(action, outcome);
        self.progress.advance(1);
        match &mut self.journal {
            Some(journal) => journal.outcome(action.number, outcome),
            None => Ok(()),
        }
    }

    fn finish(mut self, elapsed: Duration) -> io::Result<Report> {
        self.collect()?;
        if let Some(journal) = &mut self.journal {
            journal.sync()?;
        }
        self.progress.finish();
        self.report.seconds = elapsed.as_secs_f64();
        Ok(self.report)
    }
}

/// How many actions are due: by the rate, and never more than a window. A burst is due at once.
struct Pace {
    rate: Option<f64>,
    window: usize,
    taken: f64,
}

impl Pace {
    fn new(plan: &Plan) -> Self {
        Self {
            rate: plan.rate,
            window: plan.window.max(1),
            taken: 0.0,
        }
    }

    fn due(&mut self, shop: &mut Peekable<Shop>, elapsed: Duration) -> Vec<Action> {
        let allowed = (self.rate).map(|rate| elapsed.as_secs_f64() * rate);
        let mut due = Vec::new();
        while due.len() < self.window {
            let is_over = allowed.is_some_and(|allowed| self.taken >= allowed);
            let Some(action) = shop.next_if(|next| next.is_burst || !is_over) else {
                break;
            };
            if !action.is_burst {
                self.taken += 1.0;
            }
            due.push(action);
        }
        due
    }
}
