//! A group that works through its topics as fast as its database writes: its own decisions and its
//! own rows in batches of thousands, and answers from outside that are there at once.

use std::{collections::BTreeMap, sync::Arc};

use runtime::{
    Answer, Decision, Effects, Group, NewTask, Outgoing, Record,
    bookkeeping::rows::{JournalEntry, Position, TaskRow},
    in_memory::stored_task,
    partitioner::partition_of,
    rows::{Row, Rows},
    store::{Mode, Statement, Store, Transaction},
};
use serde_json::{Value, json};

/// A group and what its members hold for it.
pub(super) struct Working<G: Group> {
    group: G,
    store: Arc<dyn Store>,
    topics: Vec<String>,
    positions: BTreeMap<(String, i32), Position>,
    /// The last number in each shard's journal.
    sequences: Vec<i64>,
    tasks: i64,
}

impl<G: Group> Working<G> {
    pub(super) async fn new(group: G, store: Arc<dyn Store>, partitions: i32) -> Self {
        runtime::migrate(&group, store.as_ref()).await.unwrap();
        Self {
            topics: group.topics(),
            group,
            store,
            positions: BTreeMap::new(),
            sequences: vec![0; usize::try_from(partitions).unwrap()],
            tasks: 0,
        }
    }

    /// Reads records, has its work done, and says what follows.
    pub(super) async fn read(&mut self, records: &[Record], now: i64) -> Vec<Outgoing> {
        let mut inputs = Vec::new();
        let mut places = Vec::new();
        for record in records {
            let topic = record.at.topic.as_ref();
            if self.topics.iter().any(|read| read == topic) {
                inputs.push((record.at.partition, self.group.decode(record).unwrap()));
                places.push(&record.at);
            }
        }
        if inputs.is_empty() {
            return Vec::new();
        }
        let mut transaction = self.store.begin(Mode::Write).await.unwrap();
        let (mut outgoing, mut asked, decided) =
            self.decide(transaction.as_mut(), &inputs, now).await;
        for (at, decision) in places.into_iter().zip(decided) {
            self.passed((at.topic.as_ref(), at.partition, at.offset), decision);
        }
        while !asked.is_empty() {
            let (answers, rows) = self.answers(&asked, now);
            put(transaction.as_mut(), &rows).await;
            let (more, asked_next, _) = self.decide(transaction.as_mut(), &answers, now).await;
            outgoing.extend(more);
            asked = asked_next;
        }
        let journal: Vec<JournalEntry> = (outgoing.iter())
            .map(|one| self.journal(one, now))
            .collect();
        put(transaction.as_mut(), &journal).await;
        transaction.commit().await.unwrap();
        outgoing
    }

    /// One batch, as a lane decides it.
    async fn decide(
        &self,
        transaction: &mut dyn Transaction,
        inputs: &[(i32, G::Event)],
        now: i64,
    ) -> (Vec<Outgoing>, Vec<(i32, NewTask)>, Vec<Decision>) {
        let mut rows = G::Rows::default();
        let mut keys = <G::Rows as Rows>::Keys::default();
        for (_, event) in inputs {
            self.group.touches(event, &mut keys);
        }
        rows.load(&keys, transaction).await.unwrap();
        for (_, event) in inputs {
            self.group.touches_after(&rows, event, &mut keys);
        }
        rows.load(&keys, transaction).await.unwrap();
        let (mut outgoing, mut tasks, mut decided) = (Vec::new(), Vec::new(), Vec::new());
        for (shard, event) in inputs {
            rows.mark();
            let mut effects = Effects::default();
            let decision = (self.group).decide(&mut rows, event, now, &mut effects);
            decided.push(decision.unwrap());
            outgoing.extend(effects.facts.iter().map(|fact| self.group.encode(fact)));
            tasks.extend(effects.tasks.into_iter().map(|task| (*shard, task)));
        }
        rows.write(transaction).await.unwrap();
        (outgoing, tasks, decided)
    }

