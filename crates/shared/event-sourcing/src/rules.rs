//! What must hold of the events of a unit, whoever commits it: a service, a subscriber, a step of a saga.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kernel::{CausationId, CorrelationId, Envelope, Error, ErrorKind};

use crate::{LogQuery, Position, Store, Unit, Write};

/// How large and how far from its cause an event may be, and how many of them one may set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventLimits {
    /// Of JSON, of the data of one event.
    pub payload_bytes: usize,
    /// Events that may set each other off in a row: from the one that no event has caused, which counts as none.
    pub depth: u32,
    /// Events that go back to one that no event has caused, however few in a row. However many begin in one piece of work,
    /// as all calls of a trace do, each has its own.
    pub caused: u64,
}

impl Default for EventLimits {
    /// 1 MiB; 100 in a row; 10,000 that go back to one.
    fn default() -> Self {
        Self { payload_bytes: 1 << 20, depth: 100, caused: 10_000 }
    }
}

/// The rules that everybody who commits a unit holds its events to, before the commit. Clones share what they have counted.
///
/// * A module publishes what its descriptor declares; of modules that were not [declared](Self::declare) nothing is known.
/// * An event is no larger than the limits say.
/// * Modules do not set each other off without end, neither in a row nor as a tree that grows in breadth. The wire form of an
///   event names its cause and not how many there were before that, so depth and number are read from the log, and only where
///   they may be too great: when a piece of work has had as many events with a cause as the limit allows in a row, counted in
///   this process, and after that as often as it could have got there since. Where that would be at every event, because many
///   trees share a trace, it is when the work has grown by a quarter in search of depth, by a hundredth in search of breadth:
///   a storm is cut that much later, and later by what is committed at the same time. A process that starts again counts anew,
///   and finds all trees in the log.
#[derive(Clone)]
pub struct EventRules(Arc<Inner>);

struct Inner {
    limits: EventLimits,
    /// Wire names of events by the module that publishes them.
    declared: BTreeMap<&'static str, BTreeSet<&'static str>>,
    works: Mutex<HashMap<CorrelationId, Work>>,
}

/// A piece of work of which events have had causes.
struct Work {
    /// Those that were about to be committed here, and those that were in the log at the last look.
    events: u64,
    /// The log is looked at when there have been so many.
    look: u64,
    /// The events of trees that had half of what is allowed, at the last look. They do not get smaller.
    large: HashMap<CausationId, Tree>,
    /// The events that were the last of as many in a row as are allowed, at the last look.
    ends: HashSet<CausationId>,
}

/// The events that go back to one.
#[derive(Clone, Copy)]
struct Tree {
    root: CausationId,
    /// Without the root.
    caused: u64,
}

/// What is known of a piece of work without a look at the log.
enum Known<'a> {
    Few,
    /// With this event the tree would be too large.
    TooMany(&'a Envelope, Tree),
    Unsure,
}

/// Pieces of work that are counted; beyond that all are forgotten at once, and each is counted anew.
const WORKS: usize = 1 << 16;
/// Events read from the log at once.
const PAGE: usize = 1024;

impl Default for EventRules {
    fn default() -> Self {
        Self::new(EventLimits::default())
    }
}

impl fmt::Debug for EventRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { limits, declared, .. } = &*self.0;
        f.debug_struct("EventRules").field("limits", limits).field("declared", declared).finish_non_exhaustive()
    }
}

impl PartialEq for EventRules {
    /// The same ones, not such that say the same.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for EventRules {}

impl EventRules {
    /// Within these limits; every module may publish everything.
    pub fn new(limits: EventLimits) -> Self {
        Self::declare(limits, std::iter::empty::<(_, [_; 0])>())
    }

    /// As [`new`](Self::new), and the modules named here publish these events and no others.
    pub fn declare<E: IntoIterator<Item = &'static str>>(
        limits: EventLimits,
        declared: impl IntoIterator<Item = (&'static str, E)>,
    ) -> Self {
        let declared = declared.into_iter().map(|(module, events)| (module, events.into_iter().collect())).collect();
        Self(Arc::new(Inner { limits, declared, works: Mutex::default() }))
    }

    /// Whether the events of the unit may be published. To be asked once, right before the commit.
    ///
    /// # Errors
    /// `event.undeclared`, `event.too_large` or `event.storm`, naming module, event and what to do; what the store says.
    ///
    /// # Cancel safety
    /// Dropped, nothing happened, but that the unit's events may be counted twice.
    pub async fn check(&self, unit: &Unit, store: &dyn Store) -> Result<(), Error> {
        self.check_with(unit, &[], store).await
    }

