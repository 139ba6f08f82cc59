//! `[[modules]]`: the order of the modules inside of a crate.

use super::{List, Section};
use crate::report::Cause;

/// Which modules of some crates may name which.
#[derive(Debug)]
pub(crate) struct ModuleOrder {
    pub crates: List<String>,
    /// Modules below the crate's root, low to high.
    pub order: List<String>,
}

impl ModuleOrder {
    /// The place of a module in the order, if it has one.
    pub fn rank(&self, module: &str) -> Option<usize> {
        self.order.items.iter().position(|name| name.value == module)
    }

    /// The names before the one with this rank.
    pub fn below(&self, rank: usize) -> impl Iterator<Item = &str> {
        self.order.items.iter().take(rank).map(|name| name.value.as_str())
    }
}

pub(super) fn read_modules(entry: &mut Section<'_>) -> Option<ModuleOrder> {
    let (crates, order) = (entry.required_strings("crates"), entry.required_strings("order"));
    let rule = ModuleOrder { crates: crates?, order: order? };
    let reader = entry.reader();
    if rule.crates.items.is_empty() {
        let message = "`crates` is empty: the rule governs no crate".to_owned();
        let help = "name a crate or a layer, or delete the entry".to_owned();
        reader.report(Cause::MatchesNothing, entry.key_span("crates"), message, help);
    }
    if rule.order.items.len() < 2 {
        let message = "an order of fewer than two modules forbids nothing".to_owned();
        let help = "name at least two modules, or delete the entry".to_owned();
        reader.report(Cause::BadValue, entry.key_span("order"), message, help);
    }
    for (index, name) in rule.order.items.iter().enumerate() {
        if rule.rank(&name.value) != Some(index) {
            let message = format!("`{}` stands twice in the order", name.value);
            reader.report(Cause::Ambiguous, name.site.bytes.clone(), message, "delete one of the two".to_owned());
        }
    }
    Some(rule)
}
