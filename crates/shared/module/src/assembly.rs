use std::{
    collections::{BTreeMap, BTreeSet},
    mem::take,
    sync::Arc,
};

use container::{Builder, Container};
use event_bus::{InlineSubscribers, Subscription};
use event_sourcing::{Blobs, Collection, EventRules, Projections, Projector, ProjectorPorts, Store};
use kernel::{Clock, Ids};
use request::{Client, Limits, ModuleState, ModuleStates, Requests, ServiceTable};
use saga::SagaEngine;
use settings::{Settings, SettingsError};

use crate::{
    Application, AssemblyError, Findings, Grants, Module, Options,
    closest::way_out,
    dependencies::Dependencies,
    description::describe,
    descriptor::{Read, Subscribed},
    lifecycle::{Lifecycle, Member},
    options::GRANTED_MODULE,
    outlet::{Announcements, Outlet},
    task::{Job, Needed},
    verification::{Assembly, verify},
};

/// What the composition root chose for everybody.
#[derive(Clone)]
pub struct Infrastructure {
    /// Where streams and documents are kept.
    pub store: Arc<dyn Store>,
    /// Where large values are kept.
    pub blobs: Arc<dyn Blobs>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New identities.
    pub ids: Arc<dyn Ids>,
}

/// Verifies the modules, declares to the store the collections of all of them and of what drives them, and makes the singletons of those that were
/// selected; no hook has run yet.
///
/// # Errors
/// Everything that is wrong with them, at once; and if nothing is, collections that the store cannot have, or a factory that
/// failed.
///
/// # Cancel safety
/// Dropped, it leaves nothing behind but what factories have done outside of the process.
pub async fn assemble(
    mut modules: Vec<Module>,
    infrastructure: Infrastructure,
    options: Options,
) -> Result<Application, AssemblyError> {
    let Infrastructure { store, blobs, clock, ids } = infrastructure.clone();
    let (selected, mut wrong) = options.selection.of(&modules);
    wrong.extend(divide(&mut modules, &options.slots));
    let closed = |limits| Requests::closed(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&ids), limits);
    let requests = closed(options.limits.clone()).unwrap_or_else(|error| {
        wrong.push((format!("the limits of requests are out of range: {error}"), "see [requests]".into()));
        closed(Limits::default()).expect("the defaults are in range")
    });
    let mut builder = Builder::default();
    builder
        .instance::<dyn Store>(Arc::clone(&store))
        .instance::<dyn Blobs>(blobs)
        .instance::<dyn Clock>(Arc::clone(&clock))
        .instance::<dyn Ids>(Arc::clone(&ids))
        .instance::<Client>(Arc::new(requests.client()));
    let announcing = selected.iter().map(|&i| &modules[i]).find(|module| module.announces).map(|module| module.name);
    let outlet = Arc::<Outlet>::default();
    if announcing.is_some() {
        builder.instance::<Outlet>(Arc::clone(&outlet));
    }
    wrong.extend(register(&mut modules, &selected, options.settings.as_ref(), &mut builder));
    roots(&modules, &selected, &mut builder);

    let assembly = Assembly { modules: &modules, selected: &selected, builder: &builder, options: &options };
    let findings = verify(&assembly, wrong);
    if findings.errors().next().is_some() {
        return Err(findings.into());
    }
    let collections: Vec<Collection> = modules
        .iter()
        .flat_map(|m| &m.collections)
        .map(|(_, collection)| collection.clone())
        .chain(saga::collections())
        .chain(event_bus::collections())
        .chain(event_sourcing::collections())
        .chain(request::collections())
        .collect();
    store.declare(&collections).await?;
    let container = builder.build().expect("a graph without findings can be built");
    let made = container.warm_up(options.timeouts.start).await;
    made.map_err(|error| Findings::of_making(&modules, &error))?;
    let mut table = table(&mut modules, &selected, &container, requests.states());
    let published = |module: &Module| (module.name, module.publishes.iter().map(|e| e.name).collect::<Vec<_>>());
    let event_rules = EventRules::declare(options.events, modules.iter().map(published));
    let subscriptions = subscriptions(&modules, &selected, &container, &options.grants);
    let inline = InlineSubscribers::of(&subscriptions).holding_to(event_rules.clone(), Arc::clone(&store));
    let announcements = announcing.map(|module| {
        let (spool, inline) = (options.spool.clone(), inline.clone());
        Announcements { module, outlet, spool, infrastructure, inline, publisher: None }
    });
    table.commit_with(inline);
    requests.open(table);
    let ports = ProjectorPorts { store: Arc::clone(&store), clock: Arc::clone(&clock), ids: Arc::clone(&ids) };
    let projectors = projectors(&modules, &selected, &ports);
    let mut sagas = SagaEngine::new(requests.clone(), store, clock, ids);
    for (module, saga) in selected.iter().flat_map(|&i| modules[i].sagas.iter().map(move |saga| (i, saga))) {
        sagas = (saga.wire)(&container, sagas, modules[module].name);
    }
    Ok(Application {
        description: describe(&modules, &selected, &sagas),
        subscriptions,
        projections: Projections::new(projectors.iter().map(|(_, projector)| Arc::clone(projector))),
        lifecycle: lifecycle(modules, projectors, &selected, &container, requests.states(), &options)
            .announcing(announcements),
        container,
        event_rules,
        requests,
        sagas,
        warnings: findings.0,
    })
}

