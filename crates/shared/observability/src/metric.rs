use std::marker::PhantomData;

use metrics::{Counter, Gauge, Histogram, Key, Level, Metadata, Unit};

/// Says of a metric's registration that its labels were declared.
pub(crate) const DECLARED: &str = "declared";

static METADATA: Metadata<'static> = Metadata::new(DECLARED, Level::INFO, None);

/// In place of a label's value that is not one of those declared, or one too many.
pub(crate) const OTHER: &str = "other";

/// A label of a [`Metric`].
#[derive(Debug, Clone, Copy)]
pub struct Label {
    name: &'static str,
    values: Option<&'static [&'static str]>,
}

impl Label {
    /// Has one of these values; any other is counted as `other`.
    pub const fn of(name: &'static str, values: &'static [&'static str]) -> Self {
        assert!(!values.is_empty(), "a label without a value: declare them, or that it is `open`");
        Self { name, values: Some(values) }
    }

    /// Has as many values as the composition has things of this name, such as modules. Nothing that users type: the number of
    /// series is limited, and what is beyond that is counted as `other`.
    pub const fn open(name: &'static str) -> Self {
        Self { name, values: None }
    }

    fn admit<'v>(&self, value: &'v str) -> &'v str {
        match self.values {
            Some(values) if !values.contains(&value) => OTHER,
            _ => value,
        }
    }
}

/// A metric of a domain, declared once, as a constant:
///
/// ```
/// use observability::{Counter, Histogram, Label, Metric};
///
/// const SOLD: Metric<Counter, 1> =
///     Metric::counter("shop_sold_total", "Things sold", [Label::of("paid_by", &["card", "cash"])]);
/// const PACKING: Metric<Histogram> = Metric::seconds("shop_packing_seconds", "Time to pack a parcel", []);
///
/// SOLD.of(["card"]).increment(1);
/// PACKING.of([]).record(0.2);
/// ```
///
/// A name that breaks the conventions of Prometheus does not compile: snake case; `_total` for a counter and for nothing else;
/// base units, at the end of the name.
#[derive(Debug, Clone, Copy)]
pub struct Metric<H, const N: usize = 0> {
    name: &'static str,
    unit: Unit,
    help: &'static str,
    labels: [Label; N],
    handle: PhantomData<fn() -> H>,
}

impl<H, const N: usize> Metric<H, N> {
    const fn new(name: &'static str, unit: Unit, help: &'static str, labels: [Label; N]) -> Self {
        assert!(is_snake_case(name), "the name of a metric is snake case: `shop_sold_total`");
        assert!(!help.is_empty(), "a metric says what it means");
        let mut i = 0;
        while i < N {
            let label = labels[i].name;
            assert!(is_snake_case(label), "the name of a label is snake case");
            assert!(!is_reserved(label), "`le` and `quantile` are labels of the exposition format itself");
            i += 1;
        }
        Self { name, unit, help, labels, handle: PhantomData }
    }

    /// Its name, as it is exported.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn key(&self, values: [&str; N]) -> Key {
        let labels = self.labels.iter().zip(values);
        let labels = labels.map(|(label, value)| metrics::Label::new(label.name, label.admit(value).to_owned()));
        Key::from_parts(self.name, labels.collect::<Vec<_>>())
    }
}

impl<const N: usize> Metric<Counter, N> {
    /// Only ever goes up. Its name ends in `_total`.
    pub const fn counter(name: &'static str, help: &'static str, labels: [Label; N]) -> Self {
        assert!(ends_with(name, "_total"), "the name of a counter ends in `_total`");
        Self::new(name, Unit::Count, help, labels)
    }

    /// The counter for these values, in the order of the labels. What counts often keeps it: it is looked up here. A recorder
    /// has to be installed before.
    pub fn of(&self, values: [&str; N]) -> Counter {
        metrics::with_recorder(|recorder| {
            recorder.describe_counter(self.name.into(), Some(self.unit), self.help.into());
            recorder.register_counter(&self.key(values), &METADATA)
        })
    }
}

impl<const N: usize> Metric<Gauge, N> {
    /// A number of things that goes up and down.
    pub const fn gauge(name: &'static str, help: &'static str, labels: [Label; N]) -> Self {
        assert!(!ends_with(name, "_total"), "`_total` is for counters");
        Self::new(name, Unit::Count, help, labels)
    }

    /// A size that goes up and down. Its name ends in `_bytes`.
    pub const fn gauge_bytes(name: &'static str, help: &'static str, labels: [Label; N]) -> Self {
        assert!(ends_with(name, "_bytes"), "the name of what is measured in bytes ends in `_bytes`");
        Self::new(name, Unit::Bytes, help, labels)
    }

    /// A time that goes up and down, such as an age. Its name ends in `_seconds`.
    pub const fn gauge_seconds(name: &'static str, help: &'static str, labels: [Label; N]) -> Self {
        assert!(ends_with(name, "_seconds"), "the name of what is measured in seconds ends in `_seconds`");
        Self::new(name, Unit::Seconds, help, labels)
    }

    /// The gauge for these values: see [`Metric::<Counter, N>::of`].
    pub fn of(&self, values: [&str; N]) -> Gauge {
        metrics::with_recorder(|recorder| {
            recorder.describe_gauge(self.name.into(), Some(self.unit), self.help.into());
            recorder.register_gauge(&self.key(values), &METADATA)
        })
    }
}

impl<const N: usize> Metric<Histogram, N> {
    /// How long something takes. Its name ends in `_seconds`.
    pub const fn seconds(name: &'static str, help: &'static str, labels: [Label; N]) -> Self {
        assert!(ends_with(name, "_seconds"), "the name of what is measured in seconds ends in `_seconds`");
        Self::new(name, Unit::Seconds, help, labels)
    }

    /// How large something is. Its name ends in `_bytes`.
    pub const fn bytes(name: &'static str, help: &'static str, labels: [Label; N]) -> Self {
        assert!(ends_with(name, "_bytes"), "the name of what is measured in bytes ends in `_bytes`");
        Self::new(name, Unit::Bytes, help, labels)
    }

    /// How many there are each time.
    pub const fn sizes(name: &'static str, help: &'static str, labels: [Label; N]) -> Self {
        assert!(!ends_with(name, "_total"), "`_total` is for counters");
        Self::new(name, Unit::Count, help, labels)
    }

    /// The histogram for these values: see [`Metric::<Counter, N>::of`].
    pub fn of(&self, values: [&str; N]) -> Histogram {
        metrics::with_recorder(|recorder| {
            recorder.describe_histogram(self.name.into(), Some(self.unit), self.help.into());
            recorder.register_histogram(&self.key(values), &METADATA)
        })
    }
}

const fn is_snake_case(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let fits = match bytes[i] {
            b'a'..=b'z' => true,
            b'0'..=b'9' => i > 0,
            b'_' => i > 0 && i + 1 < bytes.len() && bytes[i - 1] != b'_',
            _ => false,
        };
        if !fits {
            return false;
        }
        i += 1;
    }
    !bytes.is_empty()
}

const fn is_reserved(label: &str) -> bool {
    matches!(label.as_bytes(), b"le" | b"quantile")
}

const fn ends_with(name: &str, end: &str) -> bool {
    let (name, end) = (name.as_bytes(), end.as_bytes());
    let mut left = end.len();
    if name.len() <= left {
        return false;
    }
    let offset = name.len() - left;
    while left > 0 {
        left -= 1;
        if name[offset + left] != end[left] {
            return false;
        }
    }
    true
}
