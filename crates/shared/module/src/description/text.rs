use std::fmt::{self, Write};

use kernel::RequestKind;

use super::{Canvas, Description, Link, ModuleDescription, ProjectionDescription};

pub(super) fn of_description(description: &Description) -> String {
    written(|text| {
        description.modules.iter().try_for_each(|module| write_module(text, module))?;
        write_links(text, "context map", &description.links)
    })
}

pub(super) fn of_canvas(canvas: &Canvas) -> String {
    written(|text| {
        write_module(text, &canvas.module)?;
        write_links(text, "links", &canvas.links)
    })
}

fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut text = String::new();
    write(&mut text).expect("a String takes every write");
    text
}

fn write_module(text: &mut String, module: &ModuleDescription) -> fmt::Result {
    let left_out = if module.left_out { " (left out)" } else { "" };
    writeln!(text, "{}{left_out}: {}", module.name, module.about)?;
    for request in &module.serves {
        let kind = match request.kind {
            RequestKind::Query => "query",
            RequestKind::Command => "command",
        };
        let access = request.permission.unwrap_or("public");
        writeln!(text, "  serves      {} ({kind}, {access})", request.name)?;
    }
    module.asks.iter().try_for_each(|name| writeln!(text, "  asks        {name}"))?;
    module.publishes.iter().try_for_each(|name| writeln!(text, "  publishes   {name}"))?;
    for subscription in &module.subscribes {
        writeln!(text, "  subscribes  {} as {}", subscription.event, subscription.subscriber)?;
    }
    for ProjectionDescription { projection, version, events, .. } in &module.projections {
        writeln!(text, "  projects    {projection} (version {version}): {}", events.join(", "))?;
    }
    for saga in &module.sagas {
        let steps = if saga.steps.is_empty() { String::new() } else { format!(": {}", saga.steps.join(", ")) };
        writeln!(text, "  runs        {}{steps}", saga.name)?;
    }
    module.collections.iter().try_for_each(|name| writeln!(text, "  keeps       {name}"))?;
    for settings in &module.settings {
        writeln!(text, "  reads       [{}]: {}", settings.section, settings.about)?;
    }
    module.health_checks.iter().try_for_each(|name| writeln!(text, "  checks      {name}"))?;
    module.jobs.iter().try_for_each(|name| writeln!(text, "  starts      {name}"))?;
    module.provides.iter().try_for_each(|name| writeln!(text, "  provides    {name}"))?;
    writeln!(text)
}

fn write_links(text: &mut String, heading: &str, links: &[Link]) -> fmt::Result {
    if links.is_empty() {
        return Ok(());
    }
    writeln!(text, "{heading}")?;
    let widest = links.iter().map(|link| link.from.len()).max().unwrap_or(0);
    links
        .iter()
        .try_for_each(|Link { from, to, how, message }| writeln!(text, "  {from:widest$}  {how}  {to}  ({message})"))
}
