//! `use` and `extern crate`.

use crate::facts::{Declared, Glob, Position};
use crate::lexer::{Bracket, Kind, Word};

use super::Walk;
use super::paths::LONGEST_PATH;
use crate::names::Name;

/// Who else sees an item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// `pub`
    Everywhere,
    /// `pub(..)`
    Inside,
    Here,
}

/// The part of a use tree before the place that is read.
struct Tree {
    path: Vec<Name>,
    global: bool,
    /// What the path was at each open brace.
    open: Vec<(usize, bool)>,
    /// The first and the last token of the leaf.
    leaf: Option<(usize, usize)>,
    alias: Option<usize>,
    seen: Seen,
}

impl Walk<'_> {
    /// `use a::{b as c, d::*};` Ends at the semicolon, or at the first token that no use tree holds.
    pub(super) fn use_item(&mut self, at: usize) -> usize {
        let seen = self.seen(at);
        let mut tree = Tree { path: Vec::new(), global: false, open: Vec::new(), leaf: None, alias: None, seen };
        let mut next = at + 1;
        loop {
            match self.tokens.kind(next) {
                Kind::PathSep => tree.global |= tree.path.is_empty(),
                Kind::Ident | Kind::RawIdent => tree.push(next, self.name_at(next)),
                Kind::Word(word) if word.heads_path() => tree.push(next, self.name_at(next)),
                Kind::Punct(b'$') if self.tokens.kind(next + 1) == Kind::Word(Word::Crate) => {
                    tree.push(next, self.names.name("$crate"));
                    next += 1;
                }
                Kind::Word(Word::As) if tree.leaf.is_some() => {
                    next += 1;
                    tree.alias = Some(next);
                }
                Kind::Punct(b'*') => {
                    let first = tree.leaf.map_or(next, |(first, _)| first);
                    tree.leaf = None;
                    self.glob(&tree, first, next);
                }
                Kind::Open(Bracket::Brace) => {
                    tree.open.push((tree.path.len(), tree.global));
                    (tree.leaf, tree.alias) = (None, None);
                }
                Kind::Punct(b',') if !tree.open.is_empty() => {
                    self.leaf(&mut tree);
                    tree.rewind();
                }
                Kind::Close(Bracket::Brace) if !tree.open.is_empty() => {
                    self.leaf(&mut tree);
                    tree.open.pop();
                    tree.rewind();
                }
                _ => break,
            }
            next += 1;
        }
        self.leaf(&mut tree);
        next
    }

    /// `extern crate a as b;`
    pub(super) fn extern_crate(&mut self, at: usize) -> usize {
        let is_self = self.tokens.kind(at + 2) == Kind::Word(Word::SelfModule);
        if self.tokens.kind(at + 1) != Kind::Word(Word::Crate) || !(self.is_name(at + 2) || is_self) {
            return at + 1;
        }
        let position = match self.seen(at) {
            Seen::Everywhere => Position::ExternCrateReExport,
            Seen::Inside | Seen::Here => Position::ExternCrate,
        };
        let begin = self.facts.segments.len();
        let name = self.name_at(at + 2);
        self.facts.segments.push(name);
        let renamed = self.tokens.kind(at + 3) == Kind::Word(Word::As);
        let last = if renamed { at + 4 } else { at + 2 };
        let alias = renamed.then(|| self.name_at(last));
        let span = self.span(at + 2, last);
        let reference = self.reference(begin, !is_self, span, position, alias);
        if self.slice(last) != "_" && self.is_name(last) {
            self.declare(alias.unwrap_or(name), Declared::Use(reference), self.seen(at) != Seen::Here);
        }
        last + 1
    }

    fn leaf(&mut self, tree: &mut Tree) {
        let (leaf, alias) = (tree.leaf.take(), tree.alias.take());
        let Some((first, last)) = leaf else {
            return;
        };
        let position = match tree.seen {
            Seen::Everywhere => Position::ReExport,
            Seen::Inside | Seen::Here => Position::Use,
        };
        let alias_name = alias.filter(|&at| self.is_name(at)).map(|at| self.name_at(at));
        let ends_in_self = tree.path.len() > 1 && self.tokens.kind(last) == Kind::Word(Word::SelfModule);
        let path = if ends_in_self { &tree.path[..tree.path.len() - 1] } else { &tree.path[..] };
        let Some(&own_name) = path.last() else {
            return;
        };
        let begin = self.facts.segments.len();
        self.facts.segments.extend_from_slice(path);
        let span = self.span(first, alias.unwrap_or(last));
        let reference = self.reference(begin, tree.global, span, position, alias_name);
        let name = alias_name.unwrap_or(own_name);
        if !matches!(self.names.text(name), "_" | "self" | "super" | "crate" | "$crate") {
            self.declare(name, Declared::Use(reference), tree.seen != Seen::Here);
        }
    }

    fn glob(&mut self, tree: &Tree, first: usize, last: usize) {
        let position = match tree.seen {
            Seen::Everywhere => Position::GlobReExport,
            Seen::Inside | Seen::Here => Position::Glob,
        };
        let begin = self.facts.segments.len();
        self.facts.segments.extend_from_slice(&tree.path);
        let span = self.span(first, last);
        let reference = self.reference(begin, tree.global, span, position, None);
        self.facts.globs.push(Glob { reference, exposed: tree.seen != Seen::Here });
    }

    /// What stands before the keyword at `at`.
    pub(super) fn seen(&self, at: usize) -> Seen {
        match self.previous(at) {
            Some(Kind::Word(Word::Pub)) => Seen::Everywhere,
            Some(Kind::Close(Bracket::Paren)) => {
                let open = self.tokens.list[at - 1].partner as usize;
                if self.previous(open) == Some(Kind::Word(Word::Pub)) { Seen::Inside } else { Seen::Here }
            }
            // `pub const unsafe extern "C" fn`, `pub auto trait`: exposed or not, no path leads through a function.
            _ => Seen::Here,
        }
    }
}

impl Tree {
    fn push(&mut self, at: usize, name: Name) {
        if self.path.len() < LONGEST_PATH {
            self.path.push(name);
        }
        let first = self.leaf.map_or(at, |(first, _)| first);
        self.leaf = Some((first, at));
    }

    /// Back to what was before the innermost open brace.
    fn rewind(&mut self) {
        let (length, global) = self.open.last().copied().unwrap_or((0, false));
        self.path.truncate(length);
        self.global = global;
    }
}
