//! Text into the inside of a JSON string, and back (RFC 8259 §7).

use std::io::Write;

use super::{TOPS, WORD, equal, first, is_special, plain, special, word};

/// Appends UTF-8 text as the inside of a JSON string.
pub(crate) fn escape(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len());
    let mut at = 0;
    while let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk::<WORD>) {
        if special(u64::from_le_bytes(*bytes)) != 0 {
            // JSON within JSON has something to escape every few bytes: one by one is quickest there.
            bytes.iter().for_each(|&byte| push(out, byte));
            at += WORD;
            continue;
        }
        out.extend_from_slice(bytes);
        at += WORD;
        let rest = text.get(at..).unwrap_or_default();
        let run = plain(rest);
        out.extend_from_slice(rest.get(..run).unwrap_or_default());
        at += run;
    }
    text.get(at..).unwrap_or_default().iter().for_each(|&byte| push(out, byte));
}

fn push(out: &mut Vec<u8>, byte: u8) {
    if !is_special(byte) {
        return out.push(byte);
    }
    match byte {
        b'"' => out.extend_from_slice(br#"\""#),
        b'\\' => out.extend_from_slice(br"\\"),
        b'\n' => out.extend_from_slice(br"\n"),
        b'\r' => out.extend_from_slice(br"\r"),
        b'\t' => out.extend_from_slice(br"\t"),
        _ => {
            let _ = write!(out, r"\u{byte:04x}");
        }
    }
}

/// How many bytes [`escape`] would append.
pub(crate) fn escaped_length(text: &[u8]) -> usize {
    // What is added to a block fits into a byte, which lets the loop compile to vector instructions.
    const BLOCK: usize = 32;
    let more = |byte: &u8| {
        let is_short = matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t');
        u8::from(is_short) + 5 * u8::from(!is_short & (*byte < 0x20))
    };
    let blocks = text.chunks(BLOCK).map(|block| block.iter().map(more).sum::<u8>());
    text.len() + blocks.map(usize::from).sum::<usize>()
}

/// Turns the inside of a JSON string into the text it stands for, in its place, and returns that text's length. It is
/// never longer than what it stood as; the bytes behind it are left as they happen to be.
///
/// # Errors
///
/// Where an escape is none, or is half of a surrogate pair: that is no Unicode text.
pub(crate) fn unescape(text: &mut [u8]) -> Result<usize, NoText> {
    let (mut from, mut to) = (0, 0);
    while from < text.len() {
        let run = unescaped_run(text.get(from..).unwrap_or_default());
        if from != to {
            text.copy_within(from..from + run, to);
        }
        (from, to) = (from + run, to + run);
        if from == text.len() {
            break;
        }
        let (length, character) = escaped_character(text.get(from + 1..).unwrap_or_default()).ok_or(NoText)?;
        let mut utf8 = [0; 4];
        let utf8 = character.encode_utf8(&mut utf8).as_bytes();
        text.get_mut(to..to + utf8.len()).ok_or(NoText)?.copy_from_slice(utf8);
        (from, to) = (from + 1 + length, to + utf8.len());
    }
    Ok(to)
}

/// An escape that stands for no character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoText;

/// How many bytes there are before the next backslash.
fn unescaped_run(text: &[u8]) -> usize {
    match word(text, 0).map(|word| equal(word, b'\\') & TOPS) {
        Some(0) | None => memchr::memchr(b'\\', text).unwrap_or(text.len()),
        Some(marks) => first(marks),
    }
}

/// The character an escape stands for, and how many bytes it takes behind its backslash.
fn escaped_character(text: &[u8]) -> Option<(usize, char)> {
    let character = match text.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return unicode(text),
        _ => return None,
    };
    Some((1, character))
}

fn unicode(text: &[u8]) -> Option<(usize, char)> {
    let unit = hexadecimal(text.get(1..5)?)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((5, character));
    }
    let second = text.get(5..11)?.strip_prefix(br"\u").and_then(hexadecimal)?;
    let units = [u16::try_from(unit).ok()?, u16::try_from(second).ok()?];
    Some((11, char::decode_utf16(units).next()?.ok()?))
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
