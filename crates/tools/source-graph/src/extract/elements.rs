//! How far an attribute or a list of generics reaches: to the end of the item, field, arm or statement it begins.

use crate::facts::ScopeKind;
use crate::lexer::{Bracket, Kind, Word};

use super::Walk;

/// Something under an attribute or with generics, in the innermost open group, and what holds again after it.
#[derive(Debug)]
pub(super) struct Element {
    ends: Ends,
    angles: u32,
    scope: u32,
    condition: u32,
}

/// What ends an element. Where it is not plain, the earlier end is taken: then a test's reference may be held for one
/// of the product, never the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// Its block, or a semicolon.
    Item,
    /// A semicolon.
    Statement,
    /// Its block when no `else` follows.
    Block,
    /// A comma outside of angle brackets, or a semicolon.
    Comma,
    /// The block after `=>`, or a comma.
    Arm,
}

impl Walk<'_> {
    /// Opens an element whose first token after all attributes is at `at`.
    pub(super) fn attributed(&mut self, at: usize, condition: u32) {
        let ends = self.ends(at);
        self.elements.push(Element { ends, angles: 0, scope: self.scope, condition: self.condition });
        self.condition = condition;
    }

    /// Opens an element with a scope of its own for the generics of an item.
    pub(super) fn generic(&mut self) {
        self.elements.push(Element { ends: Ends::Item, angles: 0, scope: self.scope, condition: self.condition });
        self.scope = self.new_scope(ScopeKind::Block);
    }

    fn ends(&self, at: usize) -> Ends {
        let at = self.after_label(self.after_visibility(at));
        match self.tokens.kind(at) {
            Kind::Word(Word::Const) => match self.tokens.kind(at + 1) {
                Kind::Open(Bracket::Brace) => Ends::Block,
                Kind::Word(Word::Fn | Word::Unsafe | Word::Extern) => Ends::Item,
                _ if self.slice(at + 1) == "async" => Ends::Item,
                _ => Ends::Statement,
            },
            Kind::Word(Word::Use | Word::Static | Word::Type | Word::Let) => Ends::Statement,
            Kind::Word(Word::Unsafe) if self.tokens.kind(at + 1) == Kind::Open(Bracket::Brace) => Ends::Block,
            Kind::Word(
                Word::Fn
                | Word::Mod
                | Word::Struct
                | Word::Enum
                | Word::Trait
                | Word::Impl
                | Word::Extern
                | Word::Unsafe,
            ) => Ends::Item,
            Kind::Word(Word::If | Word::Match | Word::Loop | Word::While | Word::For) => Ends::Block,
            Kind::Open(Bracket::Brace) => Ends::Item,
            Kind::Ident if self.begins_async_block(at) => Ends::Block,
            Kind::Ident if self.begins_item(at) => Ends::Item,
            Kind::Ident => self.macro_call_ends(at),
            _ => Ends::Comma,
        }
    }

    fn after_label(&self, at: usize) -> usize {
        if self.tokens.kind(at) == Kind::Lifetime && self.tokens.is(at + 1, b':') { at + 2 } else { at }
    }

    /// `async { .. }`, `async move { .. }`.
    fn begins_async_block(&self, at: usize) -> bool {
        let next = if self.slice(at + 1) == "move" { at + 2 } else { at + 1 };
        self.slice(at) == "async" && self.tokens.kind(next) == Kind::Open(Bracket::Brace)
    }

    fn begins_item(&self, at: usize) -> bool {
        match self.slice(at) {
            "union" | "auto" | "async" | "default" | "safe" | "macro" => {
                matches!(self.tokens.kind(at + 1), Kind::Ident | Kind::Word(_))
            }
            _ => false,
        }
    }

    /// `name! { .. }` ends with its brace.
    fn macro_call_ends(&self, mut at: usize) -> Ends {
        while self.tokens.kind(at + 1) == Kind::PathSep {
            at += 2;
        }
        if !self.tokens.is(at + 1, b'!') {
            return Ends::Comma;
        }
        let open = if self.is_name(at + 2) { at + 3 } else { at + 2 };
        if self.tokens.kind(open) == Kind::Open(Bracket::Brace) { Ends::Item } else { Ends::Comma }
    }

    pub(super) fn after_visibility(&self, at: usize) -> usize {
        if self.tokens.kind(at) != Kind::Word(Word::Pub) {
            return at;
        }
        if self.tokens.kind(at + 1) == Kind::Open(Bracket::Paren) { self.tokens.after_group(at + 1) } else { at + 1 }
    }

    /// Closes every element of the innermost group that the token at `at` ends.
    pub(super) fn end_elements(&mut self, at: usize, kind: Kind) {
        let outside = self.groups.last().map_or(0, |group| group.elements);
        while self.elements.len() > outside {
            let adjacent = at > 0 && self.tokens.list[at - 1].end == self.tokens.list[at].start;
            let (next, next_is_else) = (self.tokens.kind(at + 1), self.slice(at + 1) == "else");
            let Some(element) = self.elements.last_mut() else {
                return;
            };
            if !element.end(kind, adjacent, next, next_is_else) {
                return;
            }
            if let Some(element) = self.elements.pop() {
                (self.scope, self.condition) = (element.scope, element.condition);
            }
        }
    }
}

impl Element {
    fn end(&mut self, kind: Kind, adjacent: bool, next: Kind, next_is_else: bool) -> bool {
        let brace = kind == Kind::Close(Bracket::Brace);
        match (self.ends, kind) {
            (_, Kind::Punct(b';')) => true,
            // `Foo<{ N }>` and `Foo<{ N }, T>` are not the item's block.
            (Ends::Item, _) => brace && !matches!(next, Kind::Punct(b'>' | b',')),
            (Ends::Block, _) => brace && !next_is_else,
            (Ends::Arm, Kind::Punct(b',')) => true,
            (Ends::Arm, _) => brace,
            // A type's bracket touches its name; a comparison has blanks.
            (Ends::Comma, Kind::Punct(b'<')) if adjacent => {
                self.angles += 1;
                false
            }
            (Ends::Comma, Kind::Punct(b'>')) => {
                self.angles = self.angles.saturating_sub(1);
                false
            }
            (Ends::Comma, Kind::Punct(b',')) => self.angles == 0,
            (Ends::Comma, Kind::FatArrow) if next == Kind::Open(Bracket::Brace) => {
                self.ends = Ends::Arm;
                false
            }
            // An arm ends with such an expression, whether or not a comma follows.
            (Ends::Comma, Kind::FatArrow)
                if matches!(
                    next,
                    Kind::Lifetime
                        | Kind::Word(Word::If | Word::Match | Word::Loop | Word::While | Word::For | Word::Unsafe)
                ) =>
            {
                self.ends = Ends::Block;
                false
            }
            _ => false,
        }
    }
}
