//! Lines that are neither the platform's nor JSON, and what is taken out of every line.

use super::{Level, Line};

/// Reads the beginning that loggers put before what is said: time, level, and, by Lambda's own runtimes, the request.
pub(super) fn of(message: &str) -> Line {
    let mut line = Line::default();
    let mut rest = message;
    // `2026-11-21T08:00:00.000Z<tab>8c1f…<tab>INFO<tab>said`, or with the level first and in brackets.
    while let Some((part, after)) = rest.split_once('\t') {
        let part = part.trim();
        if is_request_id(part) {
            line.request = Some(part.to_owned());
        } else if let Some(level) = Level::of(part) {
            line.level = Some(level);
        } else if !is_time(part) {
            break;
        }
        rest = after;
    }
    // `2026-11-21T08:00:00.000000Z  INFO target: said`, as `tracing` writes it.
    for _ in 0..2 {
        let Some((word, after)) = rest.trim_start().split_once(' ') else { break };
        match Level::of(word) {
            // What is said may begin with such a word, too, but hardly in capitals.
            Some(level) if line.level.is_none() && word == word.to_ascii_uppercase() => {
                line.level = Some(level);
                rest = after;
            }
            _ if is_time(word) => rest = after,
            _ => break,
        }
    }
    line.message = rest.trim_start().to_owned();
    line
}

/// Whether a word is a time in RFC 3339, in UTC or not.
fn is_time(word: &str) -> bool {
    let bytes = word.as_bytes();
    let digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    bytes.len() >= 20
        && digit(0)
        && digit(3)
        && bytes.get(4) == Some(&b'-')
        && bytes.get(10) == Some(&b'T')
        && digit(18)
}

/// Whether a word is a UUID, as Lambda's request ids are.
pub(super) fn is_request_id(word: &str) -> bool {
    word.len() == 36
        && word.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Text without what a terminal would obey: escape sequences are left out, other control characters and marks that turn
/// the direction of writing are replaced. Line ends stay, a tab becomes a space.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => plain.push('\n'),
            '\t' => plain.push('\t'),
            '\r' if letters.peek() == Some(&'\n') => {}
            // ECMA-48: a sequence of `ESC [` ends with a letter or a sign from `@` to `~`.
            '\u{1b}' if letters.peek() == Some(&'[') => {
                letters.next();
                while letters.next_if(|letter| ('\u{20}'..='\u{3f}').contains(letter)).is_some() {}
                letters.next_if(|letter| ('\u{40}'..='\u{7e}').contains(letter));
            }
            letter if letter.is_control() || turns(letter) => plain.push('\u{fffd}'),
            letter => plain.push(letter),
        }
    }
    plain
}

/// The same in one line.
pub(super) fn one_line(text: &str) -> String {
    plain(text).replace(['\n', '\t'], " ")
}

/// Marks with which text can be made to look like another (<https://www.unicode.org/reports/tr9/>, UAX #9).
fn turns(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
