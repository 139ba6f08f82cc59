use std::fmt;

/// What every request passes, in this order. The pipeline enters each at one place; `borough describe --pipeline` prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    Span,
    Route,
    Access,
    Validation,
    Compliance,
    Deadline,
    Cache,
    Idempotency,
    Admission,
    Service,
    Commit,
}

impl Stage {
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
            Self::Admission => "the module has room (bulkhead) and is well (breaker)",
            Self::Service => "the service answers and adds its writes to the unit",
            Self::Commit => "commands: the unit is committed, with the answer under its key and the audit record",
        }
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
