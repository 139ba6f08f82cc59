mod c4;
mod mermaid;
mod picture;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Access, RequestKind};
use saga::SagaEngine;
use serde::Serialize;

use crate::{
    Module,
    closest::way_out,
    descriptor::{Projecting, Subscribed},
};

const ASKS: &str = "asks";
const LISTENS: &str = "listens to";

/// The modules as data: what `borough describe` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// In the order of the composition root.
    pub modules: Vec<ModuleDescription>,
    /// The context map: who reaches whom, and by which message.
    pub links: Vec<Link>,
}

/// One module as data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModuleDescription {
    /// As others and the settings know it.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Whether it was left out of this process.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
    /// Requests that it answers.
    pub serves: Vec<RequestDescription>,
    /// Requests of others that it needs.
    pub asks: Vec<&'static str>,
    /// Events.
    pub publishes: Vec<&'static str>,
    /// Events of others that it takes.
    pub subscribes: Vec<SubscriptionDescription>,
    /// Read models that it fills from events.
    pub projections: Vec<ProjectionDescription>,
    /// Sagas that it owns.
    pub sagas: Vec<SagaDescription>,
    /// Collections of documents that it owns.
    pub collections: Vec<&'static str>,
    /// What one must be granted to ask all that it serves.
    pub permissions: BTreeSet<&'static str>,
    /// Sections of the settings that it reads.
    pub settings: Vec<SettingsDescription>,
    /// Looks at its health.
    pub health_checks: Vec<&'static str>,
    /// What it does in the background.
    pub jobs: Vec<&'static str>,
    /// The types that it registers in the container; none of a module that was left out.
    pub provides: Vec<&'static str>,
}

/// A request that is served.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestDescription {
    /// Wire name.
    pub name: &'static str,
    /// Query or command.
    pub kind: RequestKind,
    /// Absent for a public request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<&'static str>,
}

/// A subscriber.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubscriptionDescription {
    /// The name that its checkpoint is stored under.
    pub subscriber: &'static str,
    /// Wire name of the events that it takes; of several types, `data_quality.*` or `*`.
    pub event: &'static str,
}

/// A projection.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectionDescription {
    /// The name that what there is of it is stored under.
    pub projection: &'static str,
    /// Of what it writes.
    pub version: u32,
    /// Wire names of the events that it takes.
    pub events: Vec<&'static str>,
    /// That it writes into, without the number of the generation.
    pub collections: Vec<&'static str>,
}

/// A saga.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SagaDescription {
    /// The name that its runs are stored under.
    pub name: &'static str,
    /// In their order; unknown of a module that was left out.
    pub steps: Vec<&'static str>,
}

/// A section of the settings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingsDescription {
    /// Dotted key.
    pub section: &'static str,
    /// What it is read for.
    pub about: &'static str,
}

/// One arrow of the context map.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    /// The module that needs the other.
    pub from: &'static str,
    /// The module that is needed.
    pub to: &'static str,
    /// `asks` or `listens to`.
    pub how: &'static str,
    /// Wire name of the request or event.
    pub message: &'static str,
}

/// One module with its links to others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Canvas {
    /// The module.
    pub module: ModuleDescription,
    /// From it and to it.
    pub links: Vec<Link>,
}

/// There is no module of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no module is named `{name}`: {way_out}")]
pub struct UnknownModule {
    name: String,
    way_out: String,
}

impl Description {
    /// The canvas of one module.
    ///
    /// # Errors
    /// There is none of this name; says which was probably meant.
    pub fn canvas(&self, name: &str) -> Result<Canvas, UnknownModule> {
        let module = self.modules.iter().find(|module| module.name == name).ok_or_else(|| UnknownModule {
            name: name.into(),
            way_out: way_out(name, self.modules.iter().map(|module| module.name)),
        })?;
        let links = self.links.iter().filter(|link| link.from == module.name || link.to == module.name);
        Ok(Canvas { module: module.clone(), links: links.cloned().collect() })
    }

    /// For a terminal: the modules, then the context map.
    pub fn to_text(&self) -> String {
        text::of_description(self)
    }

    /// The context map as a mermaid flowchart, for Markdown: a solid arrow asks, a dotted one listens.
    pub fn to_mermaid(&self) -> String {
        mermaid::draw(&picture::of_description(self))
    }

