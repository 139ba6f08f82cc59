use std::error::Error as StdError;

use chrono::DateTime;
use event_sourcing::{StoredDocument, Write};
use kernel::{CausationId, CorrelationId, Envelope, EventId, Json, Metadata, Priority};
use rusqlite::{
    Error, Row,
    types::{FromSqlError, FromSqlResult, Type, ValueRef},
};
use serde_json::Value;
use uuid::Uuid;

/// What [`envelope`] reads, in its order.
macro_rules! envelope_columns {
    () => {
        "position, event_id, event_type, timestamp, source_module, data, correlation_id, causation_id, user_id, \
         schema_version, key, priority"
    };
}
pub(crate) use envelope_columns;

pub(crate) fn envelope(row: &Row<'_>) -> rusqlite::Result<Envelope> {
    let position = number(row, 0)?;
    read_envelope(row, position).map_err(|cause| unreadable(format!("event {position}: {cause}")))
}

fn read_envelope(row: &Row<'_>, position: u64) -> rusqlite::Result<Envelope> {
    Ok(Envelope {
        event_id: EventId::new(column(row, 1, uuid)?),
        event_type: row.get::<_, String>(2)?.into(),
        timestamp: DateTime::from_timestamp_nanos(row.get(3)?),
        source_module: row.get::<_, String>(4)?.into(),
        data: column(row, 5, json)?,
        metadata: Metadata {
            correlation_id: CorrelationId::new(column(row, 6, uuid)?),
            causation_id: match row.get_ref(7)? {
                ValueRef::Null => None,
                _ => Some(CausationId::new(column(row, 7, uuid)?)),
            },
            user_id: row.get(8)?,
            schema_version: row.get(9)?,
            key: row.get(10)?,
            priority: column(row, 11, priority)?,
            position: Some(position),
        },
    })
}

/// Reads `key, body, revision`.
pub(crate) fn document(row: &Row<'_>) -> rusqlite::Result<StoredDocument> {
    let key: String = row.get(0)?;
    let body = column(row, 1, json).map_err(|cause| unreadable(format!("document `{key}`: {cause}")))?;
    Ok(StoredDocument { key, body, revision: number(row, 2)? })
}

pub(crate) fn timestamp(envelope: &Envelope) -> i64 {
    // The years 1677 to 2262 have nanoseconds in 64 bits; a clock that says anything else is wrong anyway.
    envelope.timestamp.timestamp_nanos_opt().unwrap_or(i64::MAX)
}

/// The deepest JSON that is read back; any depth is written.
const DEEPEST: usize = 127;

/// What in a unit could be stored and never read again.
pub(crate) fn too_deep(writes: &[Write]) -> Option<String> {
    writes.iter().find_map(|write| match write {
        Write::Append { envelope, .. } => {
            is_too_deep(&envelope.data).then(|| format!("event `{}`", envelope.event_type))
        }
        Write::Put { collection, key, body, .. } => is_too_deep(body).then(|| format!("document `{collection}/{key}`")),
        Write::Delete { .. } | Write::Guard { .. } | Write::Require { .. } | Write::Checkpoint { .. } => None,
    })
}

fn is_too_deep(json: &Json) -> bool {
    let text = json.text();
    // A level takes two brackets: hardly any text is looked through, and hardly any of those is read.
    let brackets = || text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    text.len() > 2 * DEEPEST && brackets() > DEEPEST && json.read::<Value>().is_err()
}

/// Beyond what SQLite can count there are no rows, so the largest number says the same.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// SQLite counts in signed numbers; the bits are the same.
pub(crate) fn number(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get(index).map(i64::cast_unsigned)
}

fn column<T>(row: &Row<'_>, index: usize, read: fn(ValueRef<'_>) -> FromSqlResult<T>) -> rusqlite::Result<T> {
    let value = row.get_ref(index)?;
    read(value).map_err(|cause| Error::FromSqlConversionFailure(index, value.data_type(), cause.into()))
}

fn uuid(value: ValueRef<'_>) -> FromSqlResult<Uuid> {
    Uuid::from_slice(value.as_blob()?).map_err(other)
}

fn json(value: ValueRef<'_>) -> FromSqlResult<Json> {
    Json::from_text(value.as_str()?.to_owned()).map_err(other)
}

pub(crate) fn priority_number(priority: Priority) -> i64 {
    match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
        Priority::Critical => 3,
    }
}

fn priority(value: ValueRef<'_>) -> FromSqlResult<Priority> {
    let number = value.as_i64()?;
    [Priority::Low, Priority::Normal, Priority::High, Priority::Critical]
        .into_iter()
        .find(|&priority| priority_number(priority) == number)
        .ok_or(FromSqlError::OutOfRange(number))
}

fn unreadable(what: String) -> Error {
    Error::FromSqlConversionFailure(0, Type::Null, what.into())
}

fn other(cause: impl StdError + Send + Sync + 'static) -> FromSqlError {
    FromSqlError::Other(Box::new(cause))
}
