//! Takes out of what a program says what is another every time, so that one can see that something was there.

use std::{env, path::PathBuf};

use mcp_cloud_tests::workspace_root;

/// What is another on every machine.
pub(crate) struct Scrub {
    pub(crate) app: PathBuf,
    pub(crate) endpoint: String,
}

impl Scrub {
    pub(crate) fn clean(&self, text: &str) -> String {
        let workspace = workspace_root().display().to_string();
        let target = env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| format!("{workspace}/target"));
        let text = text.replace(&self.app.display().to_string(), "<app>");
        let text = text.replace(&target, "<target>").replace(&workspace, "<workspace>");
        let text = text.replace(&self.endpoint, "<endpoint>").replace('\u{1b}', "␛");
        let mut lines: Vec<_> = text.lines().map(words).collect();
        without_tools(&mut lines);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// What this machine has installed is no concern of a transcript.
fn without_tools(lines: &mut Vec<String>) {
    let Some(start) = lines.iter().position(|line| line == "tools") else { return };
    let end =
        lines.iter().skip(start + 1).position(|line| !line.starts_with(' ')).map_or(lines.len(), |end| start + 1 + end);
    lines.splice(start + 1..end, ["  <what this machine has>".to_owned()]);
}

/// Hashes, times and sizes in a line.
fn words(line: &str) -> String {
    let mut cleaned = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        if length == 0 {
            cleaned.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (word, after) = rest.split_at(length);
        let is_size = word.bytes().all(|byte| byte.is_ascii_digit()) && after.starts_with(" bytes");
        cleaned.push_str(match word {
            _ if is_time(word) => "<time>",
            _ if is_hash(word) => "<hash>",
            _ if is_size => "<number>",
            word => word,
        });
        rest = after;
    }
    cleaned
}

fn is_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, ':' | '-' | '.')
}

/// `2026-01-01T00:00:00.123Z`, with or without what is behind the second.
fn is_time(word: &str) -> bool {
    let shape: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape.starts_with("0000-00-00T00:00:00") && shape.ends_with('Z')
}

/// Twelve hexadecimal digits or more; a number of twelve digits is an account.
fn is_hash(word: &str) -> bool {
    let is_hexadecimal = word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    word.len() >= 12 && is_hexadecimal && (word.len() != 12 || word.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

/// What a terminal shows in the end of what was written to it: lines that are redrawn are left out, colours stay.
pub(crate) fn settled(written: &str) -> String {
    let mut text = String::new();
    for line in written.replace("\r\n", "\n").lines() {
        // What stands before the last return of the carriage was drawn over.
        let line = without_movements(line.rsplit('\r').next().unwrap_or_default());
        if !line.trim_start().starts_with(|c: char| ('\u{2800}'..='\u{28ff}').contains(&c)) {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

/// Takes out what moves the cursor and erases: everything of `ESC [` that does not end in `m`.
fn without_movements(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some(start) = rest.find("\u{1b}[") {
        let (before, sequence) = rest.split_at(start);
        kept.push_str(before);
        let end = sequence[2..].find(|c: char| c.is_ascii_alphabetic()).map_or(sequence.len(), |end| end + 3);
        let (sequence, after) = sequence.split_at(end);
        if sequence.ends_with('m') {
            kept.push_str(sequence);
        }
        rest = after;
    }
    kept + rest
}

#[test]
fn what_is_another_every_time_is_taken_out_and_nothing_else() {
    let line = "created 2026-01-01T00:00:03.150Z of 0123456789ab, 1234 bytes, account 123456789012, deadbeef";
    assert_eq!(words(line), "created <time> of <hash>, <number> bytes, account 123456789012, deadbeef");
    assert_eq!(settled("⠁ [1/2] work, 0s\r\u{1b}[2K\u{1b}[32mOK\u{1b}[0m\r\n"), "\u{1b}[32mOK\u{1b}[0m\n");
}
