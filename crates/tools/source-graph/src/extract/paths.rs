//! Paths outside of `use`, and the macros they call.

use rustc_literal_escaper::unescape_str;

use crate::facts::{Declared, FileName, Include, PathUse, Position, UnseenKind};
use crate::lexer::{Bracket, Kind, Word};
use crate::names::Name;
use crate::span::Span;

use super::{Inside, Walk};

/// No path that a person wrote is longer; the rest of a longer one is dropped.
pub(super) const LONGEST_PATH: usize = 64;

/// How far a list of generic arguments is searched for its end, so that broken text is not searched again and again.
const MOST_TOKENS_IN_ARGUMENTS: usize = 128;

impl Walk<'_> {
    /// A name or `crate`, `self`, `super`, `Self`: perhaps a path, perhaps a macro.
    pub(super) fn name(&mut self, at: usize) -> usize {
        let next = self.tokens.kind(at + 1);
        if self.previous(at) == Some(Kind::Punct(b'.')) {
            return at + 1;
        }
        match next {
            Kind::Punct(b'!') if self.begins_rules(at) => self.rules(at),
            Kind::PathSep if self.is_keyword_here(at) => at + 1,
            Kind::PathSep | Kind::Punct(b'!') => self.path(at, false, Position::Path),
            Kind::Ident | Kind::RawIdent if self.slice(at) == "union" && self.has_body(at + 2) => {
                self.item(at, Declared::Type)
            }
            // Most names are alone: no path, or one whose import is a reference already.
            _ => at + 1,
        }
    }

    /// `::`, of which a path begins or goes on.
    pub(super) fn separator(&mut self, at: usize) -> usize {
        if self.begins_global(at) && self.is_segment(at + 1) {
            return self.path(at + 1, true, Position::Path);
        }
        self.rest_of_path(at)
    }

    /// `$crate::..`, or a variable of a macro, behind which nothing is known.
    pub(super) fn dollar(&mut self, at: usize) -> usize {
        match self.tokens.kind(at + 1) {
            Kind::Word(Word::Crate) => self.path(at, false, Position::Path),
            Kind::Ident | Kind::RawIdent | Kind::Word(_) => self.rest_of_path(at + 2),
            _ => at + 1,
        }
    }

    /// Steps over `::a::b` and enters the macro call it may name.
    pub(super) fn rest_of_path(&mut self, mut at: usize) -> usize {
        let begin = at;
        while self.tokens.kind(at) == Kind::PathSep && self.is_segment(at + 1) {
            at += 2;
        }
        match self.call(at) {
            Some(open) => self.open_call(open),
            None if at == begin && self.tokens.kind(at) == Kind::PathSep => at + 1,
            None => at,
        }
    }

    /// Reads the path whose first segment is at `at`, and enters the macro call it may name.
    fn path(&mut self, at: usize, global: bool, position: Position) -> usize {
        let (last, call) = self.path_alone(at, global, position);
        let Some(open) = call else {
            return last + 1;
        };
        match self.slice(last) {
            "include" => self.include(last, open),
            "include_str" | "include_bytes" if self.inside != Inside::Rules => {
                let name = self.file_name(open);
                self.facts.embedded.extend(name);
            }
            _ => {}
        }
        self.open_call(open)
    }

    /// Reads the path whose first segment is at `at`: its last token, and the bracket of the call.
    pub(super) fn path_alone(&mut self, at: usize, global: bool, position: Position) -> (usize, Option<usize>) {
        let first = at - usize::from(global);
        let hidden = self.tokens.kind(at) == Kind::Word(Word::SelfType);
        let begin = self.facts.segments.len();
        let mut last = at;
        let head = if self.tokens.is(at, b'$') {
            last += 1;
            self.names.name("$crate")
        } else {
            self.name_at(at)
        };
        self.facts.segments.push(head);
        while self.tokens.kind(last + 1) == Kind::PathSep && self.is_segment(last + 2) && !self.is_apart(last + 1) {
            last += 2;
            self.push_segment(begin, last);
        }
        let call = self.call(last + 1);
        let length = self.facts.segments.len() - begin;
        let single = length == 1 && !global;
        // Of `Name::<T>::new` the name is the part before its arguments.
        let means = call.is_some() || self.goes_on_after_arguments(last + 1);
        let means = means && self.is_name(at) || self.goes_on_with_variable(last + 1);
        if hidden || (single && position == Position::Path && !means) {
            self.facts.segments.truncate(begin);
        } else {
            let calls = call.is_some() && position == Position::Path;
            let position = if calls { Position::Macro } else { position };
            let span = self.span(first, last);
            self.reference(begin, global, span, position, None);
        }
        (last, call)
    }

    pub(super) fn push_segment(&mut self, begin: usize, at: usize) {
        if self.facts.segments.len() - begin < LONGEST_PATH {
            let name = self.name_at(at);
            self.facts.segments.push(name);
        }
    }

    /// Records the path of the segments from `begin` on.
    pub(super) fn reference(
        &mut self,
        begin: usize,
        global: bool,
        span: Span,
        position: Position,
        alias: Option<Name>,
    ) -> u32 {
        self.facts.references.push(PathUse {
            segments: begin as u32..self.facts.segments.len() as u32,
            global,
            span,
            scope: self.scope,
            position,
            alias,
            in_macro: self.inside != Inside::Code,
            condition: self.condition,
        });
        (self.facts.references.len() - 1) as u32
    }

    pub(super) fn is_segment(&self, at: usize) -> bool {
        match self.tokens.kind(at) {
            Kind::Ident | Kind::RawIdent => true,
            Kind::Word(word) => word.heads_path(),
            _ => false,
        }
    }

    /// The bracket of the macro call whose `!` is at `at`.
    fn call(&self, at: usize) -> Option<usize> {
        let is_call = self.tokens.is(at, b'!') && matches!(self.tokens.kind(at + 1), Kind::Open(_));
        is_call.then_some(at + 1)
    }

    fn open_call(&mut self, open: usize) -> usize {
        let among_items = self.facts.scopes[self.scope as usize].kind != crate::facts::ScopeKind::Block;
        let inside = if self.inside == Inside::Rules { Inside::Rules } else { Inside::Call };
        let block = self.tokens.kind(open) == Kind::Open(Bracket::Brace) && !among_items;
        self.open(open, inside, block)
    }

    /// `macro_rules! name {`
    fn begins_rules(&self, at: usize) -> bool {
        self.tokens.kind(at) == Kind::Ident
            && self.slice(at) == "macro_rules"
            && self.is_name(at + 2)
            && matches!(self.tokens.kind(at + 3), Kind::Open(_))
    }

    fn rules(&mut self, at: usize) -> usize {
        let name = self.name_at(at + 2);
        let exported = if self.paths.exports_macro(at) { Declared::ExportedMacro } else { Declared::Value };
        self.declare(name, exported, false);
        self.open(at + 3, Inside::Rules, true)
    }

    fn include(&mut self, first: usize, open: usize) {
        let last = self.tokens.after_group(open) - 1;
        match self.file_name(open) {
            Some(name) if self.inside != Inside::Rules => {
                let (span, in_macro) = (self.span(first, last), self.inside == Inside::Call);
                let (scope, condition) = (self.scope, self.condition);
                self.facts.includes.push(Include { name, scope, span, in_macro, condition });
            }
            _ => self.unseen(UnseenKind::Include, first, last),
        }
    }

    /// All that stands between the brackets of the call, where it names a file.
    fn file_name(&self, open: usize) -> Option<FileName> {
        let (mut parts, mut at, mut from_manifest) = (String::new(), open + 1, false);
        let joined = self.slice(at) == "concat" && self.call(at + 1).is_some();
        if joined {
            at += 3;
            from_manifest = self.slice(at) == "env"
                && self.call(at + 1).is_some()
                && self.string(at + 3).as_deref() == Some("CARGO_MANIFEST_DIR")
                && self.tokens.after_group(at + 2) == at + 5;
            if from_manifest {
                at += 5 + usize::from(self.tokens.is(at + 5, b','));
            }
        }
        while let Some(part) = self.string(at) {
            parts.push_str(&part);
            at += 1 + usize::from(self.tokens.is(at + 1, b','));
            if !joined {
                break;
            }
        }
        if joined {
            let closed = matches!(self.tokens.kind(at), Kind::Close(_));
            at += usize::from(closed) + usize::from(closed && self.tokens.is(at + 1, b','));
        }
        let whole = self.tokens.after_group(open) == at + 1 && !parts.is_empty();
        whole.then(|| FileName { path: parts.into(), from_manifest })
    }

    /// A path after a name goes on with `::`; after anything else it begins with it.
    fn begins_global(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else {
            return true;
        };
        match self.tokens.kind(before) {
            Kind::Ident => self.is_keyword_here(before) || self.is_apart(at),
            Kind::Word(word) => !word.heads_path(),
            Kind::Punct(b'>') => {
                before == self.generics_end || self.ends_lifetimes(before) || self.is_comparison(before)
            }
            Kind::RawIdent | Kind::Str | Kind::RawStr | Kind::Literal | Kind::Punct(b'$') => false,
            // `$(..)::` repeats a part of a path; `pub(crate) ::a::B` and `#[a] ::b::C` are complete before it.
            Kind::Close(Bracket::Paren | Bracket::Square) => {
                let open = self.tokens.list[before].partner as usize;
                !(open > 0 && self.tokens.is(open - 1, b'$'))
            }
            _ => true,
        }
    }

    /// In a macro a path may follow a word of the macro's own: `key ::a::B`, where `::` touches what comes after it only.
    fn is_apart(&self, separator: usize) -> bool {
        let list = &self.tokens.list;
        self.inside != Inside::Code
            && separator > 0
            && separator + 1 < list.len()
            && self.tokens.kind(separator - 1) == Kind::Ident
            && list[separator - 1].end < list[separator].start
            && list[separator].end == list[separator + 1].start
    }

    /// Whether the `>` at `at` closes `for<'a, 'b>`.
    fn ends_lifetimes(&self, at: usize) -> bool {
        let inside = |&at: &usize| matches!(self.tokens.kind(at), Kind::Lifetime | Kind::Punct(b',' | b':' | b'+'));
        let names = (0..at).rev().take(MOST_TOKENS_IN_ARGUMENTS).take_while(inside).count();
        let open = at - names;
        open >= 2 && self.tokens.is(open - 1, b'<') && self.tokens.kind(open - 2) == Kind::Word(Word::For)
    }

    /// `a > ::b::C`, in which blanks stand on both sides and `::` touches its path.
    fn is_comparison(&self, at: usize) -> bool {
        let list = &self.tokens.list;
        at > 0
            && at + 2 < list.len()
            && list[at - 1].end < list[at].start
            && list[at].end < list[at + 1].start
            && list[at + 1].end == list[at + 2].start
    }

    /// `::<T>::`
    fn goes_on_after_arguments(&self, separator: usize) -> bool {
        if self.tokens.kind(separator) != Kind::PathSep || !self.tokens.is(separator + 1, b'<') {
            return false;
        }
        let (mut at, mut depth) = (separator + 1, 0_u32);
        for _ in 0..MOST_TOKENS_IN_ARGUMENTS {
            match self.tokens.kind(at) {
                Kind::Open(_) => {
                    at = self.tokens.after_group(at);
                    continue;
                }
                Kind::Punct(b'<') => depth += 1,
                Kind::Punct(b'>') if depth == 1 => return self.tokens.kind(at + 1) == Kind::PathSep,
                Kind::Punct(b'>') => depth -= 1,
                Kind::Punct(b';') | Kind::Close(_) => return false,
                _ => {}
            }
            at += 1;
        }
        false
    }

    /// `::$name` of a macro's variable, or `::#name` of an interpolation.
    fn goes_on_with_variable(&self, separator: usize) -> bool {
        self.tokens.kind(separator) == Kind::PathSep
            && matches!(self.tokens.kind(separator + 1), Kind::Punct(b'$' | b'#'))
    }

    /// `dyn`, `await` and the like are keywords only in later editions; before a global path there is a blank.
    fn is_keyword_here(&self, at: usize) -> bool {
        self.tokens.list[at].end != self.tokens.list[at + 1].start
            && matches!(self.slice(at), "dyn" | "async" | "await" | "yield" | "box" | "raw")
    }

    fn has_body(&self, at: usize) -> bool {
        matches!(self.tokens.kind(at), Kind::Open(Bracket::Brace) | Kind::Punct(b'<') | Kind::Word(Word::Other))
    }

    /// The content of the string literal at `at`.
    pub(super) fn string(&self, at: usize) -> Option<Box<str>> {
        let text = self.slice(at);
        match self.tokens.kind(at) {
            Kind::Str => {
                let content = text.strip_prefix('"')?.strip_suffix('"')?;
                unescaped(content).map(Into::into)
            }
            Kind::RawStr => {
                let content = text.strip_prefix('r')?.trim_matches('#');
                Some(content.strip_prefix('"')?.strip_suffix('"')?.into())
            }
            _ => None,
        }
    }
}

/// What a string literal stands for; nothing where an escape is none that Rust has.
fn unescaped(content: &str) -> Option<String> {
    let (mut text, mut whole) = (String::with_capacity(content.len()), true);
    unescape_str(content, |_, read| match read {
        Ok(read) => text.push(read),
        Err(error) => whole &= !error.is_fatal(),
    });
    whole.then_some(text)
}
