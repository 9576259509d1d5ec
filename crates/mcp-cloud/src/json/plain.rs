//! Finds what cannot stand in a JSON string as it is: quotation marks, backslashes and control characters. Eight bytes
//! at a time in an ordinary register, because most strings are short.

/// Bytes that are looked at together.
pub(super) const WORD: usize = 8;
/// How many bytes a text has at least that is likely to be long.
const LONG: usize = 8 * WORD;
/// How many bytes of a long text are looked at together at first, with vector instructions.
const FIRST_STRIDE: usize = 4 * LONG;
/// And at most, after so many that were plain: few enough that they are still close when they are looked at again.
const LAST_STRIDE: usize = 16 * FIRST_STRIDE;

/// How many bytes at the start of a text are plain.
#[inline(always)]
pub(super) fn plain(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let special = special(word);
        if special != 0 {
            return at + first(special);
        }
        at += WORD;
        if at == LONG {
            return at + plain_strides(text.get(at..).unwrap_or_default());
        }
    }
    at + plain_bytes(text.get(at..).unwrap_or_default())
}

#[inline(never)]
fn plain_bytes(few: &[u8]) -> usize {
    few.iter().position(|&byte| is_special(byte)).unwrap_or(few.len())
}

#[inline(never)]
fn plain_strides(text: &[u8]) -> usize {
    let (mut at, mut length) = (0, FIRST_STRIDE);
    while let Some(stride) = text.get(at..at + length) {
        let end = memchr::memchr(b'\\', stride).unwrap_or(length);
        let before = stride.get(..end).unwrap_or_default();
        // This puts the quotation mark right above the control characters, and nothing else there or below.
        let lowest = before.iter().fold(u8::MAX, |lowest, &byte| lowest.min(byte ^ 2));
        if lowest <= b'"' ^ 2 {
            return at + plain_words(before);
        }
        at += end;
        if end < length {
            return at;
        }
        length = (2 * length).min(LAST_STRIDE);
    }
    at + plain_words(text.get(at..).unwrap_or_default())
}

fn plain_words(text: &[u8]) -> usize {
    let (words, behind) = text.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let special = special(word);
        if special != 0 {
            return index * WORD + first(special);
        }
    }
    text.len() - behind.len() + plain_bytes(behind)
}

#[inline]
pub(super) fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

const ONES: u64 = u64::MAX / 0xff;
const TOPS: u64 = ONES << 7;

/// Marks the first special byte of a word, and perhaps later ones, special or not: a borrow can only run upwards.
#[inline]
pub(super) fn special(word: &[u8; WORD]) -> u64 {
    let word = u64::from_le_bytes(*word);
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    (below_space | equal(word, b'"') | equal(word, b'\\')) & TOPS
}

/// As [`special`], for backslashes alone.
#[inline]
pub(super) fn backslash(word: &[u8; WORD]) -> u64 {
    equal(u64::from_le_bytes(*word), b'\\') & TOPS
}

#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let zero_where_equal = word ^ (ONES * u64::from(byte));
    zero_where_equal.wrapping_sub(ONES) & !zero_where_equal
}

/// The place of the first byte that is marked.
#[inline]
pub(super) fn first(marks: u64) -> usize {
    marks.trailing_zeros() as usize / WORD
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_first_special_byte_is_found_wherever_it_stands(clean in 0_usize..4 * LAST_STRIDE, byte: u8, behind: Vec<u8>) {
            let mut text = vec![b'a'; clean];
            text.push(byte);
            text.extend(behind);
            let expected = text.iter().position(|&byte| is_special(byte)).unwrap_or(text.len());
            proptest::prop_assert_eq!(plain(&text), expected);
        }

        #[test]
        fn the_first_byte_of_a_word_is_marked(word: [u8; WORD]) {
            let found = |marks: u64| (marks != 0).then(|| first(marks));
            proptest::prop_assert_eq!(found(special(&word)), word.iter().position(|&byte| is_special(byte)));
            proptest::prop_assert_eq!(found(backslash(&word)), word.iter().position(|&byte| byte == b'\\'));
        }
    }
}
