use std::{fmt::Write, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};
use event_sourcing::Store;
use saga::{SagaEngine, SagaId, SagaRecord, SagaState};

use crate::{
    cli::{Global, SagaList, SagaResume, SagaShow, SagaVerb, Sagas},
    composition::{Config, Platform},
    control,
    exit::Failure,
    progress::Progress,
    report::{SagaSummary, figures::visible},
    verbs::{here_or_there, open_for_listing, open_to_show, print, print_json, run::drive},
};

pub async fn sagas(global: &Global, args: &Sagas) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    match &args.verb {
        None => list(&config, &args.list).await,
        Some(SagaVerb::List(verb)) => list(&config, &SagaList { json: verb.json || args.list.json }).await,
        Some(SagaVerb::Show(args)) => show(&config, args).await,
        Some(SagaVerb::Resume(args)) => resume(&config, args).await,
    }
}

async fn runs(config: &Config) -> Result<Vec<SagaRecord>, Failure> {
    Ok(SagaEngine::list(&*open_to_show(&config.store.path)?).await?)
}

/// None where there is no store, which is said.
async fn listed(config: &Config) -> Result<Vec<SagaRecord>, Failure> {
    match open_for_listing(&config.store.path)? {
        Some(store) => Ok(SagaEngine::list(&*store).await?),
        None => Ok(Vec::new()),
    }
}

async fn list(config: &Config, args: &SagaList) -> Result<(), Failure> {
    let runs = listed(config).await?;
    if args.json {
        return print_json(&runs.iter().map(SagaSummary::from).collect::<Vec<_>>());
    }
    if runs.is_empty() {
        return print(&format!("no runs in {}", config.store.path.display()));
    }
    let mut text = String::new();
    for run in &runs {
        let (style, state) = (style(run.state), run.state.name());
        writeln!(text, "{}  {}  {style}{state:<12}{style:#}  {}", run.id, seconds(run.started_at), run.saga)
            .expect("a String takes every write");
    }
    print(&text)
}

async fn show(config: &Config, args: &SagaShow) -> Result<(), Failure> {
    let run = find(runs(config).await?, &args.id)?;
    if args.json { print_json(&run) } else { print(&timeline(&run)) }
}

/// The run of this id, or of the only id that begins so.
fn find(runs: Vec<SagaRecord>, id: &str) -> Result<SagaRecord, Failure> {
    let mut found = runs.into_iter().filter(|run| run.id.to_string().starts_with(id));
    let run = found.next().ok_or_else(|| {
        Failure::impossible(format!("there is no run {id}: `borough sagas list` shows the runs of this store"))
    })?;
    match found.count() {
        0 => Ok(run),
        more => {
            Err(Failure::impossible(format!("{} runs have an id that begins with {id}: give more of it", more + 1)))
        }
    }
}

fn timeline(run: &SagaRecord) -> String {
    let mut text = String::new();
    write_timeline(&mut text, run).expect("a String takes every write");
    text
}

fn write_timeline(text: &mut String, run: &SagaRecord) -> std::fmt::Result {
    let style = style(run.state);
    writeln!(text, "{} {} {style}{}{style:#}", run.saga, run.id, run.state.name())?;
    writeln!(
        text,
        "  user {}, correlation {}, started {}",
        visible(&run.claims.user),
        run.correlation_id,
        seconds(run.started_at)
    )?;
    for step in &run.steps {
        let time = |at: Option<DateTime<Utc>>| at.map_or("-".into(), |at| at.format("%H:%M:%S%.3f").to_string());
        write!(
            text,
            "  {:12}  {:12}  {:8}  {}",
            time(step.started_at),
            time(step.ended_at),
            step.state.name(),
            step.name
        )?;
        if step.attempts > 1 {
            write!(text, " ({} attempts)", step.attempts)?;
        }
        if let Some(error) = &step.error {
            write!(text, ": {}", visible(&error.to_string()))?;
        }
        writeln!(text)?;
    }
    if let Some(error) = &run.error {
        writeln!(text, "  went back because: {}", visible(&error.to_string()))?;
    }
    if !run.has_ended() {
        writeln!(text, "  go on with: borough sagas resume {}", run.id)?;
    }
    Ok(())
}

async fn resume(config: &Config, args: &SagaResume) -> Result<(), Failure> {
    let mut open = match &args.id {
        Some(id) => vec![find(runs(config).await?, id)?],
        None => listed(config).await?,
    };
    open.retain(|run| !run.has_ended());
    if open.is_empty() {
        return if args.json { print_json::<[SagaRecord]>(&[]) } else { print("nothing to resume") };
    }
    let ids: Vec<SagaId> = open.iter().map(|run| run.id).collect();
    let resumed = here_or_there(
        config,
        "borough sagas resume",
        async |platform| here(platform, &ids).await,
        async |client| control::resume_there(&client, config, &ids).await,
    )
    .await?;
    let printed = if args.json {
        print_json(&resumed.iter().map(SagaSummary::from).collect::<Vec<_>>())
    } else {
        print(&resumed.iter().map(timeline).collect::<String>())
    };
    outcome(&resumed).and(printed)
}

/// As the run itself would have ended, had nothing interrupted it; of several runs, as the worst.
fn outcome(resumed: &[SagaRecord]) -> Result<(), Failure> {
    let stuck: Vec<String> = resumed.iter().filter(|run| !run.has_ended()).map(|run| run.id.to_string()).collect();
    if !stuck.is_empty() {
        return Err(Failure::Impossible(format!("still open: {}", stuck.join(", "))));
    }
    let (rejected, failed): (Vec<_>, Vec<_>) = resumed
        .iter()
        .filter_map(|run| run.error.clone())
        .map(Failure::from)
        .partition(|failure| matches!(failure, Failure::Rejected(_)));
    failed.into_iter().chain(rejected).next().map_or(Ok(()), Err)
}

/// Each run goes on by itself; one that cannot does not keep the others from it.
async fn here(platform: &Platform, ids: &[SagaId]) -> Result<Vec<SagaRecord>, Failure> {
    let mut resumed = Vec::new();
    let mut failure = None;
    for id in ids {
        match drive(platform, *id, &Progress::new()).await {
            Ok(record) => resumed.push(record),
            Err(error) => {
                let interrupted = matches!(error, Failure::Interrupted);
                failure = Some(error);
                if interrupted {
                    break;
                }
            }
        }
    }
    let drained = match failure {
        Some(Failure::Interrupted) => Ok(event_bus::Drain::Incomplete),
        _ => platform.drain(super::run::DRAIN).await,
    };
    failure.map_or(drained.map(|_in_time| resumed), Err)
}

fn style(state: SagaState) -> anstyle::Style {
    let color = match state {
        SagaState::Completed => anstyle::AnsiColor::Green,
        SagaState::Compensated => anstyle::AnsiColor::Yellow,
        SagaState::Running | SagaState::Waiting | SagaState::Compensating => anstyle::AnsiColor::Cyan,
        SagaState::Stuck => anstyle::AnsiColor::Red,
    };
    color.on_default()
}

fn seconds(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Reads one run's journal.
pub(crate) async fn journal(store: &Arc<dyn Store>, id: SagaId) -> Result<Option<SagaRecord>, Failure> {
    use event_sourcing::StoreExt;
    Ok(store.get::<SagaRecord>(&id.to_string()).await?.map(|found| found.value))
}
