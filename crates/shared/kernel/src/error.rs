use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a request was not carried out. The message is for the caller; the detail is for the log and never displayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: ErrorKind,
    /// What happened, where, and what to do next, in one sentence.
    pub message: String,
    /// Every field that was refused, when the request did not validate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// For the log only.
    #[serde(skip)]
    pub detail: Option<String>,
}

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The input is wrong: correct it.
    Invalid,
    /// The principal may not do this.
    Denied,
    /// What the request names does not exist.
    NotFound,
    /// Somebody else changed the same thing: read again and retry.
    Conflict,
    /// The rules of the business say no: a failed quality gate.
    Rejected,
    /// Not now: a store or module that is busy, full or gone.
    Unavailable,
    /// The deadline passed.
    Deadline,
    /// A fault of ours.
    Internal,
}

impl ErrorKind {
    /// Whether it is for the caller to mend, and nothing that an operator must see.
    pub fn is_of_the_caller(self) -> bool {
        match self {
            Self::Invalid | Self::Denied | Self::NotFound | Self::Conflict | Self::Rejected => true,
            Self::Unavailable | Self::Deadline | Self::Internal => false,
        }
    }

    /// Whether the same call may succeed later without anybody changing it.
    pub fn is_transient(self) -> bool {
        match self {
            Self::Conflict | Self::Unavailable => true,
            Self::Invalid | Self::Denied | Self::NotFound | Self::Rejected | Self::Deadline | Self::Internal => false,
        }
    }
}

/// One refused field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct FieldError {
    /// JSON pointer into the request: `/checks/0/min`.
    pub pointer: String,
    /// What is wrong with it and what to do, without its name: whoever shows it says where it stands.
    pub message: String,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), fields: Vec::new(), detail: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// All refused fields at once.
    pub fn invalid_fields(fields: Vec<FieldError>) -> Self {
        let list: Vec<String> = fields.iter().map(FieldError::to_string).collect();
        Self { fields, ..Self::invalid(list.join("; ")) }
    }

    /// Keeps what only the log may have.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
