//! The tokens that a look at one byte tells apart, and the blanks between tokens.

use super::{Bracket, Kind, Word};

/// The end of the blanks and line comments that begin at `at`; nothing at the end of the text.
pub(super) fn after_blanks(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *text.get(at)? {
            b' ' | b'\n' | b'\t' | b'\r' => at += 1,
            b'/' if text.get(at + 1) == Some(&b'/') => {
                at += text[at..].iter().position(|&byte| byte == b'\n')?;
            }
            _ => return Some(at),
        }
    }
}

/// The token at `at` and its end, if it is a name in ASCII or a mark that begins no longer token.
pub(super) fn token(text: &[u8], at: usize) -> Option<(Kind, usize)> {
    let kind = match text[at] {
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => return name(text, at),
        b'(' => Kind::Open(Bracket::Paren),
        b'[' => Kind::Open(Bracket::Square),
        b'{' => Kind::Open(Bracket::Brace),
        b')' => Kind::Close(Bracket::Paren),
        b']' => Kind::Close(Bracket::Square),
        b'}' => Kind::Close(Bracket::Brace),
        mark @ (b';' | b',' | b'.' | b':' | b'=' | b'<' | b'>' | b'&' | b'|' | b'!' | b'?' | b'*' | b'+' | b'$') => {
            Kind::Punct(mark)
        }
        _ => return None,
    };
    Some((kind, at + 1))
}

/// A name before a quote or a `#` may be a prefix, and one before another script's letter goes on.
fn name(text: &[u8], at: usize) -> Option<(Kind, usize)> {
    let length = text[at..].iter().position(|&byte| !(byte.is_ascii_alphanumeric() || byte == b'_'));
    let end = length.map_or(text.len(), |length| at + length);
    match text.get(end) {
        Some(b'"' | b'\'' | b'#' | 0x80..) => None,
        _ => Some((Word::of(&text[at..end]).map_or(Kind::Ident, Kind::Word), end)),
    }
}
