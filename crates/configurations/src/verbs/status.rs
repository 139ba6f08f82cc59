use std::fmt::Write;

use module::ProjectionReport;

use crate::{
    cli::{Global, Status},
    composition::Config,
    control::{Client, FailingReport, ModuleReport, OverlongReport, StatusReport, SubscriberReport},
    exit::Failure,
    report::figures::{count, plural, size, visible},
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
    report.health.reasons.iter().try_for_each(|reason| writeln!(text, "    {}", visible(reason)))?;
    writeln!(text, "modules")?;
    let column = column(report.modules.iter().map(|module| &*module.name));
    for ModuleReport { name, state, troubles, services } in &report.modules {
        writeln!(text, "  {name:<column$}  {state}, {}", plural(size(services), "service"))?;
        troubles.iter().try_for_each(|trouble| writeln!(text, "    {}: {}", trouble.part, visible(&trouble.reason)))?;
    }
    writeln!(text, "subscribers")?;
    write_subscribers(text, &report.subscribers)?;
    writeln!(text, "projections")?;
    write_projections(text, &report.projections)?;
    writeln!(text, "runs being driven")?;
    report.driving.iter().try_for_each(|run| writeln!(text, "  {run}"))?;
    none_of(text, &report.driving)
}

/// Wide enough for each of these.
pub(super) fn column<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or_default()
}

fn none_of(text: &mut String, list: &[impl Sized]) -> std::fmt::Result {
    if list.is_empty() { writeln!(text, "  none") } else { Ok(()) }
}

fn write_projections(text: &mut String, projections: &[ProjectionReport]) -> std::fmt::Result {
    let column = column(projections.iter().map(|projection| &*projection.name));
    let lines = projections.iter().flat_map(|projection| projection.lines(column));
    lines.map(|line| visible(&line)).try_for_each(|line| writeln!(text, "  {line}"))?;
    none_of(text, projections)
}

/// How each subscriber stands, and below it what somebody should look at.
pub(super) fn write_subscribers(text: &mut String, subscribers: &[SubscriberReport]) -> std::fmt::Result {
    let names = column(subscribers.iter().map(|subscriber| &*subscriber.name));
    let events = column(subscribers.iter().map(|subscriber| &*subscriber.event));
    for subscriber in subscribers {
        let SubscriberReport { name, event, .. } = subscriber;
        writeln!(text, "  {name:<names$}  {event:<events$}  {}", standing(subscriber))?;
        write_troubles(text, subscriber)?;
    }
    none_of(text, subscribers)
}

fn standing(subscriber: &SubscriberReport) -> String {
    let SubscriberReport { behind, queued, in_flight, oldest_seconds, .. } = subscriber;
    if (*behind, *queued, *in_flight) == (0, 0, 0) {
        return "up to date".into();
    }
    let oldest = oldest_seconds.map(|age| format!(", the oldest event waits for {age:.0} s")).unwrap_or_default();
    format!("{} behind, {queued} waiting, {in_flight} being handled{oldest}", count(*behind))
}

fn write_troubles(text: &mut String, subscriber: &SubscriberReport) -> std::fmt::Result {
    let SubscriberReport { name, parked_keys, dropped, .. } = subscriber;
    if subscriber.paused {
        writeln!(text, "    paused: go on with `borough subscribers resume {name}`")?;
    }
    if let Some(reason) = &subscriber.halted {
        writeln!(text, "    halted: {}: go on with `borough subscribers resume {name}`", visible(reason))?;
    }
    if let Some(trouble) = &subscriber.trouble {
        writeln!(text, "    waiting for the store: {}", visible(trouble))?;
    }
    if *parked_keys > 0 {
        let (keys, are) = (plural(*parked_keys as u64, "key"), if *parked_keys == 1 { "is" } else { "are" });
        writeln!(text, "    {keys} {are} parked: see `borough dead-letters --subscriber {name}`")?;
    }
    if *dropped > 0 {
        let were = if *dropped == 1 { "was" } else { "were" };
        writeln!(text, "    {} {were} dropped", plural(*dropped, "event"))?;
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
    match subscriber.retrying.saturating_sub(subscriber.failing.len()) {
        0 => Ok(()),
        1 => writeln!(text, "    1 more waits for its next try"),
        more => writeln!(text, "    {more} more wait for their next try"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_stays_a_table_whatever_its_names_are() {
        let subscriber = |name: &str, event: &str, parked_keys: usize, behind: u64| {
            json!({
                "name": name, "module": "post", "event": event, "position": 17, "behind": behind, "queued": behind / 2,
                "in_flight": behind % 2, "oldest_seconds": (behind > 0).then_some(12.4), "parked_keys": parked_keys,
                "paused": false, "halted": null, "dropped": parked_keys, "overlong": [], "retrying": parked_keys,
            })
        };
        let module = |name: &str, services: &[&str]| {
            json!({
                "name": name, "state": "up", "troubles": [{"part": "outbox", "reason": "full"}], "services": services,
            })
        };
        let projection = |name: &str, behind: u64| {
            json!({
                "name": name, "module": "post", "position": 17, "behind": behind, "oldest_seconds": null, "paused": false,
                "halted": null, "rebuild": null, "rebuild_halted": null, "trouble": null,
            })
        };
        let mut report = json!({
            "version": "1.2.3", "process": 4711, "since": "2026-11-21T08:00:00Z", "store": "borough.db", "head": 17,
            "health": {"status": "degraded", "live": true, "ready": true, "reasons": [], "components": []},
            "modules": [module("post", &["post.send"]), module("a-module-of-a-rather-long-name", &["a.b", "a.c"])],
            "subscribers": [
                subscriber("post.sent", "post.sent", 1, 0),
                subscriber("a-module.of-a-rather-long-name", "a-module.has_done_something", 2, 1234),
            ],
            "projections": [projection("post.drawer", 0), projection("a-module.of-a-rather-long-name", 3)],
            "driving": [],
        });
        let rendered = |report: &serde_json::Value| render(&serde_json::from_value(report.clone()).unwrap());
        expect![[r#"
            borough 1.2.3 serves borough.db
              process 4711, since 2026-11-21T08:00:00Z, log at 17
              degraded, ready for work
            modules
              post                            up, 1 service
                outbox: full
              a-module-of-a-rather-long-name  up, 2 services
                outbox: full
            subscribers
              post.sent                       post.sent                    up to date
                1 key is parked: see `borough dead-letters --subscriber post.sent`
                1 event was dropped
                1 more waits for its next try
              a-module.of-a-rather-long-name  a-module.has_done_something  1,234 behind, 617 waiting, 0 being handled, the oldest event waits for 12 s
                2 keys are parked: see `borough dead-letters --subscriber a-module.of-a-rather-long-name`
                2 events were dropped
                2 more wait for their next try
            projections
              post.drawer                     at 17, up to date
              a-module.of-a-rather-long-name  at 17, 3 behind
            runs being driven
              none
        "#]].assert_eq(&rendered(&report));
        for list in ["subscribers", "projections"] {
            report[list] = json!([]);
            assert!(rendered(&report).contains(&format!("{list}\n  none\n")), "{list}");
        }
    }
}
