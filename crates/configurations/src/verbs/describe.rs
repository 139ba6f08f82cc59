use std::fmt::Write;

use request::Stage;
use serde::Serialize;

use crate::{
    cli::{Describe, DescribeFormat, Global},
    composition::{Config, assemble_in_memory},
    exit::Failure,
    verbs::{print, print_json},
};

pub async fn describe(global: &Global, args: &Describe) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    let format = if args.json { DescribeFormat::Json } else { args.format };
    if args.pipeline {
        return pipeline(format);
    }
    let description = assemble_in_memory(&config).await?.description;
    match (&args.module, format) {
        (None, DescribeFormat::Text) => print(&with_bold_names(&description.to_text())),
        (None, DescribeFormat::Mermaid) => print(&description.to_mermaid()),
        (None, DescribeFormat::C4) => print(&description.to_c4()),
        (None, DescribeFormat::Json) => print_json(&description),
        (Some(module), DescribeFormat::Text) => print(&with_bold_names(&description.canvas(module)?.to_text())),
        (Some(module), DescribeFormat::Mermaid) => print(&description.canvas(module)?.to_mermaid()),
        (Some(module), DescribeFormat::C4) => print(&description.canvas(module)?.to_c4()),
        (Some(module), DescribeFormat::Json) => print_json(&description.canvas(module)?),
    }
}

/// A module's name begins a line; whatever belongs to it is indented.
fn with_bold_names(text: &str) -> String {
    let bold = anstyle::Style::new().bold();
    let lines = text.lines().map(|line| match line.split_once(": ") {
        Some((name, about)) if !line.starts_with(' ') => format!("{bold}{name}{bold:#}: {about}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// One stage as data.
#[derive(Serialize)]
struct StageDescription {
    name: &'static str,
    about: &'static str,
}

fn pipeline(format: DescribeFormat) -> Result<(), Failure> {
    let stages = Stage::ALL.map(|stage| StageDescription { name: stage.name(), about: stage.about() });
    match format {
        DescribeFormat::Json => print_json(&stages),
        DescribeFormat::Text => {
            let widest = stages.iter().map(|stage| stage.name.len()).max().unwrap_or(0);
            let lines = stages.iter().fold(String::new(), |mut text, StageDescription { name, about }| {
                writeln!(text, "{name:widest$}  {about}").expect("a String takes every write");
                text
            });
            print(&lines)
        }
        DescribeFormat::Mermaid | DescribeFormat::C4 => Err(Failure::impossible(
            "the pipeline is one line of stages, not a picture: take `--format text` or `json`",
        )),
    }
}
