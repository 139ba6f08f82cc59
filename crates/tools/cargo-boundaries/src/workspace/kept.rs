//! What Cargo said of the manifests, kept between runs: starting Cargo takes longer than reading all of them.
//!
//! The answer holds as long as everything that Cargo looked at for it is as it was: manifests, those that a glob of the
//! members could take in, configuration files, toolchain files, the environment, and the folders in which Cargo looks for
//! targets. A glob with `**` has no end of such folders, so nothing is kept then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use cargo_metadata::Metadata;
use serde::{Deserialize, Serialize};

use crate::store::{self, Hash};

/// Folders of a package in which each file, and each folder with a `main.rs`, is a target.
const TARGETS: [&str; 4] = ["src/bin", "examples", "tests", "benches"];

/// The place of the answer for one manifest.
pub(super) struct Kept {
    manifest: PathBuf,
    question: Hash,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    question: Hash,
    /// What was read, and nothing for what was not there.
    files: BTreeMap<PathBuf, Option<Hash>>,
    /// The names in each folder.
    folders: BTreeMap<PathBuf, Option<Hash>>,
    /// As Cargo wrote it.
    metadata: String,
}

impl Kept {
    /// For a manifest, or the one that Cargo would take here.
    pub fn of(manifest_path: Option<&Path>) -> Option<Self> {
        let here = env::current_dir().ok()?;
        let manifest = match manifest_path {
            Some(path) => here.join(path),
            None => here.ancestors().map(|folder| folder.join("Cargo.toml")).find(|path| path.is_file())?,
        };
        let matters = |name: &str| ["CARGO", "RUSTUP", "PATH", "HOME"].iter().any(|start| name.starts_with(start));
        let environment: BTreeMap<_, _> = env::vars_os().filter(|(name, _)| matters(&name.to_string_lossy())).collect();
        let question = format!("{} {manifest:?} {here:?} {environment:?}", store::program()?);
        Some(Self { manifest, question: blake3::hash(question.as_bytes()).into() })
    }

    pub fn read(&self) -> Option<Metadata> {
        let folders: Vec<PathBuf> =
            match env::var_os("CARGO_TARGET_DIR").or_else(|| env::var_os("CARGO_BUILD_TARGET_DIR")) {
                Some(folder) => vec![env::current_dir().ok()?.join(folder)],
                None => self.manifest.ancestors().skip(1).map(|folder| folder.join("target")).collect(),
            };
        let answer = folders.iter().find_map(|folder| store::read::<Answer>(&self.path(folder)))?;
        if answer.question != self.question || !answer.holds() {
            return None;
        }
        serde_json::from_str(&answer.metadata).ok()
    }

    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, metadata: &Metadata) -> std::io::Result<()> {
        let target = metadata.target_directory.as_std_path();
        let Some(looked_at) = self.looked_at(metadata).filter(|_| target.is_dir()) else { return Ok(()) };
        let files = looked_at.files.into_iter().map(|path| (content(&path), path));
        let folders = looked_at.folders.into_iter().map(|path| (names(&path), path));
        let answer = Answer {
            question: self.question,
            files: files.map(|(hash, path)| (path, hash)).collect(),
            folders: folders.map(|(hash, path)| (path, hash)).collect(),
            metadata: serde_json::to_string(metadata)?,
        };
        store::write(&self.path(target), &answer)
    }

    fn path(&self, target: &Path) -> PathBuf {
        let name = blake3::hash(format!("{:?}", self.manifest).as_bytes());
        target.join("boundaries").join(format!("{name}.metadata"))
    }

    /// What decides on the answer; nothing where that has no end.
    fn looked_at(&self, metadata: &Metadata) -> Option<LookedAt> {
        let root = metadata.workspace_root.as_std_path();
        let mut looked_at = LookedAt::default();
        // A workspace may appear around the manifest, and a configuration around the working directory.
        let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))?;
        looked_at.files.extend(["config.toml", "config"].map(|name| home.join(name)));
        looked_at.files.extend(self.manifest.ancestors().skip(1).map(|folder| folder.join("Cargo.toml")));
        for folder in env::current_dir().ok()?.ancestors() {
            let names = [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"];
            looked_at.files.extend(names.map(|name| folder.join(name)));
        }
        looked_at.globs(root)?;
        for package in &metadata.packages {
            looked_at.package(package);
        }
        Some(looked_at)
    }
}

#[derive(Default)]
struct LookedAt {
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

impl LookedAt {
    fn package(&mut self, package: &cargo_metadata::Package) {
        let manifest = package.manifest_path.as_std_path();
        self.files.insert(manifest.to_owned());
        // A dependency with a path is a member of the workspace or not by what its own manifest says.
        let paths = package.dependencies.iter().filter_map(|dependency| dependency.path.as_ref());
        self.files.extend(paths.map(|path| path.as_std_path().join("Cargo.toml")));
        let folder = manifest.parent().unwrap_or(Path::new(""));
        self.folders.extend([folder.to_owned(), folder.join("src")]);
        let roots = package.targets.iter().filter_map(|target| target.src_path.as_std_path().parent());
        self.folders.extend(roots.map(Path::to_owned));
        for targets in TARGETS.map(|name| folder.join(name)) {
            self.folders.extend(children(&targets).into_iter().filter(|child| child.is_dir()));
            self.folders.insert(targets);
        }
    }

    /// The folders that patterns of members go through, and the manifests they could come to.
    fn globs(&mut self, root: &Path) -> Option<()> {
        let text = fs::read_to_string(root.join("Cargo.toml")).ok()?;
        let manifest: toml::Table = text.parse().ok()?;
        let members = manifest.get("workspace").and_then(|workspace| workspace.get("members")?.as_array());
        for member in members.into_iter().flatten().filter_map(toml::Value::as_str) {
            if member.contains("**") {
                return None;
            }
            let mut open = vec![root.to_owned()];
            for part in member.split('/').filter(|part| !part.is_empty()) {
                open = if part.contains(['*', '?', '[']) {
                    self.folders.extend(open.iter().cloned());
                    open.iter().flat_map(|folder| children(folder)).filter(|child| child.is_dir()).collect()
                } else {
                    open.into_iter().map(|folder| folder.join(part)).collect()
                };
            }
            self.files.extend(open.into_iter().map(|folder| folder.join("Cargo.toml")));
        }
        Some(())
    }
}

impl Answer {
    fn holds(&self) -> bool {
        self.files.iter().all(|(path, hash)| content(path) == *hash)
            && self.folders.iter().all(|(path, hash)| names(path) == *hash)
    }
}

fn content(path: &Path) -> Option<Hash> {
    fs::read(path).ok().map(|bytes| blake3::hash(&bytes).into())
}

/// The names in a folder and what they are; sorted, since no folder promises an order.
fn names(folder: &Path) -> Option<Hash> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let mut names: Vec<_> =
        entries.map(|entry| (entry.file_name(), entry.file_type().is_ok_and(|it| it.is_dir()))).collect();
    names.sort_unstable();
    Some(blake3::hash(format!("{names:?}").as_bytes()).into())
}

fn children(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
}
