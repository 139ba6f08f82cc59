use std::fmt::Write;

use monitoring_prometheus::{Reading, Sample};

use crate::{
    cli::{Global, Metrics},
    composition::Config,
    control::Client,
    exit::Failure,
    verbs::{print, print_json},
};

pub async fn metrics(global: &Global, args: &Metrics) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    let report = Client::serving(&config).await?.metrics().await?;
    match (args.json, args.prometheus) {
        (true, _) => print_json(&report.metrics),
        (false, true) => print(&report.text),
        (false, false) => print(&render(&report.metrics)),
    }
}

fn render(metrics: &[Reading]) -> String {
    let mut text = String::new();
    metrics.iter().try_for_each(|metric| write_metric(&mut text, metric)).expect("a String takes every write");
    text
}

/// Each series on a line; of a histogram how often, and the mean.
fn write_metric(text: &mut String, metric: &Reading) -> std::fmt::Result {
    let Reading { name, help, samples, .. } = metric;
    writeln!(text, "{name}: {help}")?;
    for sample in samples {
        let value = match sample.name.strip_prefix(name.as_str()) {
            Some("") => format!("{}", sample.value),
            Some("_count") => {
                let sum = samples.iter().find(|sum| sum.labels == sample.labels && sum.name.ends_with("_sum"));
                let mean = sum.filter(|_| sample.value > 0.0).map(|sum| sum.value / sample.value);
                mean.map_or("0 times".to_owned(), |mean| format!("{} times, {mean:.6} on average", sample.value))
            }
            _ => continue,
        };
        match labels(sample) {
            none if none.is_empty() => writeln!(text, "  {value}")?,
            labels => writeln!(text, "  {labels:<60} {value}")?,
        }
    }
    Ok(())
}

fn labels(sample: &Sample) -> String {
    let labels: Vec<String> = sample.labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
    labels.join(" ")
}
