use std::{collections::BTreeMap, convert::Infallible, pin::pin, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use kernel::{AuthenticationError, Authenticator, Claims, Clock, Context, CorrelationId, Ids, Principal};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::{
    definition::{OnPoison, Projection, Taken, are_of},
    lane::{Lane, Turn},
    meters::{Meters, measure},
    rebuild,
    record::{Generation, Progress, Record, collection_of, progress_key},
    standing::{ProjectionStanding, Slate},
};
use crate::{
    Appended, Collection, CommitError, Conflict, Expected, Found, Index, Origin, Position, Store, StoreError, StoreExt,
    Unit,
};

/// Events that are read at once, of whatever type; what they write is one unit.
pub const BATCH: usize = 256;
/// After this time without a word it looks again: others may write into the same store. Between two tries of a store that does
/// not answer, too.
const PATIENCE: Duration = Duration::from_secs(1);
/// Until what another one has written is read again.
const COURTESY: Duration = Duration::from_millis(50);

/// What a projector stands on.
#[derive(Clone)]
pub struct ProjectorPorts {
    /// Whose log it follows, and where the documents lie.
    pub store: Arc<dyn Store>,
    /// When generations were begun, and how old events are.
    pub clock: Arc<dyn Clock>,
    /// A unit has to have some; a projection needs none.
    pub ids: Arc<dyn Ids>,
}

/// Runs one projection.
///
/// All that it does is in one loop: a batch for the live generation, one for that which is being filled, a page of documents of
/// one that is retired. So the live one never waits for a rebuild for longer than a batch takes.
pub struct Projector {
    pub(super) name: &'static str,
    pub(super) version: u32,
    pub(super) collections: &'static [&'static str],
    indexes: &'static [(&'static str, Index)],
    pub(super) on_failure: OnPoison,
    pub(super) on_unknown: OnPoison,
    pub(super) ports: ProjectorPorts,
    pub(super) meters: Meters,
    /// Of its units. It publishes nothing, so that nobody ever sees whose work that is.
    origin: Origin,
    events: BTreeMap<&'static str, Taken>,
    slate: Slate,
    /// Somebody has changed the record.
    changed: Notify,
}

/// Why a projector cannot go on just now.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The store does not answer.
    Store(StoreError),
    /// Somebody else wrote first: what is known here is out of date.
    Taken(Conflict),
}

/// The generations that are being filled, as far as they are known.
#[derive(Default)]
struct Lanes {
    live: Option<Lane>,
    rebuild: Option<Lane>,
}

