//! What a command that failed leaves behind: an error with its chain, a hint, and an exit code.
//!
//! Every exit code stands here; `docs/command-line.md` lists them.

use std::{error::Error, fmt};

/// A failed command. Printed once, at the top, by [`Printer::failure`](crate::printer::Printer::failure).
#[derive(Debug)]
pub(crate) struct Failure {
    /// None where the exit code says it all.
    error: Option<Box<dyn Error + Send + Sync>>,
    context: Vec<String>,
    hint: Option<String>,
    exit_code: u8,
}

impl Failure {
    /// Exit code of a command that could not do what was asked.
    pub(crate) const FAILED: u8 = 1;
    /// Exit code of a request that makes no sense: wrong arguments, a file that cannot be read as what it should be.
    pub(crate) const USAGE: u8 = 2;
    /// Exit code of a plan that shows changes, where a difference was asked for.
    pub(crate) const CHANGES: u8 = 2;
    /// Exit code of a command that nobody agreed to, or where nobody could be asked.
    pub(crate) const NO_CONSENT: u8 = 3;
    /// Exit code of a wait that was over before what was waited for came, as `timeout` of the GNU tools has it.
    pub(crate) const TIMED_OUT: u8 = 124;
    /// Exit code of a command that a closed terminal ended, as shells count signals: 128 and the signal's number.
    pub(crate) const HUNG_UP: u8 = 129;
    /// Exit code of a command that Ctrl-C ended.
    pub(crate) const INTERRUPTED: u8 = 130;
    /// Exit code of a command that `kill` ended.
    pub(crate) const TERMINATED: u8 = 143;

    pub(crate) fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: Some(error.into()), context: Vec::new(), hint: None, exit_code: Self::FAILED }
    }

    /// Ends a command that has said all there is to say with an exit code.
    pub(crate) fn silent(exit_code: u8) -> Self {
        Self { error: None, context: Vec::new(), hint: None, exit_code }
    }

    /// Whether there is nothing to print.
    pub(crate) fn is_silent(&self) -> bool {
        self.error.is_none()
    }

    /// Says what was being attempted when the error came.
    #[must_use]
    pub(crate) fn context(mut self, attempt: impl Into<String>) -> Self {
        self.context.push(attempt.into());
        self
    }

    /// Says what to do about it: one sentence, lower case, no final period.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same where there may be nothing to do.
    #[must_use]
    pub(crate) fn perhaps_hint(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    #[must_use]
    pub(crate) fn exit_code(mut self, code: u8) -> Self {
        self.exit_code = code;
        self
    }

    pub(crate) fn code(&self) -> u8 {
        self.exit_code
    }

    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// The outermost attempt first, then each cause after a colon.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for attempt in self.context.iter().rev() {
            write!(f, "{attempt}: ")?;
        }
        let Some(error) = &self.error else { return Ok(()) };
        write!(f, "{error}")?;
        let mut cause = error.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}
