//! Text to tokens with byte spans: what rustc's own lexer says, without trivia, with `::`, `->`, `=>` and `..` joined,
//! keywords known and brackets paired. One pass; any text gives tokens, and what is wrong with it comes as [`Fault`]s.
//! Nine tokens of ten are plain ASCII and need no lexer; [`plain`] knows them, and a test holds it to what rustc says.

mod pairs;
mod plain;
mod word;

use ra_ap_rustc_lexer::{Cursor, FrontmatterAllowed, LiteralKind, TokenKind, strip_shebang};

use pairs::Pairs;
pub(crate) use pairs::UNPAIRED;
pub(crate) use word::Word;

/// One token. A bracket's `partner` is the index of the other one, or [`UNPAIRED`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub kind: Kind,
    pub start: u32,
    pub end: u32,
    pub partner: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ident,
    /// `r#name`; the span covers the `r#`.
    RawIdent,
    Word(Word),
    Lifetime,
    /// `"..."`, the only literal whose text may matter.
    Str,
    /// `r"..."`, `r#"..."#`.
    RawStr,
    Literal,
    /// `::`
    PathSep,
    /// `->`
    Arrow,
    /// `=>`
    FatArrow,
    /// `..`, of which `..=` and `...` are the beginning.
    DotDot,
    Open(Bracket),
    Close(Bracket),
    Punct(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bracket {
    Paren,
    Square,
    Brace,
}

/// What keeps a text from being Rust source; the rest of it is read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A string, character or block comment without an end.
    Unterminated,
    /// A bracket without its partner.
    Unbalanced,
    /// A character that no Rust has outside of literals and comments.
    Unknown,
    /// Something at the level of items that begins none.
    NoItem,
    /// Modules nested deeper than anybody writes them.
    TooDeep,
    /// 4 GiB or more: byte offsets are 32 bits wide.
    TooLarge,
}

/// A [`FaultKind`] with its byte offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub kind: FaultKind,
    pub offset: u32,
}

/// The tokens of one text.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub list: Vec<Token>,
    pub faults: Vec<Fault>,
}

impl Tokens {
    /// The kind at `index`; past the end it is a semicolon, which ends everything.
    pub fn kind(&self, index: usize) -> Kind {
        self.list.get(index).map_or(Kind::Punct(b';'), |token| token.kind)
    }

    pub fn is(&self, index: usize, punct: u8) -> bool {
        self.kind(index) == Kind::Punct(punct)
    }

    /// The index after the bracket group that opens at `index`, or of the end when it never closes.
    pub fn after_group(&self, index: usize) -> usize {
        match self.list.get(index) {
            Some(token) if token.partner != UNPAIRED => token.partner as usize + 1,
            _ => self.list.len(),
        }
    }
}

/// Lexes a whole file: a byte order mark, a shebang and a front matter are skipped.
/// `list` is a list that is no longer used, for its memory.
pub(crate) fn tokens(text: &str, mut list: Vec<Token>) -> Tokens {
    list.clear();
    list.reserve(text.len() / 8);
    let mut tokens = Tokens { list, faults: Vec::new() };
    if u32::try_from(text.len()).is_err() {
        tokens.faults.push(Fault { kind: FaultKind::TooLarge, offset: 0 });
        return tokens;
    }
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut at = mark + strip_shebang(&text[mark..]).unwrap_or(0);
    at += front_matter(&text[at..]);
    let mut pairs = Pairs::default();
    while let Some(begin) = plain::after_blanks(text.as_bytes(), at) {
        at = begin;
        at = match plain::token(text.as_bytes(), at) {
            Some((kind, end)) => {
                push(&mut tokens.list, kind, at, end);
                match kind {
                    Kind::Open(bracket) => pairs.open(bracket, tokens.list.len() - 1),
                    Kind::Close(bracket) => pairs.close(bracket, &mut tokens.list, &mut tokens.faults),
                    _ => {}
                }
                end
            }
            None => lexed(text, at, &mut tokens),
        };
    }
    pairs.end(&tokens.list, &mut tokens.faults);
    tokens.faults.sort_unstable();
    tokens
}

/// The length of a front matter with the blanks before it.
fn front_matter(text: &str) -> usize {
    let blanks = text.len() - text.trim_start().len();
    let first = Cursor::new(&text[blanks..], FrontmatterAllowed::Yes).advance_token();
    if matches!(first.kind, TokenKind::Frontmatter { .. }) { blanks + first.len as usize } else { 0 }
}

