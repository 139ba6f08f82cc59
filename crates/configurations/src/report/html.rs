//! The report as a page of its own: no script, nothing loaded, light or dark as the reader has it.

mod charts;

use askama::Template;
use interfaces_ai::RegistryStage;
use interfaces_data::{CheckResult, ColumnProfile, QualityReport};
use kernel::Envelope;
use saga::StepState;
use serde_json::Value;

use crate::report::{
    ModelSummary, RunReport, StepSummary,
    facts::{self, ActualClass, ColumnFacts, Comparison, Predicted},
    figures,
    outcome::Tone,
};
use charts::{BoxPlot, Percent, Segment};

/// Most frequent values drawn per column.
const SEGMENTS: usize = 4;

/// The whole page. All text of the dataset is escaped, and the page forbids itself to run or load anything.
pub fn render(report: &RunReport) -> Result<String, askama::Error> {
    Page::of(report).render()
}

type Facts = Vec<(&'static str, String)>;

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    title: String,
    outcome: Marked,
    dataset: String,
    run: Facts,
    stop: Facts,
    tiles: Vec<Tile>,
    steps: Vec<StepRow>,
    quality: Option<Quality>,
    anomalies: Option<Anomalies>,
    model: Model,
    registry: Registry,
    correlation: String,
    events: Vec<EventRow>,
    saved: Facts,
}

struct Marked {
    text: String,
    tone: Tone,
}

/// One figure large enough to be read from afar.
struct Tile {
    label: &'static str,
    value: String,
    note: String,
}

struct StepRow {
    name: String,
    state: &'static str,
    class: &'static str,
    duration: String,
    /// Of the longest step.
    bar: Percent,
}

struct Quality {
    verdict: Marked,
    columns: Vec<ColumnRow>,
    summary: String,
    failed: Vec<CheckRow>,
    passed: Vec<CheckRow>,
}

struct ColumnRow {
    name: String,
    facts: ColumnFacts,
    nulls: Percent,
    spread: Option<BoxPlot>,
    segments: Vec<Segment>,
}

struct CheckRow {
    mark: Marked,
    rows: String,
    finding: String,
}

struct Anomalies {
    summary: String,
    rows: Vec<AnomalyRow>,
}

struct AnomalyRow {
    row: u64,
    score: String,
    bar: Percent,
    drivers: Vec<DriverChip>,
}

struct DriverChip {
    text: String,
    share: Percent,
}

struct Model {
    title: String,
    trained: Option<Trained>,
}

struct Trained {
    comparisons: [Comparison; 2],
    classes: Vec<Class>,
    facts: Facts,
}

struct Class {
    name: &'static str,
    cells: Vec<MatrixCell>,
}

struct MatrixCell {
    right: bool,
    share: Percent,
    count: String,
    percent: String,
}

struct Registry {
    version: String,
    tone: Option<Tone>,
    facts: Facts,
}

struct EventRow {
    position: String,
    time: String,
    event_type: String,
    module: String,
    data: String,
}

impl Page {
    fn of(report: &RunReport) -> Self {
        let longest = report.saga.steps.iter().filter_map(|step| step.duration_ms).max().unwrap_or(0);
        Self {
            title: figures::visible(&figures::file_name(&report.dataset.url)),
            outcome: Marked { text: report.outcome(), tone: report.tone() },
            dataset: facts::dataset(report),
            run: vec![
                ("started", figures::moment(report.saga.started_at)),
                ("run", report.saga.id.to_string()),
                ("data", figures::visible(&report.dataset.url)),
                ("digest", report.dataset.fingerprint.to_string()),
            ],
            stop: report.stop(),
            tiles: tiles(report),
            steps: report.saga.steps.iter().map(|step| StepRow::of(step, longest)).collect(),
            quality: report.quality.as_ref().map(|quality| Quality::of(report, quality)),
            anomalies: Anomalies::of(report),
            model: Model::of(&report.model),
            registry: Registry::of(&report.registry),
            correlation: report.saga.correlation_id.to_string(),
            events: report.events.iter().map(EventRow::of).collect(),
            saved: facts::saved(report),
        }
    }
}

