use std::fmt::Write;

use kernel::{Context, Error, FieldError, Json, Request};
use serde_path_to_error::{Path, Segment};

use crate::{IdempotencyKey, Requests, service::Answer, table::Entry};

/// A request by its name.
pub(crate) type JsonCall =
    for<'a> fn(&'a Requests, &'a Context, Option<&'a IdempotencyKey>, &'a Entry, &'a Json) -> Answer<'a, Json>;

pub(crate) fn json_call<'a, R: Request>(
    requests: &'a Requests,
    cx: &'a Context,
    key: Option<&'a IdempotencyKey>,
    entry: &'a Entry,
    request: &'a Json,
) -> Answer<'a, Json> {
    Box::pin(async move {
        let given = || read::<R>(entry, request, requests.0.limits.payload);
        let response = requests.dispatch(cx, key, given).await?;
        Json::of(&response)
            .map_err(|e| Error::internal(format!("the answer of `{}` is not JSON", R::NAME)).with_detail(e.to_string()))
    })
}

fn read<R: Request>(entry: &Entry, request: &Json, limit: usize) -> Result<R, Error> {
    let size = request.text().len();
    if size > limit {
        let message = format!(
            "the JSON of `{}` has {size} bytes, and {limit} are taken: hand over large data as a file that the request \
             names, or raise `requests.payload_bytes`",
            R::NAME
        );
        return Err(Error::invalid(message).with_code("request.too_large"));
    }
    let whole = |error: serde_json::Error| FieldError { pointer: String::new(), message: error.to_string() };
    let given = request.read().map_err(|error| unreadable(R::NAME, vec![whole(error)]))?;
    let faults = entry.form().faults(&given);
    if !faults.is_empty() {
        return Err(unreadable(R::NAME, faults));
    }
    let mut reader = serde_json::Deserializer::from_str(request.text());
    serde_path_to_error::deserialize(&mut reader).map_err(|error: serde_path_to_error::Error<serde_json::Error>| {
        let (pointer, message) = (pointer(error.path()), error.inner().to_string());
        unreadable(R::NAME, vec![FieldError { pointer, message }])
    })
}

fn unreadable(request: &str, fields: Vec<FieldError>) -> Error {
    let told = |FieldError { pointer, message }: &FieldError| match pointer.as_str() {
        "" => message.clone(),
        pointer => format!("{pointer}: {message}"),
    };
    let told: Vec<String> = fields.iter().map(told).collect();
    let message = format!("`{request}` cannot be read from this JSON: {}", told.join("; "));
    let mut unreadable = Error::invalid(message).with_code("request.unreadable");
    unreadable.fields = fields;
    unreadable
}

/// RFC 6901.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let written = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1")),
            // A variant's name stands nowhere in the JSON of an untagged or adjacently tagged enum.
            Segment::Enum { .. } | Segment::Unknown => Ok(()),
        };
        written.expect("a String takes everything");
    }
    pointer
}