/// Lexes the token at `at` as rustc does and gives its end.
fn lexed(text: &str, at: usize, tokens: &mut Tokens) -> usize {
    let token = Cursor::new(&text[at..], FrontmatterAllowed::No).advance_token();
    // `#"` and `##` are reserved in edition 2024 and two tokens before it.
    if token.kind == TokenKind::GuardedStrPrefix {
        push(&mut tokens.list, Kind::Punct(b'#'), at, at + 1);
        return at + 1;
    }
    let end = at + token.len as usize;
    if token.kind == TokenKind::Unknown {
        tokens.faults.push(Fault { kind: FaultKind::Unknown, offset: at as u32 });
    }
    if unterminated(token.kind) {
        tokens.faults.push(Fault { kind: FaultKind::Unterminated, offset: at as u32 });
    }
    if let Some(kind) = significant(token.kind, &text.as_bytes()[at..end]) {
        push(&mut tokens.list, kind, at, end);
    }
    end
}

fn push(list: &mut Vec<Token>, kind: Kind, start: usize, end: usize) {
    if let (Kind::Punct(second), Some(last)) = (kind, list.last_mut())
        && last.end as usize == start
    {
        let joined = match (last.kind, second) {
            (Kind::Punct(b':'), b':') => Some(Kind::PathSep),
            (Kind::Punct(b'-'), b'>') => Some(Kind::Arrow),
            (Kind::Punct(b'='), b'>') => Some(Kind::FatArrow),
            (Kind::Punct(b'.'), b'.') => Some(Kind::DotDot),
            _ => None,
        };
        if let Some(joined) = joined {
            last.kind = joined;
            last.end = end as u32;
            return;
        }
    }
    list.push(Token { kind, start: start as u32, end: end as u32, partner: UNPAIRED });
}

fn significant(kind: TokenKind, text: &[u8]) -> Option<Kind> {
    Some(match kind {
        TokenKind::LineComment { .. }
        | TokenKind::BlockComment { .. }
        | TokenKind::Whitespace
        | TokenKind::Frontmatter { .. }
        | TokenKind::Eof => return None,
        TokenKind::Ident => Word::of(text).map_or(Kind::Ident, Kind::Word),
        TokenKind::InvalidIdent | TokenKind::ForcedKeywordIdent | TokenKind::UnknownPrefix => Kind::Ident,
        TokenKind::RawIdent => Kind::RawIdent,
        TokenKind::Lifetime { .. } | TokenKind::RawLifetime | TokenKind::UnknownPrefixLifetime => Kind::Lifetime,
        TokenKind::Literal { kind: LiteralKind::Str { .. }, .. } => Kind::Str,
        TokenKind::Literal { kind: LiteralKind::RawStr { .. }, .. } => Kind::RawStr,
        TokenKind::Literal { .. } => Kind::Literal,
        TokenKind::OpenParen => Kind::Open(Bracket::Paren),
        TokenKind::OpenBrace => Kind::Open(Bracket::Brace),
        TokenKind::OpenBracket => Kind::Open(Bracket::Square),
        TokenKind::CloseParen => Kind::Close(Bracket::Paren),
        TokenKind::CloseBrace => Kind::Close(Bracket::Brace),
        TokenKind::CloseBracket => Kind::Close(Bracket::Square),
        _ => Kind::Punct(text[0]),
    })
}

fn unterminated(kind: TokenKind) -> bool {
    match kind {
        TokenKind::BlockComment { terminated, .. } => !terminated,
        TokenKind::Literal { kind, .. } => match kind {
            LiteralKind::Char { terminated }
            | LiteralKind::Byte { terminated }
            | LiteralKind::Str { terminated }
            | LiteralKind::ByteStr { terminated }
            | LiteralKind::CStr { terminated } => !terminated,
            LiteralKind::RawStr { n_hashes }
            | LiteralKind::RawByteStr { n_hashes }
            | LiteralKind::RawCStr { n_hashes } => n_hashes.is_none(),
            LiteralKind::Int { .. } | LiteralKind::Float { .. } => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every token as rustc's lexer alone gives it.
    fn by_rustc(text: &str) -> Vec<(Kind, u32, u32)> {
        let mut tokens = Tokens::default();
        let mut at = 0;
        while at < text.len() {
            at = lexed(text, at, &mut tokens);
        }
        tokens.list.iter().map(|token| (token.kind, token.start, token.end)).collect()
    }

    const PIECES: &[&str] = &[
        "a", "b", "c", "r", "br", "cr", "k", "_", "use", "Self", "1", "0x", ".", "..", "::", ":", "-", ">", "=", "<",
        "'", "'a", "\"", "#", "r#", "/", "//", "/*", "*/", "\n", " ", "\t", "\\", "é", "\u{2028}", "\u{85}", "(", "]",
        "{", "}", "!", "$", "@", "~", "?", "%", "^", "&", "|", "+", ";", ",", "\r", "\0", "\u{feff}", "ident", "🦀",
    ];

    proptest! {
        #[test]
        fn plain_tokens_are_rustc_s(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)) {
            let text = format!(" {}", pieces.concat());
            let ours = tokens(&text, Vec::new());
            let ours: Vec<_> = ours.list.iter().map(|token| (token.kind, token.start, token.end)).collect();
            prop_assert_eq!(ours, by_rustc(&text), "{:?}", text);
        }
    }
}
