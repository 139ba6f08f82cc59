use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit};

use crate::metric::{DECLARED, OTHER};

/// Labels that metrics may have beside those that a [`Metric`](crate::Metric) declares, and what their values are. Each has as
/// many values as the program or its composition names, never one for each user, key, run or message.
pub const LABELS: [(&str, &str); 20] = [
    ("because", "why: a fixed set of words for each metric"),
    ("by", "what did not let a call through: `breaker`, `bulkhead`"),
    ("check", "name of a health check, as its module declares it"),
    ("event", "wire name of an event"),
    ("metric", "name of a metric"),
    ("module", "name of a module"),
    ("out_of", "what there was no more of: `attempts`, `budget`"),
    ("outcome", "how it ended: a fixed set of words for each metric"),
    ("place", "file, line and column of a registration"),
    ("projection", "name of a projection"),
    ("publisher", "stable name of a publisher of events"),
    ("registration", "type that is registered in the container"),
    ("request", "wire name of a request"),
    ("result", "`hit`, `miss`"),
    ("saga", "name of a saga"),
    ("state", "state of a module: `up`, `degraded`, `stopped`, `unreachable`"),
    ("step", "name of a step of a saga"),
    ("subscriber", "stable name of a subscriber"),
    ("target", "what a call goes to, as the composition names it"),
    ("to", "state of a breaker: `closed`, `half_open`, `open`"),
];

const REFUSED: &str = "borough_metric_series_refused_total";

/// How many series there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Names of metrics. Of one beyond that, nothing is recorded.
    pub metrics: usize,
    /// Of each metric. What is beyond that is recorded as one series whose labels all say `other`.
    pub series: usize,
}

impl Default for Bounds {
    /// 1,000 metrics of 1,000 series.
    fn default() -> Self {
        Self { metrics: 1000, series: 1000 }
    }
}

/// A recorder before another one, which keeps the number of series bounded: a label that is neither declared nor one of
/// [`LABELS`] has the value `other`, and so have all labels of a series beyond the [`Bounds`]. Both are counted, in
/// `borough_metric_series_refused_total`, and told in the log once for each metric.
pub struct Bounded<R> {
    inner: R,
    bounds: Bounds,
    catalogue: Catalogue,
}

/// Every metric that has been described or recorded.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(Arc<Mutex<BTreeMap<String, Entry>>>);

#[derive(Debug)]
struct Entry {
    kind: MetricKind,
    unit: Option<Unit>,
    help: SharedString,
    labels: BTreeSet<String>,
    series: HashSet<Key>,
    was_refused: bool,
}

/// What a metric measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often something was how large.
    Histogram,
}

impl fmt::Display for MetricKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

/// A metric as it is known to the recorder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricInfo {
    /// As it is exported.
    pub name: String,
    /// What it measures.
    pub kind: MetricKind,
    /// In what.
    pub unit: Option<Unit>,
    /// For people.
    pub help: String,
    /// In alphabetical order.
    pub labels: Vec<String>,
    /// How many series it has.
    pub series: usize,
}

impl Catalogue {
    /// All of them, by name.
    pub fn metrics(&self) -> Vec<MetricInfo> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let info = |(name, entry): (&String, &Entry)| MetricInfo {
            name: name.clone(),
            kind: entry.kind,
            unit: entry.unit,
            help: entry.help.to_string(),
            labels: entry.labels.iter().cloned().collect(),
            series: entry.series.len(),
        };
        entries.iter().map(info).collect()
    }

    /// `None` for one too many.
    fn with<T>(&self, name: &str, kind: MetricKind, bounds: Bounds, work: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !entries.contains_key(name) {
            if entries.len() >= bounds.metrics {
                return None;
            }
            let (labels, series) = (BTreeSet::new(), HashSet::new());
            let entry = Entry { kind, unit: None, help: "".into(), labels, series, was_refused: false };
            entries.insert(name.to_owned(), entry);
        }
        entries.get_mut(name).map(work)
    }
}

