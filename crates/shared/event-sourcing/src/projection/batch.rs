use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use kernel::{Error, Json};

use super::record::collection_of;
use crate::{
    Store, StoreError, StoreErrorKind, StoredDocument, Unit,
    unit::{DEEPEST, LARGEST, fits},
};

/// Documents by collection and key; `None` where one was taken away.
type Written = BTreeMap<(&'static str, String), Option<Json>>;

/// What the events of one unit have written so far, over what the store has.
pub(super) struct Batch {
    store: Arc<dyn Store>,
    generation: u32,
    /// By events that were applied.
    kept: Written,
    /// By the event that is being applied.
    staged: Written,
    /// What the store said when it was asked and could not answer. Whatever a handler makes of that, nothing of it counts.
    broken: Option<StoreError>,
    /// It was asked and has not answered: whoever finds this true after the handler has ended knows that it panicked.
    asked: bool,
}

impl Batch {
    pub fn new(store: Arc<dyn Store>, generation: u32) -> Self {
        Self { store, generation, kept: Written::new(), staged: Written::new(), broken: None, asked: false }
    }

    pub async fn get(&mut self, collection: &'static str, key: &str) -> Result<Option<Json>, StoreError> {
        let place = (collection, key.to_owned());
        if let Some(written) = self.staged.get(&place).or_else(|| self.kept.get(&place)) {
            return Ok(written.clone());
        }
        self.asked = true;
        let found = self.store.document(&collection_of(collection, self.generation), key).await;
        Ok(self.told(found)?.map(|document| document.body))
    }

    /// At most `limit` documents in key order, from the first key after `after`.
    pub async fn list(
        &mut self,
        collection: &'static str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Json)>, StoreError> {
        let name = collection_of(collection, self.generation);
        let mut listed = Vec::new();
        let mut after = after.map(str::to_owned);
        while listed.len() < limit {
            let left = limit - listed.len();
            self.asked = true;
            let page = self.store.documents(&name, after.as_deref(), left).await;
            let page = self.told(page)?;
            let end = page.last().map(|document| document.key.clone()).filter(|_| page.len() == left);
            let merged = self.over(collection, after.as_deref(), end.as_deref(), page);
            listed.extend(merged.into_iter().take(left));
            match end {
                // What was taken away leaves room for what comes behind the page.
                Some(end) => after = Some(end),
                None => break,
            }
        }
        Ok(listed)
    }

    /// A page of the store, up to `end`, with what was written since.
    fn over(
        &self,
        collection: &'static str,
        after: Option<&str>,
        end: Option<&str>,
        page: Vec<StoredDocument>,
    ) -> BTreeMap<String, Json> {
        let mut merged: BTreeMap<String, Json> = page.into_iter().map(|found| (found.key, found.body)).collect();
        let from = match after {
            Some(key) => Bound::Excluded((collection, key.to_owned())),
            None => Bound::Included((collection, String::new())),
        };
        for written in [&self.kept, &self.staged] {
            let here = written.range((from.clone(), Bound::Unbounded)).take_while(|((of, _), _)| *of == collection);
            for ((_, key), body) in here.take_while(|((_, key), _)| end.is_none_or(|end| key.as_str() <= end)) {
                match body {
                    Some(body) => _ = merged.insert(key.clone(), body.clone()),
                    None => _ = merged.remove(key),
                }
            }
        }
        merged
    }

    pub fn write(&mut self, collection: &'static str, key: String, body: Option<Json>) {
        self.staged.insert((collection, key), body);
    }

    /// Whether the store can ever take what the event wrote.
    pub fn check(&self) -> Result<(), Error> {
        let mut written = self.staged.iter().filter_map(|(place, body)| Some((place, body.as_ref()?)));
        let what = |collection: &str, key: &str| format!("document `{collection}/{key}`");
        written.try_for_each(|((collection, key), body)| fits(body, DEEPEST, LARGEST, || what(collection, key)))?;
        Ok(())
    }

    /// The event was applied: what it wrote remains.
    pub fn keep(&mut self) {
        self.kept.append(&mut self.staged);
    }

    /// It was not.
    pub fn forget(&mut self) {
        // Mutant `projection_keeps_failures`: half of what an event means is there, and the event is not.
        if cfg!(mutant = "projection_keeps_failures") {
            self.kept.append(&mut self.staged);
        }
        self.staged.clear();
    }

    /// Why what the handler made of the event does not count, if it does not.
    pub fn take_broken(&mut self) -> Option<StoreError> {
        let silent = || StoreError {
            kind: StoreErrorKind::Unavailable,
            message: "the store was asked for a document of a projection and has given no answer".into(),
        };
        self.broken.take().or_else(|| self.asked.then(silent))
    }

    pub fn write_into(self, unit: &mut Unit) {
        for ((collection, key), body) in self.kept {
            unit.write(collection_of(collection, self.generation), key, body);
        }
    }

    /// Remembers that the store could not answer. A document that is there and cannot be read stays so.
    fn told<T>(&mut self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        self.asked = false;
        if let Err(error) = &answer
            && error.kind != StoreErrorKind::Corrupt
        {
            self.broken = Some(error.clone());
        }
        answer
    }
}
