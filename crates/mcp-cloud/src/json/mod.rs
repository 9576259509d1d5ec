//! Reads JSON in place (RFC 8259): where each value stands, and nothing built. Events and messages are read once this
//! way; what a handler needs of them is parsed by whoever knows its type.

mod escape;
mod scan;

pub(crate) use escape::{NoText, escape, escaped_length, unescape};
pub(crate) use scan::{Malformed, Quoted, Scanner, Span};

/// How many bytes at the start of a text stand in a JSON string as they are: everything but a quotation mark, a
/// backslash and control characters.
fn plain(text: &[u8]) -> usize {
    let mut at = 0;
    // Most strings are short: eight bytes at a time find their end soonest.
    while let Some(word) = word(text, at) {
        let special = special(word);
        if special != 0 {
            return at + first(special);
        }
        at += WORD;
        if at == LONG {
            at += plain_strides(text.get(at..).unwrap_or_default());
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|&byte| is_special(byte)).unwrap_or(rest.len())
}

/// Bytes that are looked at together in one register.
const WORD: usize = 8;
/// From here on a text is likely to be long.
const LONG: usize = 8 * WORD;
/// How many bytes of a long text are looked at together. The loop over them compiles to vector instructions.
const STRIDE: usize = 64;

/// How many whole strides at the start have nothing special in them, in bytes.
fn plain_strides(text: &[u8]) -> usize {
    let clean = |stride: &&[u8]| !stride.iter().fold(false, |found, &byte| found | is_special(byte));
    STRIDE * text.chunks_exact(STRIDE).take_while(clean).count()
}

fn word(text: &[u8], at: usize) -> Option<u64> {
    let bytes = text.get(at..)?.first_chunk::<WORD>()?;
    Some(u64::from_le_bytes(*bytes))
}

const ONES: u64 = u64::MAX / 0xff;
const TOPS: u64 = ONES << 7;

/// Marks the top bit of the first special byte of a word, and perhaps of later bytes, special or not: a borrow can only
/// run upwards.
fn special(word: u64) -> u64 {
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    (below_space | equal(word, b'"') | equal(word, b'\\')) & TOPS
}

/// As [`special`], for one byte value.
fn equal(word: u64, byte: u8) -> u64 {
    let zero_where_equal = word ^ (ONES * u64::from(byte));
    zero_where_equal.wrapping_sub(ONES) & !zero_where_equal
}

/// The place of the first byte that is marked.
fn first(marks: u64) -> usize {
    marks.trailing_zeros() as usize / WORD
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_first_special_byte_is_found_wherever_it_stands(clean in 0_usize..300, byte: u8, after: Vec<u8>) {
            let mut text = vec![b'a'; clean];
            text.push(byte);
            text.extend(after);
            let expected = text.iter().position(|&byte| is_special(byte)).unwrap_or(text.len());
            proptest::prop_assert_eq!(plain(&text), expected);
        }

        #[test]
        fn arbitrary_bytes_are_judged_one_by_one(text: Vec<u8>) {
            let expected = text.iter().position(|&byte| is_special(byte)).unwrap_or(text.len());
            proptest::prop_assert_eq!(plain(&text), expected);
        }
    }
}
