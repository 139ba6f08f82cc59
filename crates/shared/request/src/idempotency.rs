use event_sourcing::{Document, Expected, Store, StoreExt, Unit};
use kernel::{Error, ErrorKind, Fingerprint, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Makes a command safe to send again: the second time it answers as the first did and writes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }
}

/// What a command answered, committed in the command's own unit.
#[derive(Serialize, Deserialize)]
struct AnsweredCommand {
    request: String,
    payload: Fingerprint,
    response: Value,
}

impl Document for AnsweredCommand {
    const COLLECTION: &'static str = "request.answers";
}

/// One command under one key: look for the earlier answer, or remember this one.
pub(crate) struct Once<'a> {
    key: &'a IdempotencyKey,
    payload: Fingerprint,
}

impl<'a> Once<'a> {
    pub(crate) fn new<R: Request>(key: &'a IdempotencyKey, request: &R) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(request).map_err(|e| unreadable::<R>(&e))?;
        Ok(Self { key, payload: Fingerprint::of(&bytes) })
    }

    pub(crate) async fn earlier<R: Request>(&self, store: &dyn Store) -> Result<Option<R::Response>, Error> {
        let Some(found) = store.get::<AnsweredCommand>(&self.key.0).await? else {
            return Ok(None);
        };
        let answered = found.value;
        if answered.request != R::NAME || answered.payload != self.payload {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "idempotency key `{}` was used for another `{}`: use a new key for a new command",
                    self.key.0, answered.request
                ),
            ));
        }
        serde_json::from_value(answered.response).map(Some).map_err(|e| unreadable::<R>(&e))
    }

    pub(crate) fn remember<R: Request>(self, response: &R::Response, unit: &mut Unit) -> Result<(), Error> {
        let response = serde_json::to_value(response).map_err(|e| unreadable::<R>(&e))?;
        let answered = AnsweredCommand { request: R::NAME.into(), payload: self.payload, response };
        unit.put(self.key.0.clone(), &answered, Expected::Absent);
        Ok(())
    }
}

/// The answer that is kept under a key, whatever the command was about.
pub(crate) async fn answered<R: Request>(
    store: &dyn Store,
    key: &IdempotencyKey,
) -> Result<Option<R::Response>, Error> {
    let found = store.get::<AnsweredCommand>(&key.0).await?;
    let answer = found.map(|found| found.value).filter(|answered| answered.request == R::NAME);
    answer.map(|answered| serde_json::from_value(answered.response).map_err(|e| unreadable::<R>(&e))).transpose()
}

fn unreadable<R: Request>(error: &serde_json::Error) -> Error {
    Error::internal(format!("the answer of `{}` cannot be kept or read back", R::NAME)).with_detail(error.to_string())
}
