use std::collections::BTreeMap;

use kernel::{Access, RequestKind};
use saga::SagaEngine;
use serde::Serialize;

use crate::Module;

/// The modules as data: what `borough describe` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    pub modules: Vec<ModuleDescription>,
    /// The context map: who reaches whom, and by which message.
    pub links: Vec<Link>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModuleDescription {
    pub name: &'static str,
    pub about: &'static str,
    pub serves: Vec<RequestDescription>,
    pub asks: Vec<&'static str>,
    pub publishes: Vec<&'static str>,
    pub subscribes: Vec<SubscriptionDescription>,
    pub sagas: Vec<SagaDescription>,
    pub collections: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestDescription {
    pub name: &'static str,
    pub kind: RequestKind,
    /// Absent for a public request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubscriptionDescription {
    pub subscriber: &'static str,
    pub event: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SagaDescription {
    pub name: &'static str,
    pub steps: Vec<&'static str>,
}

/// One arrow of the context map.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    pub from: &'static str,
    pub to: &'static str,
    /// `asks` or `listens to`.
    pub how: &'static str,
    pub message: &'static str,
}

pub(crate) fn describe(modules: &[Module], engine: &SagaEngine) -> Description {
    let servers: BTreeMap<&str, &'static str> =
        modules.iter().flat_map(|m| m.serves.iter().map(|s| (s.info.name, m.name))).collect();
    let publishers: BTreeMap<&str, &'static str> =
        modules.iter().flat_map(|m| m.publishes.iter().map(|e| (e.name, m.name))).collect();
    let mut links = Vec::new();
    for module in modules {
        let from = module.name;
        let asks = module.asks.iter().filter_map(|&message| Some((*servers.get(message)?, "asks", message)));
        let listens = module.subscribes.iter().filter_map(|s| Some((*publishers.get(s.event)?, "listens to", s.event)));
        links.extend(asks.chain(listens).map(|(to, how, message)| Link { from, to, how, message }));
    }
    Description { modules: modules.iter().map(|module| describe_module(module, engine)).collect(), links }
}

fn describe_module(module: &Module, engine: &SagaEngine) -> ModuleDescription {
    let request = |served: &crate::descriptor::Served| RequestDescription {
        name: served.info.name,
        kind: served.info.kind,
        permission: match served.info.access {
            Access::Requires(permission) => Some(permission.name()),
            Access::Public { .. } => None,
        },
    };
    ModuleDescription {
        name: module.name,
        about: module.about,
        serves: module.serves.iter().map(request).collect(),
        asks: module.asks.clone(),
        publishes: module.publishes.iter().map(|e| e.name).collect(),
        subscribes: module
            .subscribes
            .iter()
            .map(|s| SubscriptionDescription { subscriber: s.subscriber, event: s.event })
            .collect(),
        sagas: module.sagas.iter().map(|s| SagaDescription { name: s.name, steps: engine.steps_of(s.name) }).collect(),
        collections: module.collections.clone(),
    }
}
