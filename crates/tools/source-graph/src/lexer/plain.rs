//! The tokens that a look at few bytes tells apart, and the blanks between tokens.

use memchr::{memchr, memchr2_iter};

use super::{Bracket, Kind, Word};

/// The end of the blanks and line comments that begin at `at`; nothing at the end of the text.
#[inline]
pub(super) fn after_blanks(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *text.get(at)? {
            b' ' | b'\n' | b'\t' | b'\r' => at += 1,
            b'/' if text.get(at + 1) == Some(&b'/') => at += memchr(b'\n', &text[at..])?,
            _ => return Some(at),
        }
    }
}

/// The token at `at` and its end, if it is in ASCII and no longer token begins like it.
#[inline]
pub(super) fn token(text: &[u8], at: usize) -> Option<(Kind, usize)> {
    let next = text.get(at + 1).copied().unwrap_or_default();
    let kind = match text[at] {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => return name(text, at),
        b'(' => Kind::Open(Bracket::Paren),
        b'[' => Kind::Open(Bracket::Square),
        b'{' => Kind::Open(Bracket::Brace),
        b')' => Kind::Close(Bracket::Paren),
        b']' => Kind::Close(Bracket::Square),
        b'}' => Kind::Close(Bracket::Brace),
        mark @ (b';' | b',' | b'.' | b':' | b'=' | b'<' | b'>' | b'&' | b'|' | b'!' | b'?' | b'*' | b'+' | b'$'
        | b'-') => Kind::Punct(mark),
        b'#' if !matches!(next, b'"' | b'#') => Kind::Punct(b'#'),
        b'"' => return string(text, at),
        b'\'' => return lifetime(text, at),
        b'0'..=b'9' => return integer(text, at),
        _ => return None,
    };
    Some((kind, at + 1))
}

/// The end of the letters, digits and underscores from `at` on.
fn word_end(text: &[u8], at: usize) -> usize {
    let length = text[at..].iter().position(|&byte| !IN_WORD[byte as usize]);
    length.map_or(text.len(), |length| at + length)
}

const IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

/// A name before a quote or a `#` may be a prefix, and one before another script's letter goes on.
fn name(text: &[u8], at: usize) -> Option<(Kind, usize)> {
    let end = word_end(text, at);
    match text.get(end) {
        Some(b'"' | b'\'' | b'#' | 0x80..) => None,
        _ => Some((Word::of(&text[at..end]).map_or(Kind::Ident, Kind::Word), end)),
    }
}

/// A string without a suffix.
fn string(text: &[u8], at: usize) -> Option<(Kind, usize)> {
    let mut escaped = at;
    for found in memchr2_iter(b'"', b'\\', &text[at + 1..]) {
        let place = at + 1 + found;
        if place == escaped {
            continue;
        }
        if text[place] == b'\\' {
            escaped = place + 1;
            continue;
        }
        let suffix = text.get(place + 1).is_some_and(|&byte| IN_WORD[byte as usize] || byte >= 0x80);
        return (!suffix).then_some((Kind::Str, place + 1));
    }
    None
}

/// `'a`, if no quote follows it.
fn lifetime(text: &[u8], at: usize) -> Option<(Kind, usize)> {
    let end = word_end(text, at + 1);
    let begins = text.get(at + 1).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let ends = !matches!(text.get(end), Some(b'\'' | b'#' | 0x80..));
    (begins && ends).then_some((Kind::Lifetime, end))
}

/// Digits, if neither a dot nor a suffix follows them.
fn integer(text: &[u8], at: usize) -> Option<(Kind, usize)> {
    let length = text[at..].iter().position(|byte| !byte.is_ascii_digit())?;
    let end = at + length;
    (text[end] != b'.' && text[end] < 0x80 && !IN_WORD[text[end] as usize]).then_some((Kind::Literal, end))
}
