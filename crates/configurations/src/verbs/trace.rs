use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use event_bus::{DeliveryOutcome, DeliveryRecord};
use event_sourcing::{Position, Store};
use kernel::{CausationId, CorrelationId, Envelope, Error, Event, EventId};
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

/// Levels that a line of text is indented by at most: a chain of events may be longer than any line.
const INDENTED: usize = 32;

/// What one piece of work set off, as the store knows it. Queries leave nothing there.
pub(super) async fn trace(config: &Config, args: &EventTrace) -> Result<(), Failure> {
    let format = if args.json { TraceFormat::Json } else { args.format };
    let tree = match open_for_reading(&config.store.path)? {
        Some(store) => Tree::of(&*store, args.correlation).await?,
        None => Tree::default(),
    };
    if tree.nodes.is_empty() {
        let (id, store) = (args.correlation, config.store.path.display());
        return Err(Failure::impossible(format!(
            "{store} knows nothing of {id}: `borough events` lists correlation ids"
        )));
    }
    match format {
        TraceFormat::Text => print(&tree.text()),
        TraceFormat::Mermaid => print(&tree.mermaid()),
        TraceFormat::Json => print_json(&tree.nodes),
    }
}

/// One thing that happened.
#[derive(Debug, Serialize)]
struct Node {
    /// Its place in the list of all.
    node: usize,
    /// That which set it off, which it was a part of, or whose result it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    below: Option<usize>,
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
}

impl Node {
    fn new(kind: &'static str, name: impl Into<String>, module: impl Into<String>) -> Self {
        Self {
            node: 0,
            below: None,
            kind,
            name: name.into(),
            module: module.into(),
            outcome: None,
            attempts: None,
            seconds: None,
            error: None,
            position: None,
        }
    }

