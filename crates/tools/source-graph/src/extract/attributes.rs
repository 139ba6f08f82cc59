//! Attributes: the paths in them, `#[path]`, and the conditions they set on what follows.

use std::ops::Range;

use crate::facts::{Position, ScopeKind, When};
use crate::lexer::{Bracket, Kind};

use super::{Inside, Walk};

/// Attributes that expand to `#[test]`: the function exists in a test build only. Matched by their last segment.
const TEST_ATTRIBUTES: [&str; 6] = ["test", "bench", "rstest", "test_case", "quickcheck", "wasm_bindgen_test"];

/// `cfg(all(any(..)))` is read this deep.
const DEEPEST_PREDICATE: usize = 16;

/// What attributes say to the item whose keyword is at `item`.
#[derive(Debug, Default)]
pub(super) struct ModulePaths {
    item: usize,
    path: Option<Box<str>>,
    conditional: Vec<Box<str>>,
    exports_macro: bool,
}

impl ModulePaths {
    pub fn take(&mut self, item: usize) -> (Option<Box<str>>, Vec<Box<str>>) {
        if self.item != item {
            return (None, Vec::new());
        }
        (self.path.take(), std::mem::take(&mut self.conditional))
    }

    pub fn exports_macro(&self, item: usize) -> bool {
        self.item == item && self.exports_macro
    }
}

