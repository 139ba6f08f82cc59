use std::{error::Error as StdError, iter::once};

use chrono::{DateTime, Utc};
use event_sourcing::{Position, StoredDocument};
use kernel::{CausationId, CorrelationId, Envelope, EventId, Json, Metadata, Priority};
use rusqlite::{
    Connection, Error, Row, Statement,
    types::{FromSqlError, FromSqlResult, ToSqlOutput, Type, ValueRef},
};
use uuid::Uuid;

use crate::{
    checksum::{self, Checksum, document_columns, event_columns},
    names::{Names, Numbers},
};

/// Events that are appended by one statement, where there are as many: what a statement costs is most of what a row costs.
pub(crate) const MANY: usize = 16;

macro_rules! append {
    ($($row:expr),+) => {
        concat!("INSERT OR ROLLBACK INTO events (", event_columns!(behind position), ", checksum) VALUES ", $($row),+)
    };
}
macro_rules! row {
    () => {
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    };
}
macro_rules! four_rows {
    () => {
        concat!(row!(), ", ", row!(), ", ", row!(), ", ", row!())
    };
}

/// Takes what [`append`] gives for one event.
pub(crate) const APPEND: &str = append!(row!());

/// Takes what [`append`] gives for [`MANY`] events.
///
/// A failure gives the transaction up. For a statement that may fail alone, SQLite keeps what each page was before it; and it may
/// fail alone if a position is named, be it NULL.
pub(crate) const APPEND_MANY: &str = append!(four_rows!(), ", ", four_rows!(), ", ", four_rows!(), ", ", four_rows!());

/// The last event of a stream; takes its name.
pub(crate) const LAST_OF_STREAM: &str = concat!(
    "SELECT ",
    event_columns!(),
    ", checksum FROM events WHERE stream = (SELECT id FROM names WHERE name = ?1) ORDER BY version DESC LIMIT 1"
);

/// Takes collection and key.
pub(crate) const DOCUMENT: &str =
    concat!("SELECT ", document_columns!(), ", checksum FROM documents WHERE collection = ?1 AND key = ?2");

/// Takes tag, position and checksum.
pub(crate) const TAG: &str = "INSERT INTO tags (tag, event, checksum) VALUES (?1, ?2, ?3)";

/// Takes collection, key, revision, version, body and checksum.
pub(crate) const PUT: &str = "INSERT INTO documents (collection, key, revision, version, body, checksum)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT DO UPDATE SET revision = excluded.revision, version = excluded.version, body = excluded.body,
         checksum = excluded.checksum";

/// Takes name, version, migrated and checksum.
pub(crate) const COLLECTION: &str =
    "INSERT INTO collections (name, version, migrated, checksum) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT DO UPDATE SET version = excluded.version, migrated = excluded.migrated, checksum = excluded.checksum";

/// Takes subscriber, position and checksum.
pub(crate) const CHECKPOINT: &str = "INSERT INTO checkpoints (subscriber, position, checksum) VALUES (?1, ?2, ?3)
     ON CONFLICT DO UPDATE SET position = excluded.position, checksum = excluded.checksum";

/// An event to be appended, its names as numbers.
pub(crate) struct Appending<'e> {
    stream_name: &'e str,
    stream: i64,
    /// Its version there.
    version: u64,
    event_type: i64,
    source_module: i64,
    user: i64,
    envelope: &'e Envelope,
}

impl<'e> Appending<'e> {
    /// Whatever has no number yet gets one. Most names are those of the event before.
    pub fn new(
        connection: &Connection,
        numbers: &mut Numbers,
        (stream_name, version, envelope): (&'e str, u64, &'e Envelope),
        before: Option<&Self>,
    ) -> rusqlite::Result<Self> {
        let mut number = |name: &str, before: Option<(&str, i64)>| match before {
            Some((known, number)) if known == name => Ok(number),
            Some(_) | None => numbers.of(connection, name),
        };
        let Envelope { event_type, source_module, metadata, .. } = envelope;
        Ok(Self {
            stream_name,
            stream: number(stream_name, before.map(|before| (before.stream_name, before.stream)))?,
            version,
            event_type: number(event_type, before.map(|before| (&*before.envelope.event_type, before.event_type)))?,
            source_module: number(
                source_module,
                before.map(|before| (&*before.envelope.source_module, before.source_module)),
            )?,
            user: number(&metadata.user_id, before.map(|before| (&*before.envelope.metadata.user_id, before.user)))?,
            envelope,
        })
    }
}

