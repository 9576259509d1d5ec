//! Reads a secret: typed where there is a terminal, without showing it, and piped in elsewhere.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, stdin},
    os::fd::AsFd,
};

use mcp_cloud_deploy::secrets::SecretValue;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::{execution::failed, failure::Failure, printer::Printer};

/// A terminal hands over no longer line, and drops the rest without a word.
const LONGEST_LINE: usize = 4095;
/// The longest value, the line's end after it, and one byte more to see that there is more.
const LONGEST_INPUT: usize = SecretValue::LONGEST + 3;

/// Reads a value from a prompt or from standard input.
pub(crate) async fn read(variable: &str, printer: &Printer) -> Result<SecretValue, Failure> {
    let typed = stdin().is_terminal();
    let echo =
        if typed { Some(NoEcho::begin().map_err(|error| unreadable(error, "hide what is typed"))?) } else { None };
    if typed {
        printer.prompt(format_args!("value of {variable} (not shown): "));
    }
    // A read of standard input cannot be taken back, and must not keep the command from ending when it is interrupted.
    let (sender, input) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody waits for it any more once the command was interrupted.
        let _ = sender.send(if typed { line() } else { whole() });
    });
    let input = input.await;
    if echo.is_some() {
        printer.talk("");
    }
    drop(echo);
    let input = input?.map_err(|error| unreadable(error, "read the value"))?;
    if typed && input.len() >= LONGEST_LINE {
        return Err(Failure::new("the value is longer than a terminal takes in one line")
            .hint("pipe it in, as in `mcp-cloud secrets set NAME < file`"));
    }
    SecretValue::from_input(input).map_err(|error| failed(error.into()))
}

fn unreadable(error: io::Error, attempt: &str) -> Failure {
    Failure::new(error).context(format!("cannot {attempt}"))
}

/// Everything that is piped in. The memory is there from the start, so that no copy is left where it grew.
fn whole() -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_INPUT + 1));
    let input = File::from(stdin().as_fd().try_clone_to_owned()?);
    input.take(LONGEST_INPUT as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// One line of a terminal, past the buffer that standard input has: nobody would overwrite that.
fn line() -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; LONGEST_LINE + 1]);
    let length = File::from(stdin().as_fd().try_clone_to_owned()?).read(&mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// A terminal that does not show what is typed, until this is dropped.
struct NoEcho(Termios);

impl NoEcho {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Now, &quiet)?;
        Ok(Self(before))
    }
}

/// What was typed or pasted beyond the line is thrown away: the shell would run it.
impl Drop for NoEcho {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
    }
}
