//! How a verb ends: exit code and the last line on stderr.

use std::{io::Write, process::ExitCode};

use kernel::{Error, ErrorKind};

use crate::report::figures::visible;

/// Why a verb did not succeed. Display is one sentence: what happened, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The rules of the business said no; nothing is wrong with program or input.
    #[error("{0}")]
    Rejected(String),
    /// Bad input, a busy store, a full disk, a fault of ours: it could not be done.
    #[error("{0}")]
    Impossible(String),
    /// The request was refused for what stands in these fields of it.
    #[error("{0}")]
    Refused(Error),
    /// Another process has the store; the verb may be carried out by that one.
    #[error("{0}")]
    Locked(String),
    #[error("interrupted: what was done so far is kept, `borough sagas resume` goes on")]
    Interrupted,
    #[error("interrupted: the serving process goes on with run {0}, `borough sagas show {0}` tells how far it is")]
    Detached(uuid::Uuid),
    #[error(
        "interrupted: the rebuild of {0} goes on wherever that runs, `borough projections list` tells how far it is"
    )]
    RebuildGoesOn(String),
    /// Whoever read our output has gone, as `head` does.
    #[error("the output was closed")]
    ClosedOutput,
}

impl Failure {
    pub fn impossible(error: impl std::fmt::Display) -> Self {
        Self::Impossible(error.to_string())
    }

    /// With everything that led to it.
    fn because(error: &dyn std::error::Error) -> Self {
        Self::Impossible(kernel::with_causes(error))
    }

    fn code(&self) -> u8 {
        match self {
            Self::Rejected(_) => 1,
            Self::Impossible(_) | Self::Refused(_) | Self::Locked(_) => 2,
            Self::Interrupted | Self::Detached(_) | Self::RebuildGoesOn(_) => 130,
            Self::ClosedOutput => 0,
        }
    }

    /// Tells the user and gives the exit code.
    pub fn report(&self) -> ExitCode {
        if !matches!(self, Self::ClosedOutput) {
            let style = anstyle::AnsiColor::Red.on_default().bold();
            // A closed stderr leaves nobody to tell.
            let told: Vec<String> = self.to_string().lines().map(visible).collect();
            let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {}", told.join("\n"));
        }
        ExitCode::from(self.code())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(detail) = &error.detail {
            tracing::info!(detail, "{error}");
        }
        match error.kind {
            ErrorKind::Rejected => Self::Rejected(error.message),
            ErrorKind::Invalid if !error.fields.is_empty() => Self::Refused(error),
            ErrorKind::Invalid
            | ErrorKind::Denied
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Unavailable
            | ErrorKind::Deadline
            | ErrorKind::Internal => Self::Impossible(error.message),
        }
    }
}

impl From<std::io::Error> for Failure {
    /// Of writing results; files name themselves before they get here.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::ClosedOutput,
            _ => Self::Impossible(format!("the results cannot be written: {error}")),
        }
    }
}

impl From<event_sourcing::StoreError> for Failure {
    fn from(error: event_sourcing::StoreError) -> Self {
        use event_sourcing::StoreErrorKind::{Busy, Corrupt, Full, Locked, Newer, Unavailable, Undeclared};
        match error.kind {
            Locked => Self::Locked(error.message),
            Busy | Full | Corrupt | Newer | Undeclared | Unavailable => Self::Impossible(error.message),
        }
    }
}

impl From<module::AssemblyError> for Failure {
    fn from(error: module::AssemblyError) -> Self {
        match error {
            module::AssemblyError::Store(error) => error.into(),
            findings @ module::AssemblyError::Findings(_) => Self::because(&findings),
        }
    }
}

impl From<event_bus::BusError> for Failure {
    fn from(error: event_bus::BusError) -> Self {
        match error {
            event_bus::BusError::Store(error) => error.into(),
            other => Self::because(&other),
        }
    }
}

impl From<saga::ResumeError> for Failure {
    fn from(error: saga::ResumeError) -> Self {
        match error {
            saga::ResumeError::Failed(error) => error.into(),
            other => Self::because(&other),
        }
    }
}

macro_rules! impossible {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::because(&error)
            }
        })*
    };
}

impossible!(
    kernel::AuthenticationError,
    kernel::DecodeError,
    module::StartError,
    module::UnknownModule,
    monitoring_otlp::OtlpError,
    monitoring_prometheus::EndpointError,
    monitoring_prometheus::InstallError,
    observability::ExportError,
    settings::SettingsError,
    serde_json::Error,
    askama::Error,
    crate::sidecar::SidecarError,
);
