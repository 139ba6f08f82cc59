use std::fmt::Write;

use serde::Serialize;

use crate::{
    Lifetime,
    factory::{Count, Demand},
    graph::Graph,
};

/// What is registered, and who needs whom: for people, as a picture, and for programs, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blueprint {
    /// In the order of registration; what was overridden is left out.
    pub registrations: Vec<Registration>,
}

/// One registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registration {
    /// The type as the compiler names it.
    pub provides: &'static str,
    /// How long a value of it lives.
    pub lifetime: Lifetime,
    /// Whether its factory is async.
    pub is_async: bool,
    /// File, line and column.
    pub registered_at: String,
    /// In the order of its factory's parameters; for a binding, what it is bound to.
    pub needs: Vec<Need>,
}

/// What a registration needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The type as the compiler names it.
    pub of: &'static str,
    /// `one`, `at most one` or `all`.
    pub count: &'static str,
    /// The registrations that give it, as places in the list of all.
    pub met_by: Vec<usize>,
}

impl Blueprint {
    pub(crate) fn of(graph: &Graph<'_>) -> Self {
        let need = |demand: &Demand| {
            let count = match demand.count {
                Count::One => "one",
                Count::AtMostOne => "at most one",
                Count::All => "all",
            };
            Need { of: demand.key.name, count, met_by: graph.met_by(demand).to_vec() }
        };
        let registrations = graph.nodes().iter().map(|node| Registration {
            provides: node.provides.name,
            lifetime: node.lifetime,
            is_async: node.is_async,
            registered_at: node.place.to_string(),
            needs: node.demands.iter().map(need).collect(),
        });
        Self { registrations: registrations.collect() }
    }

    /// As JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("text, numbers and lists are JSON")
    }

    /// As a mermaid flowchart, from who needs to what is needed. The shape of a node is its lifetime: a box for a
    /// singleton, rounded for scoped, slanted for transient, a hexagon for what is bound to something else. What is
    /// missing is dashed. Paths before the names of types are left out.
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for (i, registration) in self.registrations.iter().enumerate() {
            let (open, close) = match registration.lifetime {
                Lifetime::Singleton => ("[", "]"),
                Lifetime::Scoped => ("(", ")"),
                Lifetime::Transient => ("[/", "/]"),
                Lifetime::Bound => ("{{", "}}"),
            };
            line(&mut text, &format!("n{i}{open}\"{}\"{close}", label(registration.provides)));
        }
        let mut missing: Vec<&str> = Vec::new();
        for (i, registration) in self.registrations.iter().enumerate() {
            for need in &registration.needs {
                let arrow = match (registration.lifetime, need.count) {
                    (Lifetime::Bound, _) => "-.->",
                    (_, "one") => "-->",
                    (_, "at most one") => "-->|if any|",
                    _ => "-->|all|",
                };
                need.met_by.iter().for_each(|by| line(&mut text, &format!("n{i} {arrow} n{by}")));
                if need.met_by.is_empty() && need.count == "one" {
                    let number = missing.iter().position(|name| *name == need.of).unwrap_or_else(|| {
                        line(&mut text, &format!("m{}[\"{} is missing\"]:::missing", missing.len(), label(need.of)));
                        missing.push(need.of);
                        missing.len() - 1
                    });
                    line(&mut text, &format!("n{i} {arrow} m{number}"));
                }
            }
        }
        if !missing.is_empty() {
            line(&mut text, "classDef missing stroke-dasharray: 5 5");
        }
        text
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "  {line}").expect("a string takes all");
}

/// `app::Cache<app::Key>` -> `Cache<Key>`, as mermaid wants it written.
fn label(name: &str) -> String {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut short = String::new();
    for part in name.split_inclusive(|c| !is_path(c)) {
        short.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    short.replace('&', "#amp;").replace('<', "#lt;").replace('>', "#gt;").replace('"', "#quot;")
}