/// Positions from `first` on, which are those that SQLite gives out next: told which, it would look whether they are free.
pub(crate) fn append(statement: &mut Statement<'_>, first: u64, events: &[Appending<'_>]) -> rusqlite::Result<()> {
    let mut parameter = 0;
    for (position, event) in (first..).zip(events) {
        let Appending { stream, version, event_type, source_module, user, envelope, .. } = event;
        let Metadata { correlation_id, causation_id, schema_version, key, priority, .. } = &envelope.metadata;
        let (event_id, correlation_id) = (envelope.event_id.uuid().into_bytes(), correlation_id.uuid().into_bytes());
        let causation_id = causation_id.map(|id| id.uuid().into_bytes());
        bind(
            statement,
            &mut parameter,
            position,
            [
                ValueRef::Blob(&event_id),
                ValueRef::Integer(*event_type),
                ValueRef::Integer(nanoseconds(envelope.timestamp)),
                ValueRef::Integer(*source_module),
                ValueRef::from(envelope.data.text()),
                ValueRef::Blob(&correlation_id),
                causation_id.as_ref().map_or(ValueRef::Null, |id| ValueRef::Blob(id)),
                ValueRef::Integer(*user),
                ValueRef::Integer((*schema_version).into()),
                ValueRef::from(key.as_str()),
                ValueRef::Integer(priority_number(*priority)),
                ValueRef::Integer(*stream),
                ValueRef::Integer(version.cast_signed()),
            ],
        )?;
    }
    statement.raw_execute().map(drop)
}

