use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use kernel::Json;
use rapidhash::fast::RandomState;

use crate::{Collection, Index, IndexPlace, IndexQuery, StoreError, StoredDocument};

/// Documents by collection and key, and what they are found by.
#[derive(Default)]
pub(super) struct Collections(HashMap<String, Documents, RandomState>);

#[derive(Default)]
struct Documents {
    by_key: BTreeMap<String, Kept>,
    indexes: Vec<(Index, BTreeSet<IndexPlace>)>,
    /// The latest that was put or declared.
    version: u32,
}

struct Kept {
    body: Json,
    revision: u64,
    version: u32,
}

impl Collections {
    pub fn get(&self, collection: &str, key: &str) -> Option<StoredDocument> {
        let (key, kept) = self.0.get(collection)?.by_key.get_key_value(key)?;
        Some(kept.stored(key))
    }

    pub fn revision(&self, collection: &str, key: &str) -> u64 {
        let kept = self.0.get(collection).and_then(|documents| documents.by_key.get(key));
        kept.map_or(0, |kept| kept.revision)
    }

    pub fn list(&self, collection: &str, after: Option<&str>, limit: usize) -> Vec<StoredDocument> {
        let Some(documents) = self.0.get(collection) else { return Vec::new() };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = documents.by_key.range::<str, _>((from, Bound::Unbounded));
        rows.take(limit).map(|(key, kept)| kept.stored(key)).collect()
    }

    pub fn find(&self, query: &IndexQuery) -> Result<Vec<StoredDocument>, StoreError> {
        let documents = self.0.get(&*query.collection);
        let index = documents.and_then(|documents| documents.indexes.iter().find(|(index, _)| *index == query.index));
        let (Some(documents), Some((_, places))) = (documents, index) else {
            return Err(query.undeclared("the store in memory"));
        };
        let first = IndexPlace { value: query.wanted.from.clone(), key: String::new() };
        let from = match query.after.as_ref().filter(|after| **after >= first) {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(&first),
        };
        let places = places.range((from, Bound::Unbounded)).take_while(|place| query.wanted.takes(&place.value));
        let found = places.take(query.limit).filter_map(|place| Some((&place.key, documents.by_key.get(&place.key)?)));
        Ok(found.map(|(key, kept)| kept.stored(key)).collect())
    }

    pub fn put(&mut self, collection: &str, key: String, body: Json, version: u32) {
        if !self.0.contains_key(collection) {
            self.0.insert(collection.to_owned(), Documents::default());
        }
        let documents = self.0.get_mut(collection).expect("it is there by now");
        let revision = documents.leave(&key).map_or(0, |kept| kept.revision) + 1;
        documents.enter(key, Kept { body, revision, version });
    }

    pub fn delete(&mut self, collection: &str, key: &str) {
        if let Some(documents) = self.0.get_mut(collection) {
            documents.leave(key);
        }
    }

    pub fn declare(&mut self, collection: &Collection) -> Result<(), StoreError> {
        if collection.is_retired() {
            self.retire(collection.name());
            return Ok(());
        }
        let documents = self.0.entry(collection.name().to_owned()).or_default();
        collection.is_known(documents.version)?;
        documents.version = collection.version();
        for (key, kept) in &mut documents.by_key {
            kept.body = collection.migrated(kept.stored(key))?;
            kept.version = collection.version();
        }
        let places = |index: &Index| {
            let values = documents.by_key.iter().map(|(key, kept)| (key, index.value_in(&kept.body)));
            values.filter_map(|(key, value)| Some(IndexPlace { value: value?, key: key.clone() })).collect()
        };
        documents.indexes = collection.indexes().iter().map(|index| (*index, places(index))).collect();
        Ok(())
    }

    /// Documents that are left are not found any more.
    fn retire(&mut self, collection: &str) {
        let Some(documents) = self.0.get_mut(collection) else { return };
        documents.indexes.clear();
        if documents.by_key.is_empty() {
            self.0.remove(collection);
        }
    }
}

impl Documents {
    fn enter(&mut self, key: String, kept: Kept) {
        for (index, places) in &mut self.indexes {
            places.extend(index.value_in(&kept.body).map(|value| IndexPlace { value, key: key.clone() }));
        }
        self.version = self.version.max(kept.version);
        self.by_key.insert(key, kept);
    }

    fn leave(&mut self, key: &str) -> Option<Kept> {
        let kept = self.by_key.remove(key)?;
        for (index, places) in &mut self.indexes {
            if let Some(value) = index.value_in(&kept.body) {
                places.remove(&IndexPlace { value, key: key.to_owned() });
            }
        }
        Some(kept)
    }
}

impl Kept {
    fn stored(&self, key: &str) -> StoredDocument {
        let Self { body, revision, version } = self;
        StoredDocument { key: key.to_owned(), body: body.clone(), revision: *revision, version: *version }
    }
}
