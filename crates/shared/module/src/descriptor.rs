use std::{
    any::type_name,
    panic::Location,
    sync::{Arc, OnceLock},
};

use container::{Builder, Container};
use event_bus::{BatchOptions, BatchSubscriber, CpuSubscriber, EnvelopeSubscriber, Subscriber, Subscription};
use event_sourcing::{Collection, Document, EventType, Projection, Projector, ProjectorPorts, Unit};
use kernel::{Context, Envelope, Error, Event, Permission, Request};
use request::{Cached, RequestInfo, Requirement, Service, ServiceTable};
use saga::{Saga, SagaEngine};
use serde::de::DeserializeOwned;
use settings::{Settings, SettingsError};

use crate::{
    Shutdown,
    task::{Hook, Job, Needed},
};

/// What one package offers and needs. Built once, by the package's own `module()`.
///
/// Whatever takes an `Arc<S>` gets it from the container: a method of `S` will do, such as
/// `async fn open(self: Arc<Self>) -> Result<(), Error>`.
pub struct Module {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) provides: Vec<Registrations>,
    pub(crate) serves: Vec<Served>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) asks: Vec<Message>,
    pub(crate) publishes: Vec<Message>,
    /// Also outside of units.
    pub(crate) announces: bool,
    pub(crate) subscribes: Vec<Subscribed>,
    pub(crate) projects: Vec<Projecting>,
    pub(crate) sagas: Vec<Ran>,
    /// With their names.
    pub(crate) collections: Vec<(&'static str, Collection)>,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) settings: Vec<Read>,
    pub(crate) on_start: Vec<Hook>,
    pub(crate) on_stop: Vec<Hook>,
    pub(crate) checks: Vec<Hook>,
    pub(crate) jobs: Vec<Job>,
    /// What `provides` has registered, and where; known to the assembly.
    pub(crate) registered: Vec<(&'static str, &'static Location<'static>)>,
}

type Registrations = Box<dyn FnOnce(&mut Builder)>;

pub(crate) struct Served {
    pub info: RequestInfo,
    pub type_name: &'static str,
    pub wire: fn(&Container, &mut ServiceTable, &'static str),
    pub needs: Needed,
}

/// Something that holds for the calls of a request.
pub(crate) struct Rule {
    pub request: &'static str,
    pub type_name: &'static str,
    /// Events that it waits for.
    pub events: &'static [&'static str],
    pub wire: Box<dyn FnOnce(&mut ServiceTable)>,
}

/// One that is asked, or an event that is published.
pub(crate) struct Message {
    pub name: &'static str,
    pub type_name: &'static str,
}

/// A section of the settings.
pub(crate) struct Read {
    pub section: &'static str,
    pub about: &'static str,
    pub load: fn(&Settings, &str, &mut Builder) -> Result<(), SettingsError>,
}

pub(crate) struct Subscribed {
    pub subscriber: &'static str,
    /// Wire name of the events; of several types, `data_quality.*` or `*`.
    pub event: &'static str,
    /// That they are read as, if they are.
    pub type_name: Option<&'static str>,
    pub subscription: Subscription,
    /// Has it find in the container what handles its events.
    pub wire: Box<dyn Fn(&Container)>,
    pub needs: Needed,
}

impl Subscribed {
    pub fn takes(&self, event: &str) -> bool {
        is_among(event, self.event)
    }
}

/// Whether an event is one of those that a subscription names.
pub(crate) fn is_among(event: &str, named: &str) -> bool {
    named.strip_suffix('*').map_or(event == named, |prefix| event.starts_with(prefix))
}

/// A projection, without its type.
pub(crate) struct Projecting {
    pub name: &'static str,
    pub version: u32,
    pub collections: &'static [&'static str],
    pub events: Vec<EventType>,
    pub make: fn(&'static str, ProjectorPorts) -> Projector,
}

impl Projecting {
    pub fn takes(&self, event: &str) -> bool {
        self.events.iter().any(|taken| taken.name == event)
    }
}

pub(crate) struct Ran {
    pub name: &'static str,
    pub wire: fn(&Container, SagaEngine, &'static str) -> SagaEngine,
    pub needs: Needed,
}

impl Module {
    /// A module that does nothing yet. `about` is one sentence, for people.
    pub fn new(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            provides: Vec::new(),
            serves: Vec::new(),
            rules: Vec::new(),
            asks: Vec::new(),
            publishes: Vec::new(),
            announces: false,
            subscribes: Vec::new(),
            projects: Vec::new(),
            sagas: Vec::new(),
            collections: Vec::new(),
            permissions: Vec::new(),
            settings: Vec::new(),
            on_start: Vec::new(),
            on_stop: Vec::new(),
            checks: Vec::new(),
            jobs: Vec::new(),
            registered: Vec::new(),
        }
    }

    /// Its name, as other modules and the settings know it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the requests that it serves need: whoever assembles it grants them.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        self.permissions.iter().copied()
    }

    /// What it takes from the container, and for what.
    pub(crate) fn needs(&self) -> impl Iterator<Item = (String, Needed)> {
        let serves = self.serves.iter().map(|s| (format!("request `{}`", s.info.name), s.needs));
        let subscribes = self.subscribes.iter().map(|s| (format!("subscriber `{}`", s.subscriber), s.needs));
        let sagas = self.sagas.iter().map(|s| (format!("saga `{}`", s.name), s.needs));
        let starts = self.on_start.iter().map(|hook| (format!("start hook `{}`", hook.name), hook.needs));
        let stops = self.on_stop.iter().map(|hook| (format!("stop hook `{}`", hook.name), hook.needs));
        let checks = self.checks.iter().map(|check| (format!("health check `{}`", check.name), check.needs));
        let jobs = self.jobs.iter().map(|job| (format!("background job `{}`", job.name), job.needs));
        serves.chain(subscribes).chain(sagas).chain(starts).chain(stops).chain(checks).chain(jobs)
    }

    /// Container registrations of the package.
    #[must_use]
    pub fn provides(mut self, registrations: impl FnOnce(&mut Builder) + 'static) -> Self {
        self.provides.push(Box::new(registrations));
        self
    }

    /// `S`, from the container, answers `R`.
    #[must_use]
    pub fn serves<R: Request, S: Service<R>>(mut self) -> Self {
        let info = RequestInfo::of::<R>(self.name);
        let wire = |c: &Container, table: &mut ServiceTable, module| table.serve::<R>(module, c.get::<S>());
        self.serves.push(Served { info, type_name: type_name::<R>(), wire, needs: Needed::of::<S>() });
        if let kernel::Access::Requires(permission) = R::ACCESS {
            self.permissions.push(permission);
        }
        self
    }

    /// The answers of `R`, which the package serves, are kept until an event makes them stale.
    #[must_use]
    pub fn caches<R: Cached>(mut self) -> Self {
        let wire = Box::new(|table: &mut ServiceTable| table.cache::<R>());
        let type_name = type_name::<R>();
        self.rules.push(Rule { request: R::NAME, type_name, events: R::STALE_AFTER, wire });
        self
    }

    /// `R`, which the package serves, is held to what a regulation asks.
    #[must_use]
    pub fn complies<R: Request>(mut self, requirement: Requirement<R>) -> Self {
        let wire = Box::new(|table: &mut ServiceTable| table.require(requirement));
        let type_name = type_name::<R>();
        self.rules.push(Rule { request: R::NAME, type_name, events: &[], wire });
        self
    }

    /// The package asks `R` of whoever serves it.
    #[must_use]
    pub fn asks<R: Request>(mut self) -> Self {
        self.asks.push(Message { name: R::NAME, type_name: type_name::<R>() });
        self
    }

    /// The package publishes `E`, and nobody else does.
    #[must_use]
    pub fn publishes<E: Event>(mut self) -> Self {
        self.publishes.push(Message { name: E::NAME, type_name: type_name::<E>() });
        self
    }

    /// The package also publishes where it has no unit at hand: the container has an [`Outlet`](crate::Outlet) for it.
    #[must_use]
    pub fn announces(self) -> Self {
        Self { announces: true, ..self }
    }

    /// `S`, from the container, handles every `E`, durably, under a name that its checkpoint is stored under.
    #[must_use]
    pub fn subscribes<E: Event, S: Subscriber<E>>(self, subscriber: &'static str) -> Self {
        self.subscribes_with::<E, S>(subscriber, |subscription| subscription)
    }

    /// As [`subscribes`](Self::subscribes), called as the options say:
    /// `|subscription| subscription.with_class(DeliveryClass::Inline { order: 0 })`.
    #[must_use]
    pub fn subscribes_with<E: Event, S: Subscriber<E>>(
        self,
        subscriber: &'static str,
        options: impl FnOnce(Subscription) -> Subscription,
    ) -> Self {
        let module = self.name;
        let subscription = move |late| Subscription::new::<E>(subscriber, module, late);
        self.takes::<S>(Some(type_name::<E>()), subscription, options)
    }

    /// As [`subscribes_with`](Self::subscribes_with), with work that computes and waits for nothing, on a thread for that.
    #[must_use]
    pub fn subscribes_cpu<E: Event, S: CpuSubscriber<E>>(
        self,
        subscriber: &'static str,
        options: impl FnOnce(Subscription) -> Subscription,
    ) -> Self {
        let module = self.name;
        let subscription = move |late| Subscription::cpu::<E>(subscriber, module, late);
        self.takes::<S>(Some(type_name::<E>()), subscription, options)
    }

    /// As [`subscribes_with`](Self::subscribes_with), several events at once.
    #[must_use]
    pub fn subscribes_batches<E: Event, S: BatchSubscriber<E>>(
        self,
        subscriber: &'static str,
        batch: BatchOptions,
        options: impl FnOnce(Subscription) -> Subscription,
    ) -> Self {
        let module = self.name;
        let subscription = move |late| Subscription::batches::<E>(subscriber, module, batch, late);
        self.takes::<S>(Some(type_name::<E>()), subscription, options)
    }

    /// As [`subscribes_with`](Self::subscribes_with), events as they are stored: of one wire name, of all that begin alike,
    /// `data_quality.*`, or all, `*`.
    #[must_use]
    pub fn subscribes_envelopes<S: EnvelopeSubscriber>(
        self,
        subscriber: &'static str,
        events: &'static str,
        options: impl FnOnce(Subscription) -> Subscription,
    ) -> Self {
        let module = self.name;
        let subscription = move |late| Subscription::envelopes(subscriber, module, events, late);
        self.takes::<S>(None, subscription, options)
    }

    fn takes<S: Send + Sync + 'static>(
        mut self,
        type_name: Option<&'static str>,
        subscription: impl FnOnce(Late<S>) -> Subscription,
        options: impl FnOnce(Subscription) -> Subscription,
    ) -> Self {
        let handler = Arc::<OnceLock<Arc<S>>>::default();
        let subscription = options(subscription(Late(Arc::clone(&handler))));
        // A descriptor is assembled once.
        let wire = Box::new(move |c: &Container| _ = handler.set(c.get::<S>()));
        let (subscriber, event) = (subscription.name, subscription.event_type);
        let needs = Needed::of::<S>();
        self.subscribes.push(Subscribed { subscriber, event, type_name, subscription, wire, needs });
        self
    }

    /// The package keeps the projection `P` up to date from the start of the module on, and owns its collections. Who reads them
    /// has a [`ReadModel`](event_sourcing::ReadModel) of `P`.
    #[must_use]
    pub fn projects<P: Projection>(mut self) -> Self {
        let events = P::events().types().collect();
        let (version, collections) = (P::VERSION, P::COLLECTIONS);
        self.projects.push(Projecting { name: P::NAME, version, collections, events, make: Projector::of::<P> });
        self
    }

    /// The package owns the saga `S`, from the container.
    #[must_use]
    pub fn runs<S: Saga>(mut self) -> Self {
        let wire = |c: &Container, engine: SagaEngine, module| engine.with(module, c.get::<S>());
        self.sagas.push(Ran { name: S::NAME, wire, needs: Needed::of::<S>() });
        self
    }

    /// The package owns the collection of `D`: the store gets its indexes, and its documents are migrated, when the assembly is
    /// made.
    #[must_use]
    pub fn keeps<D: Document>(mut self) -> Self {
        self.collections.push((D::COLLECTION, Collection::of::<D>()));
        self
    }

    /// The package reads this section of the settings as a `T`, which the container has from then on; `about` is one sentence
    /// on what for.
    #[must_use]
    pub fn reads<T: DeserializeOwned + Send + Sync + 'static>(
        mut self,
        section: &'static str,
        about: &'static str,
    ) -> Self {
        let load = |settings: &Settings, section: &str, builder: &mut Builder| {
            builder.value(settings.section::<T>(section)?);
            Ok(())
        };
        self.settings.push(Read { section, about, load });
        self
    }

    /// Before the module is up, in the order of declaration. `name` says what is done: `open the index`.
    #[must_use]
    pub fn on_start<S, F, W>(mut self, name: &'static str, hook: F) -> Self
    where
        S: ?Sized + Send + Sync + 'static,
        F: Fn(Arc<S>) -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.on_start.push(Hook::new(name, hook));
        self
    }

    /// After the module has refused new requests and its background jobs have ended; the last declared comes first. It also
    /// runs when a start hook of the module has failed.
    #[must_use]
    pub fn on_stop<S, F, W>(mut self, name: &'static str, hook: F) -> Self
    where
        S: ?Sized + Send + Sync + 'static,
        F: Fn(Arc<S>) -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.on_stop.push(Hook::new(name, hook));
        self
    }

    /// A look at the module's health, again and again: while it fails, panics or takes too long, the module is degraded, for
    /// the reason that the error gives.
    #[must_use]
    pub fn checks<S, F, W>(mut self, name: &'static str, check: F) -> Self
    where
        S: ?Sized + Send + Sync + 'static,
        F: Fn(Arc<S>) -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.checks.push(Hook::new(name, check));
        self
    }

    /// A background job: runs from the start of the module until [`Shutdown`] has begun. Where it ends before that, the module
    /// is degraded.
    #[must_use]
    pub fn starts<S, F, W>(mut self, name: &'static str, job: F) -> Self
    where
        S: ?Sized + Send + Sync + 'static,
        F: Fn(Arc<S>, Shutdown) -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), Error>> + Send + 'static,
    {
        self.jobs.push(Job::new(name, job));
        self
    }
}

