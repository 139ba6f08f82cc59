use event_sourcing::{StoreError, StoreErrorKind};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{
    checksum::{self, event_columns},
    fault::StoreFile,
    names::Numbers,
    rows,
};

/// "Boro": marks the file as ours, so that no other SQLite database is ever changed.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"Boro");

/// Applied in order; SQLite's `user_version` says how many of them a file has. Never edited, only added to.
const MIGRATIONS: [(u32, &str); 4] = [
    (1, include_str!("schema/1.sql")),
    (2, include_str!("schema/2.sql")),
    (3, include_str!("schema/3.sql")),
    (4, include_str!("schema/4.sql")),
];

/// The schema that this version writes.
pub(crate) const SCHEMA: u32 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// The one that brought checksums.
const CHECKSUMS: u32 = 3;
/// The one that brought numbers for names.
const NAMES: u32 = 4;

/// How many migrations the file has; `None` if there is nothing in it yet.
///
/// # Errors
/// Corrupt if it is something else than a store, Newer if a later version of this program wrote it.
pub(crate) fn recognise(connection: &Connection, file: &StoreFile) -> Result<Option<u32>, StoreError> {
    // In one statement: another process may be making the store.
    let sql = "SELECT application_id, user_version, NOT EXISTS (SELECT 1 FROM sqlite_schema) \
               FROM pragma_application_id, pragma_user_version";
    let read = || connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    match read().map_err(|cause| file.fault(&cause))? {
        (APPLICATION_ID, version, _) if version > SCHEMA => Err(file.error(
            StoreErrorKind::Newer,
            &format!(
                "was written by a newer version of Borough (its schema is {version}, this one knows {SCHEMA}): use that \
                 version or choose another store with --store"
            ),
        )),
        (APPLICATION_ID, version, _) => Ok(Some(version)),
        (0, 0, true) => Ok(None),
        _ => Err(file.not_ours("it is the database of another program")),
    }
}

/// As [`recognise`], for whoever only reads: whether there is something to read.
///
/// # Errors
/// Also Unavailable, if an earlier version wrote it.
pub(crate) fn is_readable(connection: &Connection, file: &StoreFile) -> Result<bool, StoreError> {
    match recognise(connection, file)? {
        Some(version) if version < SCHEMA => {
            let what = format!(
                "was written by an earlier version of Borough (its schema is {version}, this one reads {SCHEMA}): run \
                 `borough serve` on it once, which brings it up to date"
            );
            Err(file.error(StoreErrorKind::Unavailable, &what))
        }
        found => Ok(found.is_some()),
    }
}

/// Brings the file to the schema of this version, as a whole or not at all.
pub(crate) fn migrate(connection: &mut Connection, file: &StoreFile) -> Result<(), StoreError> {
    let fault = |cause: rusqlite::Error| file.fault(&cause);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let applied = recognise(&transaction, file)?.unwrap_or(0);
    if applied < SCHEMA {
        for (_, migration) in MIGRATIONS.iter().filter(|(number, _)| *number > applied) {
            transaction.execute_batch(migration).map_err(fault)?;
        }
        if applied < NAMES {
            carry_over(&transaction, applied >= CHECKSUMS).map_err(fault)?;
        }
        if applied < CHECKSUMS {
            for table in [checksum::TAGS, checksum::DOCUMENTS, checksum::CHECKPOINTS] {
                table.fill(&transaction).map_err(fault)?;
            }
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fault)?;
        transaction.pragma_update(None, "user_version", SCHEMA).map_err(fault)?;
    }
    transaction.commit().map_err(fault)
}

/// Brings the events of the earlier table into the one that has numbers for names.
fn carry_over(transaction: &Transaction<'_>, is_summed: bool) -> rusqlite::Result<()> {
    let mut numbers = Numbers::default();
    let select = concat!("SELECT ", event_columns!(), ", checksum FROM events_3 ORDER BY position");
    transaction
        .prepare(select)?
        .query_map([], |row| rows::carry_over(transaction, &mut numbers, row, is_summed))?
        .collect::<rusqlite::Result<()>>()?;
    transaction.execute_batch("DROP TABLE events_3")
}
