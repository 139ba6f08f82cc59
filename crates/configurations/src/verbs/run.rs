use std::{path::Path, sync::Arc, time::Duration};

use event_sourcing::{LogQuery, Position, Store};
use interfaces_ai::{GetPipelineRun, PipelineOptions, StartPipeline};
use kernel::{Context, CorrelationId, Envelope, Event};
use request::{CommandRecorded, Requests};
use saga::{Observer, SagaId, SagaRecord, SagaState};

use crate::{
    cli::{Global, Run},
    composition::{Config, Platform},
    control,
    exit::Failure,
    origins::Origins,
    progress::Progress,
    report::{self, RunReport, Saved},
    sidecar::Sidecar,
    verbs::{here_or_there, interrupted, page::Page, print, print_json},
};

/// How long the subscribers are given for what a run has published; the rest is delivered by the next process.
pub(super) const DRAIN: Duration = Duration::from_secs(30);

pub async fn run(global: &Global, args: &Run) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?.acting(&args.acting);
    let interrupt = interrupted()?;
    let (request, origins) = start_request(&config, args).await?;
    let page = args.report.as_deref().map(|file| Page::begin(file, &config, args)).transpose()?;
    let outcome = tokio::select! {
        // Whoever drives a run hears of the interruption too, and knows more about it.
        biased;
        outcome = carry_out(&config, request) => outcome,
        () = interrupt => Err(Failure::Interrupted),
    };
    let mut report = outcome.map_err(|failure| match failure {
        Failure::Refused(mut error) => {
            origins.explain(&mut error);
            Failure::Refused(error)
        }
        other => other,
    })?;
    if let Some(failure) = &mut report.failure {
        origins.explain(failure);
    }
    show(args, page, report)
}

async fn carry_out(config: &Config, request: StartPipeline) -> Result<RunReport, Failure> {
    here_or_there(
        config,
        "borough run",
        async |platform| report_of(config, platform, request.clone()).await,
        async |client| control::run_there(&client, config, &request).await,
    )
    .await
}

/// Flags before sidecar before settings.
async fn start_request(config: &Config, args: &Run) -> Result<(StartPipeline, Origins), Failure> {
    let dataset = dataset::identify(&args.dataset).await.map_err(kernel::Error::from)?;
    let sidecar = Sidecar::beside(&args.dataset)?;
    let (checks, checks_source) = match &args.checks {
        Some(file) => Sidecar::with_checks(file).map(|named| (named.checks, named.source))?,
        None => (sidecar.checks, None),
    };
    let origins = Origins::new(args, sidecar.source, checks_source);
    let stem = || args.dataset.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let options = PipelineOptions {
        model_name: args.model_name.clone().or(sidecar.model_name).unwrap_or_else(stem),
        target: args.target.clone().or(sidecar.target),
        exclude: args.exclude.clone().or(sidecar.exclude).unwrap_or_default(),
        checks,
        min_score: args.min_score.or(sidecar.min_score).unwrap_or(config.pipeline.min_score),
        top_anomalies: config.pipeline.top_anomalies,
        folds: config.pipeline.folds,
        seed: config.pipeline.seed,
    };
    Ok((StartPipeline { dataset, options }, origins))
}

async fn report_of(config: &Config, platform: &Platform, request: StartPipeline) -> Result<RunReport, Failure> {
    let cx = platform.context(config)?;
    let from = platform.store.head().await?;
    let started = platform.application.requests.ask(&cx, request).await?;
    let record = drive(platform, SagaId(started.saga_id), &Progress::new()).await?;
    if platform.drain(DRAIN).await? == event_bus::Drain::Incomplete {
        tracing::warn!("subscribers are behind: the next run or `borough serve` delivers the rest");
    }
    collect(config, &platform.application.requests, &*platform.store, &cx, &record, from).await
}

/// Drives a run to its end, or leaves it resumable when the user interrupts.
pub(super) async fn drive(platform: &Platform, id: SagaId, observer: &dyn Observer) -> Result<SagaRecord, Failure> {
    tokio::select! {
        record = platform.application.sagas.drive(id, observer) => Ok(record?),
        () = interrupted()? => Err(Failure::Interrupted),
    }
}

/// The report of a run, read from the store.
pub(crate) async fn collect(
    config: &Config,
    requests: &Requests,
    store: &dyn Store,
    cx: &Context,
    record: &SagaRecord,
    from: Position,
) -> Result<RunReport, Failure> {
    let run = requests.ask(cx, GetPipelineRun { saga_id: record.id.0 }).await?;
    let mut events = events_of(store, from, record.correlation_id).await?;
    events.retain(|envelope| envelope.event_type != CommandRecorded::NAME);
    let events = events.into_iter().map(Arc::unwrap_or_clone).collect();
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.into()).display().to_string();
    let saved = Saved { store: absolute(&config.store.path), models: absolute(&config.models()), report: None };
    Ok(RunReport::new(run, record.into(), events, saved))
}

/// Every event of one piece of work behind a position.
pub(super) async fn events_of(
    store: &dyn Store,
    from: Position,
    correlation: CorrelationId,
) -> Result<Vec<Arc<Envelope>>, Failure> {
    let mut events = Vec::new();
    let mut query = LogQuery { correlation: Some(correlation), ..LogQuery::after(from, 1000) };
    loop {
        let page = store.log(query.clone()).await?;
        let Some(last) = page.last().and_then(|envelope| envelope.metadata.position) else { return Ok(events) };
        query.after = Position(last);
        events.extend(page);
    }
}

fn show(args: &Run, page: Option<Page>, mut report: RunReport) -> Result<(), Failure> {
    let written = page.map_or(Ok(()), |page| {
        report.saved.report = Some(page.file.display().to_string());
        page.write(&report::html::render(&report)?)
    });
    if written.is_err() {
        report.saved.report = None;
    }
    let printed = if args.json { print_json(&report) } else { print(&report::terminal::render(&report, width())) };
    // What became of the run outweighs who read of it.
    outcome(&report).and(written).and(printed)
}

/// Of the terminal; a pipe gets what fits a wide one.
fn width() -> usize {
    comfy_table::Table::new().width().map_or(100, usize::from)
}

fn outcome(report: &RunReport) -> Result<(), Failure> {
    match (report.saga.state, &report.failure) {
        (SagaState::Completed, _) => Ok(()),
        (SagaState::Stuck, _) => Err(Failure::Impossible(format!(
            "run {} is stuck, an undo did not succeed: see `borough sagas show {}`",
            report.saga.id, report.saga.id
        ))),
        (_, Some(error)) => Err(error.clone().into()),
        (_, None) => Err(Failure::Impossible(format!("run {} did not end", report.saga.id))),
    }
}
