use std::{collections::BTreeMap, fs, path::Path};

use event_sourcing::StoreError;
use rusqlite::{Connection, Row};
use serde::Serialize;

use super::{Counts, open};
use crate::{fault::StoreFile, readers, rows, schema};

/// What is in a store, and how much room it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The version of its tables.
    pub schema: u32,
    /// Of the file.
    pub file_bytes: u64,
    /// Of SQLite's log beside it; 0 where nobody has it open.
    pub log_bytes: u64,
    /// Of the file, and taken by nothing: used before it grows.
    pub free_bytes: u64,
    /// By table or index.
    pub bytes: BTreeMap<String, u64>,
    /// The last position that was given out.
    pub head: u64,
    /// In the log.
    pub events: u64,
    /// That have events.
    pub streams: u64,
    /// By name: those that have documents or were declared.
    pub collections: BTreeMap<String, CollectionStats>,
    /// By subscriber.
    pub checkpoints: BTreeMap<String, CheckpointStats>,
}

/// What is in a collection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CollectionStats {
    /// How many.
    pub documents: u64,
    /// That its type has; absent if no process has declared it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Names of what its documents are found by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<String>,
}

/// How far a subscriber is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointStats {
    /// It has handled everything up to here.
    pub position: u64,
    /// Events behind that.
    pub behind: u64,
}

/// Looks through the whole file. `None` if there is no store.
///
/// # Errors
/// What the store says.
pub fn stats(path: &Path) -> Result<Option<Stats>, StoreError> {
    let Some((file, connection)) = open(path)? else { return Ok(None) };
    let stats = read(&file, &connection).map_err(|cause| file.fault(&cause));
    connection.is_what_it_was()?;
    stats.map(Some)
}

fn read(file: &StoreFile, connection: &Connection) -> rusqlite::Result<Stats> {
    let number = |sql: &str| connection.query_row(sql, [], |row| rows::number(row, 0));
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let named = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, rows::number(row, 1)?));
    let by_name = |sql| connection.prepare(sql)?.query_map([], named)?.collect::<rusqlite::Result<Vec<_>>>();
    let head = readers::head(connection)?.0;

    let mut collections: BTreeMap<String, CollectionStats> = BTreeMap::new();
    for (name, documents) in by_name("SELECT collection, count(*) FROM documents GROUP BY collection")? {
        collections.entry(name).or_default().documents = documents;
    }
    for (name, version) in by_name("SELECT name, version FROM collections")? {
        collections.entry(name).or_default().version = u32::try_from(version).ok();
    }
    for (name, _) in by_name(
        "SELECT name, 0 FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'documents' AND sql IS NOT NULL",
    )? {
        if let Some((collection, index)) = name.split_once('/') {
            collections.entry(collection.into()).or_default().indexes.push(index.into());
        }
    }
    let checkpoints = connection
        .prepare("SELECT subscriber, position, checksum FROM checkpoints")?
        .query_map([], |row| {
            let position = rows::checkpoint(row)?.0;
            Ok((row.get(0)?, CheckpointStats { position, behind: head.saturating_sub(position) }))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Stats {
        schema: schema::SCHEMA,
        file_bytes: length(file.path()),
        log_bytes: length(&file.log_path()),
        free_bytes: number("SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size")?,
        bytes: by_name("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE")?.into_iter().collect(),
        head,
        events: Counts::of(connection)?.events,
        streams: number("SELECT count(DISTINCT stream) FROM events")?,
        collections,
        checkpoints,
    })
}
