//! The order of the modules inside of crates.

use super::said;
use crate::architecture::Architecture;
use crate::modules::{Modules, Naming};
use crate::report::{Rule, State, Violation};
use crate::rules::ModuleOrder;

/// Modules that name one above them: one violation for each two modules of a crate.
pub(super) fn upwards(architecture: &Architecture<'_>, modules: &Modules) -> Vec<Violation> {
    let mut found = Vec::new();
    for (rule, governed) in architecture.rules.modules.iter().zip(&architecture.ordered) {
        for member in governed.iter().copied() {
            let namings = modules.of(member).into_iter().flat_map(|modules| &modules.namings);
            found.extend(namings.filter_map(|naming| upward(architecture, rule, member, naming)));
        }
    }
    found
}

fn upward(
    architecture: &Architecture<'_>,
    rule: &ModuleOrder,
    member: usize,
    Naming { from, to, site, further }: &Naming,
) -> Option<Violation> {
    let severity = said(architecture.rules.severity(Rule::ModuleOrder))?;
    let rank = rule.rank(from)?;
    if rule.rank(to)? < rank {
        return None;
    }
    let of = architecture.describe(member);
    let lower: Vec<_> = rule.below(rank).map(|name| format!("`{name}`")).collect();
    let note = match further {
        0 => None,
        1 => Some(format!("1 more place in `{from}` names `{to}`")),
        many => Some(format!("{many} more places in `{from}` name `{to}`")),
    };
    Some(Violation {
        rule: Rule::ModuleOrder,
        severity,
        state: State::New,
        message: format!("`{from}` of `{}` must not name `{to}`", of.name),
        from: of,
        to: Some(format!("crate::{to}")),
        kind: None,
        site: site.clone(),
        what: format!("leads to crate::{to}"),
        rule_site: rule.order.key.clone(),
        why: "low to high: no module names one that stands after it".to_owned(),
        notes: note.into_iter().collect(),
        help: match lower.as_slice() {
            [] => format!("move what both need into `{from}`, which may use none of the others"),
            lower => format!("move what both need into `{from}` or below; it may use {}", lower.join(", ")),
        },
    })
}
