use std::collections::BTreeSet;

use crate::{Module, closest::way_out, dependencies::Dependencies};

/// Which modules of an assembly run in this process. The others are known: what they serve is not available here, and what
/// they would do is done elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// These and nobody else.
    Alone(Vec<String>),
    /// These, those that they ask, and those whose events they take.
    WithDependencies(Vec<String>),
    /// All of them without these.
    AllBut(Vec<String>),
}

impl Selection {
    /// The places of the selected modules in the list, and what is wrong: problem and fix.
    pub(crate) fn of(&self, modules: &[Module]) -> (BTreeSet<usize>, Vec<(String, String)>) {
        let (names, what) = match self {
            Self::All => (&[][..], ""),
            Self::Alone(names) | Self::WithDependencies(names) => (&names[..], "to be started"),
            Self::AllBut(names) => (&names[..], "to be left out"),
        };
        let (mut named, mut unknown) = (BTreeSet::new(), Vec::new());
        for name in names {
            match modules.iter().position(|module| module.name == name) {
                Some(module) => _ = named.insert(module),
                None => {
                    let problem = format!("`{name}` is {what}, and no module is named so");
                    unknown.push((problem, way_out(name, modules.iter().map(|module| module.name))));
                }
            }
        }
        let all = || (0..modules.len()).collect::<BTreeSet<usize>>();
        let selected = match self {
            Self::All => all(),
            Self::Alone(_) => named,
            Self::WithDependencies(_) => {
                let dependencies = Dependencies::of(modules);
                named.iter().flat_map(|&module| dependencies.direct(module)).chain(named.iter().copied()).collect()
            }
            Self::AllBut(_) => &all() - &named,
        };
        (selected, unknown)
    }
}
