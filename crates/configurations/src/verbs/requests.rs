use std::fmt::Write;

use kernel::{Access, RequestKind};
use request::RequestInfo;
use serde::Serialize;

use crate::{
    cli::{Global, Requests},
    composition::{Config, assemble_in_memory},
    exit::Failure,
    verbs::{print, print_json},
};

pub async fn requests(global: &Global, args: &Requests) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    let served = assemble_in_memory(&config).await?.requests.requests();
    let Some(name) = &args.name else {
        let all: Vec<Entry> = served.iter().map(Entry::of).collect();
        return if args.json { print_json(&all) } else { print(&list(&served)) };
    };
    let Some(info) = served.iter().find(|info| info.name == name) else {
        return Err(Failure::impossible(format!("no module serves `{name}`: `borough requests` lists what is served")));
    };
    if args.json { print_json(&Entry::of(info)) } else { print(&one(info)?) }
}

/// A request as data.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    module: &'static str,
    kind: RequestKind,
    /// Absent for a public request.
    #[serde(skip_serializing_if = "Option::is_none")]
    permission: Option<&'static str>,
    service: request::ServiceInfo,
    request: schemars::Schema,
    response: schemars::Schema,
}

impl Entry {
    fn of(info: &RequestInfo) -> Self {
        let RequestInfo { name, module, kind, service, .. } = *info;
        let permission = match info.access {
            Access::Requires(permission) => Some(permission.name()),
            Access::Public { .. } => None,
        };
        Self { name, module, kind, permission, service, request: (info.request)(), response: (info.response)() }
    }
}

fn list(served: &[RequestInfo]) -> String {
    let widest = served.iter().map(|info| info.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for info in served {
        writeln!(text, "{:widest$}  {:7}  {}", info.name, kind(info), access(info))
            .expect("a String takes every write");
    }
    text
}

fn one(info: &RequestInfo) -> Result<String, Failure> {
    let bold = anstyle::Style::new().bold();
    let mut text = format!("{bold}{}{bold:#}: {} of {}, {}\n", info.name, kind(info), info.module, access(info));
    if !info.service.about.is_empty() {
        text.push_str(info.service.about);
        text.push('\n');
    }
    for (title, schema) in [("request", (info.request)()), ("response", (info.response)())] {
        let schema = serde_json::to_string_pretty(&schema)?;
        write!(text, "\n{bold}{title}{bold:#}\n{schema}\n").expect("a String takes every write");
    }
    Ok(text)
}

fn kind(info: &RequestInfo) -> &'static str {
    match info.kind {
        RequestKind::Query => "query",
        RequestKind::Command => "command",
    }
}

fn access(info: &RequestInfo) -> String {
    match info.access {
        Access::Requires(permission) => permission.name().to_owned(),
        Access::Public { reason } => format!("public: {reason}"),
    }
}
