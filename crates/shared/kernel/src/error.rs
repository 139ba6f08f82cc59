use std::{
    any::Any,
    borrow::Cow,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a request was not carried out. The message is for the caller; the detail is for the log and never displayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What a caller can do about it. Decides the HTTP status.
    pub kind: ErrorKind,
    /// Absent where the kind says all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Cow<'static, str>>,
    /// What happened, where, and what to do next, in one sentence.
    pub message: String,
    /// Every field that was refused, when the request did not validate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// When to try again, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "seconds")]
    #[schemars(with = "Option<f64>")]
    pub retry_after: Option<Duration>,
    /// For the log only.
    #[serde(skip)]
    pub detail: Option<String>,
}

/// Bytes of a text that are kept beside what failed.
const SHORT: usize = 4096;

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
    /// Every kind once, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Invalid,
        Self::Denied,
        Self::NotFound,
        Self::Conflict,
        Self::Rejected,
        Self::Unavailable,
        Self::Deadline,
        Self::Internal,
    ];

    /// The code of an error that has none of its own.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
            Self::Deadline => "deadline",
            Self::Internal => "internal",
        }
    }

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
    /// The message says what happened, where, and what to do next, in one sentence; it is shown to the caller.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, code: None, message: message.into(), fields: Vec::new(), retry_after: None, detail: None }
    }

    /// For input that is wrong as a whole. Where single fields are, [`Error::invalid_fields`] says which.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// For what no caller can mend. The message says what could not be done; why is for [`Error::with_detail`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// All refused fields at once.
    pub fn invalid_fields(fields: Vec<FieldError>) -> Self {
        let list: Vec<String> = fields.iter().map(FieldError::to_string).collect();
        Self { fields, ..Self::invalid(list.join("; ")) }
    }

    /// What a program can tell this error by, across versions: `request.cycle`. The kind's where it has none of its own.
    pub fn code(&self) -> &str {
        self.code.as_deref().unwrap_or(self.kind.code())
    }

    #[must_use]
    /// Gives it a code of its own, `area.what`. Programs go by it, so what it means never changes.
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    #[must_use]
    /// Says how long to wait before the same call may succeed.
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// As it can be kept beside what failed, whatever a store takes: of texts the first 4 KiB, of fields the first 64.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        let shorten = |text: &mut String| {
            if text.len() > SHORT {
                text.truncate(text.floor_char_boundary(SHORT));
                text.push_str("...");
            }
        };
        shorten(&mut self.message);
        if let Some(Cow::Owned(code)) = &mut self.code {
            shorten(code);
        }
        self.fields.truncate(64);
        for FieldError { pointer, message } in &mut self.fields {
            shorten(pointer);
            shorten(message);
        }
        self
    }

    /// Keeps what only the log may have.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// An error and all that led to it, outermost first, in one line: `what: why: and why that`.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What was given to `panic!`, of somebody who has caught it. It is dropped here, and where that panics too, nobody hears of it:
/// whoever goes on after a panic goes on after any.
pub fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("a panic without a text").to_owned();
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(again);
    }
    text
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the shape that serde calls")]
    pub fn serialize<S: Serializer>(after: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        after.map(|after| after.as_secs_f64()).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(deserializer)?;
        // The longest there is was written as a number that is a little longer.
        let read = |seconds: f64| match Duration::try_from_secs_f64(seconds) {
            Err(_) if seconds >= Duration::MAX.as_secs_f64() => Ok(Duration::MAX),
            read => read.map_err(serde::de::Error::custom),
        };
        seconds.map(read).transpose()
    }
}
