use std::collections::BTreeMap;

use event_bus::{DeliveryOutcome, DeliveryRecord};
use event_sourcing::{Position, Store};
use kernel::{CorrelationId, Envelope, Event};
use request::{CommandRecorded, Outcome};
use saga::{SagaEngine, SagaRecord, StepRecord};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    cli::{EventTrace, TraceFormat},
    composition::{Config, open_for_reading},
    exit::Failure,
    report::figures::visible,
    verbs::{print, print_json, run::events_of},
};

/// What one piece of work set off, as the store knows it.
pub(super) async fn trace(config: &Config, args: &EventTrace) -> Result<(), Failure> {
    let format = if args.json { TraceFormat::Json } else { args.format };
    let nodes = match open_for_reading(&config.store.path)? {
        Some(store) => tree(&*store, args.correlation).await?,
        None => Vec::new(),
    };
    if nodes.is_empty() {
        let (id, store) = (args.correlation, config.store.path.display());
        return Err(Failure::impossible(format!(
            "{store} knows nothing of {id}: `borough events` lists correlation ids"
        )));
    }
    match format {
        TraceFormat::Text => print(&text(&nodes)),
        TraceFormat::Mermaid => print(&mermaid(&nodes)),
        TraceFormat::Json => print_json(&nodes),
    }
}

/// One thing that happened, and what it set off.
#[derive(Debug, Serialize)]
struct Node {
    kind: &'static str,
    name: String,
    module: String,
    /// How it ended, where it could end in more than one way.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    then: Vec<Node>,
}

impl Node {
    fn new(kind: &'static str, name: impl Into<String>, module: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            module: module.into(),
            outcome: None,
            attempts: None,
            seconds: None,
            error: None,
            position: None,
            then: Vec::new(),
        }
    }

    fn of_run(run: SagaRecord) -> Self {
        let seconds = (run.updated_at - run.started_at).as_seconds_f64();
        let steps = run.steps.iter().filter(|step| step.started_at.is_some());
        Self {
            outcome: Some(run.state.name().into()),
            seconds: Some(seconds),
            error: run.error.as_ref().map(ToString::to_string),
            then: steps.map(|step| Self::of_step(step, &run.saga)).collect(),
            ..Self::new("run", &run.saga, "")
        }
    }

    fn of_step(step: &StepRecord, saga: &str) -> Self {
        let seconds = step.started_at.zip(step.ended_at).map(|(began, ended)| (ended - began).as_seconds_f64());
        Self {
            outcome: Some(step.state.name().into()),
            attempts: Some(step.attempts),
            seconds,
            error: step.error.as_ref().map(ToString::to_string),
            ..Self::new("step", &step.name, saga)
        }
    }

    fn of_delivery(record: DeliveryRecord) -> Self {
        let outcome = match record.outcome {
            DeliveryOutcome::Done => "done",
            DeliveryOutcome::Parked => "parked",
            DeliveryOutcome::Skipped => "skipped",
        };
        Self {
            outcome: Some(outcome.into()),
            attempts: Some(record.attempts),
            seconds: Some(record.seconds),
            error: record.error.as_ref().map(ToString::to_string),
            ..Self::new("delivery", record.subscriber, record.module)
        }
    }

    fn of_event(envelope: &Envelope) -> Result<Self, Failure> {
        let position = envelope.metadata.position;
        if envelope.event_type != CommandRecorded::NAME {
            let (name, module) = (envelope.event_type.as_ref(), envelope.source_module.as_ref());
            return Ok(Self { position, ..Self::new("event", name, module) });
        }
        let record: CommandRecorded = envelope.decode()?;
        let outcome = match record.outcome {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        };
        let (outcome, error) = (Some(outcome.into()), record.code);
        Ok(Self { position, outcome, error, ..Self::new("command", record.request, record.module) })
    }

    /// In one line.
    fn line(&self) -> String {
        let Self { kind, name, module, outcome, attempts, seconds, error, position, .. } = self;
        let mut line = format!("{kind} {name}");
        let mut add = |part: String| {
            line += &part;
        };
        if !module.is_empty() && *kind != "step" {
            add(format!(" of {module}"));
        }
        if let Some(position) = position {
            add(format!(" @{position}"));
        }
        if let Some(outcome) = outcome {
            add(format!(": {outcome}"));
        }
        if let Some(attempts) = attempts.filter(|attempts| *attempts != 1) {
            add(format!(", {attempts} tries"));
        }
        if let Some(seconds) = seconds {
            add(format!(", {:.1} ms", seconds * 1000.0));
        }
        if let Some(error) = error {
            add(format!(": {error}"));
        }
        visible(&line)
    }
}