/// What handles events, in a subscription that is declared before there is a container.
struct Late<S>(Arc<OnceLock<Arc<S>>>);

impl<S> Late<S> {
    fn get(&self) -> &S {
        self.0.get().expect("the assembly wires a subscription before it hands it out")
    }
}

impl<E: Event, S: Subscriber<E>> Subscriber<E> for Late<S> {
    fn handle(&self, cx: &Context, event: &E, unit: &mut Unit) -> impl Future<Output = Result<(), Error>> + Send {
        self.get().handle(cx, event, unit)
    }
}

impl<E: Event, S: CpuSubscriber<E>> CpuSubscriber<E> for Late<S> {
    fn handle(&self, cx: &Context, event: &E, unit: &mut Unit) -> Result<(), Error> {
        self.get().handle(cx, event, unit)
    }
}

impl<E: Event, S: BatchSubscriber<E>> BatchSubscriber<E> for Late<S> {
    fn handle(&self, cx: &Context, events: &[E], unit: &mut Unit) -> impl Future<Output = Result<(), Error>> + Send {
        self.get().handle(cx, events, unit)
    }
}

impl<S: EnvelopeSubscriber> EnvelopeSubscriber for Late<S> {
    fn handle(
        &self,
        cx: &Context,
        event: &Arc<Envelope>,
        unit: &mut Unit,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        self.get().handle(cx, event, unit)
    }
}
