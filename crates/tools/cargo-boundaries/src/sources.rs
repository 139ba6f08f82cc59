//! What the members' sources name, as far as a rule or a message asks.

mod cache;
mod digest;
mod offers;
mod re_exports;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rayon::prelude::*;
use source_graph::SourceGraph;

use cache::Cache;
pub(crate) use digest::{Digest, Naming, Of, Place, Places};
use offers::Offers;
use re_exports::Brought;

use crate::architecture::Architecture;
use crate::report::{Cause, Finding, Unseen};
use crate::rules::{Located, ModuleRules, closest, is_module};
use crate::source::{Site, Source, relative};
use crate::workspace::{Kind, Member, Workspace};

/// The sources of all members, each read when first asked for.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    workspace: &'a Workspace,
    cache: Option<Cache>,
    digests: Vec<OnceLock<Digest>>,
    offers: Vec<OnceLock<Offers>>,
    brought: Vec<OnceLock<Brought>>,
}

impl<'a> Sources<'a> {
    pub fn new(workspace: &'a Workspace, cached: bool) -> Self {
        let cache = Cache::of(workspace).filter(|_| cached);
        let members = workspace.members.len();
        Self { workspace, cache, digests: unread(members), offers: unread(members), brought: unread(members) }
    }

    /// Reads the sources that the rules ask.
    ///
    /// # Errors
    /// Sources that cannot be read as a whole, of which no rule can be held, and names of modules that no crate has.
    pub fn load(architecture: &Architecture<'a>, cached: bool) -> Result<Self, Vec<Finding>> {
        let sources = Self::new(architecture.workspace, cached);
        let members = architecture.read_by_rules();
        members.par_iter().for_each(|member| _ = sources.of(*member));
        let mut findings: Vec<_> = members.iter().flat_map(|member| sources.problems(*member)).collect();
        // Behind a file that could not be read a module may seem to be missing: that would be noise.
        if findings.is_empty() {
            let governed = architecture.rules.modules.iter().zip(&architecture.modular);
            findings = governed.flat_map(|(rule, crates)| sources.unknown(rule, crates)).collect();
        }
        if findings.is_empty() { Ok(sources) } else { Err(findings) }
    }

    /// As [`Self::new`], of a member that names nothing but one path, at the end of one of its files; nothing where the
    /// file cannot be read.
    pub fn asked(workspace: &'a Workspace, cached: bool, member: usize, file: &Path, path: &str) -> Option<Self> {
        let text = std::fs::read_to_string(file).ok()?;
        let asking = format!("{text}\nconst _: () = {path};\n");
        let mut graph = SourceGraph::with_text(&workspace.members[member].sources, file, &asking);
        let of = graph.files.iter().position(|read| read.path == file)?;
        let asks = |read: u32, span: source_graph::Span| read as usize == of && span.start as usize > text.len();
        graph.references.retain(|reference| asks(reference.file, reference.span));
        graph.brought.retain(|brought| asks(brought.file, brought.span));
        let sources = Self::new(workspace, cached);
        let digest = Digest::of(&workspace.members[member], &graph, &workspace.root);
        sources.digests[member].set(digest).ok().map(|()| sources)
    }

    pub fn of(&self, member: usize) -> &Digest {
        self.digests[member].get_or_init(|| {
            let (member, root) = (&self.workspace.members[member], &self.workspace.root);
            match &self.cache {
                Some(cache) => cache.digest(member, root),
                None => Digest::of(member, &SourceGraph::of(&member.sources), root),
            }
        })
    }

    pub fn is_cached(&self) -> bool {
        self.cache.is_some()
    }

    pub fn is_read(&self, member: usize) -> bool {
        self.digests[member].get().is_some()
    }

    /// What has been read.
    pub fn digests(&self) -> impl Iterator<Item = (usize, &Digest)> {
        self.digests.iter().enumerate().filter_map(|(member, digest)| Some((member, digest.get()?)))
    }

    /// Every file that has been read, each once.
    pub fn files(&self) -> BTreeSet<&PathBuf> {
        self.digests().flat_map(|(_, digest)| &digest.files).collect()
    }

    pub fn unseen(&self) -> Unseen {
        let mut sum = Unseen::default();
        for (member, digest) in self.digests() {
            sum += digest.unseen;
            if let Some(brought) = self.brought[member].get() {
                sum.unresolved += brought.undecided;
                sum.globs += brought.globs;
            }
        }
        sum
    }

    /// A place in the words of a report. Should the file have gone since, the place is its beginning.
    pub fn site(&self, member: usize, place: Place) -> Site {
        let path = &self.of(member).files[place.file as usize];
        let file = relative(path, &self.workspace.root);
        let source = Source::read(path, file.clone()).unwrap_or(Source { file, text: String::new() });
        source.site(place.start as usize..place.end as usize)
    }

    /// The kind of dependency that a target of the member needs, by its index.
    pub fn kind(&self, member: usize, root: u32) -> Kind {
        digest::kind(self.workspace.members[member].sources.roots[root as usize].kind, false)
    }

    pub fn folder(&self, member: usize) -> PathBuf {
        self.workspace.root.join(&self.workspace.members[member].dir)
    }

    /// Some file of the member has this text somewhere, be it in a comment.
    pub fn says(&self, member: usize, text: &str) -> bool {
        let has = |path: &PathBuf| std::fs::read_to_string(path).is_ok_and(|source| source.contains(text));
        self.of(member).files.iter().any(has)
    }

    /// Names of modules in a rule that none of its crates has.
    fn unknown(&self, rule: &ModuleRules, crates: &BTreeSet<usize>) -> Vec<Finding> {
        let modules =
            crates.iter().flat_map(|member| &self.of(*member).modules).filter(|module| module.of != Of::Other);
        let known: BTreeSet<&str> = modules.map(|module| &*module.path).collect();
        let unknown = rule.names().filter(|name| !known.iter().any(|module| is_module(&name.value, module)));
        let finding = |name: &Located<String>| {
            let message = format!("`{0}` matches nothing: none of these crates has a module `crate::{0}`", name.value);
            let names = known.iter().filter_map(|module| module.strip_prefix("crate::"));
            let help = match closest(&name.value, names) {
                Some(close) => format!("write `{close}`, or delete the name"),
                None => "write the name of a module as it follows `crate::`, or delete it".to_owned(),
            };
            Finding::new(Cause::MatchesNothing, message, help).at(&name.site)
        };
        unknown.map(finding).collect()
    }

    fn problems(&self, index: usize) -> impl Iterator<Item = Finding> {
        let member = &self.workspace.members[index];
        self.of(index).problems.iter().map(|problem| self.finding(member, problem))
    }

    fn finding(&self, member: &Member, problem: &digest::Problem) -> Finding {
        let message = format!("the sources of `{}` cannot be read as a whole: {}", member.name, problem.what);
        let help = "mend it: of what cannot be read nobody knows which rules it breaks";
        let finding = Finding::new(Cause::Source, message, help);
        // The file of the problem may be one that cannot be read.
        let name = relative(&problem.file, &self.workspace.root);
        let site = problem
            .bytes
            .and_then(|(start, end)| Some(Source::read(&problem.file, name).ok()?.site(start as usize..end as usize)));
        Finding { site, ..finding }
    }
}

fn unread<T>(members: usize) -> Vec<OnceLock<T>> {
    (0..members).map(|_| OnceLock::new()).collect()
}
