//! Looks for crates in the folders themselves, whatever Cargo counts.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

/// Folders with a manifest, from one to `depth` levels below `root`. Hidden folders, links, caches (build output is one)
/// and roots of other workspaces are left out.
pub(super) fn with_manifest(root: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((folder, level)) = open.pop() {
        // A folder that cannot be listed holds no crate that Cargo could build either.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name() == "Cargo.toml" {
                if level > 0 && !is_workspace_root(&entry.path()) {
                    found.push(folder.clone());
                }
            } else if level < depth && is_entered(&entry) {
                open.push((entry.path(), level + 1));
            }
        }
    }
    found
}

fn is_entered(entry: &DirEntry) -> bool {
    let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
    let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
    folder && !hidden && !entry.path().join("CACHEDIR.TAG").exists()
}

/// A manifest that cannot be read is no excuse for its crate.
fn is_workspace_root(manifest: &Path) -> bool {
    let text = fs::read_to_string(manifest).unwrap_or_default();
    DeTable::parse(&text).is_ok_and(|table| table.get_ref().contains_key("workspace"))
}
