use std::fmt::Write;

use event_sourcing::{
    GenerationStatus, Halt, ProjectionStatus, Projections, RebuildEnd, Store, follow_rebuild, projections as stored,
};
use kernel::{Error, Json};
use serde::Serialize;

use crate::{
    cli::{Global, ProjectionName, Projections as Args, ProjectionsVerb},
    composition::{Config, Platform, is_there, open_for_reading},
    control::{Client, ProjectionOrder},
    exit::Failure,
    progress::RebuildBar,
    report::figures::{plural, visible},
    verbs::{here_or_there, interrupted, open_for_listing, print, print_json, run::DRAIN, status::column},
};

pub async fn projections(global: &Global, args: &Args) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    let order = |name: &ProjectionName, order: fn(String) -> ProjectionOrder| order(name.name.clone());
    let (name, order) = match &args.verb {
        None => return list(&config, args.list.json).await,
        Some(ProjectionsVerb::List(verb)) => return list(&config, verb.json || args.list.json).await,
        Some(ProjectionsVerb::Rebuild(name)) => {
            (name, order(name, |projection| ProjectionOrder::Rebuild { projection }))
        }
        Some(ProjectionsVerb::Pause(name)) => (name, order(name, |projection| ProjectionOrder::Pause { projection })),
        Some(ProjectionsVerb::Resume(name)) => (name, order(name, |projection| ProjectionOrder::Resume { projection })),
    };
    carry_out(&config, &order).await?;
    let Some(status) = all(&config).await?.into_iter().find(|status| status.name == name.name) else {
        return Err(Failure::impossible(format!("there is no projection {}: see `borough describe`", name.name)));
    };
    if name.json { print_json(&status) } else { print(&line(&status, 0)) }
}

async fn all(config: &Config) -> Result<Vec<ProjectionStatus>, Failure> {
    match open_for_listing(&config.store.path)? {
        Some(store) => Ok(stored(&*store).await?),
        None => Ok(Vec::new()),
    }
}

async fn list(config: &Config, json: bool) -> Result<(), Failure> {
    let all = all(config).await?;
    if json {
        return print_json(&all);
    }
    if all.is_empty() {
        return print(&format!("no projection has run on {}", config.store.path.display()));
    }
    let column = column(all.iter().map(|status| &*status.name));
    print(&all.iter().map(|status| line(status, column)).collect::<String>())
}

/// How a projection stands, and below it what somebody should look at.
fn line(status: &ProjectionStatus, column: usize) -> String {
    let mut text = String::new();
    write_status(&mut text, status, column).expect("a String takes every write");
    text
}

fn write_status(text: &mut String, status: &ProjectionStatus, column: usize) -> std::fmt::Result {
    let ProjectionStatus { name, live, rebuild, retired, paused, .. } = status;
    writeln!(text, "{name:<column$}  {}", generation(live))?;
    if let Some(rebuild) = rebuild {
        writeln!(text, "    being written anew: {}", generation(rebuild))?;
    }
    for (what, halted) in [("", &live.halted), ("the rebuild ", &rebuild.as_ref().and_then(|r| r.halted.clone()))] {
        if let Some(Halt { position, event_type, error, .. }) = halted {
            let error = visible(error);
            let event_type = event_type.as_deref().unwrap_or("a damaged event");
            writeln!(text, "    {what}halted before {event_type} at {position}: {error}")?;
        }
    }
    if *retired > 0 {
        let are = if *retired == 1 { "is" } else { "are" };
        writeln!(text, "    {} {are} being removed", plural(*retired as u64, "earlier generation"))?;
    }
    if paused.is_some() {
        writeln!(text, "    paused: go on with `borough projections resume {name}`")?;
    }
    Ok(())
}

fn generation(generation: &GenerationStatus) -> String {
    let GenerationStatus { number, version, position, behind, applied, skipped, .. } = generation;
    let skipped = if *skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    format!("generation {number} of version {version}, at {position}, {behind} behind, {applied} applied{skipped}")
}

/// By the serving process, or by this one while it holds the store. A rebuild is followed to its end.
async fn carry_out(config: &Config, order: &ProjectionOrder) -> Result<(), Failure> {
    is_there(&config.store.path)?;
    let here = async |platform: &Platform| {
        let answer = order.carry_out(&platform.application.projections).await?;
        let done = follow(&*platform.store, order, &answer).await;
        // What is left goes on with the next process that runs the projection.
        if !matches!(done, Err(Failure::RebuildGoesOn(_))) {
            let _in_time = platform.drain(DRAIN).await?;
        }
        done
    };
    let there = async |client: Client| {
        let answer = client.projections(order).await?;
        let Some(store) = open_for_reading(&config.store.path)? else { return Ok(()) };
        follow(&*store, order, &answer).await
    };
    here_or_there(config, "borough projections", here, there).await
}

/// Shows how far a rebuild is until it ends.
async fn follow(store: &dyn Store, order: &ProjectionOrder, answer: &Json) -> Result<(), Failure> {
    let ProjectionOrder::Rebuild { projection } = order else { return Ok(()) };
    let generation: u32 = answer.read()?;
    let status = stored(store).await?.into_iter().find(|status| status.name == *projection);
    if status.is_some_and(|status| status.paused.is_some()) {
        return Err(Failure::impossible(format!(
            "the rebuild of {projection} has begun and does not go on, for the projection is paused: `borough projections resume \
             {projection}`"
        )));
    }
    let bar = RebuildBar::new(projection);
    let end = tokio::select! {
        biased;
        () = interrupted()? => return Err(Failure::RebuildGoesOn(projection.clone())),
        end = follow_rebuild(store, projection, generation, |progress| bar.show(progress)) => end?,
    };
    bar.finish();
    match end {
        RebuildEnd::Live => Ok(()),
        RebuildEnd::Halted(halt) => Err(Failure::impossible(format!(
            "the rebuild has halted before {halt}: readers see what was there before; mend the projection and raise its version, \
             or resume it"
        ))),
        RebuildEnd::GivenUp => Err(Failure::impossible(format!(
            "generation {generation} was given up for another one: see `borough projections list`"
        ))),
        RebuildEnd::Stalled { position, head, paused: true } => Err(Failure::impossible(format!(
            "the rebuild of {projection} stands at {position} of {head}, for somebody has paused it: go on with `borough \
             projections resume {projection}`"
        ))),
        RebuildEnd::Stalled { position, head, paused: false } => Err(Failure::impossible(format!(
            "the rebuild of {projection} has stood at {position} of {head} for a minute: see with `borough status` whether a \
             process serves the store, and start `borough serve` if none does; it goes on by itself, and `borough projections \
             list` tells how far it is"
        ))),
    }
}

impl ProjectionOrder {
    /// In the process whose projections run.
    pub(super) async fn carry_out(&self, projections: &Projections) -> Result<Json, Error> {
        fn json(done: &impl Serialize) -> Result<Json, Error> {
            Json::of(done)
                .map_err(|error| Error::internal("what was done cannot be told").with_detail(error.to_string()))
        }
        match self {
            Self::Pause { projection } => json(&projections.pause(projection).await?),
            Self::Resume { projection } => json(&projections.resume(projection).await?),
            Self::Rebuild { projection } => json(&projections.rebuild(projection).await?),
        }
    }
}
