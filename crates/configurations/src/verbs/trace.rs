use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use event_bus::{Checkpoints, DeliveryOutcome, DeliveryRecord, Subscription};
use event_sourcing::{Position, Store};
use kernel::{CausationId, CorrelationId, Envelope, Error, Event, EventId, Metadata};
use module::GRANTED_MODULE;
use request::{CommandRecorded, Outcome};
use saga::{SagaEngine, SagaId, SagaRecord, StepRecord};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    cli::{EventTrace, TraceFormat},
    composition::{Config, assemble_in_memory},
    exit::Failure,
    report::figures::visible,
    verbs::{open_to_show, print, print_json, run::events_of},
};

/// Levels that a line of text is indented by at most: a chain of events may be longer than any line.
const INDENTED: usize = 32;

/// What one piece of work set off, as the store knows it. Queries leave nothing there.
pub(super) async fn trace(config: &Config, args: &EventTrace) -> Result<(), Failure> {
    let format = if args.json { TraceFormat::Json } else { args.format };
    let store = open_to_show(&config.store.path)?;
    let subscriptions = assemble_in_memory(config).await?.subscriptions;
    let tree = Tree::of(&*store, &Checkpoints::of(&subscriptions, &*store).await?, args.correlation).await?;
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

/// One thing that happened. As JSON it always has all of this, as `docs/guide.md` says.
#[derive(Debug, Default, Serialize)]
struct Node {
    /// Its place in the list of all.
    node: usize,
    /// That which set it off, which it was a part of, or whose result it is.
    below: Option<usize>,
    /// The subscribers one of which did it, where nobody can tell which of them: it stands below their event.
    by_one_of: Vec<String>,
    kind: &'static str,
    name: String,
    module: Option<String>,
    subscriber: Option<String>,
    /// Of a command, that of its record; of a delivery and its tries, that of what was delivered.
    event_id: Option<EventId>,
    run_id: Option<SagaId>,
    causation_id: Option<CausationId>,
    position: Option<u64>,
    /// The idempotency key of a command.
    key: Option<String>,
    user: Option<String>,
    /// When it began; of an event, when it was published; of a delivery, its last try.
    started: Option<DateTime<Utc>>,
    seconds: Option<f64>,
    attempts: Option<u32>,
    /// How it ended, where it could end in more than one way.
    outcome: Option<String>,
    /// In words. The record of a command has only the code.
    error: Option<String>,
    code: Option<String>,
}

impl Node {
    fn of_event(event: &Envelope) -> Self {
        let module = Some(event.source_module.to_string());
        Self {
            kind: "event",
            name: event.event_type.to_string(),
            started: Some(event.timestamp),
            user: Some(event.metadata.user_id.to_string()),
            ..Self::in_log(event, module)
        }
    }

    fn of_command(event: &Envelope, record: &CommandRecorded) -> Self {
        let outcome = match record.outcome {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        };
        let took = record.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Self {
            kind: "command",
            name: record.request.clone(),
            // It is recorded at its end.
            started: took.and_then(|took| event.timestamp.checked_sub_signed(TimeDelta::from_std(took).ok()?)),
            seconds: record.seconds,
            key: record.key.clone(),
            user: Some(record.user.clone()),
            outcome: Some(outcome.into()),
            code: record.code.clone(),
            ..Self::in_log(event, Some(record.module.clone()))
        }
    }

    fn in_log(event: &Envelope, module: Option<String>) -> Self {
        let Metadata { causation_id, position, .. } = event.metadata;
        Self { module, event_id: Some(event.event_id), causation_id, position, ..Self::default() }
    }

    fn of_run(run: &SagaRecord) -> Self {
        Self {
            kind: "run",
            name: run.saga.clone(),
            causation_id: run.causation_id,
            user: Some(run.claims.user.clone()),
            started: Some(run.started_at),
            seconds: Some((run.updated_at - run.started_at).as_seconds_f64()),
            outcome: Some(run.state.name().into()),
            ..Self::in_run(run, run.error.as_ref())
        }
    }

    fn of_step(step: &StepRecord, run: &SagaRecord) -> Self {
        let seconds = step.started_at.zip(step.ended_at).map(|(began, ended)| (ended - began).as_seconds_f64());
        Self {
            kind: "step",
            name: step.name.clone(),
            started: step.started_at,
            seconds,
            attempts: Some(step.attempts),
            outcome: Some(step.state.name().into()),
            ..Self::in_run(run, step.error.as_ref())
        }
    }

    fn in_run(run: &SagaRecord, error: Option<&Error>) -> Self {
        // The journal of an earlier version does not say in which module.
        let module = Some(run.begun_in.clone()).filter(|module| !module.is_empty());
        Self { module, run_id: Some(run.id), ..Self::failed(error) }
    }

    fn of_delivery(record: &DeliveryRecord) -> Self {
        let outcome = match record.outcome {
            DeliveryOutcome::Done => "done",
            DeliveryOutcome::Parked => "parked",
            DeliveryOutcome::Discarded => "discarded",
            DeliveryOutcome::Skipped => "skipped",
        };
        Self {
            kind: "delivery",
            name: record.subscriber.clone(),
            started: Some(record.started),
            seconds: Some(record.seconds),
            attempts: Some(record.attempts),
            outcome: Some(outcome.into()),
            ..Self::at_subscriber(record, record.error.as_ref())
        }
    }

    /// Of which there is no record.
    fn of_unrecorded(event: &Envelope, subscription: &Subscription, is_through: bool) -> Self {
        Self {
            kind: "delivery",
            name: subscription.name.to_owned(),
            module: Some(subscription.module.to_owned()),
            subscriber: Some(subscription.name.to_owned()),
            event_id: Some(event.event_id),
            outcome: Some(if is_through { "passed" } else { "pending" }.into()),
            ..Self::default()
        }
    }

    fn of_try(number: u32, record: &DeliveryRecord, error: &Error) -> Self {
        Self {
            kind: "try",
            name: number.to_string(),
            outcome: Some("failed".into()),
            ..Self::at_subscriber(record, Some(error))
        }
    }

    fn at_subscriber(record: &DeliveryRecord, error: Option<&Error>) -> Self {
        Self {
            module: Some(record.module.clone()),
            subscriber: Some(record.subscriber.clone()),
            event_id: Some(record.event_id),
            ..Self::failed(error)
        }
    }

    fn failed(error: Option<&Error>) -> Self {
        let (code, error) = (error.map(|error| error.code().to_owned()), error.map(ToString::to_string));
        Self { error, code, ..Self::default() }
    }

    /// In one line.
    fn line(&self) -> String {
        let Self { kind, name, module, by_one_of, outcome, attempts, seconds, position, .. } = self;
        let mut line = format!("{kind} {name}");
        let mut add = |part: String| {
            line += &part;
        };
        // A step and a try are in the module of what they stand below.
        if let Some(module) = module.as_ref().filter(|_| !matches!(*kind, "step" | "try")) {
            add(format!(" of {module}"));
        }
        if let Some(position) = position {
            add(format!(" @{position}"));
        }
        if !by_one_of.is_empty() {
            add(format!(", by {}", by_one_of.join(" or ")));
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
        if let Some(error) = self.error.as_ref().or(self.code.as_ref()) {
            add(format!(": {error}"));
        }
        visible(&line)
    }
}

/// Everything that one piece of work consists of: below a command the events of its unit, the runs that it began and the commands that
/// its service sent; below a run its steps, below a step the commands that it sent; below an event its deliveries, below a delivery its
/// tries before the last and what it published, sent and began. What it did beside its unit stands below the event and names both,
/// where two subscribers of one module have taken that.
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
    async fn of(store: &dyn Store, checkpoints: &Checkpoints<'_>, correlation: CorrelationId) -> Result<Self, Failure> {
        let (mut tree, mut places) = (Self::default(), Places::default());
        let events = events_of(store, Position(0), correlation).await?;
        for event in &events {
            let position = Position(event.metadata.position.unwrap_or_default());
            let deliveries = DeliveryRecord::of(store, position).await?;
            tree.event(event, &deliveries, &mut places)?;
            let node = places.events[&event.event_id.uuid()];
            // What is parked has its record, and the checkpoint may be on its way.
            let is_recorded = |name: &str| deliveries.iter().any(|record| record.subscriber == name);
            let at = checkpoints.at(event).await?.into_iter();
            for (subscription, is_through) in at.filter(|(subscription, _)| !is_recorded(subscription.name)) {
                let delivery = tree.add(node.into(), Node::of_unrecorded(event, subscription, is_through));
                places.delivery(event.event_id, subscription.module, delivery, subscription.name);
            }
        }
        let runs = SagaEngine::list(store).await?;
        for run in runs.iter().filter(|run| run.correlation_id == correlation) {
            let node = tree.add(places.above_run(run), Node::of_run(run));
            places.published.extend(run.events.iter().map(|event| (*event, node)));
            for step in run.steps.iter().filter(|step| step.started_at.is_some()) {
                let below = tree.add(node.into(), Node::of_step(step, run));
                places.published.extend(step.events.iter().map(|event| (*event, below)));
                places.steps.insert(format!("{}/{}", run.id, step.name), below);
            }
        }
        // A command is recorded behind what it published and sent.
        for event in &events {
            let node = places.events[&event.event_id.uuid()];
            places.above(node, event).stand_above(&mut tree.nodes[node]);
        }
        tree.cut_circles();
        Ok(tree)
    }

    /// What is above itself, as keys and causes that somebody made up may have it, stands at the top: nothing is left out.
    fn cut_circles(&mut self) {
        let mut reached_from = vec![None; self.nodes.len()];
        for start in 0..self.nodes.len() {
            let mut next = Some(start);
            while let Some(at) = next.filter(|at| reached_from[*at].is_none()) {
                reached_from[at] = Some(start);
                next = self.nodes[at].below;
                if next.is_some_and(|above| reached_from[above] == Some(start)) {
                    Above::default().stand_above(&mut self.nodes[at]);
                }
            }
        }
    }

    fn add(&mut self, above: Above, node: Node) -> usize {
        let place = self.nodes.len();
        let mut node = Node { node: place, ..node };
        above.stand_above(&mut node);
        self.nodes.push(node);
        place
    }

    /// What it is below of is known later.
    fn event(&mut self, event: &Envelope, deliveries: &[DeliveryRecord], places: &mut Places) -> Result<(), Failure> {
        let node = if event.event_type == CommandRecorded::NAME {
            let record: CommandRecorded = event.decode()?;
            let node = self.add(Above::default(), Node::of_command(event, &record));
            let CommandRecorded { events, request, asked_by, key, acting, .. } = record;
            places.published.extend(events.into_iter().map(|part| (part, node)));
            let by_module = acting.and_then(|acting| acting.strip_prefix(GRANTED_MODULE).map(str::to_owned));
            let (cause, at) = (event.metadata.causation_id, event.timestamp);
            places.records.push(Record { node, cause, request, asked_by, by_module, key, at });
            node
        } else {
            self.add(Above::default(), Node::of_event(event))
        };
        let id = event.event_id.uuid();
        places.events.insert(id, node);
        for record in deliveries {
            let delivery = self.add(node.into(), Node::of_delivery(record));
            places.published.extend(record.events.iter().map(|event| (*event, delivery)));
            places.delivery(record.event_id, &record.module, delivery, &record.subscriber);
            // The last try is the delivery itself, unless it was parked before it was tried.
            let earlier = record.attempts.saturating_sub(1).saturating_sub(record.failures.len() as u32);
            for (number, error) in (earlier + 1..).zip(&record.failures) {
                self.add(delivery.into(), Node::of_try(number, record, error));
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

/// What something is below of.
#[derive(Default)]
struct Above {
    node: Option<usize>,
    by_one_of: Vec<String>,
}

impl From<usize> for Above {
    fn from(node: usize) -> Self {
        Self { node: Some(node), by_one_of: Vec::new() }
    }
}

impl Above {
    fn stand_above(self, below: &mut Node) {
        (below.below, below.by_one_of) = (self.node, self.by_one_of);
    }
}

/// Where in the tree is what others may be below of.
#[derive(Default)]
struct Places {
    events: HashMap<Uuid, usize>,
    /// By event and module, with their subscribers.
    deliveries: HashMap<(Uuid, String), Vec<(usize, String)>>,
    /// By event, the command, the delivery, the step or the run in whose unit it is.
    published: HashMap<EventId, usize>,
    /// By run and name.
    steps: HashMap<String, usize>,
    /// In the order of the log.
    records: Vec<Record>,
}

/// Of one command, what tells where it came from.
struct Record {
    node: usize,
    cause: Option<CausationId>,
    request: String,
    asked_by: Option<String>,
    /// The module that sent it while it handled an event.
    by_module: Option<String>,
    key: Option<String>,
    at: DateTime<Utc>,
}

impl Places {
    fn delivery(&mut self, event: EventId, module: &str, node: usize, subscriber: &str) {
        let at = self.deliveries.entry((event.uuid(), module.to_owned())).or_default();
        at.push((node, subscriber.to_owned()));
    }

    fn above(&self, node: usize, event: &Envelope) -> Above {
        let record = self.records.binary_search_by_key(&node, |record| record.node).ok();
        let by_unit = self.published.get(&event.event_id).copied();
        let known = by_unit.or_else(|| self.above_command(record?));
        let by_module = record.and_then(|at| self.records[at].by_module.as_deref());
        let by_cause = || {
            let module = by_module.unwrap_or(&event.source_module);
            self.of_cause(event.metadata.causation_id, module)
        };
        known.map_or_else(by_cause, Above::from)
    }

    fn above_command(&self, at: usize) -> Option<usize> {
        let Record { asked_by, key, cause, .. } = &self.records[at];
        let of_step = || {
            let mut parts = key.as_deref()?.splitn(3, '/');
            self.steps.get(&format!("{}/{}", parts.next()?, parts.next()?)).copied()
        };
        // What a service sends has the cause of its own request. Two requests of one name and cause that are served at the same time
        // cannot be told apart: it stands below the first to end.
        let of_service = || {
            let asked_by = asked_by.as_ref()?;
            let is_above = |record: &&Record| record.request == *asked_by && record.cause == *cause;
            self.records[at + 1..].iter().find(is_above).map(|record| record.node)
        };
        of_step().or_else(of_service)
    }

    fn above_run(&self, run: &SagaRecord) -> Above {
        let of_service = || {
            let begun_by = run.begun_by.as_ref()?;
            let of_run = format!("{}/", run.id);
            let is_above = |record: &&Record| {
                record.request == *begun_by
                    && record.cause == run.causation_id
                    && record.at.timestamp_millis() >= run.started_at.timestamp_millis()
                    && record.key.as_ref().is_none_or(|key| !key.starts_with(&of_run))
            };
            self.records.iter().find(is_above).map(|record| record.node)
        };
        let of_cause = || self.of_cause(run.causation_id, &run.begun_in);
        of_service().map_or_else(of_cause, Above::from)
    }

    /// What this module made of an event: its delivery, if that was to one subscriber of it.
    fn of_cause(&self, cause: Option<CausationId>, module: &str) -> Above {
        let Some(cause) = cause.map(CausationId::uuid) else { return Above::default() };
        let all = self.deliveries.get(&(cause, module.to_owned())).map_or(&[][..], Vec::as_slice);
        if let [(delivery, _)] = all {
            return (*delivery).into();
        }
        let by_one_of = all.iter().map(|(_, subscriber)| subscriber.clone()).collect();
        self.events.get(&cause).map(|event| Above { node: Some(*event), by_one_of }).unwrap_or_default()
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
        Tree::of(&store, &Checkpoints::of(&[], &store).await.unwrap(), correlation).await.unwrap()
    }

    fn delivery(position: u64, module: &str, attempts: u32, failures: &[&str]) -> DeliveryRecord {
        let event = event(position.into(), "orders", None);
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
            events: Vec::new(),
            failures: failures.iter().map(|message| Error::internal(*message)).collect(),
            error: None,
        }
    }

    #[tokio::test]
    async fn a_command_stand_above_its_events_and_a_delivery_above_its_tries() {
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

    /// The one that asked is recorded later, and so is one of its name that the asked one has set off.
    #[tokio::test]
    async fn nothing_is_left_out_whatever_stands_in_the_records() {
        let recorded = |n, cause, request: &str, asked_by: Option<&str>, events| {
            let mut command = event(n, "orders", cause);
            command.event_type = CommandRecorded::NAME.into();
            let asked_by = asked_by.map(str::to_owned);
            command.data =
                kernel::Json::of(&CommandRecorded { request: request.into(), asked_by, ..record(events) }).unwrap();
            command
        };
        let events = vec![
            event(1, "stock", None),
            recorded(2, None, "stock.take", Some("orders.place"), vec![EventId::new(Uuid::from_u128(1))]),
            recorded(3, Some(1), "orders.place", None, Vec::new()),
            event(4, "moon", Some(5)),
            event(5, "sun", Some(4)),
        ];
        expect![[r#"
            ├─ command stock.take of orders @2: done, 250.0 ms
            │  └─ event stock.changed of stock @1
            │     └─ command orders.place of orders @3: done, 250.0 ms
            └─ event sun.changed of sun @5
               └─ event moon.changed of moon @4
        "#]]
        .assert_eq(&tree(events, &[]).await.text());
    }

    /// Two subscribers of `mail` have taken the same event.
    #[tokio::test]
    async fn what_a_delivery_has_done_stands_below_it_and_not_below_its_neighbour() {
        let mut command = event(4, "stock", Some(1));
        command.event_type = CommandRecorded::NAME.into();
        let sent = CommandRecorded { acting: Some("module:mail".into()), module: "stock".into(), ..record(Vec::new()) };
        command.data = kernel::Json::of(&sent).unwrap();
        let events = vec![event(1, "orders", None), event(2, "mail", Some(1)), event(3, "mail", Some(1)), command];
        let mail = |subscriber: &str, events: &[u128]| DeliveryRecord {
            subscriber: subscriber.into(),
            events: events.iter().map(|n| EventId::new(Uuid::from_u128(*n))).collect(),
            ..delivery(1, "mail", 1, &[])
        };
        let deliveries = [mail("mail.first", &[2]), mail("mail.second", &[]), delivery(1, "stock", 1, &[])];
        expect![[r#"
            └─ event orders.changed of orders @1
               ├─ delivery mail.first of mail: done, 1.0 ms
               │  └─ event mail.changed of mail @2
               ├─ delivery mail.second of mail: done, 1.0 ms
               ├─ delivery stock.listener of stock: done, 1.0 ms
               ├─ event mail.changed of mail @3, by mail.first or mail.second
               └─ command orders.place of stock @4, by mail.first or mail.second: done, 250.0 ms
        "#]]
        .assert_eq(&tree(events, &deliveries).await.text());
    }

    #[tokio::test]
    async fn as_json_each_thing_has_its_ids_its_module_and_its_times() {
        let mut command = event(2, "orders", None);
        command.event_type = CommandRecorded::NAME.into();
        let refused = CommandRecorded {
            outcome: Outcome::Refused,
            code: Some("orders.closed".into()),
            key: Some("order-7".into()),
            ..record(vec![EventId::new(Uuid::from_u128(1))])
        };
        command.data = kernel::Json::of(&refused).unwrap();
        let tree = tree(vec![event(1, "orders", None), command], &[delivery(1, "mail", 2, &["no line"])]).await;
        expect![[r#"
            [
              {
                "node": 0,
                "below": 3,
                "by_one_of": [],
                "kind": "event",
                "name": "orders.changed",
                "module": "orders",
                "subscriber": null,
                "event_id": "00000000-0000-0000-0000-000000000001",
                "run_id": null,
                "causation_id": null,
                "position": 1,
                "key": null,
                "user": "tester",
                "started": "1970-01-01T00:00:00Z",
                "seconds": null,
                "attempts": null,
                "outcome": null,
                "error": null,
                "code": null
              },
              {
                "node": 1,
                "below": 0,
                "by_one_of": [],
                "kind": "delivery",
                "name": "mail.listener",
                "module": "mail",
                "subscriber": "mail.listener",
                "event_id": "00000000-0000-0000-0000-000000000001",
                "run_id": null,
                "causation_id": null,
                "position": null,
                "key": null,
                "user": null,
                "started": "1970-01-01T00:00:00Z",
                "seconds": 0.001,
                "attempts": 2,
                "outcome": "done",
                "error": null,
                "code": null
              },
              {
                "node": 2,
                "below": 1,
                "by_one_of": [],
                "kind": "try",
                "name": "1",
                "module": "mail",
                "subscriber": "mail.listener",
                "event_id": "00000000-0000-0000-0000-000000000001",
                "run_id": null,
                "causation_id": null,
                "position": null,
                "key": null,
                "user": null,
                "started": null,
                "seconds": null,
                "attempts": null,
                "outcome": "failed",
                "error": "no line",
                "code": "internal"
              },
              {
                "node": 3,
                "below": null,
                "by_one_of": [],
                "kind": "command",
                "name": "orders.place",
                "module": "orders",
                "subscriber": null,
                "event_id": "00000000-0000-0000-0000-000000000002",
                "run_id": null,
                "causation_id": null,
                "position": 2,
                "key": "order-7",
                "user": "anna",
                "started": "1969-12-31T23:59:59.750Z",
                "seconds": 0.25,
                "attempts": null,
                "outcome": "refused",
                "error": null,
                "code": "orders.closed"
              }
            ]"#]]
        .assert_eq(&serde_json::to_string_pretty(&tree.nodes).unwrap());
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
