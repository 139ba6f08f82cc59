//! The graph of crates, layers as clusters, in the languages that draw it.

mod html;
mod messages;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use clap::ValueEnum;
pub(crate) use messages::read as messages;
use serde::Serialize;

use crate::architecture::Architecture;
use crate::judge::Case;
use crate::rules::Severity;
use crate::workspace::{Kind, Target};

/// A language for graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drawing {
    /// For Markdown on code hosts
    Mermaid,
    /// For Graphviz
    Dot,
    /// For C4-PlantUML
    C4,
    /// One page with search and focus, without external resources
    Html,
}

/// What is to be drawn.
#[derive(Debug)]
pub(crate) struct View {
    pub kinds: Vec<Kind>,
    /// One node for each layer.
    pub collapse: bool,
    /// Only this member, what it uses and what uses it.
    pub focus: Option<usize>,
    /// What crates say to each other, beside what they depend on.
    pub messages: Vec<Edge>,
}

#[derive(Debug, Serialize)]
struct Picture {
    /// Low to high.
    clusters: Vec<Cluster>,
    edges: Vec<Edge>,
}

#[derive(Debug, Serialize)]
struct Cluster {
    name: String,
    nodes: Vec<Node>,
}

#[derive(Debug, Serialize)]
struct Node {
    id: usize,
    name: String,
    dir: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Edge {
    from: usize,
    to: usize,
    /// Tests alone need it.
    dev: bool,
    /// A rule forbids it.
    broken: bool,
    /// No dependency, but what one says to the other.
    message: Option<String>,
}

pub(crate) fn draw(architecture: &Architecture<'_>, drawing: Drawing, view: &View) -> String {
    let picture = Picture::of(architecture, view);
    match drawing {
        Drawing::Mermaid => picture.mermaid(),
        Drawing::Dot => picture.dot(),
        Drawing::C4 => picture.c4(),
        Drawing::Html => html::page(&picture),
    }
}

impl Picture {
    fn of(architecture: &Architecture<'_>, view: &View) -> Self {
        let workspace = architecture.workspace;
        let node = |member: usize| if view.collapse { architecture.layer_index(member) } else { member };
        let mut edges: BTreeMap<(usize, usize), Edge> = BTreeMap::new();
        for dependency in workspace.dependencies.iter().filter(|dependency| view.kinds.contains(&dependency.kind)) {
            let Target::Member(to) = dependency.to else { continue };
            if view.focus.is_some_and(|focus| focus != dependency.from && focus != to) {
                continue;
            }
            let (from, to) = (node(dependency.from), node(to));
            if from != to {
                let edge =
                    edges.entry((from, to)).or_insert(Edge { from, to, dev: true, broken: false, message: None });
                edge.dev &= dependency.kind == Kind::Dev;
                edge.broken |= is_broken(architecture, dependency.from, &dependency.to, dependency.kind);
            }
        }
        let of_focus = |edge: &&Edge| view.focus.is_none_or(|focus| focus == edge.from || focus == edge.to);
        let messages = view.messages.iter().filter(of_focus);
        let messages = messages.map(|edge| Edge { from: node(edge.from), to: node(edge.to), ..edge.clone() });
        let edges: Vec<Edge> = edges.into_values().chain(messages.filter(|edge| edge.from != edge.to)).collect();
        let drawn: BTreeSet<usize> =
            edges.iter().flat_map(|edge| [edge.from, edge.to]).chain(view.focus.map(node)).collect();
        let is_drawn = |id: usize| view.focus.is_none() || drawn.contains(&id);
        let clusters = architecture.rules.layers.iter().enumerate().map(|(index, layer)| {
            let name = layer.name.value.clone();
            let members = workspace.members.iter().enumerate();
            let nodes = match view.collapse {
                true => vec![Node { id: index, name: name.clone(), dir: String::new() }],
                false => members
                    .filter(|(member, _)| architecture.layer_index(*member) == index)
                    .map(|(id, member)| Node { id, name: member.name.clone(), dir: member.dir.clone() })
                    .collect(),
            };
            Cluster { name, nodes: nodes.into_iter().filter(|node| is_drawn(node.id)).collect() }
        });
        Self { clusters: clusters.filter(|cluster| !cluster.nodes.is_empty()).collect(), edges }
    }

