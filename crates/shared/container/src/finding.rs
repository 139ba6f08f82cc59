use std::{collections::BTreeSet, fmt, panic::Location};

/// One thing that is wrong with a graph, and how to mend it. Types are named as the compiler names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Somebody needs what nobody provides.
    Missing {
        needed: &'static str,
        /// From something that nobody else needs down to what needs it.
        chain: Vec<&'static str>,
        /// Where the last of the chain is registered.
        place: &'static Location<'static>,
        /// Registered types with a similar name.
        alike: Vec<&'static str>,
    },
    /// One is asked for where several are bound.
    Ambiguous { needed: &'static str, by: &'static str, place: &'static Location<'static>, bound: Vec<&'static str> },
    /// Registrations that need each other. Breaking every reported cycle leaves none.
    Cycle {
        /// First and last are the same.
        path: Vec<&'static str>,
        /// Where the first is registered.
        place: &'static Location<'static>,
    },
    /// A singleton would keep a value of the first scope for ever.
    Captive {
        /// From the singleton, over what is made anew each time, to the scoped value.
        path: Vec<&'static str>,
        /// Where the singleton is registered.
        place: &'static Location<'static>,
    },
    /// One type is registered more than once, or bound more than once to the same concrete type.
    Duplicate { registered: &'static str, places: Vec<&'static Location<'static>> },
}

impl Finding {
    /// Where what has to be mended is registered: of a duplicate, the last.
    pub fn place(&self) -> &'static Location<'static> {
        match self {
            Self::Missing { place, .. }
            | Self::Ambiguous { place, .. }
            | Self::Cycle { place, .. }
            | Self::Captive { place, .. } => place,
            Self::Duplicate { places, .. } => places.last().expect("a duplicate is registered at two places"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { needed, chain, place, alike } => {
                let chain = chain.join(" -> ");
                write!(f, "missing `{needed}`: needed by {chain} ({place}); register or bind it")?;
                if !alike.is_empty() {
                    write!(f, "; similar, and registered: {}", alike.join(", "))?;
                }
                Ok(())
            }
            Self::Ambiguous { needed, by, place, bound } => write!(
                f,
                "ambiguous `{needed}`: {by} ({place}) needs one, {} are bound: {}; bind one, or take `Vec<Arc<{needed}>>`",
                bound.len(),
                bound.join(", ")
            ),
            Self::Cycle { path, place } => write!(
                f,
                "cycle: {} ({place}); let one of them take what it needs as an argument of its methods",
                path.join(" -> ")
            ),
            Self::Captive { path, place } => write!(
                f,
                "singleton captures a scoped value: {} ({place}); make the first scoped or the last a singleton",
                path.join(" -> ")
            ),
            Self::Duplicate { registered, places } => {
                let places: Vec<String> = places.iter().map(ToString::to_string).collect();
                write!(f, "duplicate `{registered}`: registered at {}; keep one", places.join(" and at "))
            }
        }
    }
}

/// All that is wrong with a graph, one finding a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, finding) in self.0.iter().enumerate() {
            let end_of_line = if i == 0 { "" } else { "\n" };
            write!(f, "{end_of_line}{finding}")?;
        }
        Ok(())
    }
}

/// The registered names a person may have meant: the same last word, one within the other, a slip of the fingers away,
/// or what is in the `Arc` that should not have been asked for.
pub(crate) fn alike(wanted: &str, registered: impl IntoIterator<Item = &'static str>) -> Vec<&'static str> {
    let wanted_word = last_word(wanted.strip_prefix("alloc::sync::Arc<").unwrap_or(wanted));
    let close = |name: &&'static str| {
        let word = last_word(name);
        let (short, long) = (word.len().min(wanted_word.len()), word.len().max(wanted_word.len()));
        let within = short >= 4 && (word.contains(&wanted_word) || wanted_word.contains(&word));
        *name != wanted && (within || strsim::damerau_levenshtein(&word, &wanted_word) <= long / 4)
    };
    let names: BTreeSet<&'static str> = registered.into_iter().filter(close).collect();
    names.into_iter().collect()
}

/// `dyn app::ports::Store<u8>` -> `store`.
fn last_word(name: &str) -> String {
    let path = name.split(['<', '>']).next().unwrap_or(name);
    let word = path.rsplit([':', ' ']).next().unwrap_or(path);
    word.to_lowercase()
}