/// Gives each subscriber the slots that the options say. The names that nobody has, with the fix.
fn divide(modules: &mut [Module], slots: &BTreeMap<String, u32>) -> Vec<(String, String)> {
    let mut unknown = Vec::new();
    for (name, slots) in slots {
        let mut all = modules.iter_mut().flat_map(|module| &mut module.subscribes);
        if let Some(subscribed) = all.find(|subscribed| subscribed.subscriber == name) {
            subscribed.subscription = subscribed.subscription.clone().in_slots(*slots);
        } else {
            let known = modules.iter().flat_map(|module| &module.subscribes).map(|subscribed| subscribed.subscriber);
            unknown.push((
                format!("`{name}` is to be divided into slots, and no subscriber is named so"),
                way_out(name, known),
            ));
        }
    }
    unknown
}

/// Each module remembers which registrations are its own. What is wrong in the settings that they read, with the fix.
fn register(
    modules: &mut [Module],
    selected: &BTreeSet<usize>,
    settings: Option<&Settings>,
    builder: &mut Builder,
) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for &module in selected {
        let before = builder.registered().len();
        for Read { section, load, .. } in &modules[module].settings {
            match settings.map(|settings| load(settings, section, builder)) {
                // A section that there is not is a finding about the module, whether it runs here or not.
                None | Some(Ok(()) | Err(SettingsError::UnknownSection { .. })) => {}
                Some(Err(error)) => wrong.push((error.to_string(), "mend it there".into())),
            }
        }
        for registrations in take(&mut modules[module].provides) {
            registrations(builder);
        }
        modules[module].registered = builder.registered().skip(before).collect();
    }
    wrong
}

/// What the descriptors take from the container, and what the composition root has put there: all else that nobody needs is
/// unused.
fn roots(modules: &[Module], selected: &BTreeSet<usize>, builder: &mut Builder) {
    builder.root::<dyn Store>().root::<dyn Blobs>().root::<dyn Clock>().root::<dyn Ids>().root::<Client>();
    let needs = selected.iter().flat_map(|&module| modules[module].needs());
    // What is missing is a finding already, in the words of the descriptor.
    let registered: Vec<Needed> = needs.map(|(_, needed)| needed).filter(|n| (n.registered)(builder)).collect();
    for needed in registered {
        (needed.root)(builder);
    }
}

fn table(
    modules: &mut [Module],
    selected: &BTreeSet<usize>,
    container: &Container,
    states: &ModuleStates,
) -> ServiceTable {
    let mut table = ServiceTable::default();
    for (i, module) in modules.iter_mut().enumerate() {
        states.set(module.name, ModuleState::Stopped);
        if !selected.contains(&i) {
            module.serves.iter().for_each(|served| table.serve_elsewhere(module.name, served.info.name));
            continue;
        }
        for served in &module.serves {
            (served.wire)(container, &mut table, module.name);
        }
        for rule in take(&mut module.rules) {
            (rule.wire)(&mut table);
        }
        table.declare(module.name, module.asks.iter().map(|asked| asked.name));
    }
    table
}

fn subscriptions(
    modules: &[Module],
    selected: &BTreeSet<usize>,
    container: &Container,
    grants: &Grants,
) -> Vec<Subscription> {
    let of_module = |&i: &usize| {
        let module = &modules[i];
        let granted = grants.get(&format!("{GRANTED_MODULE}{}", module.name)).cloned().unwrap_or_default();
        module.subscribes.iter().map(move |Subscribed { subscription, wire, .. }| {
            wire(container);
            subscription.clone().with_permissions(granted.clone())
        })
    };
    selected.iter().flat_map(of_module).collect()
}

/// One for each projection of the modules of this process, with the place of its module.
fn projectors(modules: &[Module], selected: &BTreeSet<usize>, ports: &ProjectorPorts) -> Vec<(usize, Arc<Projector>)> {
    let here = selected.iter().flat_map(|&i| modules[i].projects.iter().map(move |projection| (i, projection)));
    here.map(|(i, projection)| (i, Arc::new((projection.make)(modules[i].name, ports.clone())))).collect()
}

fn lifecycle(
    mut modules: Vec<Module>,
    projectors: Vec<(usize, Arc<Projector>)>,
    selected: &BTreeSet<usize>,
    container: &Container,
    states: &ModuleStates,
    options: &Options,
) -> Lifecycle {
    let order = Dependencies::of(&modules).order();
    for (module, projector) in projectors {
        modules[module].jobs.push(Job::projecting(projector));
    }
    let mut modules: Vec<Option<Module>> = modules.into_iter().map(Some).collect();
    let in_order = order.into_iter().filter(|module| selected.contains(module));
    let members = in_order.filter_map(|module| modules[module].take()).map(|module| Member {
        module: module.name,
        on_start: module.on_start,
        on_stop: module.on_stop,
        jobs: module.jobs,
        checks: module.checks,
        registered: module.registered,
    });
    Lifecycle::new(members.collect(), container.clone(), states.clone(), options.timeouts)
}