    /// As [`check`](Self::check), also of events that will be published because of the unit, and not in it.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    ///
    /// # Cancel safety
    /// As [`check`](Self::check).
    pub async fn check_with(&self, unit: &Unit, later: &[Envelope], store: &dyn Store) -> Result<(), Error> {
        let events = || appended(unit).chain(later);
        for event in events() {
            self.0.declared(event)?;
            self.0.small(event)?;
        }
        if events().all(|event| event.metadata.causation_id.is_none()) {
            return Ok(());
        }
        let correlation = unit.origin().context.correlation();
        match self.0.count(correlation, events()) {
            Known::Few => Ok(()),
            Known::TooMany(event, tree) => Err(self.0.crowd(event, tree)),
            Known::Unsure => self.0.look(correlation, events(), store).await,
        }
    }

    /// Whether an error is of these rules, or says that no store will ever [take](crate::CommitError::Unwritable) the unit: another
    /// try of the same will not end otherwise.
    pub fn refused(error: &Error) -> bool {
        ["event.undeclared", "event.too_large", "event.storm", "store.unwritable"].contains(&error.code())
    }
}

fn appended(unit: &Unit) -> impl Iterator<Item = &Envelope> {
    unit.writes().iter().filter_map(|write| match write {
        Write::Append { envelope, .. } => Some(&**envelope),
        _ => None,
    })
}

impl Inner {
    fn declared(&self, Envelope { source_module, event_type, .. }: &Envelope) -> Result<(), Error> {
        match self.declared.get(&**source_module) {
            Some(declared) if !declared.contains(&**event_type) => {
                let message = format!(
                    "module `{source_module}` publishes event `{event_type}`, which its descriptor does not declare: add \
                     `.publishes::<..>()` with its type to the module's `module()`"
                );
                Err(Error::internal(message).with_code("event.undeclared"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn small(&self, Envelope { source_module, event_type, data, .. }: &Envelope) -> Result<(), Error> {
        let (size, most) = (data.text().len(), self.limits.payload_bytes);
        if size <= most {
            return Ok(());
        }
        let message = format!(
            "event `{event_type}` of module `{source_module}` has {size} bytes of data, and {most} are allowed: publish where \
             the data is instead of the data, or raise `events.payload_bytes`"
        );
        Err(Error::new(ErrorKind::Rejected, message).with_code("event.too_large"))
    }

    fn count<'a>(&self, correlation: CorrelationId, events: impl Iterator<Item = &'a Envelope>) -> Known<'a> {
        let mut works = self.works();
        if works.len() >= WORKS {
            works.clear();
        }
        let work = works.entry(correlation).or_insert_with(|| Work {
            events: 0,
            look: u64::from(self.limits.depth).min(self.limits.caused),
            large: HashMap::new(),
            ends: HashSet::new(),
        });
        let mut is_end = false;
        let mut here = HashMap::new();
        for event in events {
            let Some(cause) = event.metadata.causation_id else { continue };
            work.events += 1;
            is_end |= work.ends.contains(&cause);
            if let Some(tree) = work.large.get(&cause) {
                let here: &mut u64 = here.entry(tree.root).or_default();
                *here += 1;
                if self.is_crowd(tree.caused + *here) {
                    return Known::TooMany(event, *tree);
                }
            }
        }
        if work.events > work.look || is_end { Known::Unsure } else { Known::Few }
    }

    /// Follows the causes through the log.
    async fn look<'a>(
        &self,
        correlation: CorrelationId,
        events: impl Iterator<Item = &'a Envelope>,
        store: &dyn Store,
    ) -> Result<(), Error> {
        let mut chain = Chain::default();
        let mut query = LogQuery { correlation: Some(correlation), ..LogQuery::after(Position(0), PAGE) };
        loop {
            let page = store.log(query.clone()).await?;
            let Some(last) = page.last() else { break };
            query.after = Position(last.metadata.position.expect("an event read from the log has its position"));
            for event in &page {
                chain.add(event);
            }
        }
        let (large, ends) = (chain.large(self.limits.caused / 2), chain.ends(self.limits.depth));
        let (mut known, mut refused) = (self.known(&chain), Ok(()));
        for event in events {
            let (depth, tree) = chain.add(event);
            // Mutant `storm_cut_late`: a chain of events is cut one event too late.
            if depth > self.limits.depth + u32::from(cfg!(mutant = "storm_cut_late")) {
                refused = Err(self.storm(event, depth, &chain));
            } else if self.is_crowd(tree.caused) {
                refused = Err(self.crowd(event, Tree { caused: tree.caused - 1, ..tree }));
            }
            if refused.is_err() {
                break;
            }
        }
        if refused.is_ok() {
            known = self.known(&chain);
        }
        let (events, look) = known;
        self.works().insert(correlation, Work { events, look, large, ends });
        refused
    }

    /// How many events with a cause there are, and with how many there is to be another look.
    fn known(&self, chain: &Chain) -> (u64, u64) {
        let EventLimits { depth, caused, .. } = self.limits;
        let all: u64 = chain.trees.values().sum();
        let depth = u64::from(depth.saturating_sub(chain.deepest)).max(all / 4);
        let breadth = caused.saturating_sub(chain.largest_below(caused)).max(all / 100);
        (all, all + depth.min(breadth))
    }

    fn is_crowd(&self, caused: u64) -> bool {
        // Mutant `crowd_let_through`: a tree of events that grows in breadth is not cut.
        caused > self.limits.caused && !cfg!(mutant = "crowd_let_through")
    }

    fn crowd(&self, event: &Envelope, Tree { root, caused }: Tree) -> Error {
        let (Envelope { event_type, source_module, .. }, most) = (event, self.limits.caused);
        let message = format!(
            "`{event_type}` of module `{source_module}` is one event too many: {caused} events go back to event {}, and {most} \
             are allowed: let their subscribers publish only when something has changed, or raise `events.caused` if so many are \
             meant",
            root.uuid()
        );
        Error::new(ErrorKind::Rejected, message).with_code("event.storm")
    }

    fn storm(&self, event: &Envelope, depth: u32, chain: &Chain) -> Error {
        let circle = chain.circle(event);
        let who: Vec<String> = circle.iter().map(|(event, module)| format!("`{event}` of module `{module}`")).collect();
        let what = match &who[..] {
            [one] => format!("{one} sets itself off"),
            [rest @ .., last] => format!("{} and {last} set each other off", rest.join(", ")),
            [] => "events set each other off".into(),
        };
        let message = format!(
            "{what}: {depth} events in a row in the piece of work {}, and {} are allowed: let one of their subscribers publish \
             only when something has changed, or raise `events.depth` if so many are meant",
            event.metadata.correlation_id, self.limits.depth
        );
        Error::new(ErrorKind::Rejected, message).with_code("event.storm")
    }

    fn works(&self) -> MutexGuard<'_, HashMap<CorrelationId, Work>> {
        // Counts are right or too low by one whatever a panic leaves.
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The events of one piece of work and what caused them. A cause comes before its effect.
#[derive(Default)]
struct Chain {
    links: HashMap<CausationId, Link>,
    /// How many events go back to each that no event has caused.
    trees: HashMap<CausationId, u64>,
    deepest: u32,
}

struct Link {
    cause: Option<CausationId>,
    root: CausationId,
    depth: u32,
    event_type: String,
    module: String,
}

impl Chain {
    /// How many were before the event in a row, and the tree that it is part of.
    fn add(&mut self, event: &Envelope) -> (u32, Tree) {
        let (id, cause) = (CausationId::new(event.event_id.uuid()), event.metadata.causation_id);
        let (root, depth) = match cause {
            None => (id, 0),
            Some(cause) => self.links.get(&cause).map_or((cause, 1), |cause| (cause.root, cause.depth + 1)),
        };
        // Mutant `one_tree`: all that begins in one piece of work counts as one.
        let root =
            if cfg!(mutant = "one_tree") { CausationId::new(event.metadata.correlation_id.uuid()) } else { root };
        let caused = self.trees.entry(root).or_default();
        *caused += u64::from(cause.is_some());
        let tree = Tree { root, caused: *caused };
        self.deepest = self.deepest.max(depth);
        let (event_type, module) = (event.event_type.clone().into_owned(), event.source_module.clone().into_owned());
        self.links.insert(id, Link { cause, root, depth, event_type, module });
        (depth, tree)
    }

    /// The events of the trees that have so many or more.
    fn large(&self, least: u64) -> HashMap<CausationId, Tree> {
        let tree = |link: &Link| Tree { root: link.root, caused: self.trees[&link.root] };
        self.links.iter().map(|(id, link)| (*id, tree(link))).filter(|(_, tree)| tree.caused >= least).collect()
    }

    /// Those that so many are before in a row, or more.
    fn ends(&self, depth: u32) -> HashSet<CausationId> {
        self.links.iter().filter(|(_, link)| link.depth >= depth).map(|(id, _)| *id).collect()
    }

    /// So many does the largest have of the trees that have fewer than that.
    fn largest_below(&self, most: u64) -> u64 {
        self.trees.values().copied().filter(|caused| *caused < most).max().unwrap_or(0)
    }

    /// What comes again and again: from the last event of the same type on, in the order in which it happens.
    fn circle(&self, event: &Envelope) -> Vec<(&str, &str)> {
        let mut circle = Vec::new();
        let mut at = self.links.get(&CausationId::new(event.event_id.uuid()));
        while let Some(link) = at {
            if !circle.is_empty() && link.event_type == event.event_type {
                break;
            }
            if !circle.contains(&(link.event_type.as_str(), link.module.as_str())) {
                circle.push((link.event_type.as_str(), link.module.as_str()));
            }
            at = link.cause.and_then(|cause| self.links.get(&cause));
        }
        circle.reverse();
        circle
    }
}
