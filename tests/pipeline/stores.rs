//! What both databases must do alike: one suite of scenarios, run on SQLite from `in_process` and on
//! Postgres from `real`.

pub(crate) mod bulk;
pub(crate) mod failure;
pub(crate) mod isolation;
pub(crate) mod migration;
pub(crate) mod sample;

use std::sync::Arc;

use runtime::store::{Mode, Store, Transaction};

/// A database of one scenario's own. Every [`Database::connect`] stands for another process.
pub(crate) struct Database {
    url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Database {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            url: format!("sqlite://{}", folder.path().display()),
            _folder: Some(folder),
        }
    }

    pub(crate) fn postgres() -> Self {
        Self {
            url: harness::postgres::shared().fresh_database(),
            _folder: None,
        }
    }

    /// Its address, for stores of other names.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn connect(&self) -> Arc<dyn Store> {
        runtime::store::open(&self.url, "sample").unwrap()
    }

    /// A store with the tables of [`sample`].
    pub(crate) async fn prepared(&self) -> Arc<dyn Store> {
        let store = self.connect();
        store.migrate("sample", &sample::MIGRATIONS).await.unwrap();
        store
    }
}

pub(crate) async fn write(store: &Arc<dyn Store>) -> Box<dyn Transaction> {
    store.begin(Mode::Write).await.unwrap()
}

pub(crate) async fn snapshot(store: &Arc<dyn Store>) -> Box<dyn Transaction> {
    store.begin(Mode::Snapshot).await.unwrap()
}

/// Makes a test of every scenario, on the database that `$open` gives.
macro_rules! suite {
    ($open:path) => {
        $crate::stores::suite! { $open;
            bulk::every_kind_comes_back_as_it_was_written
            bulk::an_upsert_replaces_and_an_insert_of_new_rows_leaves_the_old
            bulk::deleted_rows_are_gone_and_no_others
            bulk::a_thousand_rows_cost_as_many_round_trips_as_one
            bulk::columns_without_rows_cost_nothing
            bulk::columns_that_do_not_fit_are_fatal
            bulk::rows_come_back_through_their_row_set
            bulk::a_table_is_read_page_by_page_in_key_order
            failure::a_dropped_transaction_leaves_nothing
            failure::a_refused_row_leaves_nothing_of_its_transaction
            failure::a_statement_that_was_not_waited_for_is_refused_by_the_next
            failure::statements_that_were_not_waited_for_take_effect_in_order
            failure::a_deferred_constraint_refuses_the_commit
            failure::a_text_with_a_zero_byte_is_refused
            failure::a_missing_table_is_fatal
            failure::a_cancelled_call_ends_its_transaction
            failure::transactions_beyond_the_connections_take_turns
            isolation::a_snapshot_sees_one_state
            isolation::a_snapshot_cannot_write
            isolation::a_raised_epoch_fences_the_former_owner
            isolation::a_writer_waits_for_the_writer_before_it
            isolation::no_unit_is_lost_between_processes
            isolation::a_shared_row_that_another_added_is_not_overwritten
            isolation::opposing_orders_do_not_deadlock
            migration::processes_that_migrate_at_once_apply_each_step_once
            migration::an_edited_step_is_refused
            migration::a_failing_step_leaves_nothing
            migration::components_are_counted_apart
            migration::a_database_ahead_of_the_build_is_left_alone
        }
    };
    ($open:path; $($module:ident::$scenario:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                $crate::stores::$module::$scenario(&$open()).await;
            }
        )*
    };
}
pub(crate) use suite;
