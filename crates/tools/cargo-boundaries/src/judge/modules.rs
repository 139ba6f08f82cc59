//! The rules about modules: their order inside of a crate, and which of them others may name.

use std::collections::BTreeMap;

use super::{Breach, Charge, Court, of_crate};
use crate::report::{Rule, Violation};
use crate::rules::{List, ModuleRules, below, is_module, rank};
use crate::source::Site;
use crate::sources::{Digest, Of, Places};
use crate::workspace::{Kind, Target};

/// A module that names another one, of its own crate or of another.
struct Naming<'a> {
    from: usize,
    from_module: &'a str,
    to: usize,
    to_module: &'a str,
    /// Nothing inside of a crate.
    kind: Option<Kind>,
    places: Places,
}

const ORDER: &str = "low to high: no module names one that stands after it";
const PRIVATE: &str = "only the module around a private one names it";

/// The reason of a [`Hidden`].
pub(crate) fn hidden_why(rule: Rule) -> &'static str {
    match rule {
        Rule::ModuleApi => "all modules that other crates may name",
        _ => "no other crate names a private module",
    }
}

pub(super) fn violations(court: &mut Court<'_>) -> Vec<Violation> {
    let architecture = court.architecture;
    let mut found = Vec::new();
    for (rule, governed) in architecture.rules.modules.iter().zip(&architecture.modular) {
        for member in governed.iter().copied() {
            if let Some(order) = &rule.order {
                found.extend(upwards(court, order, member));
            }
            if rule.private.is_some() || rule.api.is_some() {
                found.extend(inside(court, rule, member));
                found.extend(outside(court, rule, member));
            }
        }
    }
    found
}

/// Modules that name one above them: one violation for each module and each one above that it names.
fn upwards(court: &mut Court<'_>, order: &List<String>, member: usize) -> Vec<Violation> {
    let sources = court.sources;
    let mut pairs: BTreeMap<(&str, &str), Naming<'_>> = BTreeMap::new();
    for naming in &sources.of(member).namings {
        let (Some(from), Some(to)) = (below_root(&naming.from), below_root(&naming.to)) else { continue };
        if !is_upward(order, from, to) {
            continue;
        }
        let (from_module, to_module, places) = (&*naming.from, head(&naming.to), naming.places);
        let known = pairs.entry((from_module, to)).and_modify(|known| known.places.join(places));
        known.or_insert(Naming { from: member, from_module, to: member, to_module, kind: None, places });
    }
    let name = &court.architecture.workspace.members[member].name;
    let mut found = Vec::new();
    for ((from_module, to), naming) in pairs {
        let (from, inner) = (below_root(from_module).unwrap_or_default(), from_module.trim_start_matches("crate::"));
        let lower: Vec<_> =
            rank(order, from).into_iter().flat_map(|rank| below(order, rank)).map(|name| format!("`{name}`")).collect();
        let help = match lower.as_slice() {
            [] => format!("move what both need into `{from}`, which may use none of the others"),
            lower => format!("move what both need into `{from}` or below; it may use {}", lower.join(", ")),
        };
        let why = ORDER.to_owned();
        let message = format!("`{inner}` of `{name}` must not name `{to}`");
        found.extend(sentence(court, &naming, Rule::ModuleOrder, &order.key, message, (why, help)));
    }
    found
}

/// Private modules of a crate that others of its modules name.
fn inside(court: &mut Court<'_>, rule: &ModuleRules, member: usize) -> Vec<Violation> {
    let sources = court.sources;
    let mut pairs: BTreeMap<(&str, &str), (&Site, Places)> = BTreeMap::new();
    for naming in &sources.of(member).namings {
        let Some((private, key)) = intruded(rule, &naming.from, &naming.to) else { continue };
        // Who re-exports it names it as well and is judged for that.
        let offered = naming.through.as_ref().is_some_and(|through| !is_inside(through, private));
        if !offered {
            let known = pairs.entry((&naming.from, private)).and_modify(|(_, places)| places.join(naming.places));
            known.or_insert((key, naming.places));
        }
    }
    let name = &court.architecture.workspace.members[member].name;
    let mut found = Vec::new();
    for ((from_module, private), (key, places)) in pairs {
        let message = format!("`{from_module}` of `{name}` must not name `{private}`");
        let why = PRIVATE.to_owned();
        let around = around(private);
        let help = format!("name what `{around}` offers of it, or move what both need out of `{private}`");
        let naming = Naming { from: member, from_module, to: member, to_module: private, kind: None, places };
        found.extend(sentence(court, &naming, Rule::ModulePrivate, key, message, (why, help)));
    }
    found
}

