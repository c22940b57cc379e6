//! A database that fails, or loses a reply, at a chosen call: SQLite behind it, so that what was
//! committed is committed.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Notify;

use crate::store::{
    BoxFuture, Cells, Kind, Migration, MigrationError, Mode, SqliteStore, Statement, Store,
    StoreError, Transaction,
};

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not made, and fails.
    Fails,
    /// It is made, and its reply is lost.
    LosesReply,
    /// It is not made, and the process ends there.
    EndsBefore,
    /// It is made, and the process ends before it knows.
    EndsAfter,
}

/// When faults happen.
#[derive(Debug)]
pub(super) enum Plan {
    Never,
    /// At the call of this number, counted from 1.
    At(u64, Fault),
    /// The process stands still before its first batch from the call of this number on, another
    /// takes its shards, and it goes on: at once, or late, when everything is done.
    Outlived {
        call: u64,
        is_late: bool,
    },
    /// At one call in so many, drawn from a seed; at most so often in all.
    Drawn {
        seed: u64,
        one_in: u64,
        left: u64,
    },
}

impl Plan {
    /// Whether the process that is outlived goes on late, where one is.
    pub(super) fn revives(&self) -> Option<bool> {
        match self {
            Self::Outlived { is_late, .. } => Some(*is_late),
            _ => None,
        }
    }

    fn at(&mut self, call: u64) -> Option<Fault> {
        match self {
            Self::Never | Self::Outlived { .. } => None,
            Self::At(at, fault) => (*at == call).then_some(*fault),
            Self::Drawn { seed, one_in, left } => {
                let drawn = draw(seed);
                if *left == 0 || !drawn.is_multiple_of(*one_in) {
                    return None;
                }
                *left -= 1;
                let faults = [
                    Fault::Fails,
                    Fault::LosesReply,
                    Fault::EndsBefore,
                    Fault::EndsAfter,
                ];
                faults
                    .get(usize::try_from(draw(seed) % 4).unwrap_or(0))
                    .copied()
            }
        }
    }
}

/// SplitMix64.
fn draw(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut drawn = *seed;
    drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    drawn ^ (drawn >> 31)
}

#[derive(Debug)]
struct Faults {
    plan: Mutex<Plan>,
    calls: AtomicU64,
    ended: Notify,
    resumed: Notify,
    over: Arc<Notify>,
}

/// Tells when the transaction of the process that was outlived is over.
struct Over(Arc<Notify>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Faults {
    async fn call<T>(
        &self,
        made: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = self.plan.lock().unwrap().at(number);
        let away = || StoreError::Transient(format!("call {number} was to fail"));
        match fault {
            None => made.await,
            Some(Fault::Fails) => Err(away()),
            Some(Fault::LosesReply) => {
                made.await?;
                Err(away())
            }
            Some(Fault::EndsBefore) => self.end().await,
            Some(Fault::EndsAfter) => {
                made.await?;
                self.end().await
            }
        }
    }

    /// Stands still while another process takes over, where this is the batch to do so.
    async fn outlive(&self) -> Option<Over> {
        let next = self.calls.load(Ordering::SeqCst) + 1;
        {
            let mut plan = self.plan.lock().unwrap();
            if !matches!(*plan, Plan::Outlived { call, .. } if next >= call) {
                return None;
            }
            *plan = Plan::Never;
        }
        self.ended.notify_one();
        self.resumed.notified().await;
        Some(Over(Arc::clone(&self.over)))
    }

    async fn end<T>(&self) -> T {
        self.ended.notify_one();
        std::future::pending().await
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct FaultyStore {
    inner: Arc<SqliteStore>,
    faults: Arc<Faults>,
}

impl FaultyStore {
    pub(super) fn new(inner: Arc<SqliteStore>, plan: Plan) -> Self {
        let faults = Faults {
            plan: Mutex::new(plan),
            calls: AtomicU64::new(0),
            ended: Notify::new(),
            resumed: Notify::new(),
            over: Arc::default(),
        };
        Self {
            inner,
            faults: Arc::new(faults),
        }
    }

    pub(super) fn calls(&self) -> u64 {
        self.faults.calls.load(Ordering::SeqCst)
    }

    /// Lets the process go on that was outlived.
    pub(super) fn resume(&self) {
        self.faults.resumed.notify_one();
    }

    /// Waits until its transaction is over.
    pub(super) async fn over(&self) {
        self.faults.over.notified().await;
    }

    /// Waits until a call does not return: whoever made it has to be ended, or outlived.
    pub(super) async fn ended(&self) {
        self.faults.ended.notified().await;
    }
}

impl Store for FaultyStore {
    fn begin(&self, mode: Mode) -> BoxFuture<'_, Result<Box<dyn Transaction>, StoreError>> {
        Box::pin(async move {
            let over = match mode {
                Mode::Write => self.faults.outlive().await,
                Mode::Snapshot => None,
            };
            let transaction = self.faults.call(self.inner.begin(mode)).await?;
            Ok(Box::new(FaultyTransaction {
                inner: transaction,
                faults: Arc::clone(&self.faults),
                failed: None,
                _over: over,
            }) as Box<dyn Transaction>)
        })
    }

    fn migrate<'a>(
        &'a self,
        component: &'a str,
        migrations: &'a [Migration],
    ) -> BoxFuture<'a, Result<usize, MigrationError>> {
        self.inner.migrate(component, migrations)
    }

    fn pending<'a>(
        &'a self,
        component: &'a str,
        migrations: &'a [Migration],
    ) -> BoxFuture<'a, Result<Vec<Migration>, MigrationError>> {
        self.inner.pending(component, migrations)
    }
}

/// After a fault the transaction is over, as [`Transaction`] says.
struct FaultyTransaction {
    inner: Box<dyn Transaction>,
    faults: Arc<Faults>,
    failed: Option<StoreError>,
    /// Dropped last, and with a commit once that has ended.
    _over: Option<Over>,
}

impl FaultyTransaction {
    fn noted<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &outcome {
            self.failed = Some(error.clone());
        }
        outcome
    }
}

impl Transaction for FaultyTransaction {
    fn execute<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            let made = self.inner.execute(statement, parameters);
            let outcome = self.faults.call(made).await;
            self.noted(outcome)
        })
    }

    fn query<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
        kinds: &'a [Kind],
    ) -> BoxFuture<'a, Result<Vec<Cells>, StoreError>> {
        Box::pin(async move {
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            let made = self.inner.query(statement, parameters, kinds);
            let outcome = self.faults.call(made).await;
            self.noted(outcome)
        })
    }

    fn statements(&self) -> u64 {
        self.inner.statements()
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            if let Some(error) = self.failed {
                return Err(error);
            }
            self.faults.call(self.inner.commit()).await
        })
    }
}
