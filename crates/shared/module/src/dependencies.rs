use std::collections::{BTreeMap, BTreeSet};

use crate::Module;

/// Which modules each module reaches, by their places in the list: those that it asks, and those whose events it takes.
pub(crate) struct Dependencies {
    asks: Vec<BTreeSet<usize>>,
    /// Those of `asks` too.
    all: Vec<BTreeSet<usize>>,
}

impl Dependencies {
    pub fn of(modules: &[Module]) -> Self {
        let by_name = |names: fn(&Module) -> Vec<&'static str>| -> BTreeMap<&str, usize> {
            modules.iter().enumerate().flat_map(|(i, module)| names(module).into_iter().map(move |n| (n, i))).collect()
        };
        let servers = by_name(|module| module.serves.iter().map(|served| served.info.name).collect());
        let mut dependencies = Self { asks: Vec::new(), all: Vec::new() };
        for (i, module) in modules.iter().enumerate() {
            let mut reached: BTreeSet<usize> =
                module.asks.iter().filter_map(|asked| servers.get(asked.name).copied()).collect();
            reached.remove(&i);
            dependencies.asks.push(reached.clone());
            let is_heard = |name| {
                let is_projected = module.projects.iter().any(|projection| projection.takes(name));
                is_projected || module.subscribes.iter().any(|subscribed| subscribed.takes(name))
            };
            let publishers = modules.iter().enumerate();
            let publishers = publishers.filter(|(_, other)| other.publishes.iter().any(|event| is_heard(event.name)));
            reached.extend(publishers.map(|(publisher, _)| publisher));
            reached.remove(&i);
            dependencies.all.push(reached);
        }
        dependencies
    }

    /// Those that this one reaches without another one in between.
    pub fn direct(&self, module: usize) -> impl Iterator<Item = usize> {
        self.all[module].iter().copied()
    }

    /// Every module after those that it reaches, by whatever way. Where some reach each other, those that are asked come before
    /// those that ask, and what is left is in the order of the list.
    pub fn order(&self) -> Vec<usize> {
        let (asked, reached) = (closure(&self.asks), closure(&self.all));
        let mut left: BTreeSet<usize> = (0..self.all.len()).collect();
        let mut order = Vec::with_capacity(left.len());
        while !left.is_empty() {
            // It waits for nobody, or only for such as wait for it too.
            let is_free = |reached: &[BTreeSet<usize>], module: usize| {
                reached[module].intersection(&left).all(|&other| reached[other].contains(&module))
            };
            let next = left.iter().copied().find(|&module| is_free(&reached, module) && is_free(&asked, module));
            let next = next.expect("of those that are left, some group waits for nobody outside of itself");
            left.remove(&next);
            order.push(next);
        }
        order
    }
}

/// From each module to all that it reaches over these edges, however far.
fn closure(edges: &[BTreeSet<usize>]) -> Vec<BTreeSet<usize>> {
    let from = |module: usize| {
        let mut reached = BTreeSet::new();
        let mut open = vec![module];
        while let Some(module) = open.pop() {
            open.extend(edges[module].iter().copied().filter(|&next| reached.insert(next)));
        }
        reached
    };
    (0..edges.len()).map(from).collect()
}
