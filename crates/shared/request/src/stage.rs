use std::fmt;

/// What every request passes, in this order. The pipeline enters each at one place; `borough describe --pipeline` prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The request gets its span, its meters and, if it is a command, its audit record: whatever fails later has them.
    Span,
    /// The service is looked up. Errors: `request.unknown`, `module.stopped`, `module.unreachable`, `request.cycle`,
    /// `request.undeclared`.
    Route,
    /// The principal is asked for the permission that [`Request::ACCESS`](kernel::Request::ACCESS) requires.
    Access,
    /// What was given is a request: JSON that cannot be read, or is too large, is refused here. Then the service looks at its
    /// fields: [`Service::validate`](crate::Service::validate). Errors: `request.unreadable`, `request.too_large`,
    /// `request.key_on_query`.
    Validation,
    /// Every [`Requirement`](crate::Requirement) of the request is asked, and what it redacts noted for the answer.
    Compliance,
    /// What is late is refused; from here on until the commit, what takes too long is dropped.
    Deadline,
    /// A [`Cached`](crate::Cached) query is answered from what was kept.
    Cache,
    /// A command that was done under the same [`IdempotencyKey`](crate::IdempotencyKey) is answered as it was then.
    Idempotency,
    /// The bulkhead of the request is waited for, and its breaker asked.
    Admission,
    /// The service executes, in a unit of its own.
    Service,
    /// The unit is written with the answer and the audit record. Refused if the deadline has passed when the store comes to it; not
    /// cut later: what has begun is finished.
    Commit,
}

impl Stage {
    /// All of them, in the order in which a request passes them.
    pub const ALL: [Self; 11] = [
        Self::Span,
        Self::Route,
        Self::Access,
        Self::Validation,
        Self::Compliance,
        Self::Deadline,
        Self::Cache,
        Self::Idempotency,
        Self::Admission,
        Self::Service,
        Self::Commit,
    ];

    /// In lower case, as `borough describe --pipeline` and the trace have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::Route => "route",
            Self::Access => "access",
            Self::Validation => "validation",
            Self::Compliance => "compliance",
            Self::Deadline => "deadline",
            Self::Cache => "cache",
            Self::Idempotency => "idempotency",
            Self::Admission => "admission",
            Self::Service => "service",
            Self::Commit => "commit",
        }
    }

    /// What happens there, in one line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Span => "everything from here on is traced, measured and, for a command, audited",
            Self::Route => "the service is found, its module runs, and the request is not asked from within itself",
            Self::Access => "the principal has the permission",
            Self::Validation => "every refused field is told at once",
            Self::Compliance => "regulations may forbid, want a purpose, or redact the answer",
            Self::Deadline => "what is late already is refused, and the rest is cut at the deadline",
            Self::Cache => "queries: a kept answer, if nothing has happened since that it depends on",
            Self::Idempotency => "commands with a key: the first answer, if it was done before",
            Self::Admission => "the service of the request has room (bulkhead) and is well (breaker)",
            Self::Service => "the service answers and adds its writes to the unit",
            Self::Commit => "commands: the unit is committed, with the answer under its key and the audit record",
        }
    }

    /// Says in the trace that a request is here.
    pub(crate) fn enter(self) {
        tracing::trace!(stage = self.name(), "enters");
    }

    /// Whether requests of this kind pass it.
    pub fn concerns(self, kind: kernel::RequestKind) -> bool {
        match self {
            Self::Cache => kind == kernel::RequestKind::Query,
            Self::Idempotency | Self::Commit => kind == kernel::RequestKind::Command,
            _ => true,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
