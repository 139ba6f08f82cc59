//! One file's text to its [`FileFacts`].
//!
//! One walk over the tokens with a stack of bracket groups, and no grammar: whatever stands between the items it knows
//! is searched for paths. So macro arguments and broken code are read like any other, and the time is linear.

mod attributes;
mod elements;
mod imports;
mod items;
mod outline;
mod paths;
mod texts;

use crate::facts::{
    ALWAYS, Condition, Declaration, Declared, FileFacts, Position, Scope, ScopeKind, Unseen, UnseenKind, When,
};
use crate::lexer::{self, Bracket, Kind, Token, Tokens, UNPAIRED, Word};
use crate::names::{Name, Names};
use crate::span::Span;
use elements::Element;

/// No block that a person wrote lies in more brackets and items. What a deeper one declares is told to be declared
/// around it, so that the search for a name does not grow with the depth.
const DEEPEST_NEST: usize = 256;

/// Reads one file after the other in the same memory.
#[derive(Debug, Default)]
pub(crate) struct Extractor {
    tokens: Vec<Token>,
}

impl Extractor {
    /// Reads a file's text. Never fails: what is wrong with the text is in [`FileFacts::faults`].
    pub fn facts(&mut self, text: &str) -> FileFacts {
        let tokens = lexer::tokens(text, std::mem::take(&mut self.tokens));
        let mut facts = extract(text, &tokens);
        if tokens.faults.is_empty() {
            let token = outline::no_item(text, &tokens).map(|at| tokens.list[at]);
            facts.no_item = token.map(|token| Span { start: token.start, end: token.end });
        }
        facts.faults = tokens.faults;
        self.tokens = tokens.list;
        facts
    }
}

fn extract(text: &str, tokens: &Tokens) -> FileFacts {
    let mut walk = Walk::new(text, tokens);
    walk.run();
    let Walk { names, mut facts, .. } = walk;
    facts.names = names.into_texts();
    facts.keep_imported_names();
    facts.join_empty_scopes();
    facts
}

struct Walk<'a> {
    text: &'a str,
    tokens: &'a Tokens,
    names: Names<'a>,
    facts: FileFacts,
    groups: Vec<Group>,
    elements: Vec<Element>,
    scope: u32,
    condition: u32,
    inside: Inside,
    /// The next brace holds the items of a trait or of an implementation.
    associated: bool,
    /// The `>` of the last list of generics, after which a path may begin with `::`.
    generics_end: usize,
    /// The `#[path]`s of the item whose keyword is at the index.
    paths: attributes::ModulePaths,
}

/// What encloses the walk's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Code,
    /// The arguments of a macro call.
    Call,
    /// The rules of `macro_rules!`.
    Rules,
}

