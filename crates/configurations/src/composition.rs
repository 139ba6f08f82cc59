//! The composition root: which modules there are and what they run on.

use std::{
    collections::BTreeMap,
    fmt::Display,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use event_bus::{BusOptions, Drain, EventBus, Node, Ports, Retention, RetryPolicy, SubscriberStatus};
use event_sourcing::{Blobs, EventLimits, MemoryBlobs, MemoryStore, Position, Store};
use kernel::{
    AuthenticationError, Authenticator, Claims, Clock, Context, CorrelationId, Error, ErrorKind, Ids, Principal,
    SystemClock, SystemIds,
};
use module::{Application, AssemblyError, Grants, Infrastructure, Module, Options, Selection, Timeouts};
use request::Limits;
use saga::{SagaEngine, SagaId};
use serde::{
    Deserialize, Deserializer,
    de::{self, Error as _},
};
use settings::Settings;
use storage_objects::FileBlobs;
use storage_sqlite::SqliteStore;
use tokio::time::{Instant, timeout};

use crate::{
    cli::{Acting, Global},
    exit::Failure,
    monitoring::MonitoringConfig,
};

/// Every module of the product. The order is that of the pages that describe them.
pub fn modules() -> Vec<Module> {
    vec![data_quality::module(), anomaly_detection::module(), machine_learning::module(), mlops::module()]
}

/// What the verbs are about. Other modules make another product.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    /// What is typed to run it.
    pub name: &'static str,
    /// In its help.
    pub about: &'static str,
    /// Its own.
    pub version: &'static str,
    /// The crates beside Borough's whose log lines `-v` shows.
    pub logged: &'static [&'static str],
    /// Every module. The order is that of the pages that describe them.
    pub modules: fn() -> Vec<Module>,
}

impl Default for Product {
    /// Borough itself.
    fn default() -> Self {
        let about = "A modular monolith for data quality, anomaly detection and machine learning";
        Self { name: "borough", about, version: env!("CARGO_PKG_VERSION"), logged: &[], modules }
    }
}

/// Borough's crates, whose log lines `-v` shows.
pub const LOGGED: &[&str] = &[
    "anomaly_detection",
    "configurations",
    "data_quality",
    "dataset",
    "event_bus",
    "event_sourcing",
    "machine_learning",
    "mlops",
    "module",
    "monitoring_otlp",
    "request",
    "saga",
    "storage_objects",
    "storage_sqlite",
];

