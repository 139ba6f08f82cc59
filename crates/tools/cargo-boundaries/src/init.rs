//! Rules for a workspace that has none: layers from its folders, in the order that today's dependencies suggest.
//!
//! Crates that share a parent folder form a layer; a workspace with all its crates in one folder gets a layer for each
//! height of its graph. What is there within a layer becomes its `edges`, and what points upwards the baseline.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use crate::check::{Growth, Inputs, Options, Update, update_baseline};
use crate::cycles::{self, Weights};
use crate::report::{Cause, CheckError, Finding};
use crate::source::{Source, relative};
use crate::workspace::{Kind, Target, Workspace};

const HEADER: &str = "\
# Written by `cargo boundaries init` from what was there. Layers stand from low to high, and each may use those before it.
# Rename them, narrow them with `may-use`, and let the baseline shrink. `cargo boundaries explain` shows every rule.
version = 1

[workspace]
kinds = [\"normal\", \"build\"]
";

/// The layers below the top of a workspace whose crates lie in one folder.
const LEVELS: usize = 4;

/// Writes the rules and, where dependencies break them, the baseline.
pub(crate) fn init(options: &Options, force: bool) -> Result<Update, CheckError> {
    write(options, force).map_err(CheckError::of)?;
    let growth = Growth { reason: "older than the rules".to_owned(), owner: None, until: None };
    update_baseline(options, Some(&growth))
}

fn write(options: &Options, force: bool) -> Result<(), Vec<Finding>> {
    let workspace = Workspace::load(options)?;
    let config = options.config.clone().unwrap_or_else(|| workspace.root.join("boundaries.toml"));
    let name = relative(&config, &workspace.root);
    let baseline = options.baseline.clone().unwrap_or_else(|| config.with_file_name("boundaries-baseline.toml"));
    if let Some(path) = [&config, &baseline].into_iter().find(|path| path.exists() && !force) {
        let message = format!("there is a {} already", relative(path, &workspace.root));
        return Err(vec![Finding::new(Cause::Config, message, "edit it, or write it anew with --force")]);
    }
    let layers = layers(&workspace);
    let mut text = render(&workspace, &layers, true);
    if !holds(options, &config, &text) {
        // A glob takes in a crate that is no member, or a crate of another layer: name each directory.
        text = render(&workspace, &layers, false);
    }
    let failed = |error: std::io::Error| {
        let message = format!("cannot write the rules to {name}: {error}");
        vec![Finding::new(Cause::Config, message, "see that the file can be written, or name another with --config")]
    };
    std::fs::write(&config, text).map_err(failed)
}

/// Every name in the rules stands for crates, and every crate is in one layer.
fn holds(options: &Options, config: &Path, text: &str) -> bool {
    let source = Source { file: String::new(), text: text.to_owned() };
    let workspace = Workspace::load(options);
    let inputs = workspace.and_then(|workspace| Inputs::of(workspace, config.to_owned(), &source, options.today));
    inputs.is_ok_and(|inputs| inputs.architecture().is_ok())
}

struct Layer {
    name: String,
    /// Where it is a folder: that folder.
    folder: Option<String>,
    members: Vec<usize>,
}

fn layers(workspace: &Workspace) -> Vec<Layer> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, member) in workspace.members.iter().enumerate() {
        let folder =
            member.dir.rsplit_once('/').map_or_else(|| format!("./{}", member.dir), |(folder, _)| folder.to_owned());
        groups.entry(folder).or_default().push(index);
    }
    let largest = groups.values().map(Vec::len).max().unwrap_or(0);
    let edges = edges(workspace);
    if largest * 3 > workspace.members.len() * 2 && largest > 3 {
        return by_height(workspace, &edges);
    }
    let groups: Vec<(String, Vec<usize>)> = groups.into_iter().collect();
    let group_of = |member: usize| groups.iter().position(|(_, members)| members.contains(&member));
    let mut weights = Weights::new();
    for (from, to) in edges {
        if let (Some(from), Some(to)) = (group_of(from), group_of(to)) {
            *weights.entry((from, to)).or_default() += 1;
        }
    }
    let mut order = cycles::order(&(0..groups.len()).collect::<Vec<_>>(), &weights);
    order.reverse();
    let mut names = BTreeSet::new();
    let mut layer = |index: usize| {
        let (folder, members) = &groups[index];
        let short = folder.rsplit('/').next().unwrap_or(folder);
        let short = if short == "." { "root" } else { short };
        let name = if names.contains(short) { folder.replace('/', "-") } else { short.to_owned() };
        names.insert(name.clone());
        let folder = Some(folder.clone()).filter(|folder| !folder.starts_with("./"));
        Layer { name, folder, members: members.clone() }
    };
    order.into_iter().map(&mut layer).collect()
}

