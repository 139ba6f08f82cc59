use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use kernel::{Error, ErrorKind};
use resilience::{BreakerState, BreakerStatus};
use serde::{Deserialize, Serialize};

use crate::Requests;

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

/// Something of a module that does not work, while the rest of it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What it is: `health check `index``.
    pub part: String,
    /// For an operator.
    pub reason: String,
}

/// The state of every module of this process, shared by who changes it and who asks. A module that nobody has spoken of is up.
#[derive(Debug, Clone, Default)]
pub struct ModuleStates(Arc<RwLock<HashMap<&'static str, Standing>>>);

#[derive(Debug, Default)]
struct Standing {
    state: ModuleState,
    /// By part.
    troubles: BTreeMap<String, String>,
}

impl Standing {
    fn state(&self) -> ModuleState {
        match self.state {
            ModuleState::Up if !self.troubles.is_empty() => ModuleState::Degraded,
            state => state,
        }
    }
}

impl ModuleStates {
    /// From here on requests meet this state. Those that are on their way go on. A module that is stopped has no
    /// troubles any more.
    pub fn set(&self, module: &'static str, state: ModuleState) {
        self.change(module, |standing| {
            standing.state = state;
            if state == ModuleState::Stopped {
                standing.troubles.clear();
            }
        });
    }

    /// While a part of it does not work, a module that is up is degraded. Whether that is news.
    pub fn degrade(&self, module: &'static str, part: impl Into<String>, reason: impl Into<String>) -> bool {
        self.change(module, |standing| standing.troubles.insert(part.into(), reason.into()).is_none())
    }

    /// The part works again. Whether that is news.
    pub fn mend(&self, module: &'static str, part: &str) -> bool {
        self.change(module, |standing| standing.troubles.remove(part).is_some())
    }

    /// What was last set; up if nothing was.
    pub fn of(&self, module: &str) -> ModuleState {
        self.read().get(module).map(Standing::state).unwrap_or_default()
    }

    /// What of it does not work, by part.
    pub fn troubles(&self, module: &str) -> Vec<Trouble> {
        let trouble = |(part, reason): (&String, &String)| Trouble { part: part.clone(), reason: reason.clone() };
        self.read().get(module).map(|standing| standing.troubles.iter().map(trouble).collect()).unwrap_or_default()
    }

    fn change<T>(&self, module: &'static str, change: impl FnOnce(&mut Standing) -> T) -> T {
        change(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(module).or_default())
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<&'static str, Standing>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
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

impl Requests {
    /// The state of a module and what of it does not work: that which it says itself, and its services that a breaker keeps
    /// calls from.
    pub fn standing(&self, module: &str) -> (ModuleState, Vec<Trouble>) {
        let (state, mut troubles) = (self.states().of(module), self.states().troubles(module));
        if !matches!(state, ModuleState::Up | ModuleState::Degraded) {
            return (state, troubles);
        }
        let requests = self.requests();
        let is_its_own = |request: &str| requests.iter().any(|info| info.module == module && info.name == request);
        for BreakerStatus { target, state, since, .. } in self.breakers().statuses() {
            let what = match state {
                BreakerState::Closed => continue,
                BreakerState::Open => "is refused",
                BreakerState::HalfOpen => "is tried again, a few calls at a time,",
            };
            if is_its_own(&target) {
                let reason = format!("it failed too often, and {what} since {}", since.to_rfc3339());
                troubles.push(Trouble { part: format!("service of `{target}`"), reason });
            }
        }
        (if troubles.is_empty() { state } else { ModuleState::Degraded }, troubles)
    }
}
