//! Reading events: of the log, of a stream, by type and tag.

use std::fmt::Write as _;

use event_sourcing::{Direction, EventQuery, LogQuery, Position, QueryItem, StreamQuery};
use kernel::Envelope;
use rusqlite::{Connection, Row, ToSql, params_from_iter};

use crate::{checksum::event_columns, names::Names, readers, rows};

pub(crate) fn log(connection: &Connection, query: &LogQuery) -> rusqlite::Result<Vec<Envelope>> {
    match query.matching.as_ref().map_or(&[][..], EventQuery::items) {
        [] => select(connection, &QueryItem::default(), query),
        [one] => select(connection, one, query),
        items => {
            // All of them see the same log, or a page could miss what its neighbours have.
            let _snapshot = connection.unchecked_transaction()?;
            any_of(connection, items, query)
        }
    }
}

/// The first event behind a position that matches, as the open transaction has it.
pub(crate) fn first_match(
    connection: &Connection,
    query: &EventQuery,
    after: Position,
) -> rusqlite::Result<Option<Envelope>> {
    Ok(any_of(connection, query.items(), &LogQuery::after(after, 1))?.into_iter().next())
}

/// What is first among all is first among those of its item.
fn any_of(connection: &Connection, items: &[QueryItem], part: &LogQuery) -> rusqlite::Result<Vec<Envelope>> {
    let mut found = Vec::new();
    for item in items {
        found.extend(select(connection, item, part)?);
    }
    found.sort_by_key(|event: &Envelope| event.metadata.position);
    found.dedup_by_key(|event| event.metadata.position);
    if part.direction == Direction::Backward {
        found.reverse();
    }
    found.truncate(part.limit);
    Ok(found)
}

/// The events of a part of the log that match one item.
fn select(connection: &Connection, item: &QueryItem, part: &LogQuery) -> rusqlite::Result<Vec<Envelope>> {
    let mut select = Select::new(concat!("SELECT ", event_columns!(), ", events.checksum FROM "));
    let place = match &item.tags[..] {
        [] => {
            select.text("events WHERE true");
            "position"
        }
        [first, others @ ..] => {
            // Few events have a tag, so they are looked up one by one, and in order.
            select.text("tags CROSS JOIN events ON position = event WHERE tag = ").value(first);
            for other in others {
                select.text(" AND EXISTS (SELECT 1 FROM tags AS other WHERE other.event = position AND other.tag = ");
                select.value(other).text(")");
            }
            "event"
        }
    };
    select.range(place, part.after.0, part.upto.map(|upto| upto.0));
    if let [first, others @ ..] = &item.types[..] {
        select.text(" AND event_type IN (SELECT id FROM names WHERE name IN (").value(first);
        for other in others {
            select.text(", ").value(other);
        }
        select.text("))");
    }
    if let Some(correlation) = part.correlation {
        select.text(" AND correlation_id = ").value(correlation.uuid().into_bytes());
    }
    if let Some(until) = part.until {
        select.text(" AND timestamp <= ").value(rows::nanoseconds(until));
    }
    select.end(place, part.direction, part.limit);
    let is_filtered = *item != QueryItem::default() || part.correlation.is_some() || part.until.is_some();
    if is_filtered {
        return select.envelopes(connection, |_| Ok(()));
    }
    let mut positions = Series::new(part.after.0, part.direction);
    let found = select.envelopes(connection, |row| positions.next(rows::number(row, 0)?).map_err(missing))?;
    if found.len() < part.limit {
        match part.direction {
            Direction::Forward => {
                reaches_end(connection, part.after.0.saturating_add(1 + found.len() as u64), part.upto)?;
            }
            Direction::Backward => positions.reaches(part.after.0).map_err(missing)?,
        }
    }
    Ok(found)
}

/// Where the file is damaged, SQLite may find none of those that stand behind some event. This one would be the next.
fn reaches_end(connection: &Connection, next: u64, upto: Option<Position>) -> rusqlite::Result<()> {
    let is_end = upto.is_some_and(|upto| next > upto.0) || next > readers::head(connection)?.0;
    // It may have been appended since.
    let is_there =
        || connection.prepare_cached("SELECT 1 FROM events WHERE position = ?1")?.exists([rows::integer(next)]);
    if is_end || cfg!(mutant = "gaps_passed_over") || is_there()? { Ok(()) } else { Err(missing(next)) }
}