    fn of_run(run: &SagaRecord) -> Self {
        let seconds = (run.updated_at - run.started_at).as_seconds_f64();
        Self {
            outcome: Some(run.state.name().into()),
            seconds: Some(seconds),
            error: run.error.as_ref().map(ToString::to_string),
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

    fn of_delivery(record: &DeliveryRecord) -> Self {
        let outcome = match record.outcome {
            DeliveryOutcome::Done => "done",
            DeliveryOutcome::Parked => "parked",
            DeliveryOutcome::Discarded => "discarded",
            DeliveryOutcome::Skipped => "skipped",
        };
        Self {
            outcome: Some(outcome.into()),
            attempts: Some(record.attempts),
            seconds: Some(record.seconds),
            error: record.error.as_ref().map(ToString::to_string),
            ..Self::new("delivery", &record.subscriber, &record.module)
        }
    }

    fn of_try(number: u32, error: &Error) -> Self {
        Self {
            outcome: Some("failed".into()),
            error: Some(error.to_string()),
            ..Self::new("try", number.to_string(), "")
        }
    }

    fn of_command(position: Option<u64>, record: CommandRecorded) -> Self {
        let outcome = match record.outcome {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        };
        Self {
            position,
            outcome: Some(outcome.into()),
            seconds: record.seconds,
            error: record.code,
            ..Self::new("command", record.request, record.module)
        }
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

/// Everything that one piece of work consists of: below a command the events of its unit, the runs that it began and the commands that
/// its service sent; below a run its steps, below a step the commands that it sent; below an event its deliveries, below a delivery its
/// tries before the last and what its module published, sent and began for it.
///
/// It may be as deep as there are events, so nothing here calls itself.
#[derive(Default)]
struct Tree {
    nodes: Vec<Node>,
}

/// A node in the order in which they are shown.
struct Shown<'a> {
    node: &'a Node,
    /// For each level above it, whether something more comes there; the last is its own.
    more: Vec<bool>,
    /// Levels above it that are not in `more`.
    hidden: usize,
}

impl<'a> Shown<'a> {
    /// Nodes side by side below what stands there; the last comes first.
    fn level(nodes: Vec<&'a Node>, above: &[bool], hidden: usize) -> impl Iterator<Item = Self> {
        let is_deep = above.len() == INDENTED;
        let above = above[..above.len() - usize::from(is_deep)].to_vec();
        let last = nodes.len().saturating_sub(1);
        nodes.into_iter().enumerate().rev().map(move |(index, node)| {
            let more = above.iter().copied().chain([index != last]).collect();
            Self { node, more, hidden: hidden + usize::from(is_deep) }
        })
    }
}

impl Tree {
    async fn of(store: &dyn Store, correlation: CorrelationId) -> Result<Self, Failure> {
        let (mut tree, mut places) = (Self::default(), Places::default());
        let events = events_of(store, Position(0), correlation).await?;
        for event in &events {
            let position = Position(event.metadata.position.unwrap_or_default());
            let deliveries = DeliveryRecord::of(store, position).await?;
            tree.event(event, &deliveries, &mut places)?;
        }
        let runs = SagaEngine::list(store).await?;
        for run in runs.iter().filter(|run| run.correlation_id == correlation) {
            let node = tree.add(places.above_run(run), Node::of_run(run));
            places.published.extend(run.events.iter().map(|event| (*event, node)));
            for step in run.steps.iter().filter(|step| step.started_at.is_some()) {
                let below = tree.add(Some(node), Node::of_step(step, &run.saga));
                places.published.extend(step.events.iter().map(|event| (*event, below)));
                places.steps.insert(format!("{}/{}", run.id, step.name), below);
            }
        }
        // A command is recorded behind what it published and sent.
        for event in &events {
            let node = places.events[&event.event_id.uuid()];
            tree.nodes[node].below = places.above(node, event);
        }
        Ok(tree)
    }

    fn add(&mut self, below: Option<usize>, node: Node) -> usize {
        let place = self.nodes.len();
        self.nodes.push(Node { node: place, below, ..node });
        place
    }

    /// What it is below of is known later.
    fn event(&mut self, event: &Envelope, deliveries: &[DeliveryRecord], places: &mut Places) -> Result<(), Failure> {
        let position = event.metadata.position;
        let node = if event.event_type == CommandRecorded::NAME {
            let mut record: CommandRecorded = event.decode()?;
            let parts = std::mem::take(&mut record.events);
            let (request, asked_by, key) = (record.request.clone(), record.asked_by.take(), record.key.take());
            let node = self.add(None, Node::of_command(position, record));
            places.published.extend(parts.into_iter().map(|part| (part, node)));
            places.records.push(Record { node, request, asked_by, key, at: event.timestamp });
            node
        } else {
            let (name, module) = (event.event_type.as_ref(), event.source_module.as_ref());
            self.add(None, Node { position, ..Node::new("event", name, module) })
        };
        let id = event.event_id.uuid();
        places.events.insert(id, node);
        for record in deliveries {
            let delivery = self.add(Some(node), Node::of_delivery(record));
            // Two subscribers of one module cannot be told apart: what they publish stands below the first.
            places.deliveries.entry((id, record.module.clone())).or_insert(delivery);
            // The last try is the delivery itself, unless it was parked before it was tried.
            let earlier = record.attempts.saturating_sub(1).saturating_sub(record.failures.len() as u32);
            for (number, error) in (earlier + 1..).zip(&record.failures) {
                self.add(Some(delivery), Node::of_try(number, error));
            }
        }
        Ok(())
    }

    /// Each behind that which it is below of.
    fn shown(&self) -> Vec<Shown<'_>> {
        let mut below: BTreeMap<Option<usize>, Vec<&Node>> = BTreeMap::new();
        for node in &self.nodes {
            below.entry(node.below).or_default().push(node);
        }
        let mut shown = Vec::with_capacity(self.nodes.len());
        let mut waiting: Vec<Shown<'_>> = Shown::level(below.remove(&None).unwrap_or_default(), &[], 0).collect();
        while let Some(next) = waiting.pop() {
            let nodes = below.remove(&Some(next.node.node)).unwrap_or_default();
            waiting.extend(Shown::level(nodes, &next.more, next.hidden));
            shown.push(next);
        }
        shown
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for Shown { node, more, hidden } in self.shown() {
            let (own, above) = more.split_last().expect("each is on a level");
            above.iter().for_each(|more| text.push_str(if *more { "│  " } else { "   " }));
            text.push_str(if *own { "├─ " } else { "└─ " });
            if hidden > 0 {
                text.push_str(&format!("({hidden} further in) "));
            }
            text.push_str(&node.line());
            text.push('\n');
        }
        text
    }

    fn mermaid(&self) -> String {
        let mut text = String::from("flowchart TD\n");
        for Shown { node, .. } in self.shown() {
            let this = node.node;
            let label =
                node.line().replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
            text.push_str(&format!("    n{this}[\"{label}\"]\n"));
            if let Some(above) = node.below {
                text.push_str(&format!("    n{above} --> n{this}\n"));
            }
        }
        text
    }
}

/// Where in the tree is what others may be below of.
#[derive(Default)]
struct Places {
    events: HashMap<Uuid, usize>,
    /// By event and module.
    deliveries: HashMap<(Uuid, String), usize>,
    /// By event, the command, the step or the run in whose unit it is.
    published: HashMap<EventId, usize>,
    /// By run and name.
    steps: HashMap<String, usize>,
    /// In the order of the log.
    records: Vec<Record>,
}

/// Of one command, what tells where it came from.
struct Record {
    node: usize,
    request: String,
    asked_by: Option<String>,
    key: Option<String>,
    at: DateTime<Utc>,
}

impl Places {
    fn above(&self, node: usize, event: &Envelope) -> Option<usize> {
        let by_unit = self.published.get(&event.event_id).copied();
        let by_record = || {
            let at = self.records.binary_search_by_key(&node, |record| record.node).ok()?;
            self.above_command(at)
        };
        let by_cause = || self.of_cause(event.metadata.causation_id, &event.source_module);
        by_unit.or_else(by_record).or_else(by_cause)
    }

    fn above_command(&self, at: usize) -> Option<usize> {
        let Record { asked_by, key, .. } = &self.records[at];
        let of_step = || {
            let mut parts = key.as_deref()?.splitn(3, '/');
            self.steps.get(&format!("{}/{}", parts.next()?, parts.next()?)).copied()
        };
        // Two requests of one name that are served at the same time cannot be told apart: it stands below the first to end.
        let of_service = || {
            let asked_by = asked_by.as_ref()?;
            self.records[at + 1..].iter().find(|record| record.request == *asked_by).map(|record| record.node)
        };
        of_step().or_else(of_service)
    }

    fn above_run(&self, run: &SagaRecord) -> Option<usize> {
        let of_service = || {
            let begun_by = run.begun_by.as_ref()?;
            let mut ended =
                self.records.iter().filter(|record| record.at.timestamp_millis() >= run.started_at.timestamp_millis());
            ended.find(|record| record.request == *begun_by).map(|record| record.node)
        };
        of_service().or_else(|| self.of_cause(run.causation_id, &run.begun_in))
    }

    /// What this module made of an event.
    fn of_cause(&self, cause: Option<CausationId>, module: &str) -> Option<usize> {
        let cause = cause?.uuid();
        self.deliveries.get(&(cause, module.to_owned())).or_else(|| self.events.get(&cause)).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use event_sourcing::{Expected, MemoryStore, Unit, Write};
    use expect_test::expect;

    use super::*;

    fn record(events: Vec<EventId>) -> CommandRecorded {
        CommandRecorded {
            user: "anna".into(),
            acting: None,
            module: "orders".into(),
            request: "orders.place".into(),
            asked_by: None,
            key: None,
            subject: None,
            purpose: None,
            outcome: Outcome::Done,
            code: None,
            seconds: Some(0.25),
            events,
        }
    }

    /// The event of this number, of this module, set off by that of another number.
    fn event(n: u128, module: &'static str, cause: Option<u128>) -> Envelope {
        let mut unit = Unit::new(testing::origin(module));
        unit.append("x", Expected::Any, &record(Vec::new()));
        let Some(Write::Append { envelope, .. }) = unit.into_writes().pop() else { unreachable!("one was appended") };
        let mut event = Arc::unwrap_or_clone(envelope);
        event.event_id = EventId::new(Uuid::from_u128(n));
        event.event_type = format!("{module}.changed").into();
        event.metadata.causation_id = cause.map(|cause| CausationId::new(Uuid::from_u128(cause)));
        event
    }

    async fn tree(events: Vec<Envelope>, deliveries: &[DeliveryRecord]) -> Tree {
        let (store, mut unit) = (MemoryStore::default(), Unit::new(testing::origin("tests")));
        let correlation = unit.origin().context.correlation();
        events.into_iter().for_each(|event| unit.take_up("x", event, Vec::new()));
        for delivery in deliveries {
            unit.put(format!("{:020}/{}", delivery.position.0, delivery.subscriber), delivery, Expected::Absent);
        }
        store.commit(unit).await.unwrap();
        Tree::of(&store, correlation).await.unwrap()
    }

    fn delivery(position: u64, module: &str, attempts: u32, failures: &[&str]) -> DeliveryRecord {
        let event = event(1, "orders", None);
        DeliveryRecord {
            subscriber: format!("{module}.listener"),
            module: module.into(),
            event_id: event.event_id,
            event_type: event.event_type.into_owned(),
            correlation_id: event.metadata.correlation_id,
            position: Position(position),
            attempts,
            started: event.timestamp,
            seconds: 0.001,
            outcome: DeliveryOutcome::Done,
            failures: failures.iter().map(|message| Error::internal(*message)).collect(),
            error: None,
        }
    }

    #[tokio::test]
    async fn a_command_is_above_its_events_and_a_delivery_above_its_tries() {
        let mut command = event(2, "orders", None);
        command.event_type = CommandRecorded::NAME.into();
        command.data = kernel::Json::of(&record(vec![EventId::new(Uuid::from_u128(1))])).unwrap();
        let events = vec![
            event(1, "orders", None),
            command,
            event(3, "mail", Some(1)),
            event(4, "stock", Some(1)),
            event(5, "orders", Some(9)),
        ];
        let deliveries = [
            delivery(1, "mail", 4, &["no line", "<busy>"]),
            delivery(1, "shelf", 1, &[]),
            delivery(3, "shelf", 0, &[]),
        ];
        let tree = tree(events, &deliveries).await;
        expect![[r#"
            ├─ command orders.place of orders @2: done, 250.0 ms
            │  └─ event orders.changed of orders @1
            │     ├─ delivery mail.listener of mail: done, 4 tries, 1.0 ms
            │     │  ├─ try 2: failed: no line
            │     │  ├─ try 3: failed: <busy>
            │     │  └─ event mail.changed of mail @3
            │     │     └─ delivery shelf.listener of shelf: done, 0 tries, 1.0 ms
            │     ├─ delivery shelf.listener of shelf: done, 1.0 ms
            │     └─ event stock.changed of stock @4
            └─ event orders.changed of orders @5
        "#]]
        .assert_eq(&tree.text());
        expect![[r#"
            flowchart TD
                n5["command orders.place of orders @2: done, 250.0 ms"]
                n0["event orders.changed of orders @1"]
                n5 --> n0
                n1["delivery mail.listener of mail: done, 4 tries, 1.0 ms"]
                n0 --> n1
                n2["try 2: failed: no line"]
                n1 --> n2
                n3["try 3: failed: &lt;busy&gt;"]
                n1 --> n3
                n6["event mail.changed of mail @3"]
                n1 --> n6
                n7["delivery shelf.listener of shelf: done, 0 tries, 1.0 ms"]
                n6 --> n7
                n4["delivery shelf.listener of shelf: done, 1.0 ms"]
                n0 --> n4
                n8["event stock.changed of stock @4"]
                n0 --> n8
                n9["event orders.changed of orders @5"]
        "#]]
        .assert_eq(&tree.mermaid());
    }

    #[tokio::test]
    async fn a_command_stands_below_the_one_whose_service_sent_it() {
        let recorded = |n, cause, request: &str, asked_by: Option<&str>| {
            let mut command = event(n, "orders", cause);
            command.event_type = CommandRecorded::NAME.into();
            let asked_by = asked_by.map(str::to_owned);
            let key = asked_by.as_ref().map(|_| "a/key/of/its/own".to_owned());
            let record = CommandRecorded { request: request.into(), asked_by, key, ..record(Vec::new()) };
            command.data = kernel::Json::of(&record).unwrap();
            command
        };
        let commands = vec![
            event(1, "shop", None),
            recorded(2, Some(1), "stock.take", Some("orders.place")),
            recorded(3, Some(1), "orders.place", None),
            recorded(4, Some(1), "stock.take", Some("orders.place")),
        ];
        expect![[r#"
            └─ event shop.changed of shop @1
               ├─ command orders.place of orders @3: done, 250.0 ms
               │  └─ command stock.take of orders @2: done, 250.0 ms
               └─ command stock.take of orders @4: done, 250.0 ms
        "#]]
        .assert_eq(&tree(commands, &[]).await.text());
    }

    /// Each event has set off the next one. A thread of a test has a small stack.
    #[tokio::test]
    async fn a_chain_may_be_as_long_as_the_log() {
        const EVENTS: u128 = 20_000;
        let chain = (1..=EVENTS).map(|n| event(n, "orders", n.checked_sub(1).filter(|cause| *cause > 0))).collect();
        let tree = tree(chain, &[]).await;
        let text = tree.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 20_000);
        assert!(lines.iter().all(|line| line.chars().count() < 200), "a line is not as wide as the chain is long");
        assert!(
            lines[19_999].ends_with("└─ (19968 further in) event orders.changed of orders @20000"),
            "{}",
            lines[19_999]
        );
        assert_eq!(tree.mermaid().lines().count(), 1 + 20_000 + 19_999);
        let json: Vec<serde_json::Value> = serde_json::from_str(&serde_json::to_string(&tree.nodes).unwrap()).unwrap();
        assert_eq!((&json[0]["node"], &json[19_999]["below"]), (&0.into(), &19_998.into()));
    }
}
