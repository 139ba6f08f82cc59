use std::{error::Error, panic::Location, sync::Arc};

use crate::{
    Container, Finding, Findings,
    factory::{Count, Factory, Key, Need, Plain},
    graph::{Graph, Lifetime, Node},
    wire::{AnyWire, Cell, Wire, Wiring},
};

/// Collects registrations; nothing runs before [`build`](Self::build).
#[derive(Default)]
pub struct Builder {
    nodes: Vec<Node>,
    /// One for each node.
    layers: Vec<Layer>,
}

/// Lays the wire of one node: runs the factory of a singleton, prepares that of anything else.
type Layer = Box<dyn FnOnce(&Wiring<'_>, Slot) -> Result<AnyWire, BoxError> + Send + Sync>;
type BoxError = Box<dyn Error + Send + Sync>;

/// What a node is told when it is wired.
#[derive(Clone, Copy)]
struct Slot {
    /// See [`Wire::Made`].
    scoped: bool,
    /// The number of its cell in every scope, if it is scoped itself.
    cell: usize,
}

/// Why there is no container.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The graph is wrong; nothing was built.
    #[error("the container cannot be built:\n{0}")]
    Graph(Findings),
    /// A factory failed. What was built before it has been dropped.
    #[error("the factory of `{failed}` ({place}) failed{}", needed_by(chain))]
    Factory {
        failed: &'static str,
        place: &'static Location<'static>,
        /// From something that nobody else needs down to what failed.
        chain: Vec<&'static str>,
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Builder {
    pub fn new() -> Self {
        Self::default()
    }

    /// One value for the life of the container, made by `build`.
    #[track_caller]
    pub fn singleton<P, F, Reading>(&mut self, factory: F) -> &mut Self
    where
        F: Factory<P>,
        F::Output: Plain<Reading> + Send + Sync + 'static,
    {
        self.add::<F::Output>(Lifetime::Singleton, F::needs(), move |wiring, _| {
            Ok(Wire::Held(Arc::new(factory.call(&F::sources(wiring), &[]))))
        })
    }

    /// Like [`singleton`](Self::singleton), from a factory that may fail; `build` then fails with its error as source.
    #[track_caller]
    pub fn try_singleton<P, F, T, E, Reading>(&mut self, factory: F) -> &mut Self
    where
        F: Factory<P, Output = Result<T, E>>,
        T: Plain<Reading> + Send + Sync + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.add::<T>(Lifetime::Singleton, F::needs(), move |wiring, _| {
            let value = factory.call(&F::sources(wiring), &[]).map_err(Into::into)?;
            Ok(Wire::Held(Arc::new(value)))
        })
    }

    /// One value for each [scope](crate::Scope), made when it is first asked for.
    #[track_caller]
    pub fn scoped<P, F, Reading>(&mut self, factory: F) -> &mut Self
    where
        F: Factory<P>,
        F::Output: Plain<Reading> + Send + Sync + 'static,
    {
        self.add::<F::Output>(Lifetime::Scoped, F::needs(), move |wiring, slot| {
            let sources = F::sources(wiring);
            let make = move |cells: &[Cell]| {
                let value = cells[slot.cell].get_or_init(|| Arc::new(factory.call(&sources, cells)));
                Arc::clone(value).downcast::<F::Output>().expect("a cell has one factory")
            };
            Ok(made(slot, make))
        })
    }

    /// A new value each time.
    #[track_caller]
    pub fn transient<P, F, Reading>(&mut self, factory: F) -> &mut Self
    where
        F: Factory<P>,
        F::Output: Plain<Reading> + Send + Sync + 'static,
    {
        self.add::<F::Output>(Lifetime::Transient, F::needs(), move |wiring, slot| {
            let sources = F::sources(wiring);
            Ok(made(slot, move |cells| Arc::new(factory.call(&sources, cells))))
        })
    }

    /// A value that is there already.
    #[track_caller]
    pub fn value<T: Send + Sync + 'static>(&mut self, value: T) -> &mut Self {
        self.instance(Arc::new(value))
    }

    /// A shared value that is there already; of a trait object too: `instance::<dyn Clock>(Arc::new(SystemClock))`.
    #[track_caller]
    pub fn instance<T: ?Sized + Send + Sync + 'static>(&mut self, value: Arc<T>) -> &mut Self {
        self.add::<T>(Lifetime::Singleton, Vec::new(), move |_, _| Ok(Wire::Held(value)))
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
        let bound = Need { key: Key::of::<S>(), count: Count::One };
        self.add::<T>(Lifetime::Bound, vec![bound], move |wiring, slot| {
            Ok(match wiring.of::<S>().next().expect("a graph that misses something is not built") {
                Wire::Held(value) => Wire::Held(coerce(value)),
                Wire::Made { make, .. } => made(slot, move |cells| coerce(make(cells))),
            })
        })
    }

    /// What is registered so far, as the compiler names it, and where.
    pub fn registered(&self) -> impl ExactSizeIterator<Item = (&'static str, &'static Location<'static>)> {
        self.nodes.iter().map(|node| (node.provides.name, node.place))
    }

    /// Whether something provides `T`.
    pub fn contains<T: ?Sized + 'static>(&self) -> bool {
        self.nodes.iter().any(|node| node.provides == Key::of::<T>())
    }

    /// Everything that is wrong with the graph, at once; empty if it can be built. Runs no factory.
    pub fn validate(&self) -> Vec<Finding> {
        Graph::new(&self.nodes).findings()
    }

    /// Checks the graph, then makes the singletons, each after what it needs.
    ///
    /// # Errors
    /// [`BuildError::Graph`] with all that [`validate`](Self::validate) finds, before any factory has run;
    /// [`BuildError::Factory`] when a factory fails.
    ///
    /// # Panics
    /// If a factory does.
    pub fn build(self) -> Result<Container, BuildError> {
        let graph = Graph::new(&self.nodes);
        let findings = graph.findings();
        if !findings.is_empty() {
            return Err(BuildError::Graph(Findings(findings)));
        }
        let mut layers: Vec<Option<Layer>> = self.layers.into_iter().map(Some).collect();
        let mut wires: Vec<Option<AnyWire>> = layers.iter().map(|_| None).collect();
        let mut cells = 0;
        for i in graph.order() {
            let layer = layers[i].take().expect("the order names each node once");
            let wiring = Wiring { providers: &graph.providers, wires: &wires };
            let slot = Slot { scoped: graph.is_scoped(i), cell: cells };
            let wire = layer(&wiring, slot).map_err(|source| BuildError::Factory {
                failed: self.nodes[i].provides.name,
                place: self.nodes[i].place,
                chain: graph.chain(i),
                source,
            })?;
            wires[i] = Some(wire);
            cells += usize::from(self.nodes[i].lifetime == Lifetime::Scoped);
        }
        let names = self.nodes.iter().map(|node| node.provides.name).collect();
        Ok(Container::new(&graph.providers, wires, cells, names))
    }

    #[track_caller]
    fn add<T: ?Sized + Send + Sync + 'static>(
        &mut self,
        lifetime: Lifetime,
        needs: Vec<Need>,
        lay: impl FnOnce(&Wiring<'_>, Slot) -> Result<Wire<T>, BoxError> + Send + Sync + 'static,
    ) -> &mut Self {
        self.nodes.push(Node { provides: Key::of::<T>(), lifetime, needs, place: Location::caller() });
        self.layers.push(Box::new(move |wiring, slot| Ok(Box::new(lay(wiring, slot)?))));
        self
    }
}

fn needed_by(chain: &[&'static str]) -> String {
    if chain.len() > 1 { format!("; needed by {}", chain[..chain.len() - 1].join(" -> ")) } else { String::new() }
}

fn made<T: ?Sized>(slot: Slot, make: impl Fn(&[Cell]) -> Arc<T> + Send + Sync + 'static) -> Wire<T> {
    Wire::Made { make: Arc::new(make), scoped: slot.scoped }
}
