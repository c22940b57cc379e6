//! What an audit that goes on keeps from one round to the next.

use crate::{
    AuditError, Inputs, dead_letters::Letters, evidence::Evidence, look::blocking, parts::Parts,
    records::Records, topic_ids::TopicIds, topics::Layout,
};

/// What was read of the topics, from one round to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) records: Option<Records>,
    pub(crate) letters: Letters,
    pub(crate) evidence: Evidence,
    pub(crate) ids: TopicIds,
    pub(crate) is_kept: bool,
}

impl Memory {
    /// For an audit that goes on.
    pub(crate) fn kept() -> Self {
        Self {
            is_kept: true,
            ..Self::default()
        }
    }

    /// What was read before, or the beginning of it, and what can be looked at by it.
    pub(crate) async fn go_on(
        &mut self,
        inputs: &Inputs,
        mut layout: Layout,
    ) -> Result<(Records, Layout), AuditError> {
        let losses = self.evidence.compare(&layout);
        for loss in &losses {
            self.letters.lose(loss);
        }
        let (known, scratch) = (self.records.take(), inputs.scratch.clone());
        blocking(move || {
            let within = scratch.as_deref();
            let known = known.and_then(|known| known.go_on(within, &layout, &losses));
            let records = match known {
                Some(records) => records,
                None => Records::new(within, Parts::of(&layout))?,
            };
            records.keep_beginnings(&mut layout);
            Ok((records, layout))
        })
        .await
    }
}
