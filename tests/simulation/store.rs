//! A process's way to its group's database: SQLite in memory, behind gates.

use std::sync::Arc;

use runtime::store::{
    BoxFuture, Cells, Kind, MemoryStore, Migration, MigrationError, Mode, Statement, Store,
    StoreError, Transaction,
};

use crate::{
    gates::{Gates, Pass, Point, ProcessId},
    watch::Watch,
};

/// One process's connections.
pub(crate) struct GatedStore {
    pub(crate) inner: MemoryStore,
    pub(crate) process: ProcessId,
    pub(crate) gates: Arc<Gates>,
    pub(crate) watch: Arc<Watch>,
}

fn away() -> StoreError {
    StoreError::Transient("the connection was lost".to_owned())
}

impl Store for GatedStore {
    fn begin(&self, mode: Mode) -> BoxFuture<'_, Result<Box<dyn Transaction>, StoreError>> {
        Box::pin(async move {
            if self.gates.store(self.process, Point::Begin).await != Pass::Made {
                return Err(away());
            }
            let inner = self.inner.begin(mode).await?;
            if mode == Mode::Snapshot {
                return Ok(inner);
            }
            Ok(Box::new(GatedTransaction {
                inner,
                store: self.inner.clone(),
                process: self.process,
                gates: Arc::clone(&self.gates),
                watch: Arc::clone(&self.watch),
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

struct GatedTransaction {
    inner: Box<dyn Transaction>,
    store: MemoryStore,
    process: ProcessId,
    gates: Arc<Gates>,
    watch: Arc<Watch>,
}

impl Transaction for GatedTransaction {
    fn execute<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.inner.execute(statement, parameters)
    }

    fn query<'a>(
        &'a mut self,
        statement: &'a Statement,
        parameters: Vec<Cells>,
        kinds: &'a [Kind],
    ) -> BoxFuture<'a, Result<Vec<Cells>, StoreError>> {
        self.inner.query(statement, parameters, kinds)
    }

    fn statements(&self) -> u64 {
        self.inner.statements()
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            let Self {
                inner,
                store,
                process,
                gates,
                watch,
            } = *self;
            let pass = gates.store(process, Point::Commit).await;
            if pass == Pass::Fails {
                return Err(away());
            }
            inner.commit().await?;
            watch.committed(process, &store);
            gates.store(process, Point::Committed).await;
            match pass {
                Pass::LosesReply => Err(away()),
                Pass::Made | Pass::Fails => Ok(()),
            }
        })
    }
}
