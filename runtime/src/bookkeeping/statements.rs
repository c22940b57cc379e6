//! The statements that no single table describes: taking shards, fencing a batch, finding what is
//! unfinished. All take columns, so their number does not depend on how many shards there are.

use std::sync::LazyLock;

use crate::store::{Kind, Statement};

/// Makes shards known: one row each, not yet taken. Parameters: shard.
pub(crate) static ADD_SHARDS: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        "INSERT INTO shards (shard, epoch, owner, next_sequence, published_sequence) \
         SELECT shard, 0, '', 1, 0 FROM UNNEST($1::bigint[]) AS new(shard) \
         ORDER BY shard ON CONFLICT (shard) DO NOTHING",
        "INSERT INTO shards (shard, epoch, owner, next_sequence, published_sequence) \
         VALUES (?1, 0, '', 1, 0) ON CONFLICT (shard) DO NOTHING",
    )
});

/// Raises the epoch of shards: from now on their former owner can write nothing. Waits for a batch
/// of the former owner that is being committed. Parameters: shard, owner.
/// Returns [`SHARD_KINDS`].
pub(crate) static TAKE_SHARDS: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        "WITH wanted AS (SELECT s.shard, w.owner FROM shards s \
           JOIN UNNEST($1::bigint[], $2::text[]) AS w(shard, owner) ON s.shard = w.shard \
           ORDER BY s.shard FOR UPDATE OF s) \
         UPDATE shards SET epoch = shards.epoch + 1, owner = wanted.owner FROM wanted \
         WHERE shards.shard = wanted.shard \
         RETURNING shards.shard, shards.epoch, shards.next_sequence, shards.published_sequence",
        "UPDATE shards SET epoch = epoch + 1, owner = ?2 WHERE shard = ?1 \
         RETURNING shard, epoch, next_sequence, published_sequence",
    )
});

/// Reads shards as they stand. Parameters: shard. Returns [`SHARD_KINDS`].
pub(crate) static READ_SHARDS: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        "SELECT shard, epoch, next_sequence, published_sequence FROM shards \
         WHERE shard = ANY($1::bigint[]) ORDER BY shard",
        "SELECT shard, epoch, next_sequence, published_sequence FROM shards WHERE shard = ?1",
    )
});

/// The columns of [`TAKE_SHARDS`] and [`READ_SHARDS`].
pub(crate) const SHARD_KINDS: &[Kind] = &[Kind::Long; 4];

/// The fence of a batch: moves the shards' numbers on, provided that the epochs still hold. Affects
/// as many rows as there are shards, or the batch is fenced. The shards' rows stay locked until the
/// batch commits. Parameters: shard, epoch, next sequence, published sequence.
pub(crate) static FENCE: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        "WITH mine AS (SELECT s.shard, b.next_sequence, b.published_sequence FROM shards s \
           JOIN UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) \
             AS b(shard, epoch, next_sequence, published_sequence) \
           ON s.shard = b.shard AND s.epoch = b.epoch ORDER BY s.shard FOR UPDATE OF s) \
         UPDATE shards SET next_sequence = mine.next_sequence, \
           published_sequence = mine.published_sequence FROM mine WHERE shards.shard = mine.shard",
        "UPDATE shards SET next_sequence = ?3, published_sequence = ?4 \
         WHERE shard = ?1 AND epoch = ?2",
    )
});

const JOURNAL_COLUMNS: &str = "j.shard, j.sequence, j.event_id, j.topic, j.record_key, j.payload, \
                               j.headers, j.written_at";

/// Events by their numbers. Parameters: shard, sequence. Returns the journal's columns.
pub(crate) static JOURNALLED: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        format!(
            "SELECT {JOURNAL_COLUMNS} FROM UNNEST($1::bigint[], $2::bigint[]) AS w(of_shard, number) \
             JOIN journal j ON j.shard = w.of_shard AND j.sequence = w.number \
             ORDER BY j.shard, j.sequence"
        ),
        format!("SELECT {JOURNAL_COLUMNS} FROM journal j WHERE j.shard = ?1 AND j.sequence = ?2"),
    )
});

/// Events behind the watermark of their shard. Parameters: shard. Returns the journal's columns.
pub(crate) static UNPUBLISHED: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        format!(
            "SELECT {JOURNAL_COLUMNS} FROM journal j JOIN shards s ON s.shard = j.shard \
             WHERE j.shard = ANY($1::bigint[]) AND j.sequence > s.published_sequence \
             ORDER BY j.shard, j.sequence"
        ),
        format!(
            "SELECT {JOURNAL_COLUMNS} FROM journal j JOIN shards s ON s.shard = j.shard \
             WHERE j.shard = ?1 AND j.sequence > s.published_sequence ORDER BY j.sequence"
        ),
    )
});

const TASK_COLUMNS: &str = "task_id, shard, sequence, task_key, kind, payload, causation_id, \
                            traceparent, created_at, attempts, not_before, state, answer, \
                            answered_at, redrives";

