//! What a command that failed leaves behind: an error with its chain, a hint, and an exit code.

use std::{error::Error, fmt};

/// A failed command. Printed once, at the top, by [`Printer::failure`](crate::printer::Printer::failure).
#[derive(Debug)]
pub(crate) struct Failure {
    error: Box<dyn Error + Send + Sync>,
    context: Vec<String>,
    hint: Option<String>,
    exit_code: u8,
}

impl Failure {
    /// Exit code of a command that could not do what was asked.
    pub(crate) const FAILED: u8 = 1;
    /// Exit code of a request that makes no sense: wrong arguments, a file that cannot be read as what it should be.
    pub(crate) const USAGE: u8 = 2;

    pub(crate) fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { error: error.into(), context: Vec::new(), hint: None, exit_code: Self::FAILED }
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
        write!(f, "{}", self.error)?;
        let mut cause = self.error.source();
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
