//! Reading events: of the log, of a stream, by type and tag.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use event_sourcing::{Direction, EventQuery, LogQuery, Position, QueryItem, StreamQuery};
use kernel::Envelope;
use rusqlite::{Connection, ToSql, params_from_iter};

use crate::{checksum::event_columns, names::Names, rows};

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
        select.text(" AND timestamp <= ").value(nanoseconds(until));
    }
    select.end(place, part.direction, part.limit).envelopes(connection)
}

pub(crate) fn stream(connection: &Connection, stream: &str, query: &StreamQuery) -> rusqlite::Result<Vec<Envelope>> {
    let StreamQuery { after, upto, until, direction, limit } = *query;
    let mut select = Select::new(concat!("SELECT ", event_columns!(), ", checksum FROM events WHERE stream = "));
    select.named(stream).range("version", after, upto);
    if let Some(until) = until {
        select.text(" AND version < coalesce((SELECT later.version FROM events AS later WHERE later.stream = ");
        select.named(stream).text(" AND later.timestamp > ").value(nanoseconds(until));
        select.text(" ORDER BY later.version LIMIT 1), 9223372036854775807)");
    }
    select.end("version", direction, limit).envelopes(connection)
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

    fn envelopes(&self, connection: &Connection) -> rusqlite::Result<Vec<Envelope>> {
        let mut statement = connection.prepare_cached(&self.text)?;
        let mut names = Names::new(connection);
        statement.query_map(params_from_iter(&self.arguments), |row| rows::envelope(row, &mut names))?.collect()
    }
}

/// As events have it. What lies outside of the years that fit lies before or after all of them.
fn nanoseconds(time: DateTime<Utc>) -> i64 {
    let beyond = if time < DateTime::UNIX_EPOCH { i64::MIN } else { i64::MAX };
    time.timestamp_nanos_opt().unwrap_or(beyond)
}