/// Modules of a crate that other crates name and must not.
fn outside(court: &mut Court<'_>, rule: &ModuleRules, member: usize) -> Vec<Violation> {
    let (sources, workspace) = (court.sources, court.architecture.workspace);
    let target = Target::Member(member);
    let mut found = Vec::new();
    for user in (0..workspace.members.len()).filter(|user| *user != member && sources.is_read(*user)) {
        let mut named: BTreeMap<(Hidden<'_>, Kind), Places> = BTreeMap::new();
        for one in sources.paths(user) {
            let Some(used) = sources.used(user, &one.name) else { continue };
            // A path may come there through what others re-export.
            let hops = sources.behind(used, &one.rest);
            let ways = hops.iter().filter(|hop| *hop.to == target).map(|hop| hop.rest.as_str());
            let direct = Some(&*one.rest).filter(|_| used == member);
            for rest in direct.into_iter().chain(ways) {
                if let Some(hidden) = hidden(rule, &deepest(sources.of(member), rest)) {
                    let known = named.entry((hidden, one.kind)).and_modify(|places| places.join(one.places));
                    known.or_insert(one.places);
                }
            }
        }
        for ((hidden, kind), places) in named {
            let (of, name) = (&workspace.members[user].name, &workspace.members[member].name);
            let Hidden { rule: broken, key, module } = hidden;
            let message = format!("`{of}` must not name `{}`", of_crate(name, &module));
            let why = hidden_why(broken);
            let help = instead(rule, name);
            let naming =
                Naming { from: user, from_module: "crate", to: member, to_module: &module, kind: Some(kind), places };
            found.extend(sentence(court, &naming, broken, key, message, (why.to_owned(), help)));
        }
    }
    found
}

fn instead(rule: &ModuleRules, name: &str) -> String {
    match &rule.api {
        Some(api) if !api.items.is_empty() => {
            let names: Vec<_> = api.items.iter().map(|item| format!("`{name}::{}`", item.value)).collect();
            format!("name what stands in the root of `{name}` or in {}", names.join(", "))
        }
        Some(_) => format!("name what stands in the root of `{name}`"),
        None => format!("name what `{name}` offers instead, or ask its owners to offer it"),
    }
}

/// What a module of the crate breaks that names another one of it: the rule, its place and its reason.
pub(crate) fn broken_inside<'r>(rule: &'r ModuleRules, from: &str, to: &str) -> Option<(Rule, &'r Site, &'static str)> {
    if let Some((_, key)) = intruded(rule, from, to) {
        return Some((Rule::ModulePrivate, key, PRIVATE));
    }
    let order = rule.order.as_ref()?;
    let upward = below_root(from).zip(below_root(to)).is_some_and(|(from, to)| is_upward(order, from, to));
    upward.then_some((Rule::ModuleOrder, &order.key, ORDER))
}

/// Both directly below the root.
fn is_upward(order: &List<String>, from: &str, to: &str) -> bool {
    rank(order, from).zip(rank(order, to)).is_some_and(|(low, high)| low < high)
}

/// The private module that `to` is in and `from` is not around.
fn intruded<'m, 'r>(rule: &'r ModuleRules, from: &str, to: &'m str) -> Option<(&'m str, &'r Site)> {
    private(rule, to).filter(|(private, _)| !is_inside(from, around(private)))
}

/// A module that a rule hides from other crates.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hidden<'r> {
    pub module: String,
    pub rule: Rule,
    pub key: &'r Site,
}

/// What of a module other crates must not name.
pub(crate) fn hidden<'r>(rule: &'r ModuleRules, module: &str) -> Option<Hidden<'r>> {
    if let Some((private, key)) = private(rule, module) {
        return Some(Hidden { module: private.to_owned(), rule: Rule::ModulePrivate, key });
    }
    let api = rule.api.as_ref()?;
    let named = |prefix: &str| api.items.iter().any(|item| is_module(&item.value, prefix));
    let open = module == "crate" || prefixes(module).any(named);
    (!open).then(|| Hidden { module: head(module).to_owned(), rule: Rule::ModuleApi, key: &api.key })
}

/// The outermost private module that a module is in.
fn private<'m, 'r>(rule: &'r ModuleRules, module: &'m str) -> Option<(&'m str, &'r Site)> {
    let list = rule.private.as_ref()?;
    prefixes(module).find_map(|prefix| {
        let item = list.items.iter().find(|item| is_module(&item.value, prefix))?;
        Some((prefix, &item.site))
    })
}

/// The module of the library in which a path from outside ends.
pub(crate) fn deepest(digest: &Digest, rest: &str) -> String {
    let mut module = "crate".to_owned();
    for segment in rest.split("::") {
        let inner = format!("{module}::{segment}");
        // A function may be called as the hidden module that it stands in.
        if !digest.modules.iter().any(|one| one.of == Of::Library && one.public && *one.path == *inner) {
            break;
        }
        module = inner;
    }
    module
}

fn sentence(
    court: &mut Court<'_>,
    naming: &Naming<'_>,
    rule: Rule,
    key: &Site,
    message: String,
    (why, help): (String, String),
) -> Option<Violation> {
    let &Naming { from, from_module, to, to_module, kind, places } = naming;
    let severity = court.architecture.rules.severity(rule);
    let notes = places.more().into_iter().collect();
    let breach = Breach { rule, severity, site: key.clone(), why, notes, help };
    let charge = Charge {
        from,
        module: kind.is_none().then(|| from_module.to_owned()),
        to: Some(of_crate(&court.architecture.workspace.members[to].dir, to_module)),
        kind,
        by: None,
        message,
        site: court.sources.site(from, places.first),
        what: format!("leads to {to_module}"),
        code: None,
    };
    let exceptions: Vec<usize> = court.architecture.module_exceptions((from, from_module), (to, to_module)).collect();
    court.sentence(&exceptions, charge, breach)
}

/// `crate::a`, `crate::a::b` and so on.
fn prefixes(module: &str) -> impl Iterator<Item = &str> {
    let ends = module.match_indices("::").map(|(at, _)| at).chain([module.len()]).skip(1);
    ends.map(|end| &module[..end])
}

/// The module directly below the root that a module is in, from `crate` on.
fn head(module: &str) -> &str {
    prefixes(module).next().unwrap_or(module)
}

fn below_root(module: &str) -> Option<&str> {
    module.split("::").nth(1)
}

/// The module that a module stands in.
fn around(module: &str) -> &str {
    module.rsplit_once("::").map_or("crate", |(around, _)| around)
}

fn is_inside(module: &str, around: &str) -> bool {
    module.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
