//! What a row was when it was written.
//!
//! SQLite's pages have no checksums of their own: a bit of a number or a text that turns over on the disk is read as if it had
//! been written so. So each row of ours has one over all of its columns, which is compared whenever the row is read. Its
//! algorithm is rapidhash V3, whose values are the same on every machine and in every version.

use rapidhash::v3::rapidhash_v3;
use rusqlite::{
    Connection, Row, ToSql, params_from_iter,
    types::{Value, ValueRef},
};

/// What a checksum of an event is over, in its order: positions first, then as the log reads it. Names are numbers.
macro_rules! event_columns {
    () => {
        concat!("position, ", event_columns!(behind position))
    };
    (behind position) => {
        "event_id, event_type, timestamp, source_module, data, correlation_id, causation_id, user_id, \
         schema_version, key, priority, stream, version"
    };
}
/// What a checksum of a document is over, in its order.
macro_rules! document_columns {
    () => {
        "collection, key, revision, version, body"
    };
}
pub(crate) use {document_columns, event_columns};

/// Takes up the columns of one row, in their order.
pub(crate) struct Checksum(Vec<u8>);

impl Checksum {
    pub fn new() -> Self {
        Self(Vec::with_capacity(512))
    }

    /// Kind and length stand before the bytes, so that no byte can move from one column to the next.
    fn add(mut self, kind: u8, bytes: &[u8]) -> Self {
        let [a, b, c, d, e, f, g, h] = (bytes.len() as u64).to_le_bytes();
        self.0.extend_from_slice(&[kind, a, b, c, d, e, f, g, h]);
        self.0.extend_from_slice(bytes);
        self
    }

    /// As [`add`](Self::add) of its bytes, at once: most columns are numbers.
    fn add_number(mut self, kind: u8, [a, b, c, d, e, f, g, h]: [u8; 8]) -> Self {
        self.0.extend_from_slice(&[kind, 8, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h]);
        self
    }

    #[inline]
    pub fn value(self, value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => self.add(0, &[]),
            ValueRef::Integer(number) => self.add_number(1, number.to_le_bytes()),
            ValueRef::Real(number) => self.add_number(2, number.to_le_bytes()),
            ValueRef::Text(text) => self.add(3, text),
            ValueRef::Blob(blob) => self.add(4, blob),
        }
    }

    pub fn text(self, text: &str) -> Self {
        self.value(ValueRef::Text(text.as_bytes()))
    }

    pub fn number(self, number: u64) -> Self {
        self.value(ValueRef::Integer(number.cast_signed()))
    }

    pub fn finish(self) -> i64 {
        rapidhash_v3(&self.0).cast_signed()
    }
}

/// Over the first columns of a row.
pub(crate) fn of_row(row: &Row<'_>, columns: usize) -> rusqlite::Result<i64> {
    (0..columns).try_fold(Checksum::new(), |sum, i| Ok(sum.value(row.get_ref(i)?))).map(Checksum::finish)
}

/// Whether the row is what was written. Its checksum stands behind the columns that it is over.
pub(crate) fn holds(row: &Row<'_>, columns: usize) -> rusqlite::Result<bool> {
    // Mutant `checksum_unread`: what has turned over on the disk is read as if it had been written.
    Ok(cfg!(mutant = "checksum_unread") || of_row(row, columns)? == row.get::<_, i64>(columns)?)
}

pub(crate) fn of_document(collection: &str, key: &str, revision: u64, version: u32, body: &str) -> i64 {
    Checksum::new().text(collection).text(key).number(revision).number(version.into()).text(body).finish()
}

pub(crate) fn of_collection(name: &str, version: u32, migrated: bool) -> i64 {
    Checksum::new().text(name).number(version.into()).number(migrated.into()).finish()
}

pub(crate) fn of_tag(tag: &str, event: u64) -> i64 {
    Checksum::new().text(tag).number(event).finish()
}

pub(crate) fn of_name(number: i64, name: &str) -> i64 {
    Checksum::new().number(number.cast_unsigned()).text(name).finish()
}

pub(crate) fn of_checkpoint(subscriber: &str, position: u64) -> i64 {
    Checksum::new().text(subscriber).number(position).finish()
}

/// A table with checksums.
pub(crate) struct Summed {
    pub table: &'static str,
    /// All that the checksum is over; the first `keys` of them are the primary key.
    pub columns: &'static str,
    pub keys: usize,
}

pub(crate) const TAGS: Summed = Summed { table: "tags", columns: "tag, event", keys: 2 };
pub(crate) const DOCUMENTS: Summed = Summed { table: "documents", columns: document_columns!(), keys: 2 };
pub(crate) const CHECKPOINTS: Summed = Summed { table: "checkpoints", columns: "subscriber, position", keys: 1 };

impl Summed {
    pub fn len(&self) -> usize {
        self.columns.split(',').count()
    }

    /// For rows from before there were checksums.
    pub fn fill(&self, connection: &Connection) -> rusqlite::Result<()> {
        /// Rows held in memory at once.
        const PAGE: usize = 4096;
        let Self { table, columns, keys } = self;
        let names: Vec<&str> = columns.split(", ").take(*keys).collect();
        let place = |from: usize| {
            let marks: Vec<String> = (from..from + keys).map(|n| format!("?{n}")).collect();
            format!("({}) {{}} ({})", names.join(", "), marks.join(", "))
        };
        let order = names.join(", ");
        let first = format!("SELECT {columns} FROM {table} ORDER BY {order} LIMIT {PAGE}");
        let next = format!(
            "SELECT {columns} FROM {table} WHERE {} ORDER BY {order} LIMIT {PAGE}",
            place(1).replace("{}", ">")
        );
        let mut update =
            connection.prepare(&format!("UPDATE {table} SET checksum = ?1 WHERE {}", place(2).replace("{}", "=")))?;
        let mut after: Vec<Value> = Vec::new();
        loop {
            let mut page = connection.prepare(if after.is_empty() { &first } else { &next })?;
            let rows = page.query_map(params_from_iter(&after), |row| {
                let keys: rusqlite::Result<Vec<Value>> = (0..*keys).map(|i| row.get(i)).collect();
                Ok((of_row(row, self.len())?, keys?))
            })?;
            let rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
            for (checksum, keys) in &rows {
                let mut values: Vec<&dyn ToSql> = vec![checksum];
                values.extend(keys.iter().map(|key| key as &dyn ToSql));
                update.execute(&values[..])?;
            }
            match rows.into_iter().last() {
                Some((_, last)) => after = last,
                None => return Ok(()),
            }
        }
    }
}
