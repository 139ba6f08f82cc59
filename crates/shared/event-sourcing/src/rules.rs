//! What must hold of the events of a unit, whoever commits it: a service, a subscriber, a step of a saga.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kernel::{CausationId, CorrelationId, Envelope, Error, ErrorKind};

use crate::{LogQuery, Position, Store, Unit, Write};

/// How large and how far from its cause an event may be, and how many of them one thing may set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventLimits {
    /// Bytes of JSON of the data of one event.
    pub payload: usize,
    /// Events that may set each other off in a row: from the one that no event has caused, which counts as none.
    pub depth: u32,
    /// Events of one piece of work that others of it have set off, however few in a row. Those that a request or a timer
    /// publishes itself do not count.
    pub caused: u64,
}

impl Default for EventLimits {
    /// 1 MiB; 100 in a row; 10,000 of one piece of work.
    fn default() -> Self {
        Self { payload: 1 << 20, depth: 100, caused: 10_000 }
    }
}

/// The rules that everybody who commits a unit holds its events to, before the commit. Clones share what they have counted.
///
/// * A module publishes what its descriptor declares; of modules that were not [declared](Self::declare) nothing is known.
/// * An event is no larger than the limits say.
/// * Modules do not set each other off without end, neither in a row nor as a tree that grows in breadth. The wire form of an
///   event names its cause and not how many there were before that, so depth and number are read from the log, and only where
///   they may be too great: when a piece of work has had as many events with a cause as the limit allows in a row, counted in
///   this process, and after that as often as it could have got there since, or has grown by a quarter. A process that starts
///   again counts anew, and finds the whole tree in the log.
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
    /// Those that were in the log at the last look. They do not get fewer.
    logged: u64,
}

/// What is known of a piece of work without a look at the log.
enum Known {
    Few,
    /// So many are in the log.
    TooMany(u64),
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
        let (mut caused, mut last) = (0, None);
        for event in events() {
            self.0.declared(event)?;
            self.0.small(event)?;
            if event.metadata.causation_id.is_some() {
                (caused, last) = (caused + 1, Some(event));
            }
        }
        let Some(last) = last else { return Ok(()) };
        let correlation = unit.origin().context.correlation();
        match self.0.count(correlation, caused) {
            Known::Few => Ok(()),
            Known::TooMany(logged) => Err(self.0.crowd(last, logged)),
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
        let (size, most) = (data.text().len(), self.limits.payload);
        if size <= most {
            return Ok(());
        }
        let message = format!(
            "event `{event_type}` of module `{source_module}` has {size} bytes of data, and {most} are allowed: publish where \
             the data is instead of the data, or raise the limit"
        );
        Err(Error::new(ErrorKind::Rejected, message).with_code("event.too_large"))
    }

    fn count(&self, correlation: CorrelationId, caused: u64) -> Known {
        let mut works = self.works();
        if works.len() >= WORKS {
            works.clear();
        }
        let work = works.entry(correlation).or_insert_with(|| Work {
            events: 0,
            look: u64::from(self.limits.depth),
            logged: 0,
        });
        work.events += caused;
        if self.is_crowd(work.logged + caused) {
            Known::TooMany(work.logged)
        } else if work.events > work.look.min(self.limits.caused) {
            Known::Unsure
        } else {
            Known::Few
        }
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
            page.iter().for_each(|event| chain.add(event));
        }
        let logged = chain.caused;
        self.change(correlation, |work| work.logged = logged);
        for event in events {
            chain.add(event);
            let depth = chain.depth(event);
            // Mutant `storm_cut_late`: a chain of events is cut one event too late.
            if depth > self.limits.depth + u32::from(cfg!(mutant = "storm_cut_late")) {
                return Err(self.storm(event, depth, &chain));
            }
            if self.is_crowd(chain.caused) {
                return Err(self.crowd(event, logged));
            }
        }
        let left = u64::from(self.limits.depth.saturating_sub(chain.deepest));
        self.change(correlation, |work| {
            work.events = chain.caused;
            work.look = work.events + left.max(work.events / 4);
        });
        Ok(())
    }

    fn is_crowd(&self, caused: u64) -> bool {
        // Mutant `crowd_let_through`: a tree of events that grows in breadth is not cut.
        caused > self.limits.caused && !cfg!(mutant = "crowd_let_through")
    }

    fn change(&self, correlation: CorrelationId, change: impl FnOnce(&mut Work)) {
        if let Some(work) = self.works().get_mut(&correlation) {
            change(work);
        }
    }

    fn crowd(&self, event: &Envelope, logged: u64) -> Error {
        let Envelope { event_type, source_module, .. } = event;
        let (correlation, most) = (event.metadata.correlation_id, self.limits.caused);
        let message = format!(
            "`{event_type}` of module `{source_module}` is one event too many: {logged} events of the piece of work \
             {correlation} were set off by others of it, and {most} are allowed: let their subscribers publish only when \
             something has changed, or raise the limit if so many are meant"
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
             only when something has changed, or raise the limit if so many are meant",
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
    deepest: u32,
    /// Events with a cause.
    caused: u64,
}

struct Link {
    cause: Option<CausationId>,
    depth: u32,
    event_type: String,
    module: String,
}

impl Chain {
    fn add(&mut self, event: &Envelope) {
        let cause = event.metadata.causation_id;
        let depth = cause.map_or(0, |cause| self.links.get(&cause).map_or(1, |cause| cause.depth + 1));
        self.deepest = self.deepest.max(depth);
        self.caused += u64::from(cause.is_some());
        let (event_type, module) = (event.event_type.clone().into_owned(), event.source_module.clone().into_owned());
        self.links.insert(CausationId::new(event.event_id.uuid()), Link { cause, depth, event_type, module });
    }

    fn depth(&self, event: &Envelope) -> u32 {
        self.links.get(&CausationId::new(event.event_id.uuid())).map_or(0, |link| link.depth)
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
