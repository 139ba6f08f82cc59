mod build;

use std::{error::Error, panic::Location, sync::Arc};

use crate::{
    Lifetime, Phase,
    book::Book,
    factory::{Count, Demand, Factory, Key, Parameters, Plain},
    graph::{Asked, Asker, Node},
    lifecycle::Hook,
    memo::Memo,
    recipe::Recipe,
    wire::{AnyWire, Early, Keeps, Wire, Wiring},
};

/// Collects registrations; nothing runs before the container is asked for something, or started.
///
/// Three lifetimes, each with a factory that gives the value, a `Result` of it, or a future of a `Result`.
#[derive(Default)]
pub struct Builder {
    registered: Vec<Registered>,
    /// Roots and hooks: what is asked for from outside of the graph.
    asked: Vec<Asked>,
    hooks: Vec<(Key, Hook)>,
    /// Where `override_with` was called: one for each layer above the first.
    overrides: Vec<&'static Location<'static>>,
    /// 0 outside of `override_with`.
    layer: usize,
}

struct Registered {
    node: Node,
    /// What is on a layer replaces all of its type below.
    layer: usize,
    lay: Lay,
}

/// Lays the wire of one node to those it needs, which are laid before.
type Lay = Box<dyn FnOnce(&Wiring<'_>, Role) -> Laid + Send + Sync>;
type BoxError = Box<dyn Error + Send + Sync>;

/// What a node is told when it is laid.
struct Role {
    /// Its number in the book.
    index: usize,
    book: Arc<Book>,
    /// That of what is behind it, if it is bound.
    lifetime: Lifetime,
    /// The number of its cell in every scope, if it is scoped.
    cell: usize,
    /// See [`Wire::scoped`].
    scoped: bool,
    /// Whether it, or something it needs, has an async factory.
    awaits: bool,
}

/// One wire, as those who look it up and as those who start it see it.
struct Laid {
    any: AnyWire,
    early: Arc<dyn Early>,
}

impl Builder {
    /// Nothing registered.
    pub fn new() -> Self {
        Self::default()
    }

    /// One value for the life of the container.
    #[track_caller]
    pub fn singleton<P, F, NoFutureNoResultNoArc>(&mut self, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P>,
        F::Output: Plain<NoFutureNoResultNoArc> + Send + Sync + 'static,
    {
        self.plain(Lifetime::Singleton, factory)
    }

    /// Like [`singleton`](Self::singleton), from a factory that may fail.
    #[track_caller]
    pub fn try_singleton<P, F, T, E, NoFutureNoResultNoArc>(&mut self, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P, Output = Result<T, E>>,
        T: Plain<NoFutureNoResultNoArc> + Send + Sync + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.fallible(Lifetime::Singleton, factory)
    }

    /// Like [`singleton`](Self::singleton), from an async factory. Until it is made, by
    /// [`get_async`](crate::Container::get_async) or [`start`](crate::Container::start), `get` fails for it and for what needs it.
    #[track_caller]
    pub fn singleton_async<P, F, T, E, NoFutureNoResultNoArc>(&mut self, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P>,
        F::Output: Future<Output = Result<T, E>> + Send,
        T: Plain<NoFutureNoResultNoArc> + Send + Sync + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.asynchronous(Lifetime::Singleton, factory)
    }

    /// One value for each [scope](crate::Scope), made when it is first asked for.
    #[track_caller]
    pub fn scoped<P, F, NoFutureNoResultNoArc>(&mut self, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P>,
        F::Output: Plain<NoFutureNoResultNoArc> + Send + Sync + 'static,
    {
        self.plain(Lifetime::Scoped, factory)
    }

    /// Like [`scoped`](Self::scoped), from a factory that may fail.
    #[track_caller]
    pub fn try_scoped<P, F, T, E, NoFutureNoResultNoArc>(&mut self, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P, Output = Result<T, E>>,
        T: Plain<NoFutureNoResultNoArc> + Send + Sync + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.fallible(Lifetime::Scoped, factory)
    }

    /// Like [`scoped`](Self::scoped), from an async factory. Until the scope has it, by
    /// [`get_async`](crate::Scope::get_async), `get` fails there for it and for what needs it.
    #[track_caller]
    pub fn scoped_async<P, F, T, E, NoFutureNoResultNoArc>(&mut self, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P>,
        F::Output: Future<Output = Result<T, E>> + Send,
        T: Plain<NoFutureNoResultNoArc> + Send + Sync + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.asynchronous(Lifetime::Scoped, factory)
    }

    /// A new value each time.
    #[track_caller]
    pub fn transient<P, F, NoFutureNoResultNoArc>(&mut self, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P>,
        F::Output: Plain<NoFutureNoResultNoArc> + Send + Sync + 'static,
    {
        self.plain(Lifetime::Transient, factory)
    }

    /// Like [`transient`](Self::transient), from a factory that may fail.
    #[track_caller]
    pub fn try_transient<P, F, T, E, NoFutureNoResultNoArc>(&mut self, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P, Output = Result<T, E>>,
        T: Plain<NoFutureNoResultNoArc> + Send + Sync + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.fallible(Lifetime::Transient, factory)
    }

    /// Like [`transient`](Self::transient), from an async factory: only `get_async` gives it, or what needs it.
    #[track_caller]
    pub fn transient_async<P, F, T, E, NoFutureNoResultNoArc>(&mut self, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P>,
        F::Output: Future<Output = Result<T, E>> + Send,
        T: Plain<NoFutureNoResultNoArc> + Send + Sync + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.asynchronous(Lifetime::Transient, factory)
    }

    /// A value that is there already.
    #[track_caller]
    pub fn value<T: Send + Sync + 'static>(&mut self, value: T) -> &mut Self {
        self.instance(Arc::new(value))
    }

    /// A shared value that is there already; of a trait object too: `instance::<dyn Clock>(Arc::new(SystemClock))`.
    #[track_caller]
    pub fn instance<T: ?Sized + Send + Sync + 'static>(&mut self, value: Arc<T>) -> &mut Self {
        self.add::<T>(Lifetime::Singleton, false, Vec::new(), move |_, _| Recipe::shared(value))
    }

    /// Provides `T`, a trait object as a rule, by what is registered as `S`, with the lifetime of that. Several may be
    /// bound to one `T`: then it is asked for as `Vec<Arc<T>>`. The coercion is always `|s| s`; writing it lets the
    /// compiler check it.
    #[track_caller]
    pub fn bind<T, S>(&mut self, coerce: fn(Arc<S>) -> Arc<T>) -> &mut Self
    where
        T: ?Sized + Send + Sync + 'static,
        S: ?Sized + Send + Sync + 'static,
    {
        self.add::<T>(Lifetime::Bound, false, vec![Demand::of::<S>(Count::One)], move |wiring, role| {
            let source = wiring.of::<S>().next().expect("a graph that misses something is not built");
            Recipe::bound(source, coerce, role.awaits)
        })
    }

    /// What is registered so far, as the compiler names it, and where.
    pub fn registered(&self) -> impl ExactSizeIterator<Item = (&'static str, &'static Location<'static>)> {
        self.registered.iter().map(|Registered { node, .. }| (node.provides.name, node.place))
    }

    /// Declares that somebody gets `T` from the container, so that [`validate`](Self::validate) can tell what is unused.
    #[track_caller]
    pub fn root<T: ?Sized + 'static>(&mut self) -> &mut Self {
        self.asked.push(Asked { key: Key::of::<T>(), by: Asker::Root, place: Location::caller() });
        self
    }

    /// Has [`start`](crate::Container::start) run this when the singleton `T` and all it needs are made and started. A hook that
    /// fails leaves nothing behind that would have to be stopped.
    #[track_caller]
    pub fn on_start<T, F, H, E>(&mut self, hook: F) -> &mut Self
    where
        T: ?Sized + Send + Sync + 'static,
        F: Fn(Arc<T>) -> H + Send + Sync + 'static,
        H: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.asked.push(Asked { key: Key::of::<T>(), by: Asker::StartHook, place: Location::caller() });
        self.hooks.push((Key::of::<T>(), Hook::new(Phase::Start, hook)));
        self
    }

    /// Has [`stop`](crate::Container::stop) run this after everything that needs the singleton `T` has stopped.
    #[track_caller]
    pub fn on_stop<T, F, H, E>(&mut self, hook: F) -> &mut Self
    where
        T: ?Sized + Send + Sync + 'static,
        F: Fn(Arc<T>) -> H + Send + Sync + 'static,
        H: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.asked.push(Asked { key: Key::of::<T>(), by: Asker::StopHook, place: Location::caller() });
        self.hooks.push((Key::of::<T>(), Hook::new(Phase::Stop, hook)));
        self
    }

    /// For tests: what is registered here replaces all that is registered before of the same type, instead of being a
    /// duplicate of it. Replaced factories never run, and what only they need is needed no more.
    #[track_caller]
    pub fn override_with(&mut self, registrations: impl FnOnce(&mut Self)) -> &mut Self {
        self.overrides.push(Location::caller());
        let outer = std::mem::replace(&mut self.layer, self.overrides.len());
        registrations(self);
        self.layer = outer;
        self
    }

    /// Whether something provides `T`.
    pub fn contains<T: ?Sized + 'static>(&self) -> bool {
        self.registered.iter().any(|registered| registered.node.provides == Key::of::<T>())
    }

    #[track_caller]
    fn plain<P, F>(&mut self, lifetime: Lifetime, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P, Output: Send + Sync + 'static>,
    {
        self.add(lifetime, false, P::demands(), |wiring, role| Recipe::plain(factory, P::sources(wiring), role.awaits))
    }

    #[track_caller]
    fn fallible<P, F, T, E>(&mut self, lifetime: Lifetime, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P, Output = Result<T, E>>,
        T: Send + Sync + 'static,
        E: Into<BoxError>,
    {
        self.add(lifetime, false, P::demands(), |wiring, role| {
            Recipe::fallible(factory, P::sources(wiring), role.awaits)
        })
    }

    #[track_caller]
    fn asynchronous<P, F, T, E>(&mut self, lifetime: Lifetime, factory: F) -> &mut Self
    where
        P: Parameters,
        F: Factory<P, Output: Future<Output = Result<T, E>> + Send>,
        T: Send + Sync + 'static,
        E: Into<BoxError>,
    {
        self.add(lifetime, true, P::demands(), |wiring, _| Recipe::asynchronous(factory, P::sources(wiring)))
    }

    #[track_caller]
    fn add<T: ?Sized + Send + Sync + 'static>(
        &mut self,
        lifetime: Lifetime,
        is_async: bool,
        demands: Vec<Demand>,
        recipe: impl FnOnce(&Wiring<'_>, &Role) -> Recipe<T> + Send + Sync + 'static,
    ) -> &mut Self {
        let node = Node { provides: Key::of::<T>(), lifetime, is_async, demands, place: Location::caller() };
        let lay: Lay = Box::new(move |wiring, role| {
            let recipe = recipe(wiring, &role);
            let Role { index, book, lifetime, cell, scoped, awaits } = role;
            let keeps = match lifetime {
                Lifetime::Singleton => Keeps::One(Memo::new()),
                Lifetime::Scoped if awaits => Keeps::OnePerScopeAwaited(cell),
                Lifetime::Scoped => Keeps::OnePerScope(cell),
                Lifetime::Transient | Lifetime::Bound => Keeps::Nothing,
            };
            let wire = Arc::new(Wire { index, book, keeps, scoped, recipe });
            Laid { any: Arc::<Wire<T>>::clone(&wire), early: wire }
        });
        self.registered.push(Registered { node, layer: self.layer, lay });
        self
    }
}
