//! The report as text for a terminal.

mod sheet;

use comfy_table::Cell;
use interfaces_data::{CheckResult, ColumnProfile, ColumnType, Driver, NumericProfile, QualityReport};
use kernel::Envelope;

use crate::report::{
    RunReport, StepSummary,
    facts::{self, ColumnFacts},
    figures,
    outcome::Tone,
};
use sheet::{Sheet, coloured, faint, left, right, row};

/// Rows of each table; what is beyond stands in the JSON.
const COLUMNS: usize = 40;
const CHECKS: usize = 20;
const ANOMALIES: usize = 20;
const DRIVERS: usize = 5;
const EVENTS: usize = 30;
/// From here on there is room for the mean.
const MIDDLE: usize = 80;
/// And from here on for the median and a column of its own for the most frequent value.
const WIDE: usize = 110;

/// The report in lines of at most `width` columns, with colours: print it through `anstream`, which removes them where they are
/// not wanted. A `width` below 60 counts as 60.
pub fn render(report: &RunReport, width: usize) -> String {
    let mut sheet = Sheet::new(width);
    run(&mut sheet, report);
    quality(&mut sheet, report);
    anomalies(&mut sheet, report);
    model(&mut sheet, report);
    registry(&mut sheet, report);
    events(&mut sheet, report);
    saved(&mut sheet, report);
    stop(&mut sheet, report);
    sheet.into_text()
}

fn run(sheet: &mut Sheet, report: &RunReport) {
    let name = figures::visible(&figures::file_name(&report.dataset.url));
    sheet.heading(&figures::clipped(&name, 40), &report.outcome(), Some(report.tone()));
    let mut facts = vec![
        ("data", facts::dataset(report)),
        ("run", report.saga.id.to_string()),
        ("started", figures::moment(report.saga.started_at)),
    ];
    let steps: Vec<String> = report.saga.steps.iter().filter_map(step_time).collect();
    if !steps.is_empty() {
        facts.push(("steps", steps.join(", ")));
    }
    sheet.facts(&facts);
}

fn step_time(step: &StepSummary) -> Option<String> {
    Some(format!("{} {}", step.name, figures::duration(step.duration_ms?)))
}

fn quality(sheet: &mut Sheet, report: &RunReport) {
    let Some(quality) = &report.quality else { return };
    let (verdict, tone) = facts::verdict(report, quality);
    sheet.heading("Quality", &verdict, Some(tone));
    columns(sheet, quality);
    checks(sheet, quality);
}

fn columns(sheet: &mut Sheet, quality: &QualityReport) {
    // Name and most frequent value give way to the figures between them.
    let fixed = |title| right(title).fixed();
    let mut headers = vec![left("column"), left("type").fixed(), fixed("nulls"), fixed("distinct"), fixed("min")];
    match sheet.width() {
        WIDE.. => headers.extend([fixed("median"), fixed("mean"), fixed("max"), left("most frequent")]),
        MIDDLE.. => headers.extend([fixed("mean"), right("max / top")]),
        _ => headers.push(right("max / top")),
    }
    let mut table = sheet.table(&headers);
    for column in quality.columns.iter().take(COLUMNS) {
        table.add_row(row(column_cells(column, quality.rows, sheet.width()), 1));
    }
    sheet.put(table);
    sheet.rest(quality.columns.len(), COLUMNS, "columns");
}

fn column_cells(column: &ColumnProfile, rows: u64, width: usize) -> Vec<Cell> {
    let facts = ColumnFacts::of(column, rows);
    let (name_room, room) = if width >= WIDE { (40, 16) } else { (24, 12) };
    let name = figures::clipped(&figures::visible(&column.name), name_room);
    let nulls = if column.nulls == 0 { faint(&facts.nulls) } else { coloured(&facts.nulls, Tone::Warn) };
    let figure = |full: &str, value: fn(&NumericProfile) -> f64| match column.numeric.as_ref().map(value) {
        Some(value) if value.abs() >= 1e9 => figures::scientific(value),
        _ => figures::clipped(full, room),
    };
    let [min, max] = match column.column_type {
        ColumnType::Timestamp if width < WIDE => [&facts.min, &facts.max].map(|time| day(time)),
        _ => [figure(&facts.min, |n| n.min), figure(&facts.max, |n| n.max)],
    };
    let (median, mean) = (figure(&facts.median, |n| n.quantiles.p50), figure(&facts.mean, |n| n.mean));
    // Where there is no room for both: bounds if the order of values means something, else the most frequent value.
    let [min, last] = match column.column_type {
        _ if width >= WIDE => [min, facts.top],
        ColumnType::Boolean | ColumnType::Text | ColumnType::Null => [String::new(), facts.top],
        ColumnType::Integer | ColumnType::Float | ColumnType::Date | ColumnType::Timestamp => [min, max.clone()],
    };
    let mut cells = vec![Cell::new(name), Cell::new(facts.kind), nulls, Cell::new(&facts.distinct), Cell::new(min)];
    match width {
        WIDE.. => cells.extend([median, mean, max].map(Cell::new)),
        MIDDLE.. => cells.push(Cell::new(mean)),
        _ => {}
    }
    cells.push(Cell::new(last));
    cells
}

