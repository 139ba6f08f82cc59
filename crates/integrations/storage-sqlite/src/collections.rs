//! Declared collections: their indexes, and the migration of their documents.

use std::{
    collections::BTreeMap,
    ops::Bound,
    panic::{self, AssertUnwindSafe},
};

use event_sourcing::{Collection, Index, IndexQuery, IndexValue, StoreError, StoreErrorKind, StoredDocument};
use rusqlite::{Connection, OptionalExtension as _, ToSql, Transaction, TransactionBehavior, params};

use crate::{
    checksum::{self, document_columns},
    fault::StoreFile,
    rows::{self, integer},
};

/// Documents that are migrated in one transaction.
const PAGE: usize = 256;

/// Brings each collection to what is declared. Where that is so already, nothing is written.
pub(crate) fn declare(
    connection: &mut Connection,
    file: &StoreFile,
    collections: &[Collection],
) -> Result<(), StoreError> {
    meet(connection, collections).map_err(|cause| file.fault(&cause))?;
    collections.iter().try_for_each(|collection| {
        if collection.is_retired() {
            return retire(connection, collection).map_err(|cause| file.fault(&cause));
        }
        migrate(connection, file, collection)?;
        index(connection, collection).map_err(|cause| file.fault(&cause))
    })
}

/// Indexes first: what has stopped in between is found by the next one who retires it.
fn retire(connection: &mut Connection, collection: &Collection) -> rusqlite::Result<()> {
    index(connection, collection)?;
    connection.execute("DELETE FROM collections WHERE name = ?1", [collection.name()]).map(drop)
}

/// `None` if the store has no such index. What it finds, it finds by that index and by nothing else.
pub(crate) fn indexed(connection: &Connection, query: &IndexQuery) -> rusqlite::Result<Option<Vec<StoredDocument>>> {
    let (name, sql) = definition(&query.collection, &query.index);
    let mut made =
        connection.prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?1 AND sql = ?2")?;
    if !made.exists([&name, &sql])? {
        return Ok(None);
    }
    let Question { sql, values } = question(query);
    let values: Vec<&dyn ToSql> = values.iter().map(|value| &**value).collect();
    connection.prepare_cached(&sql)?.query_map(&values[..], rows::document)?.collect::<Result<_, _>>().map(Some)
}

struct Question {
    sql: String,
    values: Vec<Box<dyn ToSql>>,
}

fn question(query: &IndexQuery) -> Question {
    let IndexQuery { collection, index, wanted, after, limit } = query;
    let (field, path) = (expression(index), path(index));
    let (name, kinds) = (quoted(&name(collection, index), '"'), kinds(&wanted.from));
    let behind = after.as_ref().filter(|after| after.value >= wanted.from);
    let (from, key) = behind.map_or((&wanted.from, ""), |after| (&after.value, after.key.as_str()));
    let than = if behind.is_some() { ">" } else { ">=" };
    let mut values = vec![value(from), Box::new(key.to_owned()), Box::new(integer(*limit as u64))];
    let (place, order) = match wanted.exact() {
        // Told to order by a value of which there is one, SQLite sorts.
        Some(exact) if exact == from => (format!("{field} = ?1 AND key {than} ?2"), "key".to_owned()),
        _ => {
            let to = match &wanted.to {
                Bound::Included(to) => Some(("<=", value(to))),
                Bound::Excluded(to) => Some(("<", value(to))),
                Bound::Unbounded => last(from).map(|last| ("<=", last)),
            };
            let end = to.map(|(than, to)| {
                values.push(to);
                format!(" AND {field} {than} ?4")
            });
            // In the words of a comparison of pairs SQLite would begin at the first value of all.
            let rest = if behind.is_some() { format!(" AND ({field} > ?1 OR key > ?2)") } else { String::new() };
            (format!("{field} >= ?1{rest}{}", end.unwrap_or_default()), format!("{field}, key"))
        }
    };
    let columns = document_columns!();
    let sql = format!(
        "SELECT {columns}, checksum FROM documents INDEXED BY {name} WHERE {} AND json_type(body, {path}) IN ({kinds}) \
         AND {place} ORDER BY {order} LIMIT ?3",
        condition(collection, index)
    );
    Question { sql, values }
}

/// The value as `json_extract` gives it.
fn value(value: &IndexValue) -> Box<dyn ToSql> {
    match value {
        IndexValue::Bool(is) => Box::new(*is),
        IndexValue::Integer(number) => Box::new(*number),
        IndexValue::Text(text) => Box::new(text.clone()),
    }
}

