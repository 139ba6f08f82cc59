//! Whether a file holds items: at the level of the file and of its inline modules, what stands where an item begins.
//!
//! A look at the first words of each item and at what ends it, no grammar: whatever lies in a bracket of an item is
//! stepped over, so that few tokens are looked at. It takes for an item what any edition or nightly compiler might,
//! since a file that compiles must never be refused.

use crate::lexer::{Bracket, Kind, Tokens, Word};

/// The first token at which an item should begin and none can. Asks for tokens without faults.
pub(super) fn no_item(text: &str, tokens: &Tokens) -> Option<usize> {
    let outline = Outline { text, tokens };
    let mut at = 0;
    while at < tokens.list.len() {
        match outline.after(at) {
            Some(next) => at = next,
            None => return Some(at),
        }
    }
    None
}

struct Outline<'a> {
    text: &'a str,
    tokens: &'a Tokens,
}

impl Outline<'_> {
    /// The index after the item, or the part of one, that begins at the token; nothing where none can.
    fn after(&self, at: usize) -> Option<usize> {
        match self.tokens.kind(at) {
            // The end of an inline module.
            Kind::Close(_) | Kind::Punct(b';') => Some(at + 1),
            Kind::Punct(b'#') => self.after_attribute(at),
            Kind::Word(word) => self.after_word(at, word),
            Kind::PathSep => self.after_call(at + 1),
            Kind::Ident => self.after_modifier(at).or_else(|| self.after_call(at)),
            Kind::RawIdent => self.after_call(at),
            _ => None,
        }
    }

    fn after_attribute(&self, at: usize) -> Option<usize> {
        let open = at + 1 + usize::from(self.tokens.is(at + 1, b'!'));
        let is_open = self.tokens.kind(open) == Kind::Open(Bracket::Square);
        is_open.then(|| self.tokens.after_group(open))
    }

    fn after_word(&self, at: usize, word: Word) -> Option<usize> {
        let next = self.tokens.kind(at + 1);
        Some(match word {
            Word::Pub if next == Kind::Open(Bracket::Paren) => {
                return Some(self.tokens.after_group(at + 1)).filter(|&next| self.is_qualified(next));
            }
            Word::Pub | Word::Unsafe => return Some(at + 1).filter(|&next| self.is_qualified(next)),
            // `crate fn` was a nightly's `pub(crate) fn`.
            Word::Crate if next != Kind::PathSep => at + 1,
            Word::Mod if self.tokens.kind(at + 2) == Kind::Open(Bracket::Brace) => at + 3,
            // `const fn`, `const unsafe trait`, `const gen fn`, and of a nightly `const { .. }`
            Word::Const if matches!(next, Kind::Word(_)) || self.begins_modified(at + 1) => at + 1,
            Word::Const if next == Kind::Open(Bracket::Brace) => self.tokens.after_group(at + 1),
            Word::Use => return self.after_use(at + 1),
            Word::Const | Word::Static | Word::Type => return self.after_statement(at + 1),
            Word::Enum | Word::Extern | Word::Fn | Word::Impl | Word::Mod | Word::Struct | Word::Trait => {
                return self.after_block(at + 1);
            }
            word if word.heads_path() => return self.after_call(at),
            _ => return None,
        })
    }

    /// The index after a word that is a keyword before another one only, or after the item that it begins.
    fn after_modifier(&self, at: usize) -> Option<usize> {
        match self.slice(at) {
            _ if self.begins_modified(at) => Some(at + 1),
            "union" | "macro" if self.is_name(at + 1) => self.after_block(at + 1),
            // A delegation of a nightly: `reuse <A as B>::{c, d};`
            "reuse" if !self.tokens.is(at + 1, b'!') => self.after_block(at + 1),
            "builtin" if self.tokens.is(at + 1, b'#') => Some(self.tokens.after_group(at + 3)),
            _ => None,
        }
    }

    /// Whether what a visibility or `unsafe` stands before may begin at the token.
    fn is_qualified(&self, at: usize) -> bool {
        match self.tokens.kind(at) {
            Kind::Word(word) => word != Word::Pub,
            kind => matches!(kind, Kind::Ident | Kind::RawIdent),
        }
    }

    /// `async fn`, `default unsafe impl`, `gen fn`, `auto trait` and the like.
    fn begins_modified(&self, at: usize) -> bool {
        matches!(self.slice(at), "async" | "auto" | "default" | "gen" | "safe")
            && matches!(self.tokens.kind(at + 1), Kind::Ident | Kind::Word(_))
    }

    /// `a::b! { .. }`, `macro_rules! a { .. }`; of parentheses the semicolon is an item of its own.
    fn after_call(&self, mut at: usize) -> Option<usize> {
        while self.is_segment(at) && self.tokens.kind(at + 1) == Kind::PathSep {
            at += 2;
        }
        if !self.is_segment(at) || !self.tokens.is(at + 1, b'!') {
            return None;
        }
        let open = at + 2 + usize::from(self.is_name(at + 2));
        matches!(self.tokens.kind(open), Kind::Open(_)).then(|| self.tokens.after_group(open))
    }

    /// The index after the semicolon that ends the use tree.
    fn after_use(&self, mut at: usize) -> Option<usize> {
        enum After {
            Start,
            Separator,
            Segment,
            As,
            Tree,
        }
        let mut after = After::Start;
        while at < self.tokens.list.len() {
            after = match (self.tokens.kind(at), after) {
                (Kind::Ident | Kind::RawIdent, After::As) => After::Tree,
                (Kind::PathSep, After::Start | After::Segment) => After::Separator,
                (Kind::Open(Bracket::Brace), After::Start | After::Separator) => After::Start,
                (Kind::Punct(b'*'), After::Start | After::Separator) => After::Tree,
                (Kind::Word(Word::As), After::Segment) => After::As,
                (Kind::Punct(b','), After::Segment | After::Tree) => After::Start,
                (Kind::Close(Bracket::Brace), After::Start | After::Segment | After::Tree) => After::Tree,
                (Kind::Punct(b';'), After::Segment | After::Tree) => return Some(at + 1),
                (_, After::Start | After::Separator) if self.is_segment(at) => After::Segment,
                _ => return None,
            };
            at += 1;
        }
        None
    }

    /// The index after the semicolon that ends an item.
    fn after_statement(&self, mut at: usize) -> Option<usize> {
        while at < self.tokens.list.len() {
            match self.tokens.kind(at) {
                Kind::Punct(b';') => return Some(at + 1),
                Kind::Open(_) => at = self.tokens.after_group(at),
                Kind::Close(_) => return None,
                _ => at += 1,
            }
        }
        None
    }

    /// The index after the braces or the semicolon that end an item.
    fn after_block(&self, mut at: usize) -> Option<usize> {
        while at < self.tokens.list.len() {
            match self.tokens.kind(at) {
                Kind::Punct(b';') => return Some(at + 1),
                Kind::Open(bracket) => {
                    let is_list = self.tokens.kind(at.saturating_sub(1)) == Kind::PathSep;
                    at = self.tokens.after_group(at);
                    // `Foo<{ N }>` and `Foo<{ N }, T>` are not the item's block, nor are the names of a delegation.
                    let goes_on = is_list || matches!(self.tokens.kind(at), Kind::Punct(b'>' | b','));
                    if bracket == Bracket::Brace && !goes_on {
                        return Some(at);
                    }
                }
                Kind::Close(_) => return None,
                _ => at += 1,
            }
        }
        None
    }

    fn is_name(&self, at: usize) -> bool {
        matches!(self.tokens.kind(at), Kind::Ident | Kind::RawIdent)
    }

    fn is_segment(&self, at: usize) -> bool {
        self.is_name(at) || matches!(self.tokens.kind(at), Kind::Word(word) if word.heads_path())
    }

    fn slice(&self, at: usize) -> &str {
        self.tokens.list.get(at).map_or("", |token| &self.text[token.start as usize..token.end as usize])
    }
}