/// What became of a series, and whether its metric was refused anything before.
struct Admitted {
    key: Key,
    refused: Option<(&'static str, bool)>,
}

impl<R: Recorder> Bounded<R> {
    /// Before `inner`.
    pub fn new(inner: R, bounds: Bounds) -> Self {
        let bounded = Self { inner, bounds, catalogue: Catalogue::default() };
        let help = "Series that were asked for and are counted as `other`, by what was wrong: label, series, metric";
        bounded.describe_counter(REFUSED.into(), Some(Unit::Count), help.into());
        let labels = ["because", "metric"].map(str::to_owned);
        bounded.catalogue.with(REFUSED, MetricKind::Counter, bounds, |entry| entry.labels.extend(labels));
        bounded
    }

    /// What passes through here from now on too.
    pub fn catalogue(&self) -> Catalogue {
        self.catalogue.clone()
    }

    fn describe(&self, key: &KeyName, kind: MetricKind, unit: Option<Unit>, help: &SharedString) {
        self.catalogue.with(key.as_str(), kind, self.bounds, |entry| {
            entry.unit = unit;
            entry.help = help.clone();
        });
    }

    /// The key under which it is recorded; `None` if it is not.
    fn admit(&self, key: &Key, kind: MetricKind, metadata: &Metadata<'_>) -> Option<Key> {
        let is_declared = metadata.target() == DECLARED;
        let admitted = self.catalogue.with(key.name(), kind, self.bounds, |entry| {
            let admitted = entry.admit(key, is_declared, self.bounds);
            entry.was_refused |= admitted.refused.is_some();
            admitted
        });
        let refused = admitted.as_ref().map_or(Some(("metric", true)), |admitted| admitted.refused);
        if let Some((because, was_before)) = refused {
            // The name of a metric that is one too many is not to become the value of a label.
            let name = if because == "metric" { OTHER } else { key.name() };
            self.refused(name, because, metadata);
            if !was_before {
                tracing::warn!(
                    metric = name,
                    because,
                    "series counted as `other`: the labels of a metric are to be few"
                );
            }
        }
        admitted.map(|admitted| admitted.key)
    }

    fn refused(&self, name: &str, because: &'static str, metadata: &Metadata<'_>) {
        let labels = vec![Label::new("metric", name.to_owned()), Label::new("because", because)];
        let key = Key::from_parts(REFUSED, labels);
        self.catalogue.with(REFUSED, MetricKind::Counter, self.bounds, |entry| entry.insert(&key));
        self.inner.register_counter(&key, metadata).increment(1);
    }
}

impl Entry {
    fn admit(&mut self, key: &Key, is_declared: bool, bounds: Bounds) -> Admitted {
        if self.series.contains(key) {
            return Admitted { key: key.clone(), refused: None };
        }
        let is_known = |label: &Label| is_declared || LABELS.iter().any(|(known, _)| *known == label.key());
        let (bounded, because) = if !key.labels().all(is_known) {
            (others(key, |label| !is_known(label)), Some("label"))
        } else {
            (key.clone(), None)
        };
        let is_too_many = self.series.len() >= bounds.series && !self.series.contains(&bounded);
        let (bounded, because) = if is_too_many { (others(key, |_| true), Some("series")) } else { (bounded, because) };
        self.insert(&bounded);
        Admitted { key: bounded, refused: because.map(|because| (because, self.was_refused)) }
    }

    fn insert(&mut self, key: &Key) {
        self.labels.extend(key.labels().map(|label| label.key().to_owned()));
        self.series.insert(key.clone());
    }
}

/// The same series, with some of its labels saying `other`.
fn others(key: &Key, which: impl Fn(&Label) -> bool) -> Key {
    let other = |label: &Label| if which(label) { Label::new(label.key().to_owned(), OTHER) } else { label.clone() };
    Key::from_parts(key.name().to_owned(), key.labels().map(other).collect::<Vec<_>>())
}

impl<R: Recorder> Recorder for Bounded<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, MetricKind::Counter, unit, &description);
        self.inner.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, MetricKind::Gauge, unit, &description);
        self.inner.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, MetricKind::Histogram, unit, &description);
        self.inner.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let admitted = self.admit(key, MetricKind::Counter, metadata);
        admitted.map_or_else(Counter::noop, |key| self.inner.register_counter(&key, metadata))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        let admitted = self.admit(key, MetricKind::Gauge, metadata);
        admitted.map_or_else(Gauge::noop, |key| self.inner.register_gauge(&key, metadata))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let admitted = self.admit(key, MetricKind::Histogram, metadata);
        admitted.map_or_else(Histogram::noop, |key| self.inner.register_histogram(&key, metadata))
    }
}
