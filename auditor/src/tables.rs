//! The runtime's tables as the auditor reads them: the columns that it compares, and no others.
//!
//! The columns are a part of those in `runtime::bookkeeping::rows`, so that a page of tasks does
//! not carry their payloads.

runtime::table! {
    /// A task.
    pub struct Task in "tasks" {
        key {
            /// `purchase_id:step`.
            task_id: String,
        }
        /// Its shard.
        shard: i32,
        /// The purchase.
        task_key: String,
        /// What is to be done.
        kind: String,
        /// When it was written, microseconds.
        created_at: i64,
        /// `waiting`, `answered` or `set_aside`.
        state: String,
        /// The answer, as JSON.
        answer: Option<String>,
    }
}

runtime::table! {
    /// A dead letter.
    pub struct DeadLetter in "dead_letters" {
        key {
            /// Its name.
            dead_letter_id: String,
        }
        /// The shard.
        shard: i32,
        /// Where it came from; empty for an answer or a timer.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        record_offset: i64,
        /// Its key.
        record_key: Option<Vec<u8>>,
        /// Its payload.
        payload: Option<Vec<u8>>,
        /// Why.
        reason: String,
        /// When it was last set aside, microseconds.
        last_failed_at: i64,
        /// How often it was redriven and came back.
        redrives: i64,
        /// `set_aside`, `redrive` or `redriven`.
        state: String,
    }
}

runtime::table! {
    /// A parked record.
    pub struct Parked in "parked" {
        key {
            /// The topic.
            topic: String,
            /// The partition.
            partition: i32,
            /// The offset.
            record_offset: i64,
        }
        /// The shard.
        shard: i32,
        /// Its key.
        record_key: Option<Vec<u8>>,
    }
}
