//! What happened in a run, as sentences: written down only where somebody will read them.

/// See the module.
#[derive(Default)]
pub(crate) struct History {
    /// None where nobody reads it.
    lines: Option<Vec<String>>,
    step: u64,
}

impl History {
    /// One that is kept.
    pub(crate) fn kept() -> Self {
        Self {
            lines: Some(Vec::new()),
            step: 0,
        }
    }

    pub(crate) fn at(&mut self, step: u64) {
        self.step = step;
    }

    pub(crate) fn note(&mut self, sentence: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>6}  {}", self.step, sentence()));
        }
    }

    pub(crate) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