fn day(time: &str) -> String {
    time.chars().take("2013-01-01".len()).collect()
}

fn checks(sheet: &mut Sheet, quality: &QualityReport) {
    let failed = facts::failed_checks(quality);
    sheet.gap();
    sheet.line(&facts::passed_checks(quality));
    if failed.is_empty() {
        return;
    }
    let mut table = sheet.table(&[left("").fixed(), left("check"), right("rows").fixed(), left("finding")]);
    for check in failed.iter().take(CHECKS) {
        table.add_row(row(failed_check(check), 4));
    }
    sheet.put(table);
    sheet.rest(failed.len(), CHECKS, "checks");
}

fn failed_check(check: &CheckResult) -> Vec<Cell> {
    let tone = facts::check_tone(check);
    vec![
        coloured(tone.mark(), tone),
        Cell::new(figures::visible(&check.name)),
        Cell::new(figures::count(check.failing)),
        Cell::new(facts::finding(check)),
    ]
}

fn anomalies(sheet: &mut Sheet, report: &RunReport) {
    let Some(summary) = facts::search(report) else { return };
    let anomalies = &report.anomalies;
    sheet.heading("Anomalies", &summary, None);
    if anomalies.is_empty() {
        return;
    }
    let mut table = sheet.table(&[right("row").fixed(), right("score").fixed(), left("driven by")]);
    // Beside row number, score and blanks.
    let room = sheet.width() - 24;
    for anomaly in anomalies.iter().take(ANOMALIES) {
        let cells = [anomaly.row.to_string(), figures::score(anomaly.score), drivers(&anomaly.drivers, room)];
        table.add_row(row(cells.map(Cell::new).into(), 3));
    }
    sheet.put(table);
    sheet.rest(anomalies.len(), ANOMALIES, "anomalies");
}

/// The most important drivers, as many as a line has room for.
fn drivers(drivers: &[Driver], room: usize) -> String {
    let mut line = String::new();
    for driver in drivers.iter().take(DRIVERS).map(facts::driver) {
        if line.is_empty() {
            line = driver;
        } else if line.chars().count() + 2 + driver.chars().count() <= room {
            line = format!("{line}, {driver}");
        } else {
            break;
        }
    }
    line
}

fn model(sheet: &mut Sheet, report: &RunReport) {
    let model = &report.model;
    sheet.heading("Model", &facts::model(model), None);
    let Some(training) = &model.training else { return };

    let mut table = sheet.table(&[left(""), right("model"), right("majority class"), right("difference")]);
    for compared in facts::comparisons(training) {
        let [metric, model, baseline] = [compared.metric, &compared.model, &compared.baseline].map(Cell::new);
        table.add_row(row(vec![metric, model, baseline, coloured(&compared.difference, compared.tone)], 1));
    }
    sheet.put(table);

    sheet.gap();
    let mut table = sheet.table(&[left("in truth"), right("predicted true"), right("predicted false")]);
    for class in facts::classes(&training.metrics.confusion) {
        let cells = class.predicted.map(|predicted| {
            let text = format!("{} ({})", predicted.count(), predicted.percent());
            coloured(&text, if predicted.right { Tone::Good } else { Tone::Warn })
        });
        table.add_row(row([Cell::new(class.name)].into_iter().chain(cells).collect(), 1));
    }
    sheet.put(table);

    sheet.gap();
    sheet.facts(&facts::training(training));
}

fn registry(sheet: &mut Sheet, report: &RunReport) {
    let registry = &report.registry;
    let (version, tone) = facts::version(registry);
    sheet.heading("Registry", &version, tone);
    sheet.facts(&facts::registry(registry));
}

fn events(sheet: &mut Sheet, report: &RunReport) {
    let correlation = format!("correlation {}", report.saga.correlation_id);
    sheet.heading("Events", &correlation, None);
    let mut table = sheet.table(&[right("#").fixed(), left("time (UTC)").fixed(), left("event"), left("module")]);
    for event in report.events.iter().take(EVENTS) {
        table.add_row(row(event_cells(event), 1));
    }
    sheet.put(table);
    sheet.rest(report.events.len(), EVENTS, "events");
}

fn event_cells(event: &Envelope) -> Vec<Cell> {
    let position = event.metadata.position.map(|position| position.to_string()).unwrap_or_default();
    let time = figures::time_of_day(event.timestamp);
    vec![
        faint(&position),
        faint(&time),
        Cell::new(figures::visible(&event.event_type)),
        Cell::new(figures::visible(&event.source_module)),
    ]
}

fn saved(sheet: &mut Sheet, report: &RunReport) {
    sheet.heading("Saved", "", None);
    sheet.facts(&facts::saved(report));
}

/// Last, so that it stands above the prompt: what stopped the run, what was undone, how to go on.
fn stop(sheet: &mut Sheet, report: &RunReport) {
    let stop = report.stop();
    if !stop.is_empty() {
        sheet.heading("Not completed", &report.outcome(), Some(report.tone()));
        sheet.facts(&stop);
    }
}
