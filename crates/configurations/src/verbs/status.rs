use std::fmt::Write;

use crate::{
    cli::{Global, Status},
    composition::Config,
    control::{Client, ModuleReport, StatusReport},
    exit::Failure,
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
    for subscriber in &report.subscribers {
        writeln!(text, "  {:<20} {} behind, on {}", subscriber.name, subscriber.behind, subscriber.event)?;
    }
    writeln!(text, "runs being driven: {}", report.driving.len())?;
    report.driving.iter().try_for_each(|run| writeln!(text, "  {run}"))
}
