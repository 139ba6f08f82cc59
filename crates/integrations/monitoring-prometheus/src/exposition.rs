//! The text exposition format, read back: what the exporter renders is the one account of its values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A metric with its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// As it is scraped.
    pub name: String,
    /// `counter`, `gauge`, `histogram`.
    pub kind: String,
    /// For people.
    pub help: String,
    /// One a series; of a histogram, one a bucket, and sum and count.
    pub samples: Vec<Sample>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The metric's, with `_bucket`, `_sum` or `_count` behind it for those of a histogram.
    pub name: String,
    /// In alphabetical order.
    pub labels: BTreeMap<String, String>,
    /// At the moment of reading. JSON has no number for what is none or endless: it is `"NaN"`, `"inf"` or `"-inf"` there.
    #[serde(with = "number")]
    pub value: f64,
}

mod number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(f64),
        Text(String),
    }

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() { value.serialize(serializer) } else { serializer.collect_str(value) }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match Form::deserialize(deserializer)? {
            Form::Number(value) => Ok(value),
            Form::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}

pub(crate) fn readings(text: &str) -> Vec<Reading> {
    let mut readings: BTreeMap<&str, Reading> = BTreeMap::new();
    let mut helps: BTreeMap<&str, String> = BTreeMap::new();
    let mut present = "";
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|line| line.split_once(' ')) {
            helps.insert(name, unescaped(help));
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            present = name;
            let help = helps.remove(name).unwrap_or_default();
            let reading = Reading { name: name.into(), kind: kind.into(), help, samples: Vec::new() };
            readings.insert(name, reading);
        } else if let (Some(reading), Some(sample)) = (readings.get_mut(present), sample(line)) {
            reading.samples.push(sample);
        }
    }
    let mut readings: Vec<Reading> = readings.into_values().collect();
    for reading in &mut readings {
        // Buckets stay in the order of their bounds.
        reading.samples.sort_by(|a, b| series(a).cmp(&series(b)));
    }
    readings
}

fn series(sample: &Sample) -> Vec<(&String, &String)> {
    sample.labels.iter().filter(|(label, _)| *label != "le").collect()
}

/// `name{label="value",...} value`
fn sample(line: &str) -> Option<Sample> {
    let at = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(at);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while let Some((label, quoted)) = rest.split_once("=\"") {
            let end = end_of_quoted(quoted)?;
            labels.insert(label.to_owned(), unescaped(&quoted[..end]));
            rest = &quoted[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}')?;
    }
    Some(Sample { name: name.into(), labels, value: rest.trim().parse().ok()? })
}

fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices()
        .find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        })
        .map(|(at, _)| at)
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => plain.push('\n'),
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            },
            (c, false) => plain.push(c),
        }
    }
    plain
}
