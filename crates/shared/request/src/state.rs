use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use kernel::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// Whether a module can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModuleState {
    /// It answers.
    #[default]
    Up,
    /// It answers, and something of it does not work: a breaker is open, a part of it could not start.
    Degraded,
    /// It was not started, or was stopped.
    Stopped,
    /// It runs in another process that does not answer.
    Unreachable,
}

impl fmt::Display for ModuleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Stopped => "stopped",
            Self::Unreachable => "unreachable",
        })
    }
}

/// The state of every module of this process, shared by who changes it and who asks. A module that nobody has spoken of is up.
#[derive(Debug, Clone, Default)]
pub struct ModuleStates(Arc<RwLock<HashMap<&'static str, ModuleState>>>);

impl ModuleStates {
    /// From here on requests meet this state. Those that are on their way go on.
    pub fn set(&self, module: &'static str, state: ModuleState) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(module, state);
    }

    /// What was last set; up if nothing was.
    pub fn of(&self, module: &str) -> ModuleState {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(module).copied().unwrap_or_default()
    }

    /// # Errors
    /// `module.stopped` or `module.unreachable`, of the kind [`ErrorKind::Unavailable`].
    pub(crate) fn check(&self, module: &'static str, request: &str, retry_after: Duration) -> Result<(), Error> {
        let (code, message) = match self.of(module) {
            ModuleState::Up | ModuleState::Degraded => return Ok(()),
            ModuleState::Stopped => ("module.stopped", "is stopped: start it, or take it out of `modules.disabled`"),
            ModuleState::Unreachable => ("module.unreachable", "does not answer: see whether its process runs"),
        };
        let message = format!("`{request}` is not available: module `{module}` {message}");
        Err(Error::new(ErrorKind::Unavailable, message).with_code(code).with_retry_after(retry_after))
    }
}
