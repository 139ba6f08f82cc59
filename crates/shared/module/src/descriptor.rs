use std::sync::Arc;

use container::{Builder, Container};
use event_bus::{Subscriber, Subscription};
use event_sourcing::Document;
use kernel::{Event, Permission, Request};
use request::{Cached, RequestInfo, Requirement, Service, ServiceTable};
use saga::{Saga, SagaEngine};

/// What one package offers and needs. Built once, by the package's own `module()`.
pub struct Module {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) provides: Vec<Registrations>,
    pub(crate) serves: Vec<Served>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) asks: Vec<&'static str>,
    pub(crate) publishes: Vec<Published>,
    pub(crate) subscribes: Vec<Subscribed>,
    pub(crate) sagas: Vec<Ran>,
    pub(crate) collections: Vec<&'static str>,
    pub(crate) permissions: Vec<Permission>,
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
    /// Events that it waits for.
    pub events: &'static [&'static str],
    pub wire: Box<dyn FnOnce(&mut ServiceTable)>,
}

pub(crate) struct Published {
    pub name: &'static str,
    pub type_name: &'static str,
}

pub(crate) struct Subscribed {
    pub subscriber: &'static str,
    pub event: &'static str,
    pub wire: fn(&Container, &'static str, &'static str) -> Subscription,
    pub needs: Needed,
}

pub(crate) struct Ran {
    pub name: &'static str,
    pub wire: fn(&Container, SagaEngine, &'static str) -> SagaEngine,
    pub needs: Needed,
}

/// A type that the descriptor resolves from the container.
#[derive(Clone, Copy)]
pub(crate) struct Needed {
    pub type_name: &'static str,
    pub registered: fn(&Builder) -> bool,
}

impl Needed {
    fn of<T: Send + Sync + 'static>() -> Self {
        Self { type_name: std::any::type_name::<T>(), registered: Builder::contains::<T> }
    }
}

impl Module {
    pub fn new(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            provides: Vec::new(),
            serves: Vec::new(),
            rules: Vec::new(),
            asks: Vec::new(),
            publishes: Vec::new(),
            subscribes: Vec::new(),
            sagas: Vec::new(),
            collections: Vec::new(),
            permissions: Vec::new(),
        }
    }

    pub fn name(&self) -> &'static str {
        self.name
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
        self.serves.push(Served { info, type_name: std::any::type_name::<R>(), wire, needs: Needed::of::<S>() });
        if let kernel::Access::Requires(permission) = R::ACCESS {
            self.permissions.push(permission);
        }
        self
    }

    /// The answers of `R`, which the package serves, are kept until an event makes them stale.
    #[must_use]
    pub fn caches<R: Cached>(mut self) -> Self {
        let wire = Box::new(|table: &mut ServiceTable| table.cache::<R>());
        self.rules.push(Rule { request: R::NAME, events: R::STALE_AFTER, wire });
        self
    }

    /// `R`, which the package serves, is held to what a regulation asks.
    #[must_use]
    pub fn complies<R: Request>(mut self, requirement: Requirement<R>) -> Self {
        let wire = Box::new(|table: &mut ServiceTable| table.require(requirement));
        self.rules.push(Rule { request: R::NAME, events: &[], wire });
        self
    }

    /// The package asks `R` of whoever serves it.
    #[must_use]
    pub fn asks<R: Request>(mut self) -> Self {
        self.asks.push(R::NAME);
        self
    }

    #[must_use]
    pub fn publishes<E: Event>(mut self) -> Self {
        let type_name = std::any::type_name::<E>();
        self.publishes.push(Published { name: E::NAME, type_name });
        self
    }

    /// `S`, from the container, handles every `E`, durably, under a name that its checkpoint is stored under.
    #[must_use]
    pub fn subscribes<E: Event, S: Subscriber<E>>(mut self, subscriber: &'static str) -> Self {
        let wire = |c: &Container, name, module| Subscription::new::<E>(name, module, Resolved(c.get::<S>()));
        self.subscribes.push(Subscribed { subscriber, event: E::NAME, wire, needs: Needed::of::<S>() });
        self
    }

    /// The package owns the saga `S`, from the container.
    #[must_use]
    pub fn runs<S: Saga>(mut self) -> Self {
        let wire = |c: &Container, engine: SagaEngine, module| engine.with(module, c.get::<S>());
        self.sagas.push(Ran { name: S::NAME, wire, needs: Needed::of::<S>() });
        self
    }

    /// The package owns the collection of `D`.
    #[must_use]
    pub fn keeps<D: Document>(mut self) -> Self {
        self.collections.push(D::COLLECTION);
        self
    }
}

struct Resolved<S>(Arc<S>);

impl<E: Event, S: Subscriber<E>> Subscriber<E> for Resolved<S> {
    fn handle(
        &self,
        cx: &kernel::Context,
        event: &E,
        unit: &mut event_sourcing::Unit,
    ) -> impl Future<Output = Result<(), kernel::Error>> + Send {
        self.0.handle(cx, event, unit)
    }
}