/// An open bracket, and what holds again after it.
struct Group {
    open: usize,
    scope: u32,
    condition: u32,
    inside: Inside,
    /// Its types are associated ones: no path begins with them.
    associated: bool,
    /// How many elements were open outside of it.
    elements: usize,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str, tokens: &'a Tokens) -> Self {
        let file = Scope { parent: 0, kind: ScopeKind::File };
        Self {
            text,
            tokens,
            // A name recurs, and most tokens are none that is kept.
            names: Names::with_room(tokens.list.len() / 32),
            facts: FileFacts { scopes: vec![file], whole: ALWAYS, ..FileFacts::default() },
            groups: Vec::new(),
            elements: Vec::new(),
            scope: 0,
            condition: ALWAYS,
            inside: Inside::Code,
            associated: false,
            generics_end: usize::MAX,
            paths: attributes::ModulePaths::default(),
        }
    }

    fn run(&mut self) {
        let mut at = 0;
        while at < self.tokens.list.len() {
            at = self.step(at);
        }
    }

    /// Reads what begins at the token and gives the index to go on from, always a later one.
    fn step(&mut self, at: usize) -> usize {
        match self.tokens.kind(at) {
            Kind::Ident | Kind::RawIdent => self.name(at),
            Kind::Word(word) => self.word(at, word),
            Kind::PathSep => self.separator(at),
            Kind::Open(bracket) => {
                let block = bracket == Bracket::Brace && !self.is_transparent(at);
                self.open(at, self.inside, block)
            }
            Kind::Close(bracket) => self.close(at, bracket),
            Kind::Punct(b'#') => self.attribute(at),
            Kind::Punct(b'$') => self.dollar(at),
            kind @ (Kind::Punct(b';' | b',' | b'<' | b'>') | Kind::FatArrow) => {
                self.end_elements(at, kind);
                at + 1
            }
            _ => at + 1,
        }
    }

    fn word(&mut self, at: usize, word: Word) -> usize {
        match word {
            word if word.heads_path() => self.name(at),
            Word::Use => self.use_item(at),
            Word::Mod => self.module(at),
            Word::Extern => self.extern_crate(at),
            Word::Pub => self.visibility(at),
            Word::Struct | Word::Enum | Word::Trait | Word::Type => self.item(at, Declared::Type),
            Word::Fn | Word::Const | Word::Static => self.item(at, Declared::Value),
            Word::Impl => {
                let before = self.previous(at);
                self.associated |= matches!(
                    before,
                    None | Some(
                        Kind::Punct(b';')
                            | Kind::Close(_)
                            | Kind::Open(Bracket::Brace)
                            | Kind::Word(Word::Unsafe)
                            | Kind::Ident
                    )
                );
                self.generics(at + 1);
                at + 1
            }
            _ => at + 1,
        }
    }

    /// Enters the bracket group at `at`; `block` says that names declared in it stay in it.
    fn open(&mut self, at: usize, inside: Inside, block: bool) -> usize {
        if self.tokens.list[at].partner == UNPAIRED {
            return at + 1;
        }
        let brace = self.tokens.kind(at) == Kind::Open(Bracket::Brace);
        self.groups.push(Group {
            open: at,
            scope: self.scope,
            condition: self.condition,
            inside: self.inside,
            associated: brace && std::mem::take(&mut self.associated),
            elements: self.elements.len(),
        });
        self.inside = inside;
        if block {
            self.scope = self.new_scope(ScopeKind::Block);
        }
        at + 1
    }

    fn close(&mut self, at: usize, bracket: Bracket) -> usize {
        // A brace of a use tree that was left half-way never was entered.
        let partner = self.tokens.list[at].partner as usize;
        if let Some(group) = self.groups.pop_if(|group| group.open == partner) {
            self.elements.truncate(group.elements);
            (self.scope, self.condition, self.inside) = (group.scope, group.condition, group.inside);
            if bracket == Bracket::Brace {
                self.end_elements(at, Kind::Close(bracket));
            }
        }
        at + 1
    }

    /// Whether a brace in a macro call among items holds items of the module, as in `cfg_if! { if #[..] { .. } }`.
    fn is_transparent(&self, at: usize) -> bool {
        if self.inside != Inside::Call || self.facts.scopes[self.scope as usize].kind == ScopeKind::Block {
            return false;
        }
        let Some(before) = at.checked_sub(1) else {
            return false;
        };
        match self.tokens.kind(before) {
            Kind::Close(Bracket::Square) | Kind::FatArrow => true,
            Kind::Word(Word::Other) => self.slice(before) == "else",
            _ => false,
        }
    }

    fn new_scope(&mut self, kind: ScopeKind) -> u32 {
        if kind == ScopeKind::Block && self.groups.len() + self.elements.len() > DEEPEST_NEST {
            return self.scope;
        }
        self.facts.scopes.push(Scope { parent: self.scope, kind });
        (self.facts.scopes.len() - 1) as u32
    }

    fn new_condition(&mut self, parent: u32, when: When) -> u32 {
        self.facts.conditions.push(Condition { parent, when });
        (self.facts.conditions.len() - 1) as u32
    }

    fn declare(&mut self, name: Name, what: Declared, exposed: bool) {
        self.facts.declarations.push(Declaration { scope: self.scope, name, what, exposed });
    }

    fn unseen(&mut self, kind: UnseenKind, first: usize, last: usize) {
        let span = self.span(first, last);
        self.facts.unseen.push(Unseen { kind, span });
    }

    fn slice(&self, at: usize) -> &'a str {
        self.tokens.list.get(at).map_or("", |token| &self.text[token.start as usize..token.end as usize])
    }

    /// The name at the token, without `r#`.
    fn name_at(&mut self, at: usize) -> Name {
        let text = self.slice(at);
        self.names.name(text.strip_prefix("r#").unwrap_or(text))
    }

    fn span(&self, first: usize, last: usize) -> Span {
        let last = last.min(self.tokens.list.len().saturating_sub(1));
        Span {
            start: self.tokens.list.get(first).map_or(0, |token| token.start),
            end: self.tokens.list.get(last).map_or(0, |token| token.end),
        }
    }

    fn is_name(&self, at: usize) -> bool {
        matches!(self.tokens.kind(at), Kind::Ident | Kind::RawIdent)
    }

    fn previous(&self, at: usize) -> Option<Kind> {
        Some(self.tokens.kind(at.checked_sub(1)?))
    }
}

