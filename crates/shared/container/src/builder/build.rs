use std::{
    any::TypeId,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Builder, Laid, Lay, Registered, Role};
use crate::{
    Blueprint, Container, Finding, Findings, Lifetime,
    book::Book,
    container::Contents,
    factory::Key,
    graph::{Graph, Node},
    lifecycle::{Lifecycle, Stage},
    table::{NO_CELL, Slot, Table},
    wire::{AnyWire, Wiring},
};

impl Builder {
    /// Everything that is wrong with the graph, at once, and [warnings](Finding::is_warning). Runs no factory.
    pub fn validate(&self) -> Vec<Finding> {
        let mut findings = self.graph().findings();
        findings.extend(self.overrides_of_nothing());
        findings
    }

    /// What is registered so far, and who needs whom, whether it can be built or not.
    pub fn blueprint(&self) -> Blueprint {
        Blueprint::of(&self.graph())
    }

    /// Whether `T` is scoped, or needs something that is: then only a [`Scope`](crate::Scope) gives it.
    pub fn is_scoped<T: ?Sized + 'static>(&self) -> bool {
        let graph = self.graph();
        let providers = graph.providers.get(&Key::of::<T>().id);
        providers.into_iter().flatten().any(|&node| graph.is_scoped(node))
    }

    /// Checks the graph. Runs no factory: a singleton is made when it is first asked for, or by
    /// [`Container::start`].
    ///
    /// # Errors
    /// All that [`validate`](Self::validate) finds, warnings aside.
    pub fn build(self) -> Result<Container, Findings> {
        let wrong: Vec<Finding> = self.validate().into_iter().filter(|finding| !finding.is_warning()).collect();
        if !wrong.is_empty() {
            return Err(Findings(wrong));
        }
        let top = self.top_layers();
        let counts = |registered: &Registered| registered.layer == top[&registered.node.provides.id];
        let (nodes, lays): (Vec<Node>, Vec<Option<Lay>>) = self
            .registered
            .into_iter()
            .filter(counts)
            .map(|registered| (registered.node, Some(registered.lay)))
            .unzip();
        let graph = Graph::new(nodes.iter().collect(), &self.asked);
        let book = Arc::new(Book::new(nodes.iter().map(Node::step).collect()));
        let Wired { wires, mut stages, cell_of, cells } = wire(&graph, lays, &book);
        for (key, hook) in self.hooks {
            let node = graph.providers[&key.id][0];
            let stage = stages.iter_mut().find(|stage| stage.node == node);
            stage.expect("a hook of what is no singleton is not built").hooks.push(hook);
        }
        let (table, ambiguous) = file(&graph, wires, &cell_of);
        let (blueprint, lifecycle) = (Blueprint::of(&graph), Lifecycle::new(stages));
        Ok(Container::new(Contents { table, ambiguous, cells, no_cells: Arc::new([]), book, blueprint, lifecycle }))
    }

    fn graph(&self) -> Graph<'_> {
        let top = self.top_layers();
        let counts = |registered: &&Registered| registered.layer == top[&registered.node.provides.id];
        Graph::new(self.registered.iter().filter(counts).map(|registered| &registered.node).collect(), &self.asked)
    }

    /// The layer that counts for each type.
    fn top_layers(&self) -> HashMap<TypeId, usize> {
        let mut top = HashMap::new();
        for Registered { node, layer, .. } in &self.registered {
            let highest = top.entry(node.provides.id).or_insert(*layer);
            *highest = (*highest).max(*layer);
        }
        top
    }

    fn overrides_of_nothing(&self) -> Vec<Finding> {
        let types_below = |layer: usize| -> HashSet<TypeId> {
            let below = self.registered.iter().filter(|registered| registered.layer < layer);
            below.map(|registered| registered.node.provides.id).collect()
        };
        let layers = self.overrides.iter().enumerate().map(|(i, &place)| (i + 1, place));
        let of_nothing = layers.filter(|&(layer, _)| {
            let below = types_below(layer);
            let mut own = self.registered.iter().filter(|registered| registered.layer == layer);
            !own.any(|registered| below.contains(&registered.node.provides.id))
        });
        of_nothing.map(|(_, place)| Finding::NothingOverridden { place }).collect()
    }
}

struct Wired {
    /// Of the nodes, in the order of registration.
    wires: Vec<Option<AnyWire>>,
    /// Of the singletons, in dependency order.
    stages: Vec<Stage>,
    cell_of: Vec<usize>,
    /// How many cells a scope has.
    cells: usize,
}

/// Lays the wires, each after those it needs.
fn wire(graph: &Graph<'_>, mut lays: Vec<Option<Lay>>, book: &Arc<Book>) -> Wired {
    let mut wires: Vec<Option<AnyWire>> = lays.iter().map(|_| None).collect();
    let (mut stages, mut cell_of, mut cells) = (Vec::new(), vec![NO_CELL; lays.len()], 0);
    for index in graph.order() {
        let lay = lays[index].take().expect("the order names each node once");
        let lifetime = graph.lifetime(index);
        let (scoped, awaits) = (graph.is_scoped(index), graph.awaits(index));
        let role = Role { index, book: Arc::clone(book), lifetime, cell: cells, scoped, awaits };
        let Laid { any, early } = lay(&Wiring { providers: &graph.providers, wires: &wires }, role);
        match lifetime {
            Lifetime::Singleton => stages.push(Stage::new(index, book.step(index), Arc::clone(&any), early)),
            Lifetime::Scoped => {
                cell_of[index] = cells;
                cells += 1;
            }
            Lifetime::Transient | Lifetime::Bound => {}
        }
        wires[index] = Some(any);
    }
    Wired { wires, stages, cell_of, cells }
}

/// Files the wires under their types; apart from those types that have several.
fn file(graph: &Graph<'_>, mut wires: Vec<Option<AnyWire>>, cell_of: &[usize]) -> (Table, HashSet<TypeId>) {
    let (single, several): (Vec<_>, Vec<_>) = graph.providers.iter().partition(|(_, nodes)| nodes.len() == 1);
    let slot = |(&id, nodes): (&TypeId, &Vec<usize>)| {
        let index = nodes[0];
        Slot { id, wire: wires[index].take().expect("every node is wired"), index, cell: cell_of[index] }
    };
    (Table::new(single.into_iter().map(slot).collect()), several.into_iter().map(|(&id, _)| id).collect())
}
