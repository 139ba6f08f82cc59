use std::sync::Arc;

use container::{Builder, Container};
use event_bus::Subscription;
use event_sourcing::{Blobs, Store};
use kernel::{Clock, Ids};
use request::{Requests, ServiceTable};
use saga::SagaEngine;

use crate::{
    Description, Finding, Findings, Grants, Module,
    description::describe,
    verification::{FindingLevel, verify},
};

/// What the composition root chose for everybody.
#[derive(Clone)]
pub struct Infrastructure {
    pub store: Arc<dyn Store>,
    pub blobs: Arc<dyn Blobs>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

/// All modules, verified and built; nothing runs yet.
pub struct Application {
    pub container: Container,
    pub requests: Requests,
    pub sagas: SagaEngine,
    pub subscriptions: Vec<Subscription>,
    pub description: Description,
    /// What looks forgotten, without being wrong.
    pub warnings: Vec<Finding>,
}

/// Verifies the modules and builds them, or says everything that is wrong with them.
pub fn assemble(
    mut modules: Vec<Module>,
    infrastructure: Infrastructure,
    grants: &Grants,
) -> Result<Application, Findings> {
    let Infrastructure { store, blobs, clock, ids } = infrastructure;
    let mut builder = Builder::default();
    builder
        .instance::<dyn Store>(Arc::clone(&store))
        .instance::<dyn Blobs>(blobs)
        .instance::<dyn Clock>(Arc::clone(&clock))
        .instance::<dyn Ids>(Arc::clone(&ids));
    for module in &mut modules {
        for registrations in module.provides.drain(..) {
            registrations(&mut builder);
        }
    }
    let findings = verify(&modules, &builder, grants);
    if findings.errors().next().is_some() {
        return Err(findings);
    }
    let container = builder.build().map_err(|error| unbuilt(&error))?;
    container.warm_up().map_err(|error| unbuilt(&error))?;

    let mut table = ServiceTable::default();
    for module in &modules {
        for served in &module.serves {
            (served.wire)(&container, &mut table, module.name);
        }
    }
    let requests = Requests::new(table, Arc::clone(&store), Arc::clone(&clock), Arc::clone(&ids));
    let mut sagas = SagaEngine::new(requests.clone(), store, clock, ids);
    let mut subscriptions = Vec::new();
    for module in &modules {
        for saga in &module.sagas {
            sagas = (saga.wire)(&container, sagas, module.name);
        }
        for subscribed in &module.subscribes {
            subscriptions.push((subscribed.wire)(&container, subscribed.subscriber, module.name));
        }
    }
    let description = describe(&modules, &sagas);
    Ok(Application { container, requests, sagas, subscriptions, description, warnings: findings.0 })
}

fn unbuilt(error: &dyn std::error::Error) -> Findings {
    let (module, problem, fix) = ("container".to_owned(), chain(error), "see its cause".to_owned());
    Findings(vec![Finding { level: FindingLevel::Error, module, problem, fix }])
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