    fn mermaid(&self) -> String {
        let clusters = |out: &mut String, index: usize, cluster: &Cluster| {
            writeln!(out, "  subgraph layer{index}[\"{}\"]", entities(&cluster.name))?;
            for Node { id, name, .. } in &cluster.nodes {
                writeln!(out, "    n{id}[\"{}\"]", entities(name))?;
            }
            writeln!(out, "  end")
        };
        let edge = |out: &mut String, Edge { from, to, dev, message, .. }: &Edge| match message {
            Some(what) => writeln!(out, "  n{from} --o|\"{}\"| n{to}", entities(what)),
            None => writeln!(out, "  n{from} {} n{to}", if *dev { "-.->" } else { "-->" }),
        };
        let mut text = self.written("flowchart TB\n", clusters, edge);
        for (index, _) in self.edges.iter().enumerate().filter(|(_, edge)| edge.broken) {
            text.push_str(&format!("  linkStyle {index} stroke:red\n"));
        }
        text
    }

    fn dot(&self) -> String {
        let clusters = |out: &mut String, index: usize, cluster: &Cluster| {
            writeln!(out, "  subgraph cluster_{index} {{\n    label = {:?};", cluster.name)?;
            for Node { id, name, dir } in &cluster.nodes {
                writeln!(out, "    n{id} [label = {name:?}, tooltip = {dir:?}];")?;
            }
            writeln!(out, "  }}")
        };
        let edge = |out: &mut String, Edge { from, to, dev, broken, message }: &Edge| {
            let (style, color) = (if *dev { "dashed" } else { "solid" }, if *broken { "red" } else { "black" });
            match message {
                Some(what) => writeln!(out, "  n{from} -> n{to} [arrowhead = odot, color = blue, label = {what:?}];"),
                None => writeln!(out, "  n{from} -> n{to} [style = {style}, color = {color}];"),
            }
        };
        self.written("digraph boundaries {\n  node [shape = box];\n", clusters, edge) + "}\n"
    }

    fn c4(&self) -> String {
        let quoted = |text: &str| text.replace('"', "'");
        let clusters = |out: &mut String, index: usize, cluster: &Cluster| {
            writeln!(out, "Container_Boundary(layer{index}, \"{}\") {{", quoted(&cluster.name))?;
            for Node { id, name, dir } in &cluster.nodes {
                writeln!(out, "  Component(n{id}, \"{}\", \"crate\", \"{}\")", quoted(name), quoted(dir))?;
            }
            writeln!(out, "}}")
        };
        let edge = |out: &mut String, Edge { from, to, dev, broken, message }: &Edge| {
            if let Some(what) = message {
                return writeln!(out, "Rel(n{from}, n{to}, \"says\", \"{}\")", quoted(what));
            }
            let says = match (broken, dev) {
                (true, _) => "must not use",
                (false, true) => "uses in tests",
                (false, false) => "uses",
            };
            writeln!(out, "Rel(n{from}, n{to}, \"{says}\")")
        };
        self.written("@startuml\n!include <C4/C4_Component>\n", clusters, edge) + "@enduml\n"
    }

    /// The highest layer first, as it is drawn.
    fn written(
        &self,
        start: &str,
        mut cluster: impl FnMut(&mut String, usize, &Cluster) -> std::fmt::Result,
        mut edge: impl FnMut(&mut String, &Edge) -> std::fmt::Result,
    ) -> String {
        let mut text = start.to_owned();
        let clusters = self.clusters.iter().enumerate().rev();
        let written = clusters.into_iter().try_for_each(|(index, each)| cluster(&mut text, index, each));
        let written = written.and_then(|()| self.edges.iter().try_for_each(|each| edge(&mut text, each)));
        written.expect("a string accepts every write");
        text
    }
}

fn is_broken(architecture: &Architecture<'_>, from: usize, to: &Target, kind: Kind) -> bool {
    let mut broken = Case::new(architecture, from, kind).broken(to).into_iter();
    broken.any(|breach| breach.severity == Severity::Error && !architecture.excuses(from, to, kind, breach.rule))
}

/// For text in quotes of Mermaid, and for text and attributes of HTML.
fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}