/// The columns of an event behind its position, and its checksum.
fn bind(
    statement: &mut Statement<'_>,
    parameter: &mut usize,
    position: u64,
    values: [ValueRef<'_>; 13],
) -> rusqlite::Result<()> {
    let sum = values.iter().fold(Checksum::new().number(position), |sum, value| sum.value(*value)).finish();
    values.into_iter().chain(once(ValueRef::Integer(sum))).try_for_each(|value| {
        *parameter += 1;
        statement.raw_bind_parameter(*parameter, ToSqlOutput::Borrowed(value))
    })
}

/// Appends an event as it was before schema 4, with its names in it: the columns of a checksum, and it if `is_summed`.
pub(crate) fn carry_over(
    connection: &Connection,
    numbers: &mut Numbers,
    row: &Row<'_>,
    is_summed: bool,
) -> rusqlite::Result<()> {
    let position = number(row, 0)?;
    if is_summed && !checksum::holds(row, 14)? {
        return Err(not_as_written(position));
    }
    let mut values = [ValueRef::Null; 13];
    for (index, value) in values.iter_mut().enumerate() {
        *value = match (index, row.get_ref(index + 1)?) {
            // Type, module, user and stream.
            (1 | 3 | 7 | 11, ValueRef::Text(_)) => {
                ValueRef::Integer(numbers.of(connection, row.get_ref(index + 1)?.as_str()?)?)
            }
            (_, value) => value,
        };
    }
    let mut statement = connection.prepare_cached(APPEND)?;
    bind(&mut statement, &mut 0, position, values)?;
    statement.raw_execute().map(drop)
}

/// Reads the columns of a checksum over an event, and it.
pub(crate) fn envelope(row: &Row<'_>, names: &mut Names<'_>) -> rusqlite::Result<Envelope> {
    let position = number(row, 0)?;
    if !checksum::holds(row, 14)? {
        return Err(not_as_written(position));
    }
    read_envelope(row, names, position).map_err(|cause| match cause {
        // Of the table of names: there is more amiss than this event.
        Error::SqliteFailure(..) => cause,
        Error::FromSqlConversionFailure(_, Type::Null, what) => unreadable(format!("event {position}: {what}")),
        cause => unreadable(format!("event {position}: {cause}")),
    })
}

fn not_as_written(position: u64) -> Error {
    unreadable(format!("event {position}: it is not what was written there"))
}

fn read_envelope(row: &Row<'_>, names: &mut Names<'_>, position: u64) -> rusqlite::Result<Envelope> {
    let mut name = |index| names.get(row.get(index)?).map(str::to_owned);
    Ok(Envelope {
        event_id: EventId::new(column(row, 1, uuid)?),
        event_type: name(2)?.into(),
        timestamp: DateTime::from_timestamp_nanos(row.get(3)?),
        source_module: name(4)?.into(),
        data: column(row, 5, json)?,
        metadata: Metadata {
            correlation_id: CorrelationId::new(column(row, 6, uuid)?),
            causation_id: match row.get_ref(7)? {
                ValueRef::Null => None,
                _ => Some(CausationId::new(column(row, 7, uuid)?)),
            },
            user_id: name(8)?,
            schema_version: row.get(9)?,
            key: row.get(10)?,
            priority: column(row, 11, priority)?,
            position: Some(position),
        },
    })
}

/// Of the last event of a stream: the columns of a checksum, and it.
pub(crate) fn version(row: &Row<'_>) -> rusqlite::Result<u64> {
    if checksum::holds(row, 14)? { number(row, 13) } else { Err(not_as_written(number(row, 0)?)) }
}

/// Reads the columns of a checksum over a document, and it.
pub(crate) fn document(row: &Row<'_>) -> rusqlite::Result<StoredDocument> {
    let revision = revision(row)?;
    let key = shown(row, 1)?;
    let body = column(row, 4, json).map_err(|cause| unreadable(format!("document `{key}`: {cause}")))?;
    Ok(StoredDocument { key, body, revision, version: row.get(3)? })
}

/// As [`document`], of which nothing else is asked.
pub(crate) fn revision(row: &Row<'_>) -> rusqlite::Result<u64> {
    if checksum::holds(row, 5)? {
        number(row, 2)
    } else {
        Err(unreadable(format!("document `{}`: it is not what was written there", shown(row, 1)?)))
    }
}

/// Reads the columns of a checksum over a tag, and it: the tag, and the position of its event.
pub(crate) fn tag(row: &Row<'_>) -> rusqlite::Result<(String, u64)> {
    if !checksum::holds(row, 2)? {
        return Err(unreadable(format!("tag `{}`: it is not what was written there", shown(row, 0)?)));
    }
    Ok((row.get(0)?, number(row, 1)?))
}

/// Reads the columns of a checksum over a name, and it: the number, and the name.
pub(crate) fn name(row: &Row<'_>) -> rusqlite::Result<(i64, String)> {
    let number = row.get(0)?;
    if !checksum::holds(row, 2)? {
        return Err(unreadable(format!("name {number}: it is not what was written there")));
    }
    Ok((number, row.get(1)?))
}

/// What is known of a collection.
pub(crate) struct Declared {
    pub name: String,
    pub version: u32,
    pub migrated: bool,
}

/// Reads the columns of a checksum over what is known of a collection, and it.
pub(crate) fn collection(row: &Row<'_>) -> rusqlite::Result<Declared> {
    if !checksum::holds(row, 3)? {
        return Err(unreadable(format!("collection `{}`: it is not what was written there", shown(row, 0)?)));
    }
    Ok(Declared { name: row.get(0)?, version: row.get(1)?, migrated: row.get(2)? })
}

/// Reads the columns of a checksum over a checkpoint, and it.
pub(crate) fn checkpoint(row: &Row<'_>) -> rusqlite::Result<Position> {
    if !checksum::holds(row, 2)? {
        let subscriber = shown(row, 0)?;
        return Err(unreadable(format!("checkpoint `{subscriber}`: it is not what was written there")));
    }
    number(row, 1).map(Position)
}

/// As events have a time. What lies outside of the years that fit, 1677 to 2262, lies before or after all of them.
pub(crate) fn nanoseconds(time: DateTime<Utc>) -> i64 {
    let beyond = if time < DateTime::UNIX_EPOCH { i64::MIN } else { i64::MAX };
    time.timestamp_nanos_opt().unwrap_or(beyond)
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

fn priority_number(priority: Priority) -> i64 {
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

/// A column for people, whatever became of it.
pub(crate) fn shown(row: &Row<'_>, index: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(index)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    })
}

pub(crate) fn unreadable(what: String) -> Error {
    Error::FromSqlConversionFailure(0, Type::Null, what.into())
}

fn other(cause: impl StdError + Send + Sync + 'static) -> FromSqlError {
    FromSqlError::Other(Box::new(cause))
}
