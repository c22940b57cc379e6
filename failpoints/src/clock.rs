//! A clock that somebody sets while the process runs: read each time it is looked at.
#![cfg(debug_assertions)]

use std::{path::PathBuf, sync::LazyLock};

use crate::CLOCK_VARIABLE;

static FILE: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| std::env::var_os(CLOCK_VARIABLE).map(PathBuf::from));

/// 0 where nobody has set it; what is written at this moment and cannot be read counts as not set.
pub(crate) fn error_micros() -> i64 {
    let said = FILE
        .as_ref()
        .and_then(|file| std::fs::read_to_string(file).ok());
    said.and_then(|said| said.trim().parse().ok()).unwrap_or(0)
}