impl Projector {
    /// For the projection `P` of a module. A recorder of metrics has to be installed before that.
    pub fn of<P: Projection>(module: &'static str, ports: ProjectorPorts) -> Self {
        const {
            assert!(
                are_of(P::INDEXES, P::COLLECTIONS),
                "an index is of a collection in `COLLECTIONS` of the projection"
            )
        }
        let events = P::events().taken.into_iter().map(|taken| (taken.event.name, taken));
        let principal = Principal::authenticate(&Itself, P::NAME).expect("whoever has a name is somebody");
        let context = Context::new(Arc::new(principal), CorrelationId::new(Uuid::nil()));
        let origin = Origin { module, context, clock: Arc::clone(&ports.clock), ids: Arc::clone(&ports.ids) };
        Self {
            name: P::NAME,
            version: P::VERSION,
            collections: P::COLLECTIONS,
            indexes: P::INDEXES,
            on_failure: P::ON_FAILURE,
            on_unknown: P::ON_UNKNOWN,
            meters: Meters::new(module, P::NAME),
            ports,
            origin,
            events: events.collect(),
            slate: Slate::of(module, P::NAME),
            changed: Notify::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How it stands.
    pub fn standing(&self) -> ProjectionStanding {
        let mut standing = self.slate.read().clone();
        // A clock that was set back makes no age.
        let now = self.ports.clock.now();
        standing.age = standing.oldest.map(|oldest| (now - oldest).to_std().unwrap_or_default());
        measure(&standing);
        standing
    }

    /// Fills the documents, follows the log, and ends when `end` does. One that follows what others have begun starts from what
    /// the store has: nothing is remembered from an earlier run.
    ///
    /// # Cancel safety
    /// Dropped at any `await`, the unit that it was at is written or not; the next run goes on behind it.
    pub async fn run(&self, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        let mut appended = self.ports.store.appended();
        loop {
            let mut lanes = Lanes::default();
            let trouble = tokio::select! {
                biased;
                () = &mut end => {
                    // What has no effect would be passed again at the next start: no more than a read.
                    if let Err(trouble) = lanes.flush(self).await {
                        tracing::debug!(projection = self.name, "the checkpoint stays behind: {trouble:?}");
                    }
                    return;
                }
                trouble = self.follow(&mut lanes, &mut appended) => trouble,
            };
            let wait = match trouble {
                Err(Trouble::Store(error)) => {
                    tracing::warn!(projection = self.name, "waiting for the store: {error}");
                    self.slate.read().trouble = Some(error.to_string());
                    PATIENCE
                }
                Err(Trouble::Taken(conflict)) => {
                    tracing::debug!(projection = self.name, "somebody else goes on with it: {conflict}");
                    COURTESY
                }
            };
            if timeout(wait, &mut end).await.is_ok() {
                return;
            }
        }
    }

    async fn follow(&self, lanes: &mut Lanes, appended: &mut Appended) -> Result<Infallible, Trouble> {
        loop {
            appended.look();
            let Found { value: record, revision, .. } = self.record().await?;
            let is_busy = self.turn(lanes, record, revision).await?;
            if is_busy {
                // A store in memory never waits, and others want the thread as well.
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                _ = appended.changed() => {}
                () = sleep(PATIENCE) => lanes.flush(self).await?,
            }
        }
    }

    /// Whatever there is to do, once. Whether there may be more.
    async fn turn(&self, lanes: &mut Lanes, record: Record, revision: u64) -> Result<bool, Trouble> {
        lanes.meet(self, &record).await?;
        // Somebody has just retired it: the record will say so.
        let Some(live) = &mut lanes.live else { return Ok(false) };
        let Record { live: Generation { version, .. }, resumed, .. } = record;
        let is_paused = record.paused.is_some();
        let mut turned = Turn::Halted;
        if version == self.version && !is_paused {
            let position = live.position();
            turned = live.turn(self, resumed, |head, oldest| self.begins(position, head, oldest)).await?;
        }
        self.tell(live, &record, turned).await?;
        let mut is_busy = matches!(turned, Turn::Moved(_));
        if !is_paused {
            match (&mut lanes.rebuild, &record.rebuild) {
                (Some(rebuild), _) => {
                    let turned = rebuild.turn(self, resumed, |_, _| ()).await?;
                    is_busy |= matches!(turned, Turn::Moved(_));
                    // The live one may have halted beyond the end of the log.
                    let has_come = turned == Turn::AtEnd
                        && (rebuild.position() >= live.position()
                            || rebuild.position() >= self.ports.store.head().await?);
                    // Mutant `projection_switch_early`: readers are given what is behind that which they have seen.
                    let has_come = has_come || (cfg!(mutant = "projection_switch_early") && turned != Turn::Halted);
                    if has_come {
                        rebuild::switch(self, record, revision, live, rebuild).await?;
                        return Ok(true);
                    }
                }
                // A newer program is at it, or has been; or somebody has just given it up.
                (None, Some(other)) if other.version >= self.version => {}
                (None, None) if version >= self.version => {}
                (None, _) => {
                    rebuild::begin(self, record, revision).await?;
                    return Ok(true);
                }
            }
        }
        if record.retired.is_empty() {
            return Ok(is_busy);
        }
        rebuild::sweep(self, record, revision).await?;
        Ok(true)
    }

    /// How the live generation stands while it is at events that it may never be through with.
    fn begins(&self, position: Position, head: Position, oldest: DateTime<Utc>) {
        // Mutant `projection_untold`: what never ends has never begun.
        if cfg!(mutant = "projection_untold") {
            return;
        }
        let mut standing = self.slate.read();
        standing.position = position;
        (standing.lag, standing.oldest) = (behind(head, position), Some(oldest));
        drop(standing);
        self.standing();
    }

    /// How the live generation stands after its turn.
    async fn tell(&self, live: &Lane, record: &Record, turned: Turn) -> Result<(), StoreError> {
        let store = &self.ports.store;
        let (lag, oldest) = match turned {
            Turn::AtEnd => (0, None),
            Turn::Moved(last) => (behind(store.head().await?, live.position()), Some(last)),
            Turn::Halted => {
                let next = store.readable(live.position(), 1).await?.events;
                (behind(store.head().await?, live.position()), next.get(0).map(|event| event.timestamp))
            }
        };
        let made_by = record.live.version;
        let is_newer = made_by > self.version;
        let mut standing = self.slate.read();
        standing.position = live.position();
        (standing.lag, standing.oldest) = (lag, oldest);
        standing.paused = record.paused.is_some();
        standing.halted = live.halted().cloned();
        standing.trouble = is_newer.then(|| {
            let Self { name, version, .. } = self;
            format!(
                "its documents are of version {made_by}, and this program has version {version}: start the newer one, \
                     or have them written anew with `borough projections rebuild {name}`"
            )
        });
        drop(standing);
        self.standing();
        Ok(())
    }

    /// What the store has of it; the first time, that there is nothing.
    pub(super) async fn record(&self) -> Result<Found<Record>, Trouble> {
        let store = &self.ports.store;
        if let Some(found) = store.get::<Record>(self.name).await? {
            return Ok(found);
        }
        let live = self.generation(1);
        // Readers see it from the commit on.
        self.declare(&live).await?;
        let record = Record { live, rebuild: None, retired: Vec::new(), latest: 1, paused: None, resumed: 0 };
        let mut unit = self.unit();
        unit.put(self.name, &record, Expected::Absent);
        unit.put(progress_key(self.name, 1), &Progress::default(), Expected::Absent);
        store.commit(unit).await?;
        Ok(Found { key: self.name.to_owned(), value: record, revision: 1 })
    }

    /// A generation of this program.
    pub(super) fn generation(&self, number: u32) -> Generation {
        let collections = self.collections.iter().map(|collection| (*collection).to_owned()).collect();
        Generation { number, version: self.version, since: self.ports.clock.now(), collections }
    }

    /// Has the store find the documents of a generation of this program, before anybody reads them.
    pub(super) async fn declare(&self, generation: &Generation) -> Result<(), StoreError> {
        if self.indexes.is_empty() || generation.version != self.version {
            return Ok(());
        }
        let collections = generation.collections.iter().map(|name| {
            let indexes = self.indexes.iter().filter(|(collection, _)| collection == name).map(|(_, index)| *index);
            Collection::of_generation(collection_of(name, generation.number), indexes.collect())
        });
        self.ports.store.declare(&collections.collect::<Vec<_>>()).await
    }

    /// Has the store forget the collections of a generation whose documents are gone.
    pub(super) async fn retire(&self, generation: &Generation) -> Result<(), StoreError> {
        let names = generation.collections.iter().map(|name| collection_of(name, generation.number));
        self.ports.store.declare(&names.map(Collection::retired).collect::<Vec<_>>()).await
    }

    pub(super) fn taken(&self, event_type: &str) -> Option<&Taken> {
        self.events.get(event_type)
    }

    /// For its own writes.
    pub(super) fn unit(&self) -> Unit {
        Unit::new(self.origin.clone())
    }

    /// Has it look at its record.
    pub(super) fn ring(&self) {
        self.changed.notify_one();
    }
}

impl Lanes {
    /// Those that the record names.
    async fn meet(&mut self, projector: &Projector, record: &Record) -> Result<(), StoreError> {
        let here = |lane: &Option<Lane>, generation: &Generation| {
            lane.as_ref().is_some_and(|lane| lane.generation.number == generation.number)
        };
        if !here(&self.live, &record.live) {
            // Where it takes the place of the live one, it goes on with what it knows.
            self.live = match self.rebuild.take() {
                Some(lane) if lane.generation.number == record.live.number => Some(lane),
                _ => Lane::open(projector, record.live.clone()).await?,
            };
        }
        match record.rebuild.as_ref().filter(|rebuild| rebuild.version == projector.version) {
            Some(rebuild) if here(&self.rebuild, rebuild) => {}
            Some(rebuild) => self.rebuild = Lane::open(projector, rebuild.clone()).await?,
            None => self.rebuild = None,
        }
        let mut standing = projector.slate.read();
        standing.rebuild = self.rebuild.as_ref().map(Lane::position);
        standing.rebuild_halted = self.rebuild.as_ref().and_then(|lane| lane.halted().cloned());
        Ok(())
    }

    async fn flush(&mut self, projector: &Projector) -> Result<(), Trouble> {
        for lane in [&mut self.live, &mut self.rebuild].into_iter().flatten() {
            lane.flush(projector).await?;
        }
        Ok(())
    }
}

fn behind(head: Position, position: Position) -> u64 {
    head.0.saturating_sub(position.0)
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CommitError> for Trouble {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(conflict) => Self::Taken(conflict),
            CommitError::Late { .. } => unreachable!("the work of a projection has no deadline: {error}"),
            CommitError::Unwritable(message) => Self::Store(StoreError::unwritable(message)),
            CommitError::Store(error) => Self::Store(error),
        }
    }
}

/// Vouches for a projection, which may do nothing that needs a permission.
struct Itself;

impl Authenticator for Itself {
    type Credentials = str;

    fn verify(&self, name: &str) -> Result<Claims, AuthenticationError> {
        Ok(Claims::new(format!("projection:{name}"), []))
    }
}
