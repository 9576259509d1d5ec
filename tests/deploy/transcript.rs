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
        let mut lines = without_cargo(text.lines().map(between_colours).collect());
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

/// What compiles is another story every time: how long it takes, and how much of it is there already.
fn without_cargo(lines: Vec<String>) -> Vec<String> {
    const WORDS: [&str; 7] = ["Blocking", "Compiling", "Downloaded", "Downloading", "Finished", "Locking", "Updating"];
    // Its words stand at the right of a column, in colours where there are some.
    let of_cargo = |line: &String| {
        let mut plain = line.replace("\u{241b}[0m", "");
        for colour in ["\u{241b}[1m", "\u{241b}[92m", "\u{241b}[32m", "\u{241b}[36m", "\u{241b}[96m"] {
            plain = plain.replace(colour, "");
        }
        plain.starts_with(' ') && plain.split_whitespace().next().is_some_and(|word| WORDS.contains(&word))
    };
    let mut kept: Vec<String> = Vec::new();
    for line in lines {
        if !of_cargo(&line) {
            kept.push(line);
        } else if kept.last().is_none_or(|last| last != CARGO) {
            kept.push(CARGO.to_owned());
        }
    }
    kept
}

const CARGO: &str = "<what cargo says>";

/// A colour's letter is no part of the word behind it.
fn between_colours(line: &str) -> String {
    let mut pieces = line.split("\u{241b}[");
    let mut text = words(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (colour, rest) = piece.split_once('m').unwrap_or_default();
        text.push_str(&format!("\u{241b}[{colour}m{}", words(rest)));
    }
    // It grows with the program.
    match text.split_once("room for code: ") {
        Some((before, _)) => format!("{before}room for code: <number>"),
        None => text,
    }
}

/// Hashes, times and sizes in a line.
fn words(line: &str) -> String {
    let line = replaced(
        line,
        |c| matches!(c, ':' | '-' | '.'),
        |word, after| match after.get(..3) {
            _ if is_time(word) => Some("<time>".to_owned()),
            Some(" MB" | " kB" | " by") if is_number(word) => Some("<number>".to_owned()),
            _ => None,
        },
    );
    replaced(
        &line,
        |_| false,
        |word, _| match word.strip_prefix(VERSION) {
            Some(hash) if hash.len() == 10 => Some(format!("{VERSION}<hash>")),
            _ => is_hash(word).then(|| "<hash>".to_owned()),
        },
    )
}

/// SAM names a version after what is in it.
const VERSION: &str = "ServerVersion";

/// Puts something else in the place of words: letters, digits, and what is part of a word besides.
fn replaced(line: &str, is_part: impl Fn(char) -> bool, other: impl Fn(&str, &str) -> Option<String>) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && !is_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(if length == 0 { first.len_utf8() } else { length });
        text.push_str(&other(word, after).unwrap_or_else(|| word.to_owned()));
        rest = after;
    }
    text
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
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
    let line = "created 2026-01-01T00:00:03.150Z of 0123456789ab.zip, 1.3 MB, account 123456789012, deadbeef";
    assert_eq!(words(line), "created <time> of <hash>.zip, <number> MB, account 123456789012, deadbeef");
    assert_eq!(between_colours("␛[2m2026-01-01T00:00:03Z␛[0m a"), "␛[2m<time>␛[0m a");
    assert_eq!(words("+ ServerVersion5ea623a476 (1024 bytes)"), "+ ServerVersion<hash> (<number> bytes)");
    assert_eq!(settled("⠁ [1/2] work, 0s\r\u{1b}[2K\u{1b}[32mOK\u{1b}[0m\r\n"), "\u{1b}[32mOK\u{1b}[0m\n");
    let lines = ["   Compiling a", "␛[1m␛[92m    Finished␛[0m in 1s", "a plan", "Finished"].map(str::to_owned);
    assert_eq!(without_cargo(lines.to_vec()), [CARGO, "a plan", "Finished"]);
}
