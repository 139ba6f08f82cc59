//! The workspace as its manifests declare it: members, and every dependency with its place.
//!
//! `cargo metadata --no-deps` resolves inheritance, globs of members and renames; the manifests add lines and columns.
//! A member is its directory. The key of a dependency, its package name and the name of its library prove nothing.

mod cargo;
mod folders;
mod kept;
mod manifest;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use source_graph::PackageSources;
use toml::de::DeTable;

pub(crate) use cargo::ask;
use kept::Kept;

use crate::check::Options;
use crate::report::{Cause, Finding};
use crate::rules::{OwnRules, own_rules};
use crate::source::{Site, Source, relative};

/// The table in which a dependency stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `[dependencies]`
    Normal,
    /// `[build-dependencies]`
    Build,
    /// `[dev-dependencies]`
    Dev,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Normal, Self::Build, Self::Dev];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Build => "build",
            Self::Dev => "dev",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Normal => "normal dependency",
            Self::Build => "build-dependency",
            Self::Dev => "dev-dependency",
        })
    }
}

#[derive(Debug)]
pub(crate) struct Workspace {
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
    /// Sorted by directory.
    pub members: Vec<Member>,
    /// Sorted by member, then by place.
    pub dependencies: Vec<Dependency>,
    /// Package names of all external crates that a member declares or `[workspace.dependencies]` lists.
    pub external: BTreeSet<String>,
    excluded: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub name: String,
    pub dir: String,
    /// Where the manifest names the package.
    pub site: Site,
    /// `[lints] workspace = true`.
    pub shares_lints: bool,
    /// `[package.metadata.boundaries]`.
    pub own: OwnRules,
    /// The roots of all its targets.
    pub sources: PackageSources,
    /// What its dependencies are called in its sources.
    pub externs: BTreeMap<String, Target>,
}

impl Member {
    /// The last part of the directory.
    pub fn folder(&self) -> &str {
        self.dir.rsplit('/').next().unwrap_or(&self.dir)
    }
}

#[derive(Debug)]
pub(crate) struct Dependency {
    /// Index of the member that declares it.
    pub from: usize,
    pub to: Target,
    pub kind: Kind,
    /// The name in the manifest, where it is not the package's.
    pub rename: Option<String>,
    /// The name in sources.
    pub extern_name: String,
    /// The features that enable an optional dependency; `None` for one that is always there.
    pub features: Option<Vec<String>>,
    pub platform: Option<String>,
    /// `workspace = true`.
    pub inherited: bool,
    pub site: Site,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Member(usize),
    /// `dir` when it is a path dependency on something that is no member.
    External {
        name: String,
        dir: Option<String>,
    },
}

impl Workspace {
    /// Reads the workspace that `manifest_path`, or the working directory, belongs to.
    pub fn load(options: &Options) -> Result<Self, Vec<Finding>> {
        let metadata = metadata(options)?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let mut packages: Vec<&Package> = metadata.packages.iter().collect();
        packages.sort_by_key(|package| relative(manifest_dir(package), &root));
        if packages.is_empty() {
            let help = "add a crate to `members` of the workspace, or point --manifest-path at another workspace";
            let message = format!("the workspace {} has no members", root.display());
            return Err(vec![Finding::new(Cause::NoMembers, message, help)]);
        }

        let identities = packages.iter().enumerate().map(|(index, package)| (identity(manifest_dir(package)), index));
        let mut workspace = Self {
            members: Vec::with_capacity(packages.len()),
            dependencies: Vec::new(),
            external: BTreeSet::new(),
            excluded: Vec::new(),
            target: metadata.target_directory.clone().into_std_path_buf(),
            root,
        };
        let libraries = packages.iter().map(|package| sources::library(package)).collect();
        let mut finder = TargetFinder { identities: identities.collect(), libraries, patches: BTreeMap::new() };
        let mut findings = Vec::new();
        let root_manifest = workspace.root.join("Cargo.toml");
        findings.extend(workspace.with_manifest(&root_manifest, |workspace, _, table| {
            workspace.excluded = manifest::excluded(table);
            workspace.external.extend(manifest::shared_external_names(table));
            finder.patches = manifest::patches(table).map(|(name, path)| (name, workspace.root.join(path))).collect();
            Vec::new()
        }));
        for package in packages {
            findings.extend(
                workspace.with_manifest(package.manifest_path.as_std_path(), |workspace, source, table| {
                    workspace.add(package, &finder, source, table)
                }),
            );
        }
        if findings.is_empty() { Ok(workspace) } else { Err(findings) }
    }

    /// Directories of crates, at most `depth` folders below the root, that are no members and were not left out on purpose.
    pub fn unlisted(&self, depth: usize) -> Vec<String> {
        let members: BTreeSet<&str> = self.members.iter().map(|member| member.dir.as_str()).collect();
        let folders = folders::with_manifest(&self.root, depth);
        let dirs = folders.iter().map(|folder| relative(folder, &self.root));
        dirs.filter(|dir| !members.contains(dir.as_str()) && !self.is_excluded(dir)).collect()
    }

    /// `dir` or a folder above it stands in `exclude` of the workspace.
    fn is_excluded(&self, dir: &str) -> bool {
        self.excluded.iter().any(|excluded| Path::new(dir).starts_with(excluded))
    }