/// Settings of the composition root itself, section by section; `defaults.toml` documents them.
pub struct Config {
    pub store: StoreConfig,
    pub pipeline: PipelineConfig,
    pub events: EventsConfig,
    pub projections: ProjectionsConfig,
    pub serve: ServeConfig,
    pub requests: RequestsConfig,
    pub modules: ModulesConfig,
    pub monitoring: MonitoringConfig,
    pub grants: Grants,
    /// Whom the person at the terminal acts as.
    pub as_user: Option<String>,
    pub product: Product,
    selection: Selection,
    settings: Settings,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    pub path: PathBuf,
    pub max_pages: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineConfig {
    pub min_score: f64,
    pub top_anomalies: u32,
    pub folds: u32,
    pub seed: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    #[serde(deserialize_with = "one_or_more")]
    pub attempts: u32,
    #[serde(rename = "delivery_seconds", deserialize_with = "seconds")]
    pub delivery: Duration,
    #[serde(rename = "records_seconds", deserialize_with = "seconds")]
    pub records: Duration,
    pub records_events: u64,
    pub node: String,
    #[serde(rename = "lease_seconds", deserialize_with = "lease")]
    pub lease: Duration,
    pub slots: BTreeMap<String, u32>,
    pub payload_bytes: usize,
    #[serde(deserialize_with = "one_or_more")]
    pub depth: u32,
    #[serde(deserialize_with = "one_or_more")]
    pub caused: u64,
}

impl EventsConfig {
    /// Which of several processes this one is, if there are several.
    fn node(&self) -> Option<Node> {
        Some(Node { id: self.node.clone(), lease: self.lease }).filter(|node| !node.id.is_empty())
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectionsConfig {
    #[serde(rename = "age_seconds", deserialize_with = "seconds")]
    pub age: Duration,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServeConfig {
    #[serde(rename = "drain_seconds", deserialize_with = "seconds")]
    pub drain: Duration,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestsConfig {
    pub payload_bytes: usize,
    #[serde(rename = "retry_after_seconds", deserialize_with = "seconds")]
    pub retry_after: Duration,
    pub concurrent: u32,
    pub queue: u32,
    #[serde(rename = "patience_seconds", deserialize_with = "seconds")]
    pub patience: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModulesConfig {
    pub disabled: Vec<String>,
    pub alone: Vec<String>,
    pub with_dependencies: Vec<String>,
    #[serde(rename = "start_seconds", deserialize_with = "seconds")]
    pub start: Duration,
    #[serde(rename = "stop_seconds", deserialize_with = "seconds")]
    pub stop: Duration,
    #[serde(rename = "check_seconds", deserialize_with = "seconds")]
    pub check: Duration,
    #[serde(rename = "check_every_seconds", deserialize_with = "seconds")]
    pub check_every: Duration,
}

impl ModulesConfig {
    /// Which of them run in this process: three ways to say it, of which one can be taken.
    fn selection(&self) -> Result<Selection, Failure> {
        match (&self.alone[..], &self.with_dependencies[..], &self.disabled[..]) {
            ([], [], disabled) => Ok(Selection::AllBut(disabled.into())),
            (alone, [], []) => Ok(Selection::Alone(alone.into())),
            ([], roots, []) => Ok(Selection::WithDependencies(roots.into())),
            _ => Err(Failure::impossible(
                "[modules] has more than one of `alone`, `with_dependencies` and `disabled`: choose one of them",
            )),
        }
    }
}

/// Longer is no time that anybody means to wait, and could not be added to the present one.
pub(crate) const LONGEST_SECONDS: u64 = 366 * 24 * 60 * 60;

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if seconds > LONGEST_SECONDS {
        return Err(D::Error::custom(format!(
            "{seconds} seconds are more than a year: choose up to {LONGEST_SECONDS}"
        )));
    }
    Ok(Duration::from_secs(seconds))
}

fn one_or_more<'de, D: Deserializer<'de>, T: Deserialize<'de> + From<u32>>(deserializer: D) -> Result<T, D::Error> {
    Ok(T::from(within(u32::deserialize(deserializer)?, 1..=u32::MAX)?))
}

/// As the bus takes it.
fn lease<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Duration::from_secs(within(u64::deserialize(deserializer)?, 1..=24 * 60 * 60)?))
}

pub(crate) fn within<T: PartialOrd + Display, E: de::Error>(value: T, allowed: RangeInclusive<T>) -> Result<T, E> {
    if allowed.contains(&value) {
        return Ok(value);
    }
    Err(E::custom(format!("{value} is out of range: choose from {} to {}", allowed.start(), allowed.end())))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessConfig {
    grants: Grants,
}

impl Config {
    /// Defaults < `borough.toml` < `BOROUGH__...` < flags.
    pub fn load(global: &Global, flags: Vec<(String, String)>) -> Result<Self, Failure> {
        let mut flags = flags;
        if let Some(store) = &global.store {
            let name = store.to_str().ok_or_else(|| {
                Failure::impossible(format!("--store {} is not UTF-8: choose a path that is", store.display()))
            })?;
            flags.push(("store.path".into(), name.to_owned()));
        }
        let settings = Settings::load(settings::Sources {
            defaults: include_str!("defaults.toml"),
            file: global.settings.clone().into(),
            environment: std::env::vars_os().collect(),
            flags,
            open: &["access.grants", "events.slots", "monitoring.otlp.headers"],
        })?;
        let modules: ModulesConfig = settings.section("modules")?;
        Ok(Self {
            selection: modules.selection()?,
            store: settings.section("store")?,
            pipeline: settings.section("pipeline")?,
            events: settings.section("events")?,
            projections: settings.section("projections")?,
            serve: settings.section("serve")?,
            requests: settings.section("requests")?,
            modules,
            monitoring: settings.section("monitoring")?,
            grants: settings.section::<AccessConfig>("access")?.grants,
            as_user: None,
            product: global.product,
            settings,
        })
    }

    /// For a verb that sends requests.
    #[must_use]
    pub fn acting(self, acting: &Acting) -> Self {
        Self { as_user: acting.as_user.clone(), ..self }
    }

    /// What the modules are assembled with.
    pub fn options(&self) -> Options {
        let Self { requests, modules, .. } = self;
        let EventsConfig { payload_bytes, depth, caused, .. } = self.events;
        let mut limits = Limits {
            payload: requests.payload_bytes,
            retry_after: requests.retry_after,
            patience: requests.patience,
            ..Limits::default()
        };
        (limits.bulkhead.concurrent, limits.bulkhead.queue) = (requests.concurrent, requests.queue);
        Options {
            events: EventLimits { payload_bytes, depth, caused },
            slots: self.events.slots.clone(),
            spool: Some(self.beside("spool")),
            grants: self.grants.clone(),
            limits,
            selection: self.selection.clone(),
            timeouts: Timeouts {
                start: modules.start,
                stop: modules.stop,
                check: modules.check,
                check_every: modules.check_every,
                delivery: self.events.delivery,
                projection: self.projections.age,
            },
            settings: Some(self.settings.clone()),
        }
    }

    /// Who writes the store, and how large it may become.
    pub fn writing(&self, holder: &str, clock: &dyn Clock) -> storage_sqlite::Options {
        let max_pages = Some(self.store.max_pages).filter(|pages| *pages > 0);
        storage_sqlite::Options { max_pages, ..storage_sqlite::Options::new(holder, clock.now()) }
    }

    /// The folder of the models, beside the store and of its name: stores that share a folder do not share models.
    pub fn models(&self) -> PathBuf {
        self.beside("models")
    }

    fn beside(&self, extension: &str) -> PathBuf {
        let mut path = self.store.path.clone().into_os_string();
        path.push(".");
        path.push(extension);
        path.into()
    }
}

/// How long the store may take to say how far it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far the log is, and those who follow it.
pub struct Standing {
    /// Last position of the log.
    pub head: Position,
    /// In the order in which they were added.
    pub subscribers: Vec<SubscriberStatus>,
}

/// The application on its store, modules and subscribers running.
pub struct Platform {
    pub application: Application,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    bus: Arc<EventBus>,
}

impl Platform {
    /// Takes the store for writing and starts the modules, then the subscribers. `holder` names this process to others who want it.
    pub async fn start(config: &Config, holder: &str) -> Result<Self, Failure> {
        // What is wrong with the modules or their settings is said before there is a store.
        if !config.store.path.exists() {
            assemble_in_memory(config).await?;
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn Ids> = Arc::new(SystemIds);
        let store: Arc<dyn Store> = Arc::new(open(config, holder, &*clock)?);
        let files = FileBlobs::open(config.models());
        // Whoever holds the store is the only one to write its models.
        files.sweep().map_err(Failure::impossible)?;
        let blobs: Arc<dyn Blobs> = Arc::new(files);
        let infrastructure =
            Infrastructure { store: Arc::clone(&store), blobs, clock: Arc::clone(&clock), ids: Arc::clone(&ids) };
        let mut application = module::assemble((config.product.modules)(), infrastructure, config.options()).await?;
        for warning in &application.warnings {
            tracing::debug!("{warning}");
        }
        application.start().await?;
        let subscriptions = std::mem::take(&mut application.subscriptions);
        let retry = RetryPolicy { attempts: config.events.attempts, ..RetryPolicy::default() };
        let rules = application.event_rules.clone();
        let records = Retention { age: config.events.records, events: config.events.records_events };
        let (seed, node) = (std::process::id().into(), config.events.node());
        let options = BusOptions { retry, records, seed, rules, node, ..BusOptions::default() };
        let ports = Ports { store: Some(Arc::clone(&store)), clock: Arc::clone(&clock), ids: Arc::clone(&ids) };
        match EventBus::start(subscriptions, ports, options).await {
            Ok(bus) => Ok(Self { application, store, clock, ids, bus: Arc::new(bus) }),
            Err(error) => {
                stop(&mut application).await;
                Err(error.into())
            }
        }
    }

    /// As [`start`](Self::start) for as long as the work takes, and stops them however that ends.
    pub async fn during<T>(
        config: &Config,
        holder: &str,
        work: impl AsyncFnOnce(&Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let platform = Self::start(config, holder).await?;
        let done = work(&platform).await;
        platform.stop().await;
        done
    }

    /// The start of a piece of work by the person at the terminal.
    pub fn context(&self, config: &Config) -> Result<Context, Failure> {
        let principal = Principal::authenticate(&Terminal(&config.grants), &config.as_user)?;
        Ok(Context::new(Arc::new(principal), CorrelationId::new(self.ids.next())))
    }

    pub fn bus(&self) -> &Arc<EventBus> {
        &self.bus
    }

    /// # Errors
    /// The store fails, or does not answer: a disk that hangs gives no error.
    pub async fn standing(&self) -> Result<Standing, Error> {
        let asked = async { Ok(Standing { head: self.store.head().await?, subscribers: self.bus.status().await? }) };
        timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
            let message = format!("the store has not answered for {PATIENCE:?}: look at the disk that it is on");
            Err(Error::new(ErrorKind::Unavailable, message))
        })
    }

    /// Lets the subscribers and the projections finish what is in the log.
    pub fn drain(&self, time: Duration) -> impl Future<Output = Result<Drain, Failure>> + use<> {
        let (bus, projections) = (Arc::clone(&self.bus), self.application.projections.clone());
        async move {
            let until = Instant::now() + time;
            let drained = bus.drain(time).await?;
            let left = until.saturating_duration_since(Instant::now());
            Ok(if projections.drain(left).await? { drained } else { Drain::Incomplete })
        }
    }

    /// Stops the subscribers and the modules, and closes the store.
    pub async fn stop(mut self) {
        // Whoever else has it is gone, or goes with it.
        if let Some(bus) = Arc::into_inner(self.bus) {
            bus.stop().await;
        }
        stop(&mut self.application).await;
    }
}

/// The runs that a piece of work has begun and nobody has ended.
pub async fn begun(sagas: &SagaEngine, work: CorrelationId) -> Result<Vec<SagaId>, Failure> {
    let open = sagas.open().await?;
    Ok(open.into_iter().filter(|run| run.correlation_id == work).map(|run| run.id).collect())
}

/// What goes wrong at the end is for the log: what counts is in the store.
async fn stop(application: &mut Application) {
    if let Err(error) = application.stop().await {
        tracing::warn!("{error}");
    }
}

/// The modules on a store in memory: to describe them.
pub async fn assemble_in_memory(config: &Config) -> Result<Application, AssemblyError> {
    let infrastructure = Infrastructure {
        store: Arc::new(MemoryStore::default()),
        blobs: Arc::new(MemoryBlobs::default()),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    };
    module::assemble((config.product.modules)(), infrastructure, config.options()).await
}

fn open(config: &Config, holder: &str, clock: &dyn Clock) -> Result<SqliteStore, Failure> {
    Ok(SqliteStore::open(&config.store.path, config.writing(holder, clock))?)
}

/// The store for verbs that only read: works beside a writing process. `None` if there is no store yet.
///
/// # Errors
/// As the adapter has them; and a folder that does not exist, since nothing would ever be in it.
pub fn open_for_reading(path: &Path) -> Result<Option<Arc<dyn Store>>, Failure> {
    is_somewhere(path)?;
    Ok(SqliteStore::open_read(path)?.map(|store| Arc::new(store) as Arc<dyn Store>))
}

/// # Errors
/// The store's folder does not exist: there is none, and there never was.
pub fn is_somewhere(path: &Path) -> Result<(), Failure> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        let (path, folder) = (path.display(), folder.display());
        return Err(Failure::impossible(format!("store {path}: there is no folder {folder}: check the path")));
    }
    Ok(())
}

/// For a verb that is of no use without one.
pub fn no_store(path: &Path, what: &str) -> Failure {
    Failure::impossible(format!("there is no store at {} to {what}: {MAKE_ONE}", path.display()))
}

/// What to do where there is no store.
pub const MAKE_ONE: &str = "check --store; `borough run`, `call` and `serve` make one";

/// For a verb that orders something of what is in the store: it is not made for that.
pub fn is_there(path: &Path) -> Result<(), Failure> {
    if path.exists() { Ok(()) } else { Err(no_store(path, "order anything of")) }
}

/// The person at the terminal.
const LOCAL: &str = "local";

/// Vouches for the person at the terminal, whose shell has already asked who they are, and for whom they act as: whoever may
/// write the store's file may do anything to it.
pub(crate) struct Terminal<'a>(pub &'a Grants);

impl Authenticator for Terminal<'_> {
    type Credentials = Option<String>;

    fn verify(&self, as_user: &Option<String>) -> Result<Claims, AuthenticationError> {
        let user = as_user.as_deref().unwrap_or(LOCAL);
        if user.starts_with(module::GRANTED_MODULE) {
            return Err(AuthenticationError(format!(
                "`{user}` is no user: what a module may do, it may do itself only"
            )));
        }
        let permissions = self.0.get(user).cloned();
        let permissions = permissions.ok_or_else(|| {
            AuthenticationError(format!("the settings grant nothing to `{user}`: add it under [access.grants]"))
        })?;
        let acting = as_user.as_ref().map(|_| LOCAL.to_owned());
        Ok(Claims { user: user.into(), permissions, acting })
    }
}
