use std::{collections::BTreeSet, fmt, panic::Location};

use event_bus::{DeadLetter, SubscriberStatus};
use event_sourcing::Position;
use kernel::{CorrelationId, Json};
use serde::Serialize;

use crate::{Published, published::shortened};

/// Of a dead letter, its subscriber and the place of its event.
pub type Letter = (String, Option<u64>);

pub fn letter(DeadLetter { subscriber, event, .. }: &DeadLetter) -> Letter {
    (subscriber.clone(), event.metadata.position)
}

/// What the expectations are about.
#[derive(Debug, Clone)]
pub struct Stimulus {
    pub told: String,
    pub since: Position,
    /// What was parked before that.
    pub letters: BTreeSet<Letter>,
    /// Absent where time passed: that is nobody's work.
    pub correlation: Option<CorrelationId>,
}

/// Why a test fails, on one page.
pub struct Report {
    pub place: &'static Location<'static>,
    pub expected: String,
    pub instead: String,
    pub stimulus: Stimulus,
    pub published: Published,
    pub letters: Vec<DeadLetter>,
    pub statuses: Vec<SubscriberStatus>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, expected, instead, stimulus, published, .. } = self;
        let Stimulus { told, correlation, .. } = stimulus;
        writeln!(f, "expected {expected}\ninstead  {instead}\nafter    {told}\nat       {place}")?;
        let trail = correlation.map_or_else(|| published.clone(), |work| published.clone().within(work));
        section(f, "published since", &trail.to_string())?;
        if trail.envelopes().len() < published.envelopes().len() {
            let others = published.envelopes().iter().filter(|e| Some(e.metadata.correlation_id) != *correlation);
            let others: Vec<String> = others.map(|e| format!("{} of {}", e.event_type, e.source_module)).collect();
            section(f, "by other work", &others.join("\n"))?;
        }
        section(f, "parked", &self.parked())?;
        section(f, "not done", &self.behind())
    }
}

impl Report {
    fn parked(&self) -> String {
        let lines = self.letters.iter().map(|DeadLetter { subscriber, event, error, attempts }| {
            let position = event.metadata.position.unwrap_or_default();
            format!("{position:>3}  {} at `{subscriber}`, tried {attempts} times: {error}", event.event_type)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn behind(&self) -> String {
        let behind = self.statuses.iter().filter(|status| status.position < status.head);
        let lines = behind.map(|SubscriberStatus { name, position, head, in_flight, paused, halted, .. }| {
            let why = match halted {
                Some(why) => format!("halted, {why}"),
                None if *paused => "paused".to_owned(),
                None => format!("handling {in_flight}"),
            };
            format!("`{name}` has done {position} of {head}: {why}")
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// A title and indented lines, if there are any.
fn section(f: &mut fmt::Formatter<'_>, title: &str, lines: &str) -> fmt::Result {
    if lines.is_empty() {
        return if title == "published since" { write!(f, "nothing was published since") } else { Ok(()) };
    }
    let newline = if title == "published since" { "" } else { "\n" };
    write!(f, "{newline}{title}:")?;
    lines.lines().try_for_each(|line| write!(f, "\n  {line}"))
}

/// A message as the wire has it, if it is not too long.
pub fn as_json<T: Serialize>(message: &T) -> String {
    Json::of(message).map_or_else(|error| format!("no JSON: {error}"), |json| shortened(json.text()))
}
