use std::fmt::Write;

use module::{Description, ModuleDescription};

use crate::{
    cli::{Describe, Global},
    composition::{Config, assemble_in_memory},
    exit::Failure,
    verbs::{print, print_json},
};

pub fn describe(global: &Global, args: &Describe) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    let description = assemble_in_memory(&config)?.description;
    if args.json { print_json(&description) } else { print(&render(&description)) }
}

fn render(description: &Description) -> String {
    let mut text = String::new();
    for module in &description.modules {
        write_module(&mut text, module).expect("a String takes every write");
    }
    text.push_str("context map\n");
    let widest = description.links.iter().map(|link| link.from.len()).max().unwrap_or(0);
    for link in &description.links {
        writeln!(text, "  {:widest$}  {}  {}  ({})", link.from, link.how, link.to, link.message)
            .expect("a String takes every write");
    }
    text
}

fn write_module(text: &mut String, module: &ModuleDescription) -> std::fmt::Result {
    let bold = anstyle::Style::new().bold();
    writeln!(text, "{bold}{}{bold:#}: {}", module.name, module.about)?;
    for request in &module.serves {
        let kind = match request.kind {
            kernel::RequestKind::Query => "query",
            kernel::RequestKind::Command => "command",
        };
        let access = request.permission.unwrap_or("public");
        writeln!(text, "  serves      {} ({kind}, {access})", request.name)?;
    }
    for name in &module.asks {
        writeln!(text, "  asks        {name}")?;
    }
    for name in &module.publishes {
        writeln!(text, "  publishes   {name}")?;
    }
    for subscription in &module.subscribes {
        writeln!(text, "  subscribes  {} as {}", subscription.event, subscription.subscriber)?;
    }
    for saga in &module.sagas {
        writeln!(text, "  runs        {}: {}", saga.name, saga.steps.join(", "))?;
    }
    for name in &module.collections {
        writeln!(text, "  keeps       {name}")?;
    }
    writeln!(text)
}