/// Tasks without an answer behind a sequence, in order, at most `limit` per shard. Parameters:
/// shard, sequence, limit. Returns the tasks' columns.
pub(crate) static WAITING_TASKS: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        format!(
            "SELECT t.* FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) \
               AS w(of_shard, behind, most) \
             CROSS JOIN LATERAL (SELECT {TASK_COLUMNS} FROM tasks \
               WHERE shard = of_shard AND sequence > behind AND state = 'waiting' \
               ORDER BY sequence LIMIT most) t ORDER BY t.shard, t.sequence"
        ),
        format!(
            "SELECT {TASK_COLUMNS} FROM tasks WHERE shard = ?1 AND sequence > ?2 \
             AND state = 'waiting' ORDER BY sequence LIMIT ?3"
        ),
    )
});

/// Attempts without an answer. A task that has one is left as it is: what is known of its attempts
/// is older than its answer. Parameters: task id, attempts, not before.
pub(crate) static RETRIED: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        "UPDATE tasks SET attempts = tried.attempts, not_before = tried.not_before \
         FROM UNNEST($1::text[], $2::bigint[], $3::bigint[]) \
           AS tried(task_id, attempts, not_before) \
         WHERE tasks.task_id = tried.task_id AND tasks.state = 'waiting'",
        "UPDATE tasks SET attempts = ?2, not_before = ?3 WHERE task_id = ?1 AND state = 'waiting'",
    )
});

/// Timers that are due, at most `limit` per shard; not those of a key of which a record is parked,
/// for what it says may be what they wait for. Parameters: shard, now, limit. Returns the
/// timers' columns.
pub(crate) static DUE_TIMERS: LazyLock<Statement> = LazyLock::new(|| {
    let columns = "timer_id, shard, timer_key, kind, due_at, causation_id, traceparent";
    Statement::new(
        format!(
            "SELECT t.* FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) \
               AS w(of_shard, now_at, most) \
             CROSS JOIN LATERAL (SELECT {columns} FROM timers \
               WHERE shard = of_shard AND due_at <= now_at \
               AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.shard = of_shard \
                 AND p.record_key = convert_to(timer_key, 'UTF8')) \
               ORDER BY due_at LIMIT most) t"
        ),
        format!(
            "SELECT {columns} FROM timers WHERE shard = ?1 AND due_at <= ?2 \
             AND NOT EXISTS (SELECT 1 FROM parked p WHERE p.shard = ?1 \
               AND p.record_key = CAST(timer_key AS blob)) \
             ORDER BY due_at LIMIT ?3"
        ),
    )
});

/// Dead letters of which a redrive is asked for. Parameters: shard, limit. Returns the dead
/// letters' columns.
pub(crate) static REDRIVES: LazyLock<Statement> = LazyLock::new(|| {
    let columns = "dead_letter_id, shard, topic, partition, record_offset, record_key, payload, \
                   headers, record_time, reason, detail, stage, first_failed_at, last_failed_at, \
                   redrives, state";
    Statement::new(
        format!(
            "SELECT d.* FROM UNNEST($1::bigint[], $2::bigint[]) AS w(of_shard, most) \
             CROSS JOIN LATERAL (SELECT {columns} FROM dead_letters \
               WHERE shard = of_shard AND state = 'redrive' \
               ORDER BY topic, partition, record_offset LIMIT most) d"
        ),
        format!(
            "SELECT {columns} FROM dead_letters WHERE shard = ?1 AND state = 'redrive' \
             ORDER BY topic, partition, record_offset LIMIT ?2"
        ),
    )
});

/// Whether an operator has decided about a halt of these shards. Parameters: shard. Returns how
/// many decisions there are, per row.
pub(crate) static DECIDED: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        "SELECT count(*) FROM halts WHERE state = 'asked' AND partition = ANY($1::bigint[])",
        "SELECT count(*) FROM halts WHERE state = 'asked' AND partition = ?1",
    )
});

/// The keys of parked records. Parameters: shard. Returns shard, key, reader version.
pub(crate) static PARKED_KEYS: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        "SELECT shard, record_key, min_reader FROM parked WHERE shard = ANY($1::bigint[])",
        "SELECT shard, record_key, min_reader FROM parked WHERE shard = ?1",
    )
});

/// Parked records that can be read now, in the order in which they were parked. A record that was
/// parked behind another carries at least its reader version, so none overtakes one of its key.
/// Parameters: shard, reader version, limit. Returns the columns of `parked`.
pub(crate) static READABLE: LazyLock<Statement> = LazyLock::new(|| {
    let columns = "topic, partition, record_offset, shard, record_key, payload, headers, \
                   record_time, min_reader, parked_at, sequence";
    Statement::new(
        format!(
            "SELECT r.* FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) \
               AS w(of_shard, reader, most) \
             CROSS JOIN LATERAL (SELECT {columns} FROM parked \
               WHERE shard = of_shard AND min_reader <= reader \
               ORDER BY sequence LIMIT most) r ORDER BY r.shard, r.sequence"
        ),
        format!(
            "SELECT {columns} FROM parked WHERE shard = ?1 AND min_reader <= ?2 \
             ORDER BY sequence LIMIT ?3"
        ),
    )
});