    /// The context map as a C4 component diagram in PlantUML.
    pub fn to_c4(&self) -> String {
        c4::draw(&picture::of_description(self))
    }
}

impl Canvas {
    /// For a terminal.
    pub fn to_text(&self) -> String {
        text::of_canvas(self)
    }

    /// What is in the module, and who reaches it and whom it reaches, as a mermaid flowchart.
    pub fn to_mermaid(&self) -> String {
        mermaid::draw(&picture::of_canvas(self))
    }

    /// The same as a C4 component diagram in PlantUML.
    pub fn to_c4(&self) -> String {
        c4::draw(&picture::of_canvas(self))
    }
}

pub(crate) fn describe(modules: &[Module], selected: &BTreeSet<usize>, engine: &SagaEngine) -> Description {
    let servers: BTreeMap<&str, &'static str> =
        modules.iter().flat_map(|m| m.serves.iter().map(|s| (s.info.name, m.name))).collect();
    let published: Vec<(&'static str, &'static str)> =
        modules.iter().flat_map(|m| m.publishes.iter().map(|e| (e.name, m.name))).collect();
    let mut links = Vec::new();
    for module in modules {
        let from = module.name;
        let asks = module.asks.iter().filter_map(|asked| Some((*servers.get(asked.name)?, ASKS, asked.name)));
        let taken = |s: &Subscribed| published.iter().copied().filter(|(event, _)| s.takes(event)).collect::<Vec<_>>();
        let listens = module.subscribes.iter().flat_map(taken).map(|(event, publisher)| (publisher, LISTENS, event));
        let follows =
            |p: &Projecting| published.iter().copied().filter(|(event, _)| p.takes(event)).collect::<Vec<_>>();
        // What a subscriber takes as well is told already; that it keeps a view of what it publishes itself is no link.
        let mut told: BTreeSet<_> = listens.clone().collect();
        let followed = module.projects.iter().flat_map(follows).filter(|(_, publisher)| *publisher != from);
        let followed = followed.map(|(event, publisher)| (publisher, LISTENS, event)).filter(|link| told.insert(*link));
        links.extend(asks.chain(listens).chain(followed).map(|(to, how, message)| Link { from, to, how, message }));
    }
    let described = modules.iter().enumerate();
    let described = described.map(|(i, module)| describe_module(module, !selected.contains(&i), engine));
    Description { modules: described.collect(), links }
}

fn describe_module(module: &Module, left_out: bool, engine: &SagaEngine) -> ModuleDescription {
    let request = |served: &crate::descriptor::Served| RequestDescription {
        name: served.info.name,
        kind: served.info.kind,
        permission: match served.info.access {
            Access::Requires(permission) => Some(permission.name()),
            Access::Public { .. } => None,
        },
    };
    let subscription = |s: &Subscribed| SubscriptionDescription { subscriber: s.subscriber, event: s.event };
    let projection = |p: &Projecting| ProjectionDescription {
        projection: p.name,
        version: p.version,
        events: p.events.iter().map(|event| event.name).collect(),
        collections: p.collections.to_vec(),
    };
    let saga = |saga: &crate::descriptor::Ran| SagaDescription { name: saga.name, steps: engine.steps_of(saga.name) };
    let read = |read: &crate::descriptor::Read| SettingsDescription { section: read.section, about: read.about };
    ModuleDescription {
        name: module.name,
        about: module.about,
        left_out,
        serves: module.serves.iter().map(request).collect(),
        asks: module.asks.iter().map(|asked| asked.name).collect(),
        publishes: module.publishes.iter().map(|event| event.name).collect(),
        subscribes: module.subscribes.iter().map(subscription).collect(),
        projections: module.projects.iter().map(projection).collect(),
        sagas: module.sagas.iter().map(saga).collect(),
        collections: module.collections.iter().map(|(name, _)| *name).collect(),
        permissions: module.permissions.iter().map(|permission| permission.name()).collect(),
        settings: module.settings.iter().map(read).collect(),
        health_checks: module.checks.iter().map(|check| check.name).collect(),
        jobs: module.jobs.iter().map(|job| job.name).collect(),
        provides: module.registered.iter().map(|(type_name, _)| *type_name).collect(),
    }
}
