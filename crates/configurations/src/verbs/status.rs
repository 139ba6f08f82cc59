use std::fmt::Write;

use module::ProjectionReport;

use crate::{
    cli::{Global, Status},
    composition::Config,
    control::{Client, FailingReport, ModuleReport, OverlongReport, StatusReport, SubscriberReport},
    exit::Failure,
    report::figures::visible,
    verbs::{print, print_json},
};

pub async fn status(global: &Global, args: &Status) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    let report = Client::serving(&config).await?.status().await?;
    if args.json { print_json(&report) } else { print(&render(&report)) }
}

fn render(report: &StatusReport) -> String {
    let mut text = String::new();
    write_status(&mut text, report).expect("a String takes every write");
    text
}

fn write_status(text: &mut String, report: &StatusReport) -> std::fmt::Result {
    let since = report.since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    writeln!(text, "borough {} serves {}", report.version, report.store.display())?;
    writeln!(text, "  process {}, since {since}, log at {}", report.process, report.head)?;
    let ready = if report.health.ready { "ready" } else { "not ready" };
    writeln!(text, "  {}, {ready} for work", report.health.status)?;
    report.health.reasons.iter().try_for_each(|reason| writeln!(text, "    {reason}"))?;
    writeln!(text, "modules")?;
    for ModuleReport { name, state, troubles, services } in &report.modules {
        writeln!(text, "  {name:<20} {state}, {} services", services.len())?;
        troubles.iter().try_for_each(|trouble| writeln!(text, "    {}: {}", trouble.part, trouble.reason))?;
    }
    writeln!(text, "subscribers")?;
    report.subscribers.iter().try_for_each(|subscriber| write_subscriber(text, subscriber))?;
    writeln!(text, "projections")?;
    let lines = report.projections.iter().flat_map(ProjectionReport::lines);
    lines.map(|line| visible(&line)).try_for_each(|line| writeln!(text, "  {line}"))?;
    writeln!(text, "runs being driven: {}", report.driving.len())?;
    report.driving.iter().try_for_each(|run| writeln!(text, "  {run}"))
}

/// How one subscriber stands, and below it what somebody should look at.
pub(super) fn write_subscriber(text: &mut String, subscriber: &SubscriberReport) -> std::fmt::Result {
    let SubscriberReport { name, event, behind, queued, in_flight, parked_keys, dropped, .. } = subscriber;
    writeln!(text, "  {name:<20} {behind} behind, {queued} waiting, {in_flight} being handled, on {event}")?;
    if subscriber.paused {
        writeln!(text, "    paused: go on with `borough subscribers resume {name}`")?;
    }
    if let Some(reason) = &subscriber.halted {
        writeln!(text, "    halted: {}: go on with `borough subscribers resume {name}`", visible(reason))?;
    }
    if *parked_keys > 0 {
        writeln!(text, "    {parked_keys} keys are parked: see `borough dead-letters --subscriber {name}`")?;
    }
    if *dropped > 0 {
        writeln!(text, "    {dropped} events were dropped")?;
    }
    for OverlongReport { event, event_id, key, age_seconds } in &subscriber.overlong {
        writeln!(text, "    {event} {event_id} of key {} has been handled for {age_seconds:.0} s", visible(key))?;
    }
    for FailingReport { event, event_id, key, attempts, error, next_seconds, .. } in &subscriber.failing {
        let (key, error) = (visible(key), visible(error));
        let tries = if *attempts == 1 { "try" } else { "tries" };
        writeln!(
            text,
            "    {event} {event_id} of key {key} failed in {attempts} {tries}: {error}: next in {next_seconds:.0} s"
        )?;
    }
    match subscriber.retrying - subscriber.failing.len() {
        0 => Ok(()),
        more => writeln!(text, "    {more} more wait for their next try"),
    }
}
