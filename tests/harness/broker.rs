//! What a scenario needs of a broker, whichever it is: the fast in-process cluster in the inner loop
//! and Apache Kafka as the judge. A scenario takes `&dyn Broker` and runs on both.

use std::sync::atomic::{AtomicU32, Ordering};

/// A running broker that tests may share: each takes topics and groups that nobody else uses.
pub trait Broker: Send + Sync {
    /// The value of `bootstrap.servers`.
    fn bootstrap(&self) -> String;

    /// Makes a topic.
    ///
    /// # Errors
    /// When the broker refuses, e.g. because the topic is there already.
    fn create_topic(&self, name: &str, partitions: i32) -> anyhow::Result<()>;

    /// Makes a topic that no other test uses, and gives its name.
    ///
    /// # Panics
    /// When the broker refuses.
    fn fresh_topic(&self, prefix: &str, partitions: i32) -> String {
        let name = fresh_name(prefix);
        self.create_topic(&name, partitions)
            .unwrap_or_else(|error| panic!("{error:?}"));
        name
    }
}

/// A name that no other test uses, for a topic or a group.
#[must_use]
pub fn fresh_name(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{number}", std::process::id())
}