/// A crate stands at least as high as all that it uses.
fn by_height(workspace: &Workspace, edges: &BTreeSet<(usize, usize)>) -> Vec<Layer> {
    let mut heights = vec![0; workspace.members.len()];
    // Without cycles the heights settle after as many rounds as the longest chain has crates.
    for _ in 0..heights.len() {
        for (from, to) in edges {
            heights[*from] = heights[*from].max((heights[*to] + 1_usize).min(workspace.members.len() - 1));
        }
    }
    // What nobody uses stands on top, whatever it uses itself; the others share few layers, or there would be one for each
    // crate of the longest chain.
    let used: BTreeSet<usize> = edges.iter().map(|(_, to)| *to).collect();
    let most = used.iter().map(|member| heights[*member]).max().unwrap_or(0);
    let mut levels: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (member, height) in heights.into_iter().enumerate() {
        let level = if used.contains(&member) { height * LEVELS / (most + 1) } else { LEVELS };
        levels.entry(level).or_default().push(member);
    }
    let layer = |(level, (at, members)): (usize, (usize, Vec<usize>))| {
        let name = if at == LEVELS { "top".to_owned() } else { format!("level-{level}") };
        Layer { name, folder: None, members }
    };
    levels.into_iter().enumerate().map(layer).collect()
}

/// Between different members, of the kinds that the layers govern.
fn edges(workspace: &Workspace) -> BTreeSet<(usize, usize)> {
    let shipped = workspace.dependencies.iter().filter(|dependency| dependency.kind != Kind::Dev);
    let edges = shipped.filter_map(|dependency| match dependency.to {
        Target::Member(to) if to != dependency.from => Some((dependency.from, to)),
        Target::Member(_) | Target::External { .. } => None,
    });
    edges.collect()
}

fn render(workspace: &Workspace, layers: &[Layer], globs: bool) -> String {
    let edges = edges(workspace);
    let dir = |member: &usize| workspace.members[*member].dir.as_str();
    let mut text = HEADER.to_owned();
    for layer in layers {
        let dirs: Vec<String> = match &layer.folder {
            Some(folder) if globs => vec![format!("{folder}/*")],
            _ => layer.members.iter().map(|member| dir(member).to_owned()).collect(),
        };
        let lines: String = dirs.iter().map(|dir| format!("    {dir:?},\n")).collect();
        let members = if dirs.len() > 3 { format!("[\n{lines}]") } else { format!("{dirs:?}") };
        writeln!(text, "\n[[layer]]\nname = {:?}\nmembers = {members}", layer.name).expect("a string accepts it");
        let inside = |from: &usize| -> Vec<&str> {
            let to = layer.members.iter().filter(|to| edges.contains(&(*from, **to)));
            to.map(dir).collect()
        };
        let users: Vec<_> = layer.members.iter().filter(|from| !inside(from).is_empty()).collect();
        if !users.is_empty() {
            text.push_str("edges = [\n");
            for from in users {
                writeln!(text, "    {:?},", format!("{} -> {}", dir(from), inside(from).join(", ")))
                    .expect("a string accepts it");
            }
            text.push_str("]\n");
        }
    }
    text
}
