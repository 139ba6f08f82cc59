//! A workspace of packages of the registry, with rules that all of them keep.

use std::{
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

impl Plan {
    /// Writes it anew and has it checked: a checker that finds violations would be measured at writing messages.
    pub fn write(&self, scratch: &Path, checker: &Path) -> Result<Workspace, Failure> {
        let packages = drawn(registry::packages()?, self.goal);
        let root = fs::canonicalize(scratch)?.join(self.folder);
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        let layers = Layers::of(&packages);
        for package in &packages {
            let folder = layers.folder(&package.name).ok_or("every member has a layer")?;
            copy(&package.folder.join("src"), &root.join(&folder).join("src"))?;
            fs::write(root.join(folder).join("Cargo.toml"), toml::to_string(&manifest(package, &layers))?)?;
        }
        fs::write(root.join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*/*\"]\n")?;
        let mut order = if self.modules { common_modules(&packages) } else { Vec::new() };
        loop {
            fs::write(root.join("boundaries.toml"), rules(&layers, &order))?;
            let Some(named) = named_from_below(checker, &root)? else { break };
            order.retain(|module| *module != named);
        }
        let (files, bytes): (u64, u64) =
            (packages.iter().map(|package| package.files).sum(), packages.iter().map(|package| package.bytes).sum());
        let (crates, megabytes) = (packages.len(), bytes as f64 / 1e6);
        eprintln!("{}: {crates} crates, {files} files, {megabytes:.1} MB", root.display());
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

/// The modules below a crate's root that the most crates have, those of most first.
fn common_modules(packages: &[Package]) -> Vec<String> {
    let mut crates = BTreeMap::<String, usize>::new();
    for package in packages {
        for file in registry::files(&package.folder.join("src")).into_iter().filter(|file| is_rust(file)) {
            let module = file.file_stem().filter(|_| file.parent() == Some(&package.folder.join("src")));
            if let Some(name) = module.and_then(|name| name.to_str()).filter(|name| !["lib", "main"].contains(name)) {
                *crates.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    let mut modules: Vec<_> = crates.into_iter().collect();
    modules.sort_by_key(|(_, crates)| std::cmp::Reverse(*crates));
    modules.into_iter().map(|(name, _)| name).take(ORDERED).collect()
}

fn rules(layers: &Layers<'_>, order: &[String]) -> String {
    let mut rules = "version = 1\n\n[workspace]\nsame-layer = \"deny\"\nkinds = [\"normal\", \"build\"]\n".to_owned();
    for level in 0..=layers.highest() {
        let layer = layer(level);
        rules += &format!("\n[[layer]]\nname = \"{layer}\"\nmembers = [\"crates/{layer}/*\"]\n");
        rules += "external.deny = [{ name = \"left-pad\", reason = \"std pads\", may-be-absent = true }]\n";
    }
    rules += "\n[cycles]\nkinds = [\"normal\", \"build\"]\n\n[hygiene]\nfolder-name = true\n";
    rules += "\n[[forbid]]\nfrom = \"level-0\"\nto = \"level-1\"\nkinds = [\"normal\", \"build\"]\nreason = \"the bottom uses nothing\"\n";
    if !order.is_empty() {
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
        let module = violation.to.as_ref()?.strip_prefix("crate::")?;
        (violation.rule == "module-order").then(|| module.to_owned())
    });
    named.map(Some).ok_or_else(|| format!("{} is not clean: run the check there", root.display()).into())
}