impl Walk<'_> {
    /// `#[..]`, with all the attributes that follow it, or `#![..]`. In a macro `#` may stand before a variable.
    pub(super) fn attribute(&mut self, at: usize) -> usize {
        if self.tokens.is(at + 1, b'!') && self.is_square(at + 2) {
            let mut condition = self.condition;
            let end = self.tokens.after_group(at + 2);
            self.metas(at + 3..end.saturating_sub(1), &mut condition, &mut ModulePaths::default());
            self.condition = condition;
            if self.inside == Inside::Code {
                match self.facts.scopes[self.scope as usize].kind {
                    ScopeKind::File => self.facts.whole = condition,
                    ScopeKind::Module(module) => self.facts.modules[module as usize].condition = condition,
                    ScopeKind::Block => {}
                }
            }
            return end;
        }
        if !self.is_square(at + 1) {
            let variable = self.is_segment(at + 1);
            return if variable { self.rest_of_path(at + 2) } else { at + 1 };
        }
        let (mut next, mut condition, mut paths) = (at, self.condition, ModulePaths::default());
        // Derives and attributes stand under the conditions that stand before them, and the item under all.
        let outside = self.condition;
        while self.tokens.is(next, b'#') && self.is_square(next + 1) {
            let end = self.tokens.after_group(next + 1);
            self.metas(next + 2..end.saturating_sub(1), &mut condition, &mut paths);
            self.condition = condition;
            next = end;
        }
        self.condition = outside;
        if condition != outside {
            self.attributed(next, condition);
        }
        paths.item = self.after_visibility(next);
        self.paths = paths;
        next
    }

    /// Reads the attributes between two brackets; `cfg_attr` adds its own to the list.
    fn metas(&mut self, range: Range<usize>, condition: &mut u32, paths: &mut ModulePaths) {
        let mut open = vec![(range, false)];
        while let Some((range, conditional)) = open.pop() {
            let args = self.arguments(&range);
            match self.slice(range.start) {
                "cfg_attr" if !args.is_empty() => {
                    let mut metas = self.split(args).into_iter();
                    metas.next();
                    open.extend(metas.map(|meta| (meta, true)));
                }
                // `unsafe(no_mangle)`
                "unsafe" if !args.is_empty() => open.push((args, conditional)),
                "cfg" if !conditional => self.cfg(args, condition),
                "path" if self.tokens.is(range.start + 1, b'=') => match (self.string(range.start + 2), conditional) {
                    (Some(path), true) => paths.conditional.push(path),
                    (path, _) => paths.path = paths.path.take().or(path),
                },
                "macro_export" => paths.exports_macro = true,
                "doc" | "cfg" => {}
                "derive" => self.paths_within(args, Position::Derive),
                _ => self.other(range, args, conditional, condition),
            }
        }
    }

    fn other(&mut self, range: Range<usize>, args: Range<usize>, conditional: bool, condition: &mut u32) {
        let name_end = if args.is_empty() { range.end } else { args.start - 1 };
        let last = (range.start..name_end).take_while(|&at| self.is_segment(at) || self.is_separator(at)).last();
        if let Some(last) = last
            && !conditional
            && TEST_ATTRIBUTES.contains(&self.slice(last))
        {
            *condition = self.new_condition(*condition, When::Test);
        }
        self.paths_within(range.start..name_end, Position::Attribute);
        self.paths_in_arguments(args);
    }

    /// A `cfg(..)` that only a test build meets is a test's; whatever else it asks is recorded as text.
    fn cfg(&mut self, args: Range<usize>, condition: &mut u32) {
        let test = self.asks_test(args.clone(), DEEPEST_PREDICATE);
        if test {
            *condition = self.new_condition(*condition, When::Test);
        }
        if !test || args.len() > 1 {
            let span = self.span(args.start, args.end.saturating_sub(1).max(args.start));
            let text = &self.text[span.range()];
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            *condition = self.new_condition(*condition, When::Cfg(text.into()));
        }
    }

    fn asks_test(&self, predicate: Range<usize>, deepest: usize) -> bool {
        let args = self.arguments(&predicate);
        match self.slice(predicate.start) {
            "test" => args.is_empty() && !self.tokens.is(predicate.start + 1, b'='),
            _ if deepest == 0 => false,
            "all" => self.split(args).into_iter().any(|part| self.asks_test(part, deepest - 1)),
            "any" => {
                let parts = self.split(args);
                !parts.is_empty() && parts.into_iter().all(|part| self.asks_test(part, deepest - 1))
            }
            _ => false,
        }
    }

    /// What stands between the parentheses of `name(..)`; empty where there are none.
    fn arguments(&self, range: &Range<usize>) -> Range<usize> {
        let open = range.clone().take(2 * super::paths::LONGEST_PATH).find(|&at| !self.is_path_token(at));
        match open {
            Some(open) if self.tokens.kind(open) == Kind::Open(Bracket::Paren) => {
                let end = self.tokens.after_group(open).min(range.end);
                open + 1..end.saturating_sub(1).max(open + 1)
            }
            _ => range.end..range.end,
        }
    }

    /// The parts between the commas of this level.
    fn split(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let (mut parts, mut begin, mut at) = (Vec::new(), range.start, range.start);
        while at < range.end {
            match self.tokens.kind(at) {
                Kind::Open(_) => {
                    at = self.tokens.after_group(at);
                    continue;
                }
                Kind::Punct(b',') => {
                    parts.push(begin..at);
                    begin = at + 1;
                }
                _ => {}
            }
            at += 1;
        }
        if begin < range.end {
            parts.push(begin..range.end);
        }
        parts
    }

    /// Records every path of a list, single names as well.
    fn paths_within(&mut self, range: Range<usize>, position: Position) {
        let mut at = range.start;
        while at < range.end {
            let global = self.is_separator(at) && self.is_segment(at + 1);
            let head = at + usize::from(global);
            at = if self.is_segment(head) { self.path_alone(head, global, position).0 + 1 } else { at + 1 };
        }
    }

    /// Records the paths of an attribute's arguments; a single name there is a key and no path.
    fn paths_in_arguments(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            if matches!(self.tokens.kind(at), Kind::Str | Kind::RawStr) {
                self.paths_in_text(at);
            }
            let after_name = at > range.start && (self.is_segment(at - 1) || self.tokens.is(at - 1, b'>'));
            let global = self.is_separator(at) && self.is_segment(at + 1) && !after_name;
            let head = at + usize::from(global);
            let is_path = global || self.is_segment(head) && self.is_separator(head + 1) && !self.is_separated(head);
            at = if is_path && self.is_segment(head) {
                self.path_alone(head, global, Position::Attribute).0 + 1
            } else {
                at + 1
            };
        }
    }

    fn is_separated(&self, at: usize) -> bool {
        at > 0 && (self.is_separator(at - 1) || self.tokens.is(at - 1, b'.'))
    }

    fn is_separator(&self, at: usize) -> bool {
        self.tokens.kind(at) == Kind::PathSep
    }

    fn is_path_token(&self, at: usize) -> bool {
        self.is_segment(at) || self.is_separator(at) || self.slice(at) == "unsafe"
    }

    fn is_square(&self, at: usize) -> bool {
        self.tokens.kind(at) == Kind::Open(Bracket::Square)
    }
}
