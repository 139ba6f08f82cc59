use event_sourcing::{Collection, Document, Expected, Store, StoreExt, Unit};
use kernel::{Context, Error, ErrorKind, Fingerprint, Json, Request};
use serde::{Deserialize, Serialize};

use crate::RequestInfo;

/// Makes a command safe to send again: the second time it answers as the first did and writes nothing. A key is its user's
/// own: the same text from somebody else is another key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Any text that its user has for no other command: a UUID, the number of an order. Answers are kept for good.
    ///
    /// # Errors
    /// `request.key_empty`: there is nothing in it but blanks, as in a variable that nobody has set.
    pub fn try_new(key: impl Into<String>) -> Result<Self, Error> {
        let key = key.into();
        if key.trim().is_empty() {
            let message =
                "an idempotency key is empty: every command would have the same; give it one of its own, or none";
            return Err(Error::invalid(message).with_code("request.key_empty"));
        }
        Ok(Self(key))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the answer is kept.
    fn document(&self, cx: &Context) -> String {
        // A user's name may hold a slash: the length says where it ends.
        let user = cx.principal().user();
        format!("{}:{user}/{}", user.len(), self.0)
    }
}

/// What a command answered, committed in the command's own unit.
#[derive(Serialize, Deserialize)]
struct AnsweredCommand {
    request: String,
    payload: Fingerprint,
    response: Json,
}

impl Document for AnsweredCommand {
    const COLLECTION: &'static str = "request.answers";
}

/// What the pipeline keeps: to be declared to the store at the start, by whoever assembles the modules.
pub fn collections() -> [Collection; 1] {
    [Collection::of::<AnsweredCommand>()]
}

/// One command under one key: look for the earlier answer, or remember this one.
pub(crate) struct Once<'a> {
    key: &'a IdempotencyKey,
    document: String,
    payload: Fingerprint,
}

impl<'a> Once<'a> {
    pub(crate) fn new<R: Request>(cx: &Context, key: &'a IdempotencyKey, request: &R) -> Result<Self, Error> {
        // Maps may be written in another order each time.
        let mut canonical = serde_json::to_value(request).map_err(|e| unreadable::<R>(&e))?;
        canonical.sort_all_objects();
        let payload = Fingerprint::of(canonical.to_string().as_bytes());
        Ok(Self { key, document: key.document(cx), payload })
    }

    /// # Errors
    /// `request.key_reused` if the key was used for another command.
    pub(crate) async fn earlier<R: Request>(&self, store: &dyn Store) -> Result<Option<R::Response>, Error> {
        let Some(found) = store.get::<AnsweredCommand>(&self.document).await? else {
            return Ok(None);
        };
        let answered = found.value;
        if answered.request != R::NAME || answered.payload != self.payload {
            let message = format!(
                "idempotency key `{}` was used for another `{}`: use a new key for a new command",
                self.key.0, answered.request
            );
            return Err(Error::new(ErrorKind::Conflict, message).with_code("request.key_reused"));
        }
        answered.response.read().map(Some).map_err(|e| unreadable::<R>(&e))
    }

    /// The answer as it will be read back, which for a number that JSON does not have is another one.
    ///
    /// # Errors
    /// It cannot be kept or read back: neither is it given the first time.
    pub(crate) fn remember<R: Request>(&self, response: &R::Response, unit: &mut Unit) -> Result<R::Response, Error> {
        let kept = Json::of(response).map_err(|e| unreadable::<R>(&e))?;
        let response = kept.read().map_err(|e| unreadable::<R>(&e))?;
        let answered = AnsweredCommand { request: R::NAME.into(), payload: self.payload.clone(), response: kept };
        unit.put(self.document.clone(), &answered, Expected::Absent);
        Ok(response)
    }
}

/// The answer that is kept under a key of this user, whatever the command was about.
pub(crate) async fn answered<R: Request>(
    store: &dyn Store,
    cx: &Context,
    key: &IdempotencyKey,
) -> Result<Option<R::Response>, Error> {
    let found = store.get::<AnsweredCommand>(&key.document(cx)).await?;
    let answer = found.map(|found| found.value).filter(|answered| answered.request == R::NAME);
    answer.map(|answered| answered.response.read().map_err(|e| unreadable::<R>(&e))).transpose()
}

/// A query changes nothing that could happen twice.
#[cold]
pub(crate) fn without_effect(RequestInfo { name, module, .. }: &RequestInfo) -> Error {
    let message = format!("`{name}` of module `{module}` is a query, which takes no idempotency key: ask without one");
    Error::invalid(message).with_code("request.key_on_query")
}

fn unreadable<R: Request>(error: &serde_json::Error) -> Error {
    Error::internal(format!("the answer of `{}` cannot be kept or read back", R::NAME)).with_detail(error.to_string())
}
