//! Text into the inside of a JSON string, and back (RFC 8259 §7).

use std::ops::Range;

use super::plain::{WORD, backslash, first, plain, special};

/// Appends UTF-8 text as the inside of a JSON string.
pub(crate) fn escape(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len());
    escape_all_but(out, text, Vec::extend_from_slice);
}

/// Text that needs no escape, and was left out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'t> {
    pub(crate) text: &'t [u8],
    /// Where it belongs in what was written.
    pub(crate) at: usize,
}

/// Shorter runs are quicker copied than kept apart.
pub(super) const LONG_RUN: usize = 16 * 1024;

/// A run of a text that needs no escape within a JSON string, as its writer found out: looking through it again would take as
/// long as it took the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PlainRun {
    start: usize,
    length: usize,
}

impl PlainRun {
    pub(super) fn new(start: usize, length: usize) -> Self {
        Self { start, length }
    }

    pub(super) fn len(self) -> usize {
        self.length
    }

    /// What stands before it in its text, itself, and what stands behind.
    pub(crate) fn split(self, text: &[u8]) -> [&[u8]; 3] {
        let parts = text.split_at_checked(self.start).and_then(|(before, rest)| {
            let (run, behind) = rest.split_at_checked(self.length)?;
            Some([before, run, behind])
        });
        parts.unwrap_or([&[], &[], text])
    }

    /// A part of the text is replaced by another, of a length.
    pub(crate) fn spliced(&mut self, part: &Range<usize>, length: usize) {
        if part.end <= self.start {
            self.start = self.start - part.len() + length;
        } else if part.start < self.start + self.length {
            *self = Self::default();
        }
    }
}

/// As [`escape`], but leaves out long runs that need no escape, the one that is known to need none among them.
pub(crate) fn escape_around<'t>(out: &mut Vec<u8>, text: &'t [u8], plain: PlainRun, runs: &mut Vec<Run<'t>>) {
    let [before, plain, behind] = plain.split(text);
    for (text, plain) in [(before, plain), (behind, &[][..])] {
        escape_all_but(out, text, |out, run| {
            if run.len() >= LONG_RUN {
                runs.push(Run { text: run, at: out.len() });
            } else {
                out.extend_from_slice(run);
            }
        });
        if !plain.is_empty() {
            runs.push(Run { text: plain, at: out.len() });
        }
    }
}

/// Appends text as the inside of a JSON string, and leaves it to `plain_run` what becomes of runs that need no escape.
#[inline(always)]
fn escape_all_but<'t>(out: &mut Vec<u8>, text: &'t [u8], mut plain_run: impl FnMut(&mut Vec<u8>, &'t [u8])) {
    let mut rest = text;
    while let Some((word, behind)) = rest.split_first_chunk::<WORD>() {
        let marks = special(word);
        if marks == 0 {
            let (run, behind) = rest.split_at(WORD + plain(behind));
            plain_run(out, run);
            rest = behind;
        } else {
            let plain = first(marks);
            start_of(out, word, plain);
            rest = rest.get(plain..).unwrap_or_default();
        }
        // JSON within JSON has several behind each other.
        while let [byte, behind @ ..] = rest
            && ESCAPES[usize::from(*byte)] != 0
        {
            one(out, *byte);
            rest = behind;
        }
    }
    rest.iter().for_each(|&byte| one(out, byte));
}

/// What stands behind the backslash for each byte; zero for what needs none.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        escapes[control] = b'u';
        control += 1;
    }
    escapes[8] = b'b';
    escapes[9] = b't';
    escapes[10] = b'n';
    escapes[12] = b'f';
    escapes[13] = b'r';
    escapes[b'"' as usize] = b'"';
    escapes[b'\\' as usize] = b'\\';
    escapes
};

/// Appends the first bytes of a word. A word is quickest copied whole.
#[inline(always)]
fn start_of(out: &mut Vec<u8>, word: &[u8; WORD], plain: usize) {
    let start = out.len();
    out.extend_from_slice(word);
    out.truncate(start + plain);
}

/// Appends a byte, or its escape.
#[inline(always)]
fn one(out: &mut Vec<u8>, byte: u8) {
    match ESCAPES[usize::from(byte)] {
        0 => out.push(byte),
        b'u' => control(out, byte),
        letter => out.extend_from_slice(&[b'\\', letter]),
    }
}

#[cold]
fn control(out: &mut Vec<u8>, byte: u8) {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
}

/// How many bytes [`escape`] would append for a text with a run that is known to need none.
pub(crate) fn escaped_length_around(text: &[u8], plain: PlainRun) -> usize {
    let [before, run, behind] = plain.split(text);
    escaped_length(before) + run.len() + escaped_length(behind)
}