fn missing(position: u64) -> rusqlite::Error {
    rows::unreadable(format!("event {position}: it is missing, and others stand behind it"))
}

pub(crate) fn stream(connection: &Connection, stream: &str, query: &StreamQuery) -> rusqlite::Result<Vec<Envelope>> {
    let StreamQuery { after, upto, until, direction, limit } = *query;
    let mut select = Select::new(concat!("SELECT ", event_columns!(), ", checksum FROM events WHERE stream = "));
    select.named(stream).range("version", after, upto);
    if let Some(until) = until {
        select.text(" AND version < coalesce((SELECT later.version FROM events AS later WHERE later.stream = ");
        select.named(stream).text(" AND later.timestamp > ").value(rows::nanoseconds(until));
        select.text(" ORDER BY later.version LIMIT 1), 9223372036854775807)");
    }
    let missing = |version| {
        rows::unreadable(format!("stream `{stream}`: its event {version} is missing, and others stand behind it"))
    };
    let mut versions = Series::new(after, direction);
    let found = select
        .end("version", direction, limit)
        .envelopes(connection, |row| versions.next(rows::number(row, 13)?).map_err(missing))?;
    if direction == Direction::Backward && found.len() < limit {
        versions.reaches(after).map_err(missing)?;
    }
    Ok(found)
}

/// Positions and versions have no gaps. Where a page of the file is damaged that says where others lie, SQLite passes rows over.
struct Series {
    /// The one before, as far as that is known.
    last: Option<u64>,
    direction: Direction,
}

impl Series {
    fn new(after: u64, direction: Direction) -> Self {
        Self { last: (direction == Direction::Forward).then_some(after), direction }
    }

    /// Or the number that is missing before it.
    fn next(&mut self, number: u64) -> Result<(), u64> {
        let wanted = self.last.replace(number).map_or(number, |last| match self.direction {
            Direction::Forward => last.saturating_add(1),
            Direction::Backward => last.saturating_sub(1),
        });
        // Mutant `gaps_passed_over`: what a damaged file does not show is taken for what never happened.
        if number == wanted || cfg!(mutant = "gaps_passed_over") { Ok(()) } else { Err(wanted) }
    }

    /// Whether the last one, backward, was the first behind this; or the number that is missing.
    fn reaches(&self, after: u64) -> Result<(), u64> {
        match self.last {
            Some(last) if last > after.saturating_add(1) && !cfg!(mutant = "gaps_passed_over") => Err(last - 1),
            Some(_) | None => Ok(()),
        }
    }
}

/// A statement and its arguments, in one order.
struct Select<'a> {
    text: String,
    arguments: Vec<Box<dyn ToSql + 'a>>,
}

impl<'a> Select<'a> {
    fn new(text: &str) -> Self {
        Self { text: text.into(), arguments: Vec::new() }
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    fn value(&mut self, value: impl ToSql + 'a) -> &mut Self {
        self.arguments.push(Box::new(value));
        write!(self.text, "?{}", self.arguments.len()).expect("a String takes everything");
        self
    }

    fn named(&mut self, name: impl ToSql + 'a) -> &mut Self {
        self.text("(SELECT id FROM names WHERE name = ").value(name).text(")")
    }

    fn range(&mut self, column: &str, after: u64, upto: Option<u64>) -> &mut Self {
        self.text(" AND ").text(column).text(" > ").value(rows::integer(after));
        if let Some(upto) = upto {
            self.text(" AND ").text(column).text(" <= ").value(rows::integer(upto));
        }
        self
    }

    fn end(&mut self, column: &str, direction: Direction, limit: usize) -> &mut Self {
        self.text(" ORDER BY ").text(column);
        if direction == Direction::Backward {
            self.text(" DESC");
        }
        self.text(" LIMIT ").value(rows::integer(limit as u64))
    }

    /// All of them, each looked at before.
    fn envelopes(
        &self,
        connection: &Connection,
        mut look: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<Vec<Envelope>> {
        let mut statement = connection.prepare_cached(&self.text)?;
        let mut names = Names::new(connection);
        let found = statement.query_map(params_from_iter(&self.arguments), |row| {
            look(row)?;
            rows::envelope(row, &mut names)
        });
        found?.collect()
    }
}
