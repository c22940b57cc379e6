//! How a command ends: the exit codes, decided in one place from what went wrong.

use runtime::RunError;

use crate::config::Mistakes;

/// The codes, as `--help` shows them.
pub const CODES: &str = "\
Exit codes:
  0   done; a service that was told to stop has ended in order
  1   done, and the answer is no: drift, an incompatible schema, not live, nothing known,
      a broken promise
  2   an audit could not look; it says nothing about the promises
  3   an audit that went on was told to stop while something was not explained yet, and nothing
      was broken
  64  the command line or the configuration is wrong; every mistake is named
  70  it cannot go on; the reason is the last line on stderr
  75  a shutdown took longer than consumer.shutdown_timeout; nothing that was committed is lost
  130, 143  ended at once by a second SIGINT or SIGTERM";

/// The command line or the configuration is wrong (`EX_USAGE`).
pub const USAGE: u8 = crate::config::EXIT_CODE;
/// An audit could not look.
pub const UNSEEN: u8 = 2;
/// It cannot go on (`EX_SOFTWARE`).
pub const FATAL: u8 = 70;
/// A shutdown took too long (`EX_TEMPFAIL`).
pub const SHUTDOWN_TIMEOUT: u8 = 75;

/// How a command ends that did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Done.
    Done,
    /// Done, and the answer is no.
    No,
    /// Done, and part of the answer is not there yet.
    NotYet,
}

impl End {
    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::NotYet => 3,
        }
    }
}

/// What was asked for on the command line makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Misuse(pub String);

/// The exit code of a command that failed.
#[must_use]
pub fn code(error: &anyhow::Error) -> u8 {
    if error.is::<Mistakes>() || error.is::<Misuse>() {
        return USAGE;
    }
    if error.is::<auditor::AuditError>() {
        return UNSEEN;
    }
    match error.downcast_ref::<RunError>() {
        Some(RunError::Configuration(_)) => USAGE,
        Some(RunError::ShutdownTimeout(_)) => SHUTDOWN_TIMEOUT,
        Some(RunError::Fatal(_)) | None => FATAL,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::Context;

    use super::*;

    #[test]
    fn a_code_says_what_the_caller_does_next() {
        let fatal = RunError::Fatal("the table is missing".to_owned());
        let slow = RunError::ShutdownTimeout(Duration::from_secs(25));
        let wrong = RunError::Configuration(vec!["lanes must be at least 1".to_owned()]);
        assert_eq!(code(&fatal.into()), FATAL);
        assert_eq!(code(&slow.into()), SHUTDOWN_TIMEOUT);
        assert_eq!(code(&wrong.into()), USAGE);
        let unseen = auditor::AuditError::Topics("away".to_owned());
        assert_eq!(code(&unseen.into()), UNSEEN);
        assert_eq!(code(&Misuse("--rate 0".to_owned()).into()), USAGE);
    }

    #[test]
    fn what_was_being_done_does_not_hide_the_code() {
        let slow = RunError::ShutdownTimeout(Duration::from_secs(25));
        let error = Err::<(), _>(slow).context("run payment").unwrap_err();
        assert_eq!(code(&error), SHUTDOWN_TIMEOUT);
        let mistakes = Err::<(), _>(Mistakes::default())
            .context("configure")
            .unwrap_err();
        assert_eq!(code(&mistakes), USAGE);
    }
}