fn tiles(report: &RunReport) -> Vec<Tile> {
    let mut tiles = Vec::new();
    if let Some(quality) = &report.quality {
        let columns = figures::plural(figures::size(&quality.columns), "column");
        tiles.push(Tile { label: "rows", value: figures::count(quality.rows), note: format!("in {columns}") });
        let score = figures::score(quality.score);
        tiles.push(Tile { label: "quality score", value: score, note: facts::passed_checks(quality) });
    }
    if let Some(first) = report.anomalies.first() {
        let note = format!("row {}", first.row);
        tiles.push(Tile { label: "highest anomaly score", value: figures::score(first.score), note });
    }
    if let Some(training) = &report.model.training {
        for compared in facts::comparisons(training) {
            let note = format!("majority class {}", compared.baseline);
            tiles.push(Tile { label: compared.metric, value: compared.model, note });
        }
    }
    tiles
}

impl StepRow {
    fn of(step: &StepSummary, longest: u64) -> Self {
        Self {
            name: figures::visible(&step.name),
            state: step.state.name(),
            class: match step.state {
                StepState::Done => "good",
                StepState::Failed => "bad",
                StepState::Undone => "warn",
                StepState::Pending | StepState::Started => "faint",
            },
            duration: step.duration_ms.map(figures::duration).unwrap_or_default(),
            bar: Percent::of(figures::ratio(step.duration_ms.unwrap_or(0), longest)),
        }
    }
}

impl Quality {
    fn of(report: &RunReport, quality: &QualityReport) -> Self {
        let (verdict, tone) = facts::verdict(report, quality);
        Self {
            verdict: Marked { text: verdict, tone },
            columns: quality.columns.iter().map(|column| ColumnRow::of(column, quality.rows)).collect(),
            summary: facts::passed_checks(quality),
            failed: facts::failed_checks(quality).into_iter().map(CheckRow::of).collect(),
            passed: quality.checks.iter().filter(|check| check.passed).map(CheckRow::of).collect(),
        }
    }
}

impl ColumnRow {
    fn of(column: &ColumnProfile, rows: u64) -> Self {
        let spread = column.numeric.as_ref().map(charts::box_plot);
        let segments = match spread {
            Some(_) => Vec::new(),
            None => charts::segments(column, rows, SEGMENTS),
        };
        Self {
            name: figures::visible(&column.name),
            facts: ColumnFacts::of(column, rows),
            nulls: Percent::of(figures::ratio(column.nulls, rows)),
            spread,
            segments,
        }
    }
}

impl CheckRow {
    fn of(check: &CheckResult) -> Self {
        Self {
            mark: Marked { text: figures::visible(&check.name), tone: facts::check_tone(check) },
            rows: figures::count(check.failing),
            finding: facts::finding(check),
        }
    }
}

impl Anomalies {
    fn of(report: &RunReport) -> Option<Self> {
        let summary = facts::search(report)?;
        let rows = report.anomalies.iter().map(|anomaly| AnomalyRow {
            row: anomaly.row,
            score: figures::score(anomaly.score),
            bar: Percent::of(anomaly.score),
            drivers: anomaly
                .drivers
                .iter()
                .take(6)
                .map(|driver| DriverChip { text: facts::driver(driver), share: Percent::of(driver.share) })
                .collect(),
        });
        Some(Self { summary, rows: rows.collect() })
    }
}

impl Model {
    fn of(model: &ModelSummary) -> Self {
        Self {
            title: facts::model(model),
            trained: model.training.as_ref().map(|training| Trained {
                comparisons: facts::comparisons(training),
                classes: facts::classes(&training.metrics.confusion).map(Class::of).into(),
                facts: facts::training(training),
            }),
        }
    }
}

impl Registry {
    fn of(registry: &RegistryStage) -> Self {
        let (version, tone) = facts::version(registry);
        Self { version, tone, facts: facts::registry(registry) }
    }
}

impl Class {
    fn of(class: ActualClass) -> Self {
        let cell = |predicted: Predicted| MatrixCell {
            right: predicted.right,
            share: Percent::of(predicted.share),
            count: predicted.count(),
            percent: predicted.percent(),
        };
        Self { name: class.name, cells: class.predicted.map(cell).into() }
    }
}

impl EventRow {
    fn of(event: &Envelope) -> Self {
        Self {
            position: event.metadata.position.map(|position| position.to_string()).unwrap_or_default(),
            time: figures::time_of_day(event.timestamp),
            event_type: figures::visible(&event.event_type),
            module: figures::visible(&event.source_module),
            data: event.data.read::<Value>().map_or_else(|_| event.data.to_string(), |data| format!("{data:#}")),
        }
    }
}
