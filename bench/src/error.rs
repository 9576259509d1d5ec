//! What can go wrong while measuring.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::answer::WrongAnswer;

/// Why a program could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program under test did not start.
    #[error("cannot start {}", program.display())]
    Start {
        /// What was to be started.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The program under test ended before it had answered everything.
    #[error("{program} ended ({status}) after {answered} of {wanted} answers")]
    EndedEarly {
        /// Name of the program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// Answers it gave.
        answered: usize,
        /// Answers it should have given.
        wanted: usize,
    },
    /// The program under test took too long.
    #[error("{program} gave {answered} of {wanted} answers in {} s", limit.as_secs())]
    TimedOut {
        /// Name of the program.
        program: String,
        /// How long it had.
        limit: Duration,
        /// Answers it gave.
        answered: usize,
        /// Answers it should have given.
        wanted: usize,
    },
    /// The program under test answered, but not what was asked.
    #[error("{program} answered `{case}` wrongly")]
    Answer {
        /// Name of the program.
        program: String,
        /// What was asked.
        case: String,
        /// What is wrong with the answer.
        source: WrongAnswer,
    },
    /// The program under test reported an error to the Runtime API.
    #[error("{program} reported an error to the Runtime API: {report}")]
    Reported {
        /// Name of the program.
        program: String,
        /// The beginning of its report.
        report: String,
    },
    /// The other side of the program could not be played.
    #[error("cannot play the other side on a local socket")]
    Socket(#[source] io::Error),
    /// The program under test said something that is not HTTP/1.1 as the Runtime API understands it.
    #[error("{program} broke the protocol of the Runtime API")]
    Protocol {
        /// Name of the program.
        program: String,
        /// What was wrong.
        source: io::Error,
    },
    /// The program under test did not answer an HTTP request as it should.
    #[error("{program} broke off a connection or did not answer with status 200 and a length")]
    Load {
        /// Name of the program.
        program: String,
        /// What was wrong.
        source: io::Error,
    },
    /// The system refused to pin this process or to read its clocks.
    #[error("cannot {attempt}")]
    System {
        /// What was attempted.
        attempt: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Callgrind left no count behind.
    #[error("no instruction count in {}", file.display())]
    NoCount {
        /// Where it should have been.
        file: PathBuf,
        /// What the system said, if the file could not be read.
        #[source]
        source: Option<io::Error>,
    },
    /// The file of committed figures is missing, unreadable or cannot be written.
    #[error("cannot {attempt} the figures in {}", path.display())]
    Figures {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The compiler did not say its version, so that counts cannot be told apart.
    #[error("`rustc -vV` does not say its release and host")]
    Conditions,
    /// Invocations cost more than the committed figures say, or not the same cases are counted.
    #[error("{failures} of {cases} cases do not keep to the figures in {}", path.display())]
    Gate {
        /// How many do not.
        failures: usize,
        /// How many there are.
        cases: usize,
        /// The file with the figures.
        path: PathBuf,
    },
    /// The results could not be written.
    #[error("cannot write the results")]
    Output(#[source] io::Error),
}

impl Error {
    /// What can be done about it, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Gate { .. } | Self::Figures { attempt: "read", .. } => {
                Some("`cargo xtask bench --accept` writes what is counted here as the figures to commit")
            }
            _ => None,
        }
    }
}
