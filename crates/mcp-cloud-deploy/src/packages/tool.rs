//! Runs a package manager and listens to it.

use std::{io, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::Command,
};

/// How it ended, and what it said on standard output and then on standard error, without control characters: packages bring
/// messages of their own.
pub(super) struct Said {
    pub(super) success: bool,
    pub(super) lines: Vec<String>,
}

impl Said {
    /// The last line that one of these tells, the first of them first; else the last one that says anything.
    pub(super) fn most(&self, wanted: &[&dyn Fn(&str) -> bool]) -> String {
        let line = |wanted: &&dyn Fn(&str) -> bool| self.lines.iter().rev().find(|line| wanted(line));
        wanted.iter().find_map(line).or(self.lines.last()).cloned().unwrap_or_else(|| "it does not say why".to_owned())
    }
}

/// Runs it to its end. It is not asked anything, and ends when nobody waits for it any more.
pub(super) async fn run(tool: &mut Command, report: &(dyn Fn(&str) + Sync)) -> io::Result<Said> {
    let tool = tool.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut running = tool.spawn()?;
    let (output, errors) = (running.stdout.take(), running.stderr.take());
    let (status, output, errors) = tokio::join!(running.wait(), listen(output, report), listen(errors, report));
    Ok(Said { success: status?.success(), lines: [output?, errors?].concat() })
}

async fn listen(stream: Option<impl AsyncRead + Unpin>, report: &(dyn Fn(&str) + Sync)) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    let Some(stream) = stream else { return Ok(lines) };
    let (mut stream, mut line) = (BufReader::new(stream), Vec::new());
    while stream.read_until(b'\n', &mut line).await? > 0 {
        let text = String::from_utf8_lossy(&line).replace(char::is_control, " ");
        if !text.trim().is_empty() {
            report(text.trim_end());
            lines.push(text.trim().to_owned());
        }
        line.clear();
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[tokio::test]
    async fn what_a_tool_says_is_handed_on_without_codes_for_terminals() {
        let heard = std::sync::Mutex::new(Vec::new());
        let report = |line: &str| heard.lock().unwrap().push(line.to_owned());
        let said = run(&mut shell("printf '  a\\033[31m\\n\\n\\377\\n'; exit 3"), &report).await.unwrap();
        assert!(!said.success);
        assert_eq!(said.lines, ["a [31m", "\u{fffd}"]);
        assert_eq!(*heard.lock().unwrap(), ["  a [31m", "\u{fffd}"]);
    }

    #[tokio::test]
    async fn the_line_that_says_most_is_told() {
        let said = run(&mut shell("echo ERROR: why >&2; echo bye >&2"), &|_| ()).await.unwrap();
        assert_eq!(said.most(&[&|line| line.starts_with("FATAL"), &|line| line.starts_with("ERROR")]), "ERROR: why");
        assert_eq!(said.most(&[]), "bye");
        let silent = run(&mut shell("exit 1"), &|_| ()).await.unwrap();
        assert_eq!(silent.most(&[]), "it does not say why");
    }
}