    /// Hands the parsed manifest to `read`; answers what is wrong with the file.
    fn with_manifest(
        &mut self,
        path: &Path,
        read: impl FnOnce(&mut Self, &Source, &DeTable<'_>) -> Vec<Finding>,
    ) -> Vec<Finding> {
        let name = relative(path, &self.root);
        let help = "see that `cargo metadata` reads this manifest too";
        let source = match Source::read(path, name.clone()) {
            Ok(source) => source,
            Err(error) => {
                return vec![Finding::new(Cause::Workspace, format!("cannot read {name}: {error}"), help)];
            }
        };
        match DeTable::parse(&source.text) {
            Ok(table) => read(self, &source, table.get_ref()),
            Err(error) => {
                let site = source.site(error.span().unwrap_or(0..0));
                vec![Finding::new(Cause::Workspace, error.message(), help).at(&site)]
            }
        }
    }

    /// Answers what is wrong with the rules in the manifest.
    fn add(&mut self, package: &Package, finder: &TargetFinder, source: &Source, table: &DeTable<'_>) -> Vec<Finding> {
        let from = self.members.len();
        let dir = relative(manifest_dir(package), &self.root);
        let (own, findings) = own_rules(source, table);
        let mut declared: Vec<Dependency> = package
            .dependencies
            .iter()
            .map(|dependency| {
                let kind = match dependency.kind {
                    DependencyKind::Build => Kind::Build,
                    DependencyKind::Development => Kind::Dev,
                    // A kind of a future Cargo is held to the strictest rules.
                    DependencyKind::Normal | DependencyKind::Unknown => Kind::Normal,
                };
                let platform = dependency.target.as_ref().map(ToString::to_string);
                let key = dependency.rename.as_ref().unwrap_or(&dependency.name);
                let place = manifest::locate(table, kind, platform.as_deref(), key);
                let to = finder.find(dependency, &self.root);
                Dependency {
                    from,
                    kind,
                    rename: dependency.rename.clone(),
                    extern_name: finder.extern_name(dependency, &to),
                    to,
                    features: dependency.optional.then(|| enabling_features(package, key)),
                    platform,
                    // Cargo names only dependencies that stand in the manifest; should it ever not, the file must do.
                    inherited: place.as_ref().is_some_and(|place| place.inherited),
                    site: source.site(place.map_or(0..0, |place| place.span)),
                }
            })
            .collect();
        declared.sort_by(|a, b| a.site.cmp(&b.site));
        self.external.extend(declared.iter().filter_map(|dependency| match &dependency.to {
            Target::External { name, .. } => Some(name.clone()),
            Target::Member(_) => None,
        }));
        let externs = declared.iter().map(|one| (one.extern_name.clone(), one.to.clone())).collect();
        self.dependencies.extend(declared);
        self.members.push(Member {
            name: package.name.to_string(),
            dir,
            site: source.site(manifest::package_name_span(table).unwrap_or(0..0)),
            shares_lints: manifest::shares_lints(table),
            own,
            sources: sources::sources(package, &externs),
            externs,
        });
        findings
    }
}

/// Finds out which member, if any, a declared dependency is.
struct TargetFinder {
    /// Members by [`identity`].
    identities: BTreeMap<PathBuf, usize>,
    /// The name of each member's library.
    libraries: Vec<Option<String>>,
    /// `[patch]` entries with a path: a registry dependency of this name is that directory.
    patches: BTreeMap<String, PathBuf>,
}

impl TargetFinder {
    fn find(&self, dependency: &cargo_metadata::Dependency, root: &Path) -> Target {
        let path = match &dependency.path {
            Some(path) => Some(path.as_std_path()),
            None => self.patches.get(&dependency.name).map(PathBuf::as_path),
        };
        match path.and_then(|path| self.identities.get(&identity(path))) {
            Some(member) => Target::Member(*member),
            None => Target::External { name: dependency.name.clone(), dir: path.map(|path| relative(path, root)) },
        }
    }

    /// A member's library may be called otherwise than its package; of an external crate only Cargo.lock's sources know.
    fn extern_name(&self, dependency: &cargo_metadata::Dependency, to: &Target) -> String {
        let library = match to {
            Target::Member(member) => self.libraries[*member].as_ref(),
            Target::External { .. } => None,
        };
        dependency.rename.as_ref().or(library).unwrap_or(&dependency.name).replace('-', "_")
    }
}

fn metadata(options: &Options) -> Result<Metadata, Vec<Finding>> {
    let manifest_path = options.manifest_path.as_deref();
    let kept = Kept::of(manifest_path).filter(|_| options.cache);
    if let Some(metadata) = kept.as_ref().and_then(Kept::read) {
        return Ok(metadata);
    }
    let mut command = MetadataCommand::new();
    command.no_deps();
    if let Some(path) = manifest_path {
        command.manifest_path(path);
    }
    let metadata = ask(&mut command).map_err(|reason| {
        let help = "run inside of a workspace that `cargo metadata` reads, or point --manifest-path at its Cargo.toml";
        vec![Finding::new(Cause::Workspace, format!("`cargo metadata` fails: {reason}"), help)]
    })?;
    if let Some(kept) = kept {
        // Without it the next run takes longer, and that is all.
        kept.write(&metadata).ok();
    }
    Ok(metadata)
}

fn manifest_dir(package: &Package) -> &Path {
    package.manifest_path.parent().map_or(Path::new(""), |dir| dir.as_std_path())
}

/// One path per directory, links followed; a path to nothing stays as it is.
fn identity(dir: &Path) -> PathBuf {
    dir.canonicalize().unwrap_or_else(|_| dir.to_owned())
}

fn enabling_features(package: &Package, key: &str) -> Vec<String> {
    let (explicit, through_feature) = (format!("dep:{key}"), format!("{key}/"));
    let enables = |value: &String| *value == explicit || value.starts_with(&through_feature);
    let enabling = package.features.iter().filter(|(_, values)| values.iter().any(enables));
    enabling.map(|(feature, _)| feature.clone()).collect()
}
