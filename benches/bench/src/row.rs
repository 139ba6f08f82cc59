use serde::Serialize;

/// One measurement beside its reference, as `--json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// `group/case`, with `@variant` behind it where the case is not the one that a mark names.
    pub name: String,
    pub unit: Unit,
    pub median: f64,
    /// How many samples the medians are taken over.
    pub runs: usize,
    /// What it was measured against in the same run; null when it stands alone.
    pub reference: Option<&'static str>,
    pub reference_median: Option<f64>,
    /// Memory blocks taken each time; null where that was not counted.
    pub allocations: Option<f64>,
    /// Instructions each time; null where that was not counted.
    pub instructions: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    #[serde(rename = "ns/op")]
    NanosPerOp,
    #[serde(rename = "ops/s")]
    OpsPerSecond,
    /// CPU seconds of all threads.
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "bytes")]
    Bytes,
    /// Bytes per CPU second.
    #[serde(rename = "bytes/s")]
    BytesPerSecond,
}

impl Unit {
    /// A value as a person reads it.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::NanosPerOp if value < 1_000.0 => format!("{value:.1} ns/op"),
            Self::NanosPerOp => format!("{:.2} us/op", value / 1e3),
            Self::OpsPerSecond => format!("{value:.0} ops/s"),
            Self::Seconds => format!("{value:.3} s"),
            Self::Bytes if value < f64::from(1 << 20) => format!("{value:.0} bytes"),
            Self::Bytes => format!("{:.1} MiB", value / f64::from(1 << 20)),
            Self::BytesPerSecond => format!("{:.1} MB/s", value / 1e6),
        }
    }
}

/// Whether a row of this name is asked for: filters are prefixes, none asks for all.
pub fn admitted(name: &str, filters: &[String]) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.starts_with(filter))
}

/// The middle one, or the mean of the two in the middle.
///
/// # Panics
/// If there are no samples.
pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    let middle = samples.len() / 2;
    if samples.len() % 2 == 1 { samples[middle] } else { f64::midpoint(samples[middle - 1], samples[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_depend_on_order_or_outliers() {
        assert_eq!(median(vec![3.0, 1.0, 900.0]), 3.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(vec![7.0]), 7.0);
    }

    #[test]
    fn a_filter_is_a_prefix() {
        let filters = ["store/".to_owned(), "container/sing".to_owned()];
        assert!(admitted("container/singleton@2-threads", &filters));
        assert!(admitted("store/sqlite-100", &filters));
        assert!(!admitted("container/transient-3", &filters));
        assert!(admitted("anything", &[]));
    }

    #[test]
    fn a_row_is_one_json_object_with_every_key() {
        let row = Row {
            name: "job/sample".into(),
            unit: Unit::Seconds,
            median: 1.5,
            runs: 7,
            reference: None,
            reference_median: None,
            allocations: Some(2.0),
            instructions: None,
        };
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"name":"job/sample","unit":"s","median":1.5,"runs":7,"reference":null,"reference_median":null,"allocations":2.0,"instructions":null}"#
        );
        let units = [Unit::NanosPerOp, Unit::OpsPerSecond, Unit::Seconds, Unit::Bytes, Unit::BytesPerSecond];
        assert_eq!(serde_json::to_string(&units).unwrap(), r#"["ns/op","ops/s","s","bytes","bytes/s"]"#);
    }
}