/// `json_extract` makes no difference between `true` and `1`, nor between a list and its text.
fn kinds(of: &IndexValue) -> &'static str {
    match of {
        // Mutant `index_of_any_kind`: what reads the same is taken for the same.
        _ if cfg!(mutant = "index_of_any_kind") => "'true', 'false', 'integer', 'text', 'array', 'object'",
        IndexValue::Bool(_) => "'true', 'false'",
        IndexValue::Integer(_) => "'integer'",
        IndexValue::Text(_) => "'text'",
    }
}

/// Whole numbers beyond it are fractions to SQLite; behind texts there is nothing of another kind but lists and objects.
fn last(of: &IndexValue) -> Option<Box<dyn ToSql>> {
    match of {
        IndexValue::Bool(_) => Some(Box::new(true)),
        IndexValue::Integer(_) => Some(Box::new(i64::MAX)),
        IndexValue::Text(_) => None,
    }
}

/// The index's name and the statement that makes it.
fn definition(collection: &str, index: &Index) -> (String, String) {
    let name = name(collection, index);
    let (quoted, field) = (quoted(&name, '"'), expression(index));
    let sql = format!("CREATE INDEX {quoted} ON documents ({field}, key) WHERE {}", condition(collection, index));
    (name, sql)
}

fn name(collection: &str, index: &Index) -> String {
    format!("{}{}", prefix(collection), index.name())
}

/// Of the names of all indexes of a collection.
fn prefix(collection: &str) -> String {
    format!("{collection}/")
}

/// Which documents are in the index. A question must say the same in the same words.
fn condition(collection: &str, index: &Index) -> String {
    format!("collection = {} AND {} IS NOT NULL", quoted(collection, '\''), expression(index))
}

fn expression(index: &Index) -> String {
    format!("json_extract(body, {})", path(index))
}

fn path(index: &Index) -> String {
    let names: String = index.field().map(|name| format!(".\"{name}\"")).collect();
    format!("'${names}'")
}

fn quoted(text: &str, quote: char) -> String {
    let twice: String = [quote, quote].iter().collect();
    format!("{quote}{}{quote}", text.replace(quote, &twice))
}