    /// The answers to tasks, and the tasks with them.
    fn answers(
        &mut self,
        asked: &[(i32, NewTask)],
        now: i64,
    ) -> (Vec<(i32, G::Event)>, Vec<TaskRow>) {
        let mut answers = Vec::new();
        let mut rows = Vec::new();
        for (shard, task) in asked {
            let answer = answer(task);
            let stored = stored_task(task, now);
            let event = self.group.answered(&stored, &Answer(answer.clone()));
            answers.push((*shard, event.unwrap()));
            self.tasks += 1;
            rows.push(TaskRow {
                task_id: task.task_id.clone(),
                shard: *shard,
                sequence: self.tasks,
                task_key: task.key.clone(),
                kind: task.kind.to_owned(),
                payload: task.payload.to_string(),
                causation_id: task.causation_id.clone(),
                traceparent: None,
                created_at: now,
                attempts: 1,
                not_before: now,
                state: "answered".to_owned(),
                answer: Some(answer.to_string()),
                answered_at: Some(now),
                redrives: 0,
            });
        }
        (answers, rows)
    }

    fn passed(&mut self, (topic, partition, offset): (&str, i32, i64), decision: Decision) {
        let position = (self.positions.entry((topic.to_owned(), partition)))
            .or_insert_with(|| Position::new(topic, partition, 0));
        position.next_offset = offset + 1;
        match decision {
            Decision::Applied => position.applied += 1,
            Decision::Duplicate => position.duplicates += 1,
            Decision::Ignored(_) => position.ignored += 1,
        }
    }

    fn journal(&mut self, outgoing: &Outgoing, now: i64) -> JournalEntry {
        let partitions = i32::try_from(self.sequences.len()).unwrap();
        let shard = partition_of(&outgoing.key, partitions);
        let sequence = &mut self.sequences[usize::try_from(shard).unwrap()];
        *sequence += 1;
        JournalEntry {
            shard,
            sequence: *sequence,
            event_id: outgoing.event_id.clone(),
            topic: outgoing.topic.clone(),
            record_key: outgoing.key.clone(),
            payload: outgoing.payload.clone(),
            headers: outgoing.headers.to_bytes(),
            written_at: now,
        }
    }

    /// Writes down how far it came, once everything is on the topics.
    pub(super) async fn rest(&self) {
        let mut transaction = self.store.begin(Mode::Write).await.unwrap();
        let positions: Vec<Position> = self.positions.values().cloned().collect();
        put(transaction.as_mut(), &positions).await;
        for (shard, sequence) in self.sequences.iter().enumerate() {
            let sql = format!(
                "INSERT INTO shards (shard, epoch, owner, next_sequence, published_sequence) \
                 VALUES ({shard}, 1, 'scale', {}, {sequence}) ON CONFLICT (shard) DO UPDATE SET \
                 next_sequence = excluded.next_sequence, \
                 published_sequence = excluded.published_sequence",
                sequence + 1
            );
            let insert = Statement::new(sql.clone(), sql);
            transaction.execute(&insert, vec![]).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
}

async fn put<R: Row>(transaction: &mut dyn Transaction, rows: &[R]) {
    if rows.is_empty() {
        return;
    }
    let mut columns = R::TABLE.empty_columns();
    for row in rows {
        row.push(&mut columns);
    }
    let upsert = R::TABLE.upsert();
    transaction.execute(&upsert, columns).await.unwrap();
}

/// What the provider or the carrier says: yes, except to cards that are there to be declined.
fn answer(task: &NewTask) -> Value {
    let ask = &task.payload;
    if task.kind == "hand_over" {
        return json!({
            "outcome": "handed_over",
            "shipment_id": ask["shipment_id"],
            "carrier": "carrier",
            "tracking": format!("track-{}", task.key),
        });
    }
    let method = ask["payment_method"].as_str().unwrap_or_default();
    if task.kind == "authorise" && method.to_lowercase().contains("decline") {
        return json!({"outcome": "declined", "reason": "generic_decline", "attempts": 1});
    }
    json!({
        "outcome": "done",
        "intent": format!("pi_{}", task.key),
        "refund": (task.kind == "refund").then(|| format!("re_{}", task.key)),
        "amount_minor": ask["amount_minor"],
        "currency": ask["currency"],
        "purchase_id": task.key,
    })
}
