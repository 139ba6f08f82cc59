use std::fmt;

use chrono::{DateTime, Utc};
use kernel::CorrelationId;

use crate::Position;

/// Which events, by their types and tags: those that any of its items matches.
///
/// ```
/// # use event_sourcing::EventQuery;
/// let of_one_student = EventQuery::of(&["courses.joined", "courses.left"], &["student:7"]);
/// let decided_upon = of_one_student.or(EventQuery::of(&["courses.joined"], &["course:math"]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery(Vec<QueryItem>);

/// One of the alternatives of an [`EventQuery`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryItem {
    /// The event is of one of these; of any, if there are none.
    pub types: Vec<String>,
    /// The event has all of these.
    pub tags: Vec<String>,
}

impl EventQuery {
    /// Events of one of these types that have all of these tags. No types: of any. Neither: every event.
    pub fn of(types: &[&str], tags: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self(vec![QueryItem { types: owned(types), tags: owned(tags) }])
    }

    /// And those that the other one matches.
    #[must_use]
    pub fn or(mut self, mut other: Self) -> Self {
        self.0.append(&mut other.0);
        self
    }

    /// For adapters: the alternatives, one at least.
    pub fn items(&self) -> &[QueryItem] {
        &self.0
    }

    /// Whether it takes more than the event itself to tell.
    pub(crate) fn asks_for_tags(&self) -> bool {
        self.0.iter().any(|item| !item.tags.is_empty())
    }

    pub(crate) fn matches(&self, event_type: &str, has_tag: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|QueryItem { types, tags }| {
            (types.is_empty() || types.iter().any(|of| of == event_type)) && tags.iter().all(|tag| has_tag(tag))
        })
    }
}

/// In words: `` `orders.placed` tagged `order:1`, or any event tagged `customer:7` ``.
impl fmt::Display for EventQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, QueryItem { types, tags }) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", or " })?;
            match &types[..] {
                [] => f.write_str("any event")?,
                types => list(f, types, " or ")?,
            }
            if !tags.is_empty() {
                f.write_str(" tagged ")?;
                list(f, tags, " and ")?;
            }
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, names: &[String], between: &str) -> fmt::Result {
    for (index, name) in names.iter().enumerate() {
        write!(f, "{}`{name}`", if index == 0 { "" } else { between })?;
    }
    Ok(())
}

/// From which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The oldest first.
    #[default]
    Forward,
    /// The latest first.
    Backward,
}

/// Which part of the log.
///
/// The next page of a forward read moves `after` to the last position of the one before, that of a backward read `upto` to the
/// position before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// Only events behind this position; 0 is before all of them.
    pub after: Position,
    /// Only events up to and including this position. None: to the end.
    pub upto: Option<Position>,
    /// At most so many events. Fewer than that: there are no more.
    pub limit: usize,
    /// From which end of that part.
    pub direction: Direction,
    /// Only events stamped at or before this moment. Times need not rise with positions: a clock may be set.
    pub until: Option<DateTime<Utc>>,
    /// Only events of one piece of work.
    pub correlation: Option<CorrelationId>,
    /// Only events of these types and tags. Without a tag in each of its items, every event of that part is looked at.
    pub matching: Option<EventQuery>,
}

impl LogQuery {
    /// All that comes behind this position, the oldest first.
    pub fn after(position: Position, limit: usize) -> Self {
        Self {
            after: position,
            upto: None,
            limit,
            direction: Direction::Forward,
            until: None,
            correlation: None,
            matching: None,
        }
    }

    /// The end of the log, the latest first.
    pub fn last(limit: usize) -> Self {
        Self { direction: Direction::Backward, ..Self::after(Position(0), limit) }
    }
}

/// Which part of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamQuery {
    /// Only events behind this version; 0 is before all of them.
    pub after: u64,
    /// Only events up to and including this version: the stream as of then. None: to the end.
    pub upto: Option<u64>,
    /// Only events before the first one that is stamped later than this moment: the stream as of then. Never one with a hole in
    /// it, though a clock was set back.
    pub until: Option<DateTime<Utc>>,
    /// From which end of that part.
    pub direction: Direction,
    /// At most so many events. Fewer than that: there are no more.
    pub limit: usize,
}

impl StreamQuery {
    /// All that comes behind this version, the oldest first.
    pub fn after(version: u64, limit: usize) -> Self {
        Self { after: version, upto: None, until: None, direction: Direction::Forward, limit }
    }

    /// The end of the stream, the latest first.
    pub fn last(limit: usize) -> Self {
        Self { direction: Direction::Backward, ..Self::after(0, limit) }
    }
}
