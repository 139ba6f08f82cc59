use std::{collections::BTreeSet, error::Error, fmt, panic::Location};

use crate::{Lifetime, Step};

/// One thing that is wrong with a graph, and how to mend it. Types are named as the compiler names them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Somebody needs what nobody provides.
    Missing {
        /// What is needed.
        needed: &'static str,
        /// From something that nobody else needs down to what needs it.
        chain: Vec<Step>,
        /// Registered types with a similar name.
        alike: Vec<&'static str>,
        /// For a trait object: registered types that nobody needs, which may have been meant to be bound to it.
        bindable: Vec<&'static str>,
    },
    /// One is asked for where several are bound.
    Ambiguous {
        /// What is asked for.
        needed: &'static str,
        /// Who asks.
        by: Step,
        /// What is bound to it.
        bound: Vec<&'static str>,
    },
    /// Registrations that need each other. Breaking every reported cycle leaves none.
    Cycle {
        /// First and last are the same.
        path: Vec<Step>,
    },
    /// A singleton would keep a value of the first scope for ever.
    Captive {
        /// From the singleton, over what is made anew each time, to the scoped value.
        path: Vec<Step>,
    },
    /// One type is registered more than once, or bound more than once to the same concrete type.
    Duplicate {
        /// The type.
        registered: &'static str,
        /// Where, in the order of registration.
        places: Vec<&'static Location<'static>>,
    },
    /// A start or stop hook of something of which there is not one value that could be started and stopped.
    NotKept {
        /// Whose hook.
        hooked: Step,
        /// How long a value of it lives.
        lifetime: Lifetime,
        /// Where the hook was added.
        place: &'static Location<'static>,
    },
    /// Registrations under `override_with` that replace nothing.
    NothingOverridden {
        /// Where `override_with` was called.
        place: &'static Location<'static>,
    },
    /// Nothing that is asked for needs it. A warning: the container can be built.
    Unused {
        /// What nobody needs.
        registered: Step,
    },
}

impl Finding {
    /// Whether the container can be built nevertheless.
    pub fn is_warning(&self) -> bool {
        matches!(self, Self::Unused { .. })
    }

    /// Where what has to be mended is registered: of a duplicate, the last.
    pub fn place(&self) -> &'static Location<'static> {
        match self {
            Self::Missing { chain, .. } => chain.last().expect("somebody needs it").place,
            Self::Cycle { path } | Self::Captive { path } => path.first().expect("a path has a beginning").place,
            Self::Duplicate { places, .. } => places.last().expect("a duplicate is registered at two places"),
            Self::Ambiguous { by: step, .. }
            | Self::NotKept { hooked: step, .. }
            | Self::Unused { registered: step } => step.place,
            Self::NothingOverridden { place } => place,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { needed, chain, alike, bindable } => missing(f, needed, chain, alike, bindable),
            Self::Ambiguous { needed, by, bound } => write!(
                f,
                "ambiguous `{needed}`: {by} needs one, {} are bound: {}; bind one, or take `Vec<Arc<{needed}>>`",
                bound.len(),
                bound.join(", ")
            ),
            Self::Cycle { path } => {
                write!(f, "cycle: {}; let one of them take what it needs as an argument of its methods", arrows(path))
            }
            Self::Captive { path } => write!(
                f,
                "singleton captures a scoped value: {}; make the first scoped or the last a singleton",
                arrows(path)
            ),
            Self::Duplicate { registered, places } => {
                let places: Vec<String> = places.iter().map(ToString::to_string).collect();
                write!(f, "duplicate `{registered}`: registered at {}; keep one", places.join(" and at "))
            }
            Self::NotKept { hooked, lifetime, place } => {
                write!(
                    f,
                    "hook ({place}) of {hooked}, which is {lifetime}: no one value could be started and stopped; "
                )?;
                write!(f, "make it a singleton")
            }
            Self::NothingOverridden { place } => {
                write!(f, "nothing overridden by `override_with` ({place}); override a type that was registered before")
            }
            Self::Unused { registered: Step { name, place } } => {
                write!(f, "unused `{name}` ({place}): nothing that is asked for needs it; ")?;
                write!(f, "remove it, or declare `root::<{name}>()` if somebody gets it from the container")
            }
        }
    }
}

fn missing(f: &mut fmt::Formatter<'_>, needed: &str, chain: &[Step], alike: &[&str], bindable: &[&str]) -> fmt::Result {
    let (last, above) = chain.split_last().expect("somebody needs it");
    write!(f, "missing `{needed}`: needed by ")?;
    above.iter().try_for_each(|step| write!(f, "{} -> ", step.name))?;
    write!(f, "{last}; register or bind it")?;
    if let Some(first) = bindable.first() {
        let all = bindable.join(", ");
        write!(f, "; nobody needs {all} so far: if that is meant, `.bind::<{needed}, {first}>(|s| s)`")?;
    }
    if !alike.is_empty() {
        write!(f, "; similar, and registered: {}", alike.join(", "))?;
    }
    Ok(())
}

fn arrows(path: &[Step]) -> String {
    let steps: Vec<String> = path.iter().map(ToString::to_string).collect();
    steps.join(" -> ")
}

/// All that is wrong with a graph, one finding a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the container cannot be built:")?;
        self.0.iter().try_for_each(|finding| write!(f, "\n{finding}"))
    }
}

impl Error for Findings {}

/// The registered names a person may have meant: the same last word, one within the other, a slip of the fingers away,
/// what is in the `Arc` that should not have been asked for, or the same type under another key or none.
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

/// `dyn app::ports::Store<u8>` -> `store`, `container::keyed::Keyed<app::Primary, app::Pool>` -> `pool`.
fn last_word(name: &str) -> String {
    let value = name.strip_prefix("container::keyed::Keyed<").and_then(|keyed| keyed.split_once(", "));
    let name = value.map_or(name, |(_, value)| value);
    let path = name.split(['<', '>']).next().unwrap_or(name);
    let word = path.rsplit([':', ' ']).next().unwrap_or(path);
    word.to_lowercase()
}
