use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, RwLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use event_bus::{BusOptions, EventBus, Ports};
use event_sourcing::{Blobs, MemoryBlobs, MemoryStore, Position, Store};
use kernel::{Clock, Error, Event, Ids, ManualClock, Request, SequentialIds};
use module::{GRANTED_MODULE, Grants, Infrastructure, Module, Options, Selection, assemble};
use settings::{Settings, SettingsFile, Sources};

use super::{
    Scenario, letters,
    report::{Letter, Stimulus, letter},
    stub,
};

/// Who asks, where nobody else is named.
const TESTER: &str = "tester";
/// How long is waited for what is expected.
const WITHIN: Duration = Duration::from_secs(10);

/// A [`Scenario`] before it starts.
#[must_use = "nothing runs before `start`"]
pub struct Setup {
    modules: Vec<Module>,
    neighbours: Option<Module>,
    selection: Selection,
    grants: Grants,
    user: Option<String>,
    settings: Option<String>,
    bus: BusOptions,
    within: Duration,
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<ManualClock>,
    ids: Arc<SequentialIds>,
}

impl Setup {
    pub(super) fn of(modules: Vec<Module>) -> Self {
        Self {
            modules,
            neighbours: None,
            selection: Selection::All,
            grants: Grants::new(),
            user: None,
            settings: None,
            bus: BusOptions { threads: 1, ..BusOptions::default() },
            within: WITHIN,
            store: Arc::new(MemoryStore::default()),
            blobs: Arc::new(MemoryBlobs::default()),
            clock: Arc::new(ManualClock::default()),
            ids: Arc::new(SequentialIds::default()),
        }
    }

    /// Permissions of a user, or of a module under `module:NAME`. The user who is named first is who asks.
    ///
    /// Without any, the user `tester` and every module may do everything that the modules know of.
    pub fn granting<P: Into<String>>(mut self, user: &str, permissions: impl IntoIterator<Item = P>) -> Self {
        self.grants.entry(user.to_owned()).or_default().extend(permissions.into_iter().map(Into::into));
        if !user.starts_with(GRANTED_MODULE) {
            self.user.get_or_insert_with(|| user.to_owned());
        }
        self
    }

    /// All that an application grants.
    pub fn granted(self, grants: Grants) -> Self {
        grants.into_iter().fold(self, |setup, (user, permissions)| setup.granting(&user, permissions))
    }

    /// Every section that the modules read, as TOML.
    pub fn settings(mut self, toml: impl Into<String>) -> Self {
        self.settings = Some(toml.into());
        self
    }

    /// Which of the modules run; the others are known and stopped.
    pub fn selecting(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// A neighbour that is not here answers `R`.
    pub fn answering<R: Request>(
        mut self,
        answer: impl Fn(R) -> Result<R::Response, Error> + Send + Sync + 'static,
    ) -> Self {
        self.neighbours = Some(stub::answering(self.neighbours.unwrap_or_else(stub::neighbours), answer));
        self
    }

    /// A neighbour that is not here publishes `E`: see [`Scenario::when_published`].
    pub fn publishing<E: Event>(mut self) -> Self {
        self.neighbours = Some(stub::publishing::<E>(self.neighbours.unwrap_or_else(stub::neighbours)));
        self
    }

    /// Another store than one in memory. One that has threads of its own is for tests whose time is not paused: a runtime whose
    /// time is does not see that they work.
    pub fn on(mut self, store: Arc<dyn Store>) -> Self {
        self.store = store;
        self
    }

    /// Where large values are kept, if not in memory.
    pub fn keeping(mut self, blobs: Arc<dyn Blobs>) -> Self {
        self.blobs = blobs;
        self
    }

    /// In the world that another scenario has left: on its store, at its time, with ids that go on from its.
    pub fn after(mut self, earlier: &Scenario) -> Self {
        self.store = Arc::clone(&earlier.store);
        self.blobs = Arc::clone(&earlier.blobs);
        self.clock = Arc::clone(&earlier.clock);
        self.ids = Arc::clone(&earlier.ids);
        self
    }

    /// When it begins, if not at the Unix epoch.
    pub fn starting_at(mut self, start: DateTime<Utc>) -> Self {
        self.clock = Arc::new(ManualClock::starting_at(start));
        self
    }

    /// How long is waited for what is expected, if not ten seconds of the runtime's time.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Other options of the bus: fewer tries, other waits.
    pub fn delivering(mut self, options: BusOptions) -> Self {
        self.bus = options;
        self
    }

    /// Assembles the modules and starts them, then their subscribers.
    ///
    /// # Panics
    /// If the modules do not fit together, with all findings; if one does not start, or a subscription cannot be carried out.
    pub async fn start(self) -> Scenario {
        let Self { mut modules, neighbours, selection, mut grants, user, settings, bus, within, .. } = self;
        let selection = with_neighbours(selection, neighbours.as_ref());
        modules.extend(neighbours);
        if grants.is_empty() {
            grants = everything(&modules);
        }
        let (store, blobs, clock, ids) = (self.store, self.blobs, self.clock, self.ids);
        let time: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let counter: Arc<dyn Ids> = Arc::<SequentialIds>::clone(&ids);
        let infrastructure = Infrastructure {
            store: Arc::clone(&store),
            blobs: Arc::clone(&blobs),
            clock: Arc::clone(&time),
            ids: Arc::clone(&counter),
        };
        let settings = settings.as_deref().map(read);
        let options = Options { grants: grants.clone(), selection, settings, ..Options::default() };
        let mut application =
            assemble(modules, infrastructure, options).await.unwrap_or_else(|error| panic!("{error}"));
        application.start().await.unwrap_or_else(|error| panic!("{error}"));
        let subscriptions = std::mem::take(&mut application.subscriptions);
        let ports = Ports { store: Some(Arc::clone(&store)), clock: time, ids: counter };
        let bus = BusOptions { rules: application.event_rules.clone(), ..bus };
        let since = store.head().await.unwrap_or(Position(0));
        let earlier: BTreeSet<Letter> = letters(&*store).await.iter().map(letter).collect();
        let bus = EventBus::start(subscriptions, ports, bus).await.unwrap_or_else(|error| panic!("{error}"));
        let user = user.unwrap_or_else(|| TESTER.to_owned()).into();
        let stimulus = Stimulus { told: "the start".into(), since, letters: earlier.clone(), correlation: None }.into();
        Scenario {
            application,
            bus,
            store,
            blobs,
            clock,
            ids,
            grants,
            within,
            user,
            stimulus,
            earlier,
            parked: RwLock::default(),
        }
    }
}

/// Whoever is selected needs those who stand in for the others.
fn with_neighbours(mut selection: Selection, neighbours: Option<&Module>) -> Selection {
    if let (Selection::Alone(names) | Selection::WithDependencies(names), Some(module)) = (&mut selection, neighbours) {
        names.push(module.name().to_owned());
    }
    selection
}

fn everything(modules: &[Module]) -> Grants {
    let permissions = modules.iter().flat_map(Module::permissions).map(|permission| permission.name().to_owned());
    let permissions: BTreeSet<String> = permissions.collect();
    let users = modules.iter().map(|module| format!("{GRANTED_MODULE}{}", module.name()));
    users.chain([TESTER.to_owned()]).map(|user| (user, permissions.clone())).collect()
}

fn read(toml: &str) -> Settings {
    let file = SettingsFile::IfPresent(PathBuf::new());
    let sources = Sources { defaults: toml, file, environment: Vec::new(), flags: Vec::new(), open: &[] };
    Settings::load(sources).unwrap_or_else(|error| panic!("{error}"))
}
