//! Paths in the strings of attributes, which a macro reads as code: `#[serde(with = "a::b", bound = "T: c::D")]`.

use crate::facts::Position;
use crate::lexer::{self, Kind, Tokens, Word};
use crate::span::Span;

use super::Walk;
use super::paths::LONGEST_PATH;

/// Keys whose strings are told to people or name something at run time, however much they may look like paths.
const NO_CODE: [&str; 13] = [
    "about",
    "description",
    "doc",
    "example",
    "expected",
    "help",
    "label",
    "message",
    "name",
    "note",
    "reason",
    "rename",
    "target",
];

/// Keys whose strings name a module or crate, so that a single name is a path as well.
const MODULES: [&str; 2] = ["crate", "with"];

/// The content of a string: code of its own, at an offset of the file.
struct Text<'a> {
    text: &'a str,
    start: u32,
    tokens: Tokens,
}

impl<'a> Walk<'a> {
    /// Records the paths of the string literal at `at`, if it is the value of a key and reads as code.
    pub(super) fn paths_in_text(&mut self, at: usize) {
        let Some(key) = at.checked_sub(2).filter(|_| self.tokens.is(at - 1, b'=')).map(|key| self.slice(key)) else {
            return;
        };
        let written = self.slice(at);
        let (Some(open), Some(close)) = (written.find('"'), written.rfind('"')) else {
            return;
        };
        let text = &written[open + 1..close.max(open + 1)];
        let module = MODULES.contains(&key);
        // An escape would shift the spans, and no path has one.
        if NO_CODE.contains(&key) || text.contains('\\') || !(module || text.contains("::")) {
            return;
        }
        let start = self.tokens.list[at].start + open as u32 + 1;
        let text = Text { text, start, tokens: lexer::tokens(text, Vec::new()) };
        if !text.reads_as_code() {
            return;
        }
        let alone = module && text.tokens.list.len() == 1;
        let mut next = 0;
        while next < text.tokens.list.len() {
            next = self.path_in_text(&text, next, alone);
        }
    }

    /// Reads the path that begins or goes on at `at`, if any, and gives the index to go on from.
    fn path_in_text(&mut self, text: &Text<'a>, at: usize, alone: bool) -> usize {
        let separated = text.tokens.kind(at) == Kind::PathSep;
        let goes_on = separated && at > 0 && text.tokens.is(at - 1, b'>');
        let mut last = at + usize::from(separated);
        if !text.is_segment(last) {
            return at + 1;
        }
        let begin = self.facts.segments.len();
        self.facts.segments.push(self.names.name(text.name(last)));
        while text.tokens.kind(last + 1) == Kind::PathSep && text.is_segment(last + 2) {
            last += 2;
            if self.facts.segments.len() - begin < LONGEST_PATH {
                self.facts.segments.push(self.names.name(text.name(last)));
            }
        }
        // A single name is a parameter, a function or a local type.
        if goes_on || !(separated || alone || last > at) {
            self.facts.segments.truncate(begin);
        } else {
            let span =
                Span { start: text.start + text.tokens.list[at].start, end: text.start + text.tokens.list[last].end };
            self.reference(begin, separated, span, Position::AttributeText, None);
        }
        last + 1
    }
}

impl<'a> Text<'a> {
    /// Whether no two words follow each other as in a sentence, and no mark is there that types and calls do not have.
    fn reads_as_code(&self) -> bool {
        let mut after_operand = false;
        for at in 0..self.tokens.list.len() {
            let operand = match self.tokens.kind(at) {
                Kind::Str | Kind::RawStr | Kind::Word(Word::Extern | Word::Mod | Word::Pub | Word::Use) => {
                    return false;
                }
                Kind::Punct(b'#' | b'$' | b'%' | b'/' | b'@' | b'\'' | b'^' | b'`' | b'~') => return false,
                Kind::Literal => true,
                _ => self.is_segment(at) && self.name(at) != "dyn",
            };
            if operand && after_operand {
                return false;
            }
            after_operand = operand;
        }
        self.tokens.faults.is_empty()
    }

    fn is_segment(&self, at: usize) -> bool {
        match self.tokens.kind(at) {
            Kind::Ident | Kind::RawIdent => true,
            Kind::Word(word) => word.heads_path(),
            _ => false,
        }
    }

    fn name(&self, at: usize) -> &'a str {
        let token = self.tokens.list[at];
        let name = &self.text[token.start as usize..token.end as usize];
        name.strip_prefix("r#").unwrap_or(name)
    }
}
