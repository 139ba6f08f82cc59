use std::marker::PhantomData;

use kernel::{Error, Json};

use super::{
    batch::Batch,
    definition::{Projected, Projection, is_among},
};
use crate::unit::to_json;

/// What a handler of `P` sees and writes: the documents of `P`, of the generation that is being filled. It sees what earlier
/// events of the log have written, and what it has written itself.
pub struct View<'a, P> {
    batch: &'a mut Batch,
    projection: PhantomData<fn() -> P>,
}

impl<'a, P: Projection> View<'a, P> {
    pub(super) fn of(batch: &'a mut Batch) -> Self {
        Self { batch, projection: PhantomData }
    }

    /// The document under this key.
    ///
    /// # Errors
    /// The store does not answer: the batch begins anew when it does, whatever the handler makes of this. A document that is no
    /// `D`: then the version of the projection was not raised with the form of its documents.
    ///
    /// # Cancel safety
    /// Only reads.
    pub async fn get<D: Projected<By = P>>(&mut self, key: &str) -> Result<Option<D>, Error> {
        declared::<P, D>();
        let body = self.batch.get(D::COLLECTION, key).await?;
        body.map(|body| read::<D>(key, &body)).transpose()
    }

    /// At most `limit` documents with their keys, in key order, from the first key after `after`; `None` is before all keys.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    /// Only reads.
    pub async fn list<D: Projected<By = P>>(
        &mut self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, D)>, Error> {
        declared::<P, D>();
        let page = self.batch.list(D::COLLECTION, after, limit).await?;
        page.into_iter().map(|(key, body)| read(&key, &body).map(|document| (key, document))).collect()
    }

    /// In place of the document under this key, if there is one.
    ///
    /// # Panics
    /// If JSON cannot hold the document (a map with keys that are not text, a number that is none); the event is then one that could not be applied.
    pub fn put<D: Projected<By = P>>(&mut self, key: impl Into<String>, document: &D) {
        declared::<P, D>();
        self.batch.write(D::COLLECTION, key.into(), Some(to_json(document)));
    }

    /// Takes the document under this key away. There need be none.
    pub fn delete<D: Projected<By = P>>(&mut self, key: impl Into<String>) {
        declared::<P, D>();
        self.batch.write(D::COLLECTION, key.into(), None);
    }
}

/// A collection that the projection does not list would not be removed with its generation.
const fn declared<P: Projection, D: Projected>() {
    const { assert!(is_among(D::COLLECTION, P::COLLECTIONS), "list the collection in `COLLECTIONS` of the projection") }
}

fn read<D: Projected>(key: &str, body: &Json) -> Result<D, Error> {
    body.read().map_err(|error| {
        let collection = D::COLLECTION;
        let message =
            format!("document `{key}` of `{collection}` cannot be read: {error}: raise the version of its projection");
        Error::internal(message).with_code("projection.unreadable_document")
    })
}