/// Makes all parked records of a key wait for a reader version: one of them was read and has to wait
/// for it, so those behind it do. Parameters: shard, key, reader version.
pub(crate) static RAISE_PARKED: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        "UPDATE parked SET min_reader = GREATEST(parked.min_reader, raised.min_reader) \
         FROM UNNEST($1::bigint[], $2::bytea[], $3::bigint[]) \
           AS raised(shard, record_key, min_reader) \
         WHERE parked.shard = raised.shard AND parked.record_key = raised.record_key",
        "UPDATE parked SET min_reader = max(min_reader, ?3) WHERE shard = ?1 AND record_key = ?2",
    )
});

/// Deletes what was published long ago, at most `limit` per shard, oldest first: found by age, so
/// that a young journal costs nothing however long it is. Parameters: shard, published sequence,
/// written before, limit.
pub(crate) static PRUNE_JOURNAL: LazyLock<Statement> = LazyLock::new(|| {
    Statement::new(
        "DELETE FROM journal j \
         USING UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) \
           AS w(of_shard, published, before, most) \
         CROSS JOIN LATERAL (SELECT shard, sequence FROM journal \
           WHERE shard = of_shard AND sequence <= published AND written_at < before \
           ORDER BY written_at LIMIT most) old \
         WHERE j.shard = old.shard AND j.sequence = old.sequence",
        "DELETE FROM journal WHERE shard = ?1 AND sequence IN ( \
           SELECT sequence FROM journal INDEXED BY journal_written_at \
           WHERE shard = ?1 AND sequence <= ?2 AND written_at < ?3 \
           ORDER BY written_at LIMIT ?4)",
    )
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bookkeeping::{COMPONENT, MIGRATIONS, rows::JournalEntry},
        rows::{Row, Scan},
        store::{Cells, Mode, SqliteStore, Store},
    };

    fn entry(shard: i32, sequence: i64, written_at: i64) -> JournalEntry {
        JournalEntry {
            shard,
            sequence,
            event_id: format!("{shard}:{sequence}"),
            topic: "t".to_owned(),
            record_key: vec![],
            payload: None,
            headers: vec![],
            written_at,
        }
    }

    #[tokio::test]
    async fn only_what_is_published_and_old_is_forgotten_and_the_oldest_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("test.db")).unwrap();
        store.migrate(COMPONENT, MIGRATIONS).await.unwrap();
        let mut transaction = store.begin(Mode::Write).await.unwrap();
        let mut columns = JournalEntry::TABLE.empty_columns();
        let ages = [(1, 10), (2, 20), (3, 30), (4, 40), (5, 50)];
        for (sequence, written_at) in ages {
            entry(0, sequence, written_at).push(&mut columns);
        }
        entry(1, 1, 10).push(&mut columns);
        let insert = JournalEntry::TABLE.insert_new();
        transaction.execute(&insert, columns).await.unwrap();
        // Of shard 0, up to 4 is published and before 40 is old; two at a time.
        let one = |value| Cells::longs([value]);
        let parameters = || vec![one(0), one(4), one(40), one(2)];
        for expected in [2, 1, 0] {
            let pruned = transaction.execute(&PRUNE_JOURNAL, parameters()).await;
            assert_eq!(pruned, Ok(expected));
        }
        let mut left = Scan::<JournalEntry>::new(10);
        let left = left.next_page(transaction.as_mut()).await.unwrap().unwrap();
        let left: Vec<(i32, i64)> = left.iter().map(|one| (one.shard, one.sequence)).collect();
        assert_eq!(left, [(0, 4), (0, 5), (1, 1)]);
    }

    /// What SQLite would do for a statement.
    fn plan(sqlite: &rusqlite::Connection, statement: &Statement) -> String {
        let explain = format!("EXPLAIN QUERY PLAN {}", statement.sqlite);
        let mut explain = sqlite.prepare(&explain).unwrap();
        let none = vec![rusqlite::types::Null; explain.parameter_count()];
        let steps = explain.query_map(rusqlite::params_from_iter(none), |row| {
            row.get::<_, String>("detail")
        });
        let steps: Result<Vec<String>, _> = steps.unwrap().collect();
        steps.unwrap().join("; ")
    }

    #[test]
    fn a_parked_record_is_found_by_its_key_however_many_are_parked() {
        let sqlite = rusqlite::Connection::open_in_memory().unwrap();
        for migration in crate::bookkeeping::MIGRATIONS {
            sqlite.execute_batch(migration.sqlite).unwrap();
        }
        for statement in [&*DUE_TIMERS, &*RAISE_PARKED] {
            let plan = plan(&sqlite, statement);
            let by_key = "INDEX parked_key (shard=? AND record_key=?)";
            assert!(plan.contains(by_key), "{plan}: {}", statement.sqlite);
        }
        let by_shard = plan(&sqlite, &READABLE);
        assert!(by_shard.contains("parked_shard"), "{by_shard}");
    }
}
