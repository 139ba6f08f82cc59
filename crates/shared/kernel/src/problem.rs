use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, FieldError};

/// An [`Error`] as a program meets it over HTTP or on standard output: RFC 9457, `application/problem+json`. It has nothing
/// of what is for the log only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// `urn:borough:problem:` and the code.
    pub r#type: String,
    /// The kind of error in words, the same for all of its kind.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened, where, and what to do next.
    pub detail: String,
    /// Stable across versions.
    pub code: String,
    /// Every refused field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<f64>,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let (status, title) = status(error.kind);
        Self {
            r#type: format!("urn:borough:problem:{}", error.code()),
            title: title.into(),
            status,
            detail: error.message.clone(),
            code: error.code().into(),
            errors: error.fields.clone(),
            retry_after: error.retry_after.map(|after| after.as_secs_f64()),
        }
    }
}

impl From<Problem> for Error {
    /// Without what was for the log of the other process.
    fn from(problem: Problem) -> Self {
        let kind =
            ErrorKind::ALL.into_iter().find(|kind| status(*kind).0 == problem.status).unwrap_or(ErrorKind::Internal);
        let mut error = Self::new(kind, problem.detail);
        error.fields = problem.errors;
        error.retry_after = problem.retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        if problem.code == kind.code() { error } else { error.with_code(problem.code) }
    }
}

fn status(kind: ErrorKind) -> (u16, &'static str) {
    match kind {
        ErrorKind::Invalid => (400, "The input is wrong"),
        ErrorKind::Denied => (403, "Not permitted"),
        ErrorKind::NotFound => (404, "Not found"),
        ErrorKind::Conflict => (409, "In conflict with what was done before"),
        ErrorKind::Rejected => (422, "Refused by a rule"),
        ErrorKind::Unavailable => (503, "Not available now"),
        ErrorKind::Deadline => (504, "Too late"),
        ErrorKind::Internal => (500, "Internal error"),
    }
}
