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
        let publishers = by_name(|module| module.publishes.iter().map(|event| event.name).collect());
        let mut dependencies = Self { asks: Vec::new(), all: Vec::new() };
        for (i, module) in modules.iter().enumerate() {
            let mut reached: BTreeSet<usize> =
                module.asks.iter().filter_map(|asked| servers.get(asked.name).copied()).collect();
            reached.remove(&i);
            dependencies.asks.push(reached.clone());
            reached.extend(module.subscribes.iter().filter_map(|s| publishers.get(s.event)));
            reached.remove(&i);
            dependencies.all.push(reached);
        }
        dependencies
    }

    /// Those that this one reaches without another one in between.
    pub fn direct(&self, module: usize) -> impl Iterator<Item = usize> {
        self.all[module].iter().copied()
    }

    /// Every module after those that it reaches. Where some reach each other, those that are asked come before those that ask,
    /// and what is left is in the order of the list.
    pub fn order(&self) -> Vec<usize> {
        let mut left: BTreeSet<usize> = (0..self.all.len()).collect();
        let mut order = Vec::with_capacity(left.len());
        while !left.is_empty() {
            // It reaches nobody, or only such as reach it too.
            let is_free = |edges: &[BTreeSet<usize>], module: usize| {
                reached(edges, module, &left).iter().all(|&other| reached(edges, other, &left).contains(&module))
            };
            let next = left.iter().copied().find(|&module| is_free(&self.all, module) && is_free(&self.asks, module));
            let next =
                next.expect("a finite graph has a group that reaches nothing outside of itself, by whichever edges");
            left.remove(&next);
            order.push(next);
        }
        order
    }
}

/// Everything that can be reached from a module, among those that are left.
fn reached(edges: &[BTreeSet<usize>], from: usize, left: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        open.extend(edges[module].intersection(left).copied().filter(|&next| reached.insert(next)));
    }
    reached
}