impl FileFacts {
    /// A single name means something only where a `use` brought it: the others are dropped.
    fn keep_imported_names(&mut self) {
        let mut imported = vec![false; self.names.len()];
        for declaration in &self.declarations {
            if matches!(declaration.what, Declared::Use(_)) {
                imported[declaration.name.0 as usize] = true;
            }
        }
        let mut kept = vec![u32::MAX; self.references.len()];
        let (mut index, mut next) = (0, 0);
        let segments = &self.segments;
        self.references.retain(|path| {
            let single = path.segments.len() == 1
                && !path.global
                && matches!(path.position, Position::Macro | Position::Attribute | Position::Derive);
            let keep = !single || imported[segments[path.segments.start as usize].0 as usize];
            if keep {
                kept[index] = next;
                next += 1;
            }
            index += 1;
            keep
        });
        for declaration in &mut self.declarations {
            if let Declared::Use(reference) = &mut declaration.what {
                *reference = kept[*reference as usize];
            }
        }
        for glob in &mut self.globs {
            glob.reference = kept[glob.reference as usize];
        }
    }

    /// Drops every block that declares nothing: what lies in it lies in the nearest scope around it that stays.
    fn join_empty_scopes(&mut self) {
        let mut stays: Vec<bool> = self.scopes.iter().map(|scope| scope.kind != ScopeKind::Block).collect();
        for declaration in &self.declarations {
            stays[declaration.scope as usize] = true;
        }
        for glob in &self.globs {
            stays[self.references[glob.reference as usize].scope as usize] = true;
        }
        let mut nearest: Vec<u32> = Vec::with_capacity(self.scopes.len());
        let mut kept: Vec<Scope> = Vec::new();
        for (scope, stays) in self.scopes.iter().zip(stays) {
            let parent = nearest.get(scope.parent as usize).copied().unwrap_or_default();
            nearest.push(if stays { kept.len() as u32 } else { parent });
            if stays {
                kept.push(Scope { parent, ..*scope });
            }
        }
        self.scopes = kept;
        let scopes = self.references.iter_mut().map(|path| &mut path.scope);
        let scopes = scopes.chain(self.declarations.iter_mut().map(|declaration| &mut declaration.scope));
        let scopes = scopes.chain(self.modules.iter_mut().map(|module| &mut module.scope));
        for scope in scopes.chain(self.includes.iter_mut().map(|include| &mut include.scope)) {
            *scope = nearest[*scope as usize];
        }
    }
}
