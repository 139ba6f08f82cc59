//! Rules of the repository that no compiler checks.
#![expect(clippy::unwrap_used, reason = "tests")]

mod columns;
mod contracts;
mod hooks;
mod new_package;
mod pages;
mod requests;
mod seeds;

use std::path::Path;

use cargo_metadata::{Metadata, MetadataCommand};

fn workspace() -> Metadata {
    MetadataCommand::new().no_deps().exec().unwrap()
}

#[test]
fn a_crate_is_called_as_its_folder_and_takes_the_workspaces_lints() {
    let mut findings = Vec::new();
    for package in workspace().packages {
        let folder = package.manifest_path.parent().unwrap();
        if folder.file_name() != Some(package.name.as_str()) {
            findings.push(format!("{folder}: the crate is called `{}`", package.name));
        }
        let manifest: toml::Table = std::fs::read_to_string(&package.manifest_path).unwrap().parse().unwrap();
        let inherits = |lints: &toml::Value| lints.get("workspace").and_then(toml::Value::as_bool) == Some(true);
        if !manifest.get("lints").is_some_and(inherits) {
            findings.push(format!("{}: has no `[lints] workspace = true`", package.manifest_path));
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// Contracts and mechanisms are what all other crates are written against.
#[test]
fn interfaces_and_shared_crates_ask_for_their_documentation() {
    const ATTRIBUTE: &str = "#![warn(missing_docs)]";
    let workspace = workspace();
    let crates = workspace.workspace_root.join("crates");
    let layers = [crates.join("interfaces"), crates.join("shared")];
    let roots = workspace.packages.iter().flat_map(|package| &package.targets).filter(|target| target.is_lib());
    let roots = roots.map(|target| &target.src_path).filter(|path| layers.iter().any(|layer| path.starts_with(layer)));
    let roots: Vec<_> = roots.collect();
    assert!(roots.len() > 10, "{roots:?}");

    let has = |source: &str| source.lines().any(|line| line == ATTRIBUTE);
    let without = roots.iter().filter(|path| !has(&std::fs::read_to_string(path).unwrap()));
    let findings: Vec<_> = without.map(|path| format!("{path}: has no `{ATTRIBUTE}`")).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// The product works on any dataset, so the columns of the sample appear in samples, tests and documents only.
#[test]
fn no_column_of_a_sample_is_named_in_the_product() {
    let workspace = workspace();
    let root = workspace.workspace_root.as_std_path();
    let columns = columns::of_samples(&root.join("samples"));
    assert!(columns.len() > 10, "{columns:?}");

    let crates = root.join("crates");
    let sources = columns::product_sources(&crates);
    assert!(sources.len() > 50, "only {} sources in {}", sources.len(), crates.display());
    let findings: Vec<_> = sources.iter().flat_map(|path| named_in(path, &columns)).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

fn named_in(path: &Path, columns: &[String]) -> Vec<String> {
    let source = std::fs::read_to_string(path).unwrap();
    let named = columns::named(&source, columns);
    named.iter().map(|(line, column)| format!("{}:{line}: `{column}`", path.display())).collect()
}

#[test]
fn what_is_said_about_the_seeds_is_true() {
    let root = workspace().workspace_root.into_std_path_buf();
    let page = std::fs::read_to_string(root.join("docs/seeds.md")).unwrap();
    let findings = seeds::findings(&page, &root);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// Whoever implements `Authenticator` can make a principal: who may is said here, one by one.
#[test]
fn only_these_vouch_for_principals() {
    let root = workspace().workspace_root.into_std_path_buf();
    let crates = root.join("crates");
    let mut found: Vec<String> = columns::product_sources(&crates)
        .iter()
        .filter(|path| std::fs::read_to_string(path).unwrap().contains("Authenticator for "))
        .map(|path| path.strip_prefix(&crates).unwrap().display().to_string())
        .collect();
    found.sort();
    let allowed = [
        // The person at the terminal, by the settings.
        "configurations/src/composition.rs",
        // Whoever an event was published for, and the parts of the bus themselves.
        "shared/event-bus/src/principals.rs",
        // A projection, which may do nothing.
        "shared/event-sourcing/src/projection/projector.rs",
        // Whoever started a run, from its journal.
        "shared/saga/src/engine.rs",
        // Whoever a test needs.
        "shared/testing/src/actors.rs",
    ];
    assert_eq!(found, allowed);
}
