//! Records that have been handed to the Kafka client and are not confirmed yet.
//!
//! A batch is one entry here, whatever its size, and a record's token is its batch and its place
//! in it: nothing is allocated per record. What must stay true: a batch is answered once; a
//! confirmation that comes after its batch was given up is noticed, and changes nothing.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::{Notify, oneshot};

/// A token holds the batch above and the place in it below these bits.
const PLACE_BITS: u32 = 20;
/// The records of a batch, at most.
pub(crate) const BATCH_RECORDS_MAX: usize = 1 << 16;

const _: () = assert!(usize::BITS == 64, "tokens are 64 bits wide");
const _: () = assert!(BATCH_RECORDS_MAX <= 1 << PLACE_BITS);

/// What Kafka said of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is stored.
    Stored { partition: i32, offset: i64 },
    /// It was not stored, or nobody knows.
    Failed(RDKafkaErrorCode),
}

impl Outcome {
    /// Whether no broker will ever take the record, so that trying again is no use.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::Failed(
                RDKafkaErrorCode::MessageSizeTooLarge
                    | RDKafkaErrorCode::InvalidMessage
                    | RDKafkaErrorCode::InvalidRecord
            )
        )
    }
}

struct Batch {
    missing: usize,
    outcomes: Vec<Option<Outcome>>,
    landed: Option<oneshot::Sender<()>>,
}

/// The table of batches.
#[derive(Default)]
pub(crate) struct Flights {
    table: Mutex<Table>,
    batch_landed: Condvar,
    /// Told whenever a record leaves the client's queue.
    pub(crate) room: Notify,
}

#[derive(Default)]
struct Table {
    next: usize,
    batches: HashMap<usize, Batch>,
}

/// A batch under way.
pub(crate) struct Ticket {
    number: usize,
    records: usize,
    landed: oneshot::Receiver<()>,
}

impl Ticket {
    /// How many records the batch has.
    pub(crate) fn records(&self) -> usize {
        self.records
    }

    /// Names a record of the batch to the Kafka client.
    pub(crate) fn token(&self, place: usize) -> usize {
        (self.number << PLACE_BITS) | place
    }

    /// Returns when every record of the batch has an outcome.
    pub(crate) async fn landed(&mut self) {
        // An error means that the batch is gone, so there is nothing to wait for.
        drop((&mut self.landed).await);
    }
}

impl Flights {
    /// Begins a batch of at most [`BATCH_RECORDS_MAX`] records.
    pub(crate) fn begin(&self, records: usize) -> Ticket {
        assert!(records <= BATCH_RECORDS_MAX, "batches are cut before");
        let (sender, landed) = oneshot::channel();
        let batch = Batch {
            missing: records,
            outcomes: vec![None; records],
            landed: Some(sender),
        };
        let mut table = self.lock();
        let number = table.next;
        // Wraps after 2^44 batches.
        table.next = (table.next + 1) & (usize::MAX >> PLACE_BITS);
        table.batches.insert(number, batch);
        Ticket {
            number,
            records,
            landed,
        }
    }

    /// Takes down the outcome of a record; false when its batch has been given up.
    pub(crate) fn land(&self, token: usize, outcome: Outcome) -> bool {
        let (number, place) = (token >> PLACE_BITS, token & ((1 << PLACE_BITS) - 1));
        let mut table = self.lock();
        let Some(batch) = table.batches.get_mut(&number) else {
            drop(table);
            self.room.notify_waiters();
            return false;
        };
        batch.outcomes[place] = Some(outcome);
        batch.missing -= 1;
        if batch.missing == 0 {
            if let Some(landed) = batch.landed.take() {
                // A waiter that has gone away gives the batch up itself.
                let _gone = landed.send(());
            }
            self.batch_landed.notify_all();
        }
        drop(table);
        self.room.notify_waiters();
        true
    }

    /// Ends a batch, complete or not, and gives what is known of each record.
    pub(crate) fn finish(&self, ticket: &Ticket) -> Vec<Option<Outcome>> {
        let batch = self.lock().batches.remove(&ticket.number);
        batch.map(|batch| batch.outcomes).unwrap_or_default()
    }

    /// Waits, blocking, until the batch has landed; false when it has not within `patience`.
    pub(crate) fn wait(&self, ticket: &Ticket, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut table = self.lock();
        loop {
            let missing = (table.batches.get(&ticket.number)).map_or(0, |batch| batch.missing);
            if missing == 0 {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.batch_landed.wait_timeout(table, left);
            (table, _) = waited.expect("no code panics with it held");
        }
    }

    /// How many batches are under way.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().batches.len()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("no code panics with it held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: Outcome = Outcome::Stored {
        partition: 3,
        offset: 9,
    };

    #[tokio::test]
    async fn a_batch_lands_with_its_last_record() {
        let flights = Flights::default();
        let mut first = flights.begin(2);
        let second = flights.begin(1);
        assert!(flights.land(first.token(1), STORED));
        assert!(!flights.wait(&first, Duration::ZERO));
        assert!(flights.land(second.token(0), STORED));
        assert!(flights.land(first.token(0), STORED));
        first.landed().await;
        assert!(flights.wait(&first, Duration::ZERO));
        assert_eq!(flights.finish(&first), [Some(STORED), Some(STORED)]);
        assert_eq!(flights.finish(&second), [Some(STORED)]);
        assert_eq!(flights.len(), 0);
    }

    #[test]
    fn a_confirmation_after_the_batch_was_given_up_is_late() {
        let flights = Flights::default();
        let ticket = flights.begin(2);
        assert!(flights.land(ticket.token(0), STORED));
        assert_eq!(flights.finish(&ticket), [Some(STORED), None]);
        assert!(!flights.land(ticket.token(1), STORED));
    }
}