/// Makes the indexes that are missing and drops those that are no longer declared, all at once.
fn index(connection: &mut Connection, collection: &Collection) -> rusqlite::Result<()> {
    let name = collection.name();
    let declared: BTreeMap<String, String> = collection.indexes().iter().map(|index| definition(name, index)).collect();
    let prefix = prefix(name);
    let made: BTreeMap<String, String> = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND substr(name, 1, length(?1)) = ?1")?
        .query_map([&prefix], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    if made == declared {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (name, _) in made.iter().filter(|(name, sql)| declared.get(*name) != Some(sql)) {
        transaction.execute_batch(&format!("DROP INDEX {}", quoted(name, '"')))?;
    }
    for (_, sql) in declared.iter().filter(|(name, sql)| made.get(*name) != Some(sql)) {
        transaction.execute_batch(sql)?;
    }
    transaction.commit()
}

/// Collections that are declared for the first time and have nothing to migrate: all at once, since a disk takes its time for
/// each commit.
fn meet(connection: &mut Connection, collections: &[Collection]) -> rusqlite::Result<()> {
    let mut new = Vec::new();
    for collection in collections.iter().filter(|collection| !collection.is_retired()) {
        let (name, version) = (collection.name(), collection.version());
        let is_known = connection.prepare_cached("SELECT 1 FROM collections WHERE name = ?1")?.exists([name])?;
        let others = "SELECT 1 FROM documents WHERE collection = ?1 AND version <> ?2";
        if !is_known && !connection.prepare_cached(others)?.exists(params![name, version])? {
            new.push(collection);
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    new.into_iter().try_for_each(|collection| set(&transaction, collection, true))?;
    transaction.commit()
}

/// Brings all documents to the declared version, page by page. That of the collection is raised before the first of them, so
/// that an earlier program does not meet some that it cannot read; where a process stops in between, the next one finds the
/// rest by their versions.
fn migrate(connection: &mut Connection, file: &StoreFile, collection: &Collection) -> Result<(), StoreError> {
    let fault = |cause: rusqlite::Error| file.fault(&cause);
    let (name, version) = (collection.name(), collection.version());
    let known = "SELECT name, version, migrated, checksum FROM collections WHERE name = ?1";
    let known = connection.query_row(known, [name], rows::collection).optional().map_err(fault)?;
    if known.as_ref().is_some_and(|known| known.version == version && known.migrated) {
        return Ok(());
    }
    collection
        .is_known(known.map_or(1, |known| known.version))
        .map_err(|error| StoreError { message: format!("`{file}`: {}", error.message), ..error })?;
    set(connection, collection, false).map_err(fault)?;
    let mut after = None;
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let page = earlier(&transaction, collection, after.as_deref()).map_err(fault)?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for document in page {
            replace(&transaction, file, collection, document)?;
        }
        transaction.commit().map_err(fault)?;
    }
    set(connection, collection, true).map_err(fault)
}

fn set(connection: &Connection, collection: &Collection, migrated: bool) -> rusqlite::Result<()> {
    let (name, version) = (collection.name(), collection.version());
    let sum = checksum::of_collection(name, version, migrated);
    connection.execute(rows::COLLECTION, params![name, version, migrated, sum]).map(drop)
}

/// Documents that are not of the declared version; one of a later version too, which is refused.
fn earlier(
    connection: &Connection,
    collection: &Collection,
    after: Option<&str>,
) -> rusqlite::Result<Vec<StoredDocument>> {
    let sql = concat!(
        "SELECT ",
        document_columns!(),
        ", checksum FROM documents WHERE collection = ?1 AND (?2 IS NULL OR key > ?2) AND version <> ?3 ORDER BY key LIMIT ?4"
    );
    let values = params![collection.name(), after, collection.version(), integer(PAGE as u64)];
    connection.prepare_cached(sql)?.query_map(values, rows::document)?.collect()
}

/// The revision stays: it counts puts, and this is none.
fn replace(
    transaction: &Transaction<'_>,
    file: &StoreFile,
    collection: &Collection,
    document: StoredDocument,
) -> Result<(), StoreError> {
    let (name, version) = (collection.name(), collection.version());
    let (key, revision) = (document.key.clone(), document.revision);
    // What a module has written must not take the thread along that writes for all.
    let migrated = panic::catch_unwind(AssertUnwindSafe(|| collection.migrated(document))).unwrap_or_else(|_| {
        let message = format!("document `{key}` of collection `{name}`: its migration to version {version} panicked");
        Err(StoreError { kind: StoreErrorKind::Corrupt, message: format!("{message}: mend it and start again") })
    });
    let body = migrated.map_err(|error| file.error(error.kind, &format!("was not migrated: {error}")))?;
    let sum = checksum::of_document(name, &key, revision, version, body.text());
    transaction
        .prepare_cached(
            "UPDATE documents SET version = ?3, body = ?4, checksum = ?5 WHERE collection = ?1 AND key = ?2",
        )
        .and_then(|mut update| update.execute(params![name, key, version, body.text(), sum]))
        .map_err(|cause| file.fault(&cause))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use event_sourcing::{IndexPlace, Wanted};

    use super::*;

    const BY_STATE: Index = Index::new("by_state", "state.name");

    fn plan(wanted: Wanted, after: Option<IndexPlace>) -> Vec<String> {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("schema/1.sql")).unwrap();
        connection.execute_batch(include_str!("schema/2.sql")).unwrap();
        connection.execute_batch(include_str!("schema/3.sql")).unwrap();
        connection.execute_batch(&definition("saga.runs", &BY_STATE).1).unwrap();
        let query = IndexQuery { collection: "saga.runs".into(), index: BY_STATE, wanted, after, limit: 10 };
        let Question { sql, values } = question(&query);
        let values: Vec<&dyn ToSql> = values.iter().map(|value| &**value).collect();
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        explain.query_map(&values[..], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// By the index and in its order: no step that scans or sorts.
    #[test]
    fn an_index_is_searched() {
        let behind = |value: IndexValue| Some(IndexPlace { value, key: "k".into() });
        let exact = ["SEARCH documents USING INDEX saga.runs/by_state (<expr>=? AND key>?)"];
        let range = ["SEARCH documents USING INDEX saga.runs/by_state (<expr>>? AND <expr><?)"];
        let open = ["SEARCH documents USING INDEX saga.runs/by_state (<expr>>?)"];
        assert_eq!(plan("open".into(), None), exact);
        assert_eq!(plan("open".into(), behind("open".to_owned().into())), exact);
        assert_eq!(plan((5..9).into(), None), range);
        assert_eq!(plan((5..=9).into(), behind(7.into())), range);
        assert_eq!(plan((5..).into(), behind(7.into())), range);
        assert_eq!(plan(true.into(), None), exact);
        assert_eq!(plan(("a"..).into(), None), open);
    }
}