/// What began the work and what it set off: below an event its deliveries, below a delivery what its module published for it.
async fn tree(store: &dyn Store, correlation: CorrelationId) -> Result<Vec<Node>, Failure> {
    let events = events_of(store, Position(0), correlation).await?;
    let mut deliveries: BTreeMap<Uuid, Vec<DeliveryRecord>> = BTreeMap::new();
    for event in &events {
        let position = Position(event.metadata.position.unwrap_or_default());
        deliveries.insert(event.event_id.uuid(), DeliveryRecord::of(store, position).await?);
    }
    let mut caused: BTreeMap<Option<Uuid>, Vec<&Envelope>> = BTreeMap::new();
    let known: Vec<Uuid> = events.iter().map(|event| event.event_id.uuid()).collect();
    for event in &events {
        let cause = event.metadata.causation_id.map(|id| id.uuid()).filter(|id| known.contains(id));
        caused.entry(cause).or_default().push(event);
    }
    let runs = SagaEngine::list(store).await?.into_iter().filter(|run| run.correlation_id == correlation);
    let mut roots = below(None, &mut caused, &mut deliveries)?;
    roots.extend(runs.map(Node::of_run));
    Ok(roots)
}

fn below(
    cause: Option<Uuid>,
    caused: &mut BTreeMap<Option<Uuid>, Vec<&Envelope>>,
    deliveries: &mut BTreeMap<Uuid, Vec<DeliveryRecord>>,
) -> Result<Vec<Node>, Failure> {
    let mut nodes = Vec::new();
    for event in caused.remove(&cause).unwrap_or_default() {
        let mut node = Node::of_event(event)?;
        let id = event.event_id.uuid();
        let mut delivered: Vec<Node> =
            deliveries.remove(&id).unwrap_or_default().into_iter().map(Node::of_delivery).collect();
        for next in below(Some(id), caused, deliveries)? {
            // Two subscribers of one module cannot be told apart: what they publish stands below the first.
            match delivered.iter_mut().find(|delivery| delivery.module == next.module) {
                Some(delivery) => delivery.then.push(next),
                None => node.then.push(next),
            }
        }
        delivered.append(&mut node.then);
        node.then = delivered;
        nodes.push(node);
    }
    Ok(nodes)
}

fn text(nodes: &[Node]) -> String {
    fn write(nodes: &[Node], before: &str, text: &mut String) {
        for (index, node) in nodes.iter().enumerate() {
            let is_last = index + 1 == nodes.len();
            let (branch, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            text.push_str(&format!("{before}{branch}{}\n", node.line()));
            write(&node.then, &format!("{before}{below}"), text);
        }
    }
    let mut text = String::new();
    write(nodes, "", &mut text);
    text
}

fn mermaid(nodes: &[Node]) -> String {
    fn write(nodes: &[Node], above: Option<usize>, count: &mut usize, text: &mut String) {
        for node in nodes {
            let this = *count;
            *count += 1;
            let label =
                node.line().replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
            text.push_str(&format!("    n{this}[\"{label}\"]\n"));
            if let Some(above) = above {
                text.push_str(&format!("    n{above} --> n{this}\n"));
            }
            write(&node.then, Some(this), count, text);
        }
    }
    let mut text = String::from("flowchart TD\n");
    write(nodes, None, &mut 0, &mut text);
    text
}