/// How many bytes [`escape`] would append.
fn escaped_length(text: &[u8]) -> usize {
    let backslashes = |byte| memchr::memchr_iter(byte, text).count();
    text.len() + backslashes(b'"') + backslashes(b'\\') + controls(text)
}

/// How much longer control characters become. JSON has them at most between its values.
fn controls(text: &[u8]) -> usize {
    // Counted in blocks whose count fits into a byte, which lets the loop compile to vector instructions.
    const BLOCK: usize = 128;
    let count = |block: &[u8]| block.iter().map(|&byte| u8::from(byte < 0x20)).sum::<u8>();
    let longer = |&byte: &u8| match byte {
        b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..0x20 => 5,
        _ => 0,
    };
    let blocks = text.chunks(BLOCK).filter(|block| count(block) > 0);
    blocks.map(|block| block.iter().map(longer).sum::<usize>()).sum()
}

/// Turns the inside of a JSON string into the text it stands for, in its place, and returns that text's length. It is
/// never longer than what it stood as; the bytes behind it are left as they happen to be.
///
/// # Errors
///
/// Where an escape is none, or is half of a surrogate pair: that is no Unicode text.
pub(crate) fn unescape(text: &mut [u8]) -> Result<usize, NoText> {
    let (mut from, mut to) = (0, 0);
    loop {
        let run = unescaped_run(text.get(from..).unwrap_or_default());
        if from != to {
            text.copy_within(from..from + run, to);
        }
        (from, to) = (from + run, to + run);
        let character = match text.get(from + 1) {
            Some(&byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'u') => {
                let (length, character) = unicode(text.get(from + 2..).unwrap_or_default()).ok_or(NoText)?;
                let mut utf8 = [0; 4];
                let utf8 = character.encode_utf8(&mut utf8).as_bytes();
                text.get_mut(to..to + utf8.len()).ok_or(NoText)?.copy_from_slice(utf8);
                (from, to) = (from + 2 + length, to + utf8.len());
                continue;
            }
            None if from == text.len() => return Ok(to),
            _ => return Err(NoText),
        };
        *text.get_mut(to).ok_or(NoText)? = character;
        (from, to) = (from + 2, to + 1);
    }
}

/// How many bytes there are before the next backslash.
fn unescaped_run(text: &[u8]) -> usize {
    // Mostly a few.
    match text.first_chunk().map(backslash) {
        Some(0) | None => memchr::memchr(b'\\', text).unwrap_or(text.len()),
        Some(marks) => first(marks),
    }
}

/// An escape that stands for no character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoText;

/// The character that digits stand for, and how many bytes they take; those of a second half among them.
fn unicode(text: &[u8]) -> Option<(usize, char)> {
    let unit = hexadecimal(text.get(..4)?)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((4, character));
    }
    let second = text.get(4..10)?.strip_prefix(br"\u").and_then(hexadecimal)?;
    let units = [u16::try_from(unit).ok()?, u16::try_from(second).ok()?];
    Some((10, char::decode_utf16(units).next()?.ok()?))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        escape(&mut out, text.as_bytes());
        assert_eq!(out.len(), escaped_length(text.as_bytes()), "{text:?}");
        String::from_utf8(out).unwrap()
    }

    fn unescaped(text: &str) -> Result<String, NoText> {
        let mut bytes = text.as_bytes().to_vec();
        let length = unescape(&mut bytes)?;
        Ok(String::from_utf8(bytes[..length].to_vec()).unwrap())
    }

    #[test]
    fn every_escape_is_understood() {
        assert_eq!(unescaped(r#"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"#).unwrap(), "\"\\/\u{8}\u{c}\n\r\té😀");
        assert_eq!(unescaped(r"plain text without any, and long").unwrap(), "plain text without any, and long");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for text in [r"\ud83d", r"\ud83dx", r"\ud83d\n", r"\ude00", r"\ud83d\u0041", r"\u12", r"\x", "\\"] {
            assert_eq!(unescaped(text), Err(NoText), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn text_is_escaped_as_serde_json_does_it_and_comes_back(text in "(?s)(.|[\"\\\\\n\u{1}a]){0,200}") {
            let inside = escaped(&text);
            let document = format!("\"{inside}\"");
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&document).unwrap(), text.clone());
            proptest::prop_assert_eq!(unescaped(&inside).unwrap(), text);
        }

        #[test]
        fn arbitrary_escapes_are_read_as_serde_json_reads_them(text in r#"(\\[\\"/bfnrtux]|\\u[0-9a-fD][0-9a-f]{3}|[a-c])*"#) {
            let document = format!("\"{text}\"");
            proptest::prop_assert_eq!(unescaped(&text).ok(), serde_json::from_str::<String>(&document).ok());
        }
    }
}
