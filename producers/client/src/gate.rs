//! May this producer write that schema version? Only if every group that is alive reads it: a
//! group that reads lower would park what it cannot understand. Separate, because who reads what
//! is known elsewhere.

use std::future::Future;
use std::pin::Pin;

/// A consumer group and the newest version that its oldest live member reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveReader {
    /// The group.
    pub group: String,
    /// The version.
    pub reads: u8,
}

/// Knows which versions the live groups read.
pub trait VersionGate: Send + Sync {
    /// Every live group. An error says why that is not known now.
    fn live_readers(
        &self,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<LiveReader>, String>> + Send + '_>>;
}

/// Why a version is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateRefusal {
    /// Live groups would not understand it.
    #[error("version {wanted} needs readers of {needed}, and {}", list(.behind))]
    ReadersBehind {
        /// The version to be written.
        wanted: u8,
        /// The lowest reader that understands it.
        needed: u8,
        /// The groups that read lower.
        behind: Vec<LiveReader>,
    },
    /// Nobody knows who reads what.
    #[error("it is not known which versions the groups read: {0}")]
    Unknown(String),
}

fn list(readers: &[LiveReader]) -> String {
    let readers: Vec<String> = (readers.iter())
        .map(|reader| format!("{} reads {}", reader.group, reader.reads))
        .collect();
    readers.join(", ")
}

/// Asks the gate whether `wanted` may be written, given the lowest reader version that
/// understands it.
pub async fn may_write(gate: &dyn VersionGate, wanted: u8, needed: u8) -> Result<(), GateRefusal> {
    let readers = gate.live_readers().await.map_err(GateRefusal::Unknown)?;
    allow(readers, wanted, needed)
}

/// The same, once the live groups are known.
pub(crate) fn allow(readers: Vec<LiveReader>, wanted: u8, needed: u8) -> Result<(), GateRefusal> {
    let behind: Vec<LiveReader> = (readers.into_iter())
        .filter(|reader| reader.reads < needed)
        .collect();
    if behind.is_empty() {
        return Ok(());
    }
    Err(GateRefusal::ReadersBehind {
        wanted,
        needed,
        behind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Groups(Result<Vec<LiveReader>, String>);

    impl VersionGate for Groups {
        fn live_readers(
            &self,
        ) -> Pin<Box<dyn Future<Output = Result<Vec<LiveReader>, String>> + Send + '_>> {
            Box::pin(std::future::ready(self.0.clone()))
        }
    }

    fn group(name: &str, reads: u8) -> LiveReader {
        LiveReader {
            group: name.into(),
            reads,
        }
    }

    #[tokio::test]
    async fn a_version_waits_for_its_slowest_reader() {
        let gate = Groups(Ok(vec![group("payment", 3), group("dispatch", 2)]));
        assert_eq!(may_write(&gate, 2, 1).await, Ok(()));
        let refusal = may_write(&gate, 3, 3).await.unwrap_err();
        assert!(
            refusal.to_string().contains("dispatch reads 2"),
            "{refusal}"
        );
        assert!(!refusal.to_string().contains("payment"));
    }

    #[tokio::test]
    async fn not_knowing_is_a_refusal() {
        let gate = Groups(Err("kafka is away".into()));
        let refusal = may_write(&gate, 3, 3).await.unwrap_err();
        assert_eq!(refusal, GateRefusal::Unknown("kafka is away".into()));
    }
}
