//! `[[modules]]`: rules about what is inside of crates.

use super::{List, Section};
use crate::report::Cause;
use crate::source::Site;

/// Which modules of some crates may name which, and which of them other crates may name.
#[derive(Debug)]
pub(crate) struct ModuleRules {
    pub crates: List<String>,
    /// Modules below the crate's root, low to high.
    pub order: Option<List<String>>,
    /// Modules that only the module around them may name.
    pub private: Option<List<String>>,
    /// The modules that other crates may name, besides what stands in the root.
    pub api: Option<List<String>>,
}

impl ModuleRules {
    /// Every name of a module, and what is wrong when no crate has it.
    pub fn names(&self) -> impl Iterator<Item = &super::Located<String>> {
        [&self.order, &self.private, &self.api].into_iter().flatten().flat_map(|list| &list.items)
    }
}

/// The place of a module in an order, if it has one.
pub(crate) fn rank(order: &List<String>, module: &str) -> Option<usize> {
    order.items.iter().position(|name| name.value == module)
}

/// The names before the one with this rank.
pub(crate) fn below(order: &List<String>, rank: usize) -> impl Iterator<Item = &str> {
    order.items.iter().take(rank).map(|name| name.value.as_str())
}

/// Whether a module from `crate` on is the one that the pattern means; `*` stands for one name.
pub(crate) fn is_module(pattern: &str, module: &str) -> bool {
    let (mut wanted, mut found) = (pattern.split("::"), module.split("::").skip(1));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == "*" || wanted == found => {}
            _ => return false,
        }
    }
}

pub(super) fn read_modules(entry: &mut Section<'_>) -> Option<ModuleRules> {
    let crates = entry.required_strings("crates");
    let rule = ModuleRules {
        order: entry.strings("order"),
        private: entry.strings("private"),
        api: entry.strings("api"),
        crates: crates?,
    };
    if rule.crates.items.is_empty() {
        let message = "`crates` is empty: the rule governs no crate".to_owned();
        let help = "name a crate or a layer, or delete the entry".to_owned();
        entry.reader().report(Cause::MatchesNothing, entry.key_span("crates"), message, help);
    }
    if rule.order.is_none() && rule.private.is_none() && rule.api.is_none() {
        let message = "the entry says nothing about modules".to_owned();
        let help = "add `order`, `private` or `api`, or delete the entry".to_owned();
        entry.reader().report(Cause::MissingKey, entry.site().bytes, message, help);
    }
    check_order(entry, rule.order.as_ref());
    if rule.private.as_ref().is_some_and(|list| list.items.is_empty()) {
        let message = "an empty list makes no module private".to_owned();
        entry.reader().report(Cause::BadValue, entry.key_span("private"), message, "name a module".to_owned());
    }
    for list in [&rule.order, &rule.private, &rule.api].into_iter().flatten() {
        check_twice(entry, list);
    }
    Some(rule)
}

fn check_order(entry: &mut Section<'_>, order: Option<&List<String>>) {
    if order.is_some_and(|order| order.items.len() < 2) {
        let message = "an order of fewer than two modules forbids nothing".to_owned();
        let help = "name at least two modules, or delete the entry".to_owned();
        entry.reader().report(Cause::BadValue, entry.key_span("order"), message, help);
    }
    for name in order.iter().flat_map(|order| &order.items).filter(|name| name.value.contains([':', '*'])) {
        let message =
            format!("`{}` has no place in an order, which is one of modules directly below the root", name.value);
        let help = "name such a module: what is in it has its place".to_owned();
        entry.reader().report(Cause::BadValue, name.site.bytes.clone(), message, help);
    }
}

fn check_twice(entry: &Section<'_>, list: &List<String>) {
    for (index, name) in list.items.iter().enumerate() {
        if rank(list, &name.value) != Some(index) {
            let message = format!("`{}` stands twice in the list", name.value);
            let Site { bytes, .. } = &name.site;
            entry.reader().report(Cause::Ambiguous, bytes.clone(), message, "delete one of the two".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_modules() {
        for (pattern, module, is) in [
            ("a", "crate::a", true),
            ("a", "crate::a::b", false),
            ("a::b", "crate::a::b", true),
            ("*::b", "crate::a::b", true),
            ("*::b", "crate::b", false),
            ("*", "crate", false),
        ] {
            assert_eq!(is_module(pattern, module), is, "{pattern} {module}");
        }
    }
}
