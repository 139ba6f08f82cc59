//! Path dependencies that are no members: crates that the workspace excludes, or that lie around it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::real;
use crate::workspace::{Kind, Target, Workspace};

/// A member, and the folders of the crates that it is built with because of a dependency on one that is no member.
#[derive(Debug)]
pub(super) struct Outside {
    pub user: usize,
    pub kind: Kind,
    /// Links followed. The folder of a member may be among them; what that one depends on is not.
    pub folders: BTreeSet<PathBuf>,
}

pub(super) fn outside(workspace: &Workspace, dirs: &[PathBuf]) -> Vec<Outside> {
    let mut manifests = BTreeMap::new();
    let declared = workspace.dependencies.iter().filter_map(|dependency| match &dependency.to {
        Target::External { dir: Some(dir), .. } => Some((dependency, real(&workspace.root.join(dir)))),
        Target::External { dir: None, .. } | Target::Member(_) => None,
    });
    let all = declared.map(|(dependency, folder)| {
        let (mut folders, mut open) = (BTreeSet::new(), vec![folder]);
        while let Some(folder) = open.pop() {
            if folders.insert(folder.clone()) && !dirs.contains(&folder) {
                let used = manifests.entry(folder).or_insert_with_key(|folder| path_dependencies(folder));
                open.extend(used.iter().cloned());
            }
        }
        Outside { user: dependency.from, kind: dependency.kind, folders }
    });
    all.collect()
}

/// The folders of a crate's path dependencies but those of its tests. A manifest that cannot be read has none: Cargo says
/// so to whoever builds it.
fn path_dependencies(folder: &Path) -> Vec<PathBuf> {
    let Some(manifest) = manifest(folder) else { return Vec::new() };
    let shared = || {
        let mut around = folder.ancestors().filter_map(|around| Some((around, manifest_of_workspace(around)?)));
        around.next()
    };
    let platforms = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
    let tables = platforms.filter_map(|(_, platform)| platform.as_table()).chain([&manifest]);
    let dependencies = tables
        .flat_map(|table| ["dependencies", "build-dependencies"].map(|kind| table.get(kind)))
        .flatten()
        .filter_map(toml::Value::as_table)
        .flatten();
    let path = |at: &Path, entry: &toml::Value| Some(real(&at.join(entry.get("path")?.as_str()?)));
    let folders = dependencies.filter_map(|(name, entry)| {
        path(folder, entry).or_else(|| {
            entry.get("workspace")?;
            let (root, shared) = shared()?;
            path(root, shared.get("workspace")?.get("dependencies")?.get(name)?)
        })
    });
    folders.collect()
}

fn manifest_of_workspace(folder: &Path) -> Option<toml::Table> {
    manifest(folder).filter(|manifest| manifest.contains_key("workspace"))
}

fn manifest(folder: &Path) -> Option<toml::Table> {
    std::fs::read_to_string(folder.join("Cargo.toml")).ok()?.parse().ok()
}
