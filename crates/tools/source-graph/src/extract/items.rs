//! Items that declare a name: modules, types, functions and their generics.

use crate::facts::{Declared, ModuleItem, Position, ScopeKind, UnseenKind};
use crate::lexer::{Bracket, Kind, Word};

use super::imports::Seen;
use super::{Inside, Walk};

impl Walk<'_> {
    /// `struct Name<..>`, `fn name<..>`, `const NAME` and the like, the keyword at `at`.
    pub(super) fn item(&mut self, at: usize, what: Declared) -> usize {
        let name_at = if self.slice(at + 1) == "mut" { at + 2 } else { at + 1 };
        let after = self.tokens.kind(name_at + 1);
        let is_item = match self.tokens.kind(at) {
            // `*const T` and `fn(T)` are types.
            Kind::Word(Word::Const | Word::Static) => after == Kind::Punct(b':'),
            Kind::Word(Word::Fn) => matches!(after, Kind::Open(Bracket::Paren) | Kind::Punct(b'<')),
            _ => true,
        };
        if !is_item || !self.is_name(name_at) {
            return at + 1;
        }
        // A value is no head of a path; only a module's are asked for, by the uses that name them.
        let in_block = self.facts.scopes[self.scope as usize].kind == ScopeKind::Block;
        let word = self.tokens.kind(at);
        let associated = word == Kind::Word(Word::Type) && self.groups.last().is_some_and(|group| group.associated);
        self.associated |= word == Kind::Word(Word::Trait);
        if !associated && (what == Declared::Type || !in_block) {
            let name = self.name_at(name_at);
            self.declare(name, what, self.seen(at) != Seen::Here);
        }
        self.generics(name_at + 1);
        name_at + 1
    }

    /// Declares the type parameters between the angle brackets that open at `at`, if any, for the rest of the item.
    pub(super) fn generics(&mut self, at: usize) {
        if !self.tokens.is(at, b'<') {
            return;
        }
        self.generics_end = usize::MAX;
        let (mut next, mut depth, mut expected, mut generic) = (at, 0_u32, true, None);
        loop {
            match self.tokens.kind(next) {
                Kind::Punct(b'<') => depth += 1,
                Kind::Punct(b'>') if depth == 1 => {
                    self.generics_end = next;
                    return;
                }
                Kind::Punct(b'>') => depth -= 1,
                Kind::Punct(b',') => expected = depth == 1,
                Kind::Ident | Kind::RawIdent if expected => {
                    generic.get_or_insert_with(|| self.generic());
                    let name = self.name_at(next);
                    self.declare(name, Declared::Type, false);
                    expected = false;
                }
                Kind::Word(Word::Const) | Kind::Lifetime => expected = false,
                // Where another item begins the list was none: without this, broken text would be read many times.
                Kind::Word(
                    Word::Fn | Word::Struct | Word::Enum | Word::Impl | Word::Trait | Word::Type | Word::Mod,
                )
                | Kind::Punct(b';')
                | Kind::Close(_) => return,
                Kind::Open(_) => {
                    next = self.tokens.after_group(next);
                    continue;
                }
                _ => {}
            }
            next += 1;
        }
    }

    /// `mod name;` or `mod name {`
    pub(super) fn module(&mut self, at: usize) -> usize {
        if !self.is_name(at + 1) {
            if self.inside == Inside::Rules && self.tokens.is(at + 1, b'$') && self.tokens.is(at + 3, b';') {
                self.unseen(UnseenKind::Module, at, at + 2);
            }
            return at + 1;
        }
        let braced = self.tokens.kind(at + 2) == Kind::Open(Bracket::Brace);
        if !braced && !self.tokens.is(at + 2, b';') {
            return at + 1;
        }
        if self.inside == Inside::Rules {
            if !braced {
                self.unseen(UnseenKind::Module, at, at + 1);
            }
            return at + 2;
        }
        let (path, conditional_paths) = self.paths.take(at);
        let scope = braced.then(|| self.new_scope(ScopeKind::Module(self.facts.modules.len() as u32)));
        let name = self.name_at(at + 1);
        self.declare(name, Declared::Module, self.seen(at) != Seen::Here);
        let module = ModuleItem {
            name,
            scope: self.scope,
            span: self.span(at, at + 1),
            path,
            conditional_paths,
            inline: braced,
            in_macro: self.inside == Inside::Call,
            public: self.seen(at) == Seen::Everywhere,
            condition: self.condition,
        };
        self.facts.modules.push(module);
        let Some(scope) = scope else {
            return at + 2;
        };
        let next = self.open(at + 2, self.inside, false);
        if next == at + 3 && self.groups.last().is_some_and(|group| group.open == at + 2) {
            self.scope = scope;
        }
        next
    }

    /// `pub`, whose `pub(in a::b)` holds a path.
    pub(super) fn visibility(&mut self, at: usize) -> usize {
        if self.tokens.kind(at + 1) == Kind::Open(Bracket::Paren) && self.slice(at + 2) == "in" {
            let global = self.tokens.kind(at + 3) == Kind::PathSep;
            let head = at + 3 + usize::from(global);
            if self.is_segment(head) {
                self.path_alone(head, global, Position::Visibility);
            }
            return self.tokens.after_group(at + 1);
        }
        at + 1
    }
}
