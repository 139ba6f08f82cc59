//! A workspace of packages of the registry, with rules that all of them keep.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use super::{
    layers::{Layers, layer},
    manifest::manifest,
    registry::{self, Package, is_rust},
    selection::{Goal, drawn},
};
use crate::case::Failure;

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Its folder in the scratch folder.
    pub folder: &'static str,
    pub goal: Goal,
    /// Whether the order of modules is a rule.
    pub modules: bool,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub root: PathBuf,
    /// Of the sources.
    pub bytes: u64,
}

/// How many names of modules the order has at first.
const ORDERED: usize = 8;

/// The rules that are the same for all.
const RULES: &str = r#"version = 1

[workspace]
same-layer = "deny"
kinds = ["normal", "build"]

[cycles]
kinds = ["normal", "build"]

[hygiene]
folder-name = true

[[forbid]]
from = "level-0"
to = "level-1"
kinds = ["normal", "build"]
reason = "the lowest layer uses nothing"
"#;

impl Plan {
    /// Writes it anew, and rules that a check of it finds kept: one with violations would be measured at writing messages.
    ///
    /// # Errors
    /// There is no registry, a file cannot be written, or the check finds something else than the order of modules wrong.
    pub fn write(&self, scratch: &Path, checker: &Path) -> Result<Workspace, Failure> {
        let packages = drawn(registry::packages()?, self.goal);
        let root = fs::canonicalize(scratch)?.join(self.folder);
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        let layers = Layers::of(&packages);
        for package in &packages {
            let folder = root.join(layers.folder(&package.name).ok_or("every member has a layer")?);
            copy(&package.folder.join("src"), &folder.join("src"))?;
            fs::write(folder.join("Cargo.toml"), toml::to_string(&manifest(package, &layers))?)?;
        }
        fs::write(root.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*/*\"]\n")?;
        let mut order = if self.modules { common_modules(&packages) } else { Vec::new() };
        loop {
            fs::write(root.join("boundaries.toml"), rules(&layers, &order))?;
            let Some(named) = named_from_below(checker, &root)? else { break };
            order.retain(|module| *module != named);
        }
        let sum = |of: fn(&Package) -> u64| packages.iter().map(of).sum::<u64>();
        let (files, bytes) = (sum(|package| package.files), sum(|package| package.bytes));
        let (shown, crates, megabytes) = (root.display(), packages.len(), bytes as f64 / 1e6);
        eprintln!("{shown}: {crates} crates, {files} files, {megabytes:.1} MB");
        Ok(Workspace { root, bytes })
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    for file in registry::files(from) {
        let target = to.join(file.strip_prefix(from)?);
        fs::create_dir_all(target.parent().expect("it is below a folder"))?;
        fs::copy(&file, &target)?;
    }
    Ok(())
}

/// The modules with a file beside a crate's root that the most crates have, those of most first.
fn common_modules(packages: &[Package]) -> Vec<String> {
    let mut crates = BTreeMap::<String, usize>::new();
    for package in packages {
        let sources = package.folder.join("src");
        let beside_root = registry::files(&sources).into_iter().filter(|file| file.parent() == Some(&sources));
        for file in beside_root.filter(|file| is_rust(file)) {
            if let Some(name) = file.file_stem().and_then(|name| name.to_str()) {
                *crates.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    crates.retain(|name, _| !["lib", "main"].contains(&name.as_str()));
    let mut modules: Vec<_> = crates.into_iter().collect();
    modules.sort_by_key(|(_, crates)| Reverse(*crates));
    modules.into_iter().map(|(name, _)| name).take(ORDERED).collect()
}

fn rules(layers: &Layers<'_>, order: &[String]) -> String {
    let mut rules = RULES.to_owned();
    for layer in (0..=layers.highest()).map(layer) {
        rules += &format!("\n[[layer]]\nname = \"{layer}\"\nmembers = [\"crates/{layer}/*\"]\n");
        rules += "external.deny = [{ name = \"left-pad\", reason = \"std pads\", may-be-absent = true }]\n";
    }
    if order.is_empty() {
        rules = rules.replacen("[workspace]\n", "[workspace]\nre-exports = \"ignore\"\n", 1);
    } else {
        rules += &format!("\n[[modules]]\ncrates = [\"crates/*/*\"]\norder = {order:?}\n");
    }
    rules
}

/// Checks the workspace: a module that one below it names, if that is all that is wrong.
fn named_from_below(checker: &Path, root: &Path) -> Result<Option<String>, Failure> {
    #[derive(Deserialize)]
    struct Report {
        violations: Vec<Violation>,
    }
    #[derive(Deserialize)]
    struct Violation {
        rule: String,
        to: Option<String>,
    }
    let output = Command::new(checker).args(["check", "--format", "json"]).current_dir(root).output()?;
    match output.status.code() {
        Some(0) => return Ok(None),
        Some(1) => {}
        _ => return Err(format!("cannot check: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
    let report: Report = serde_json::from_slice(&output.stdout)?;
    let named = report.violations.iter().find_map(|violation| {
        let (_, module) = violation.to.as_ref()?.rsplit_once("::")?;
        (violation.rule == "module-order").then(|| module.to_owned())
    });
    named.map(Some).ok_or_else(|| format!("{} is not clean: run the check there", root.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_rule_only_where_there_is_one() {
        let packages = [Package::declaring("low", ""), Package::declaring("high", "[dependencies]\nlow = \"1\"\n")];
        let layers = Layers::of(&packages);
        let crate_rules = rules(&layers, &[]);
        assert_eq!(crate_rules.matches("[[layer]]").count(), 2);
        assert!(!crate_rules.contains("[[modules]]") && crate_rules.contains("re-exports = \"ignore\""));
        let order = ["error".to_owned(), "parser".to_owned()];
        assert!(rules(&layers, &order).ends_with("order = [\"error\", \"parser\"]\n"));
    }
}
