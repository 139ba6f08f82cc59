use container::Container;
use event_bus::{SubscriberStatus, Subscription};
use event_sourcing::{EventRules, Projections};
use kernel::Error;
use request::{ModuleState, Requests, Trouble};
use saga::SagaEngine;
use serde::Serialize;

use crate::{Description, Finding, Health, StartError, StopError, lifecycle::Lifecycle};

/// All modules, verified and built. Until [`start`](Self::start) nothing runs, and every request is answered with
/// `module.stopped`.
pub struct Application {
    /// What the modules have registered.
    pub container: Container,
    /// Asks the modules of this process.
    pub requests: Requests,
    /// Drives the sagas of the modules of this process.
    pub sagas: SagaEngine,
    /// For the event bus, which the composition root starts after the modules and stops before them. Those that are inline are
    /// called by the requests and sagas of this process already; the bus calls them for what its other subscribers publish.
    pub subscriptions: Vec<Subscription>,
    /// The projections of the modules of this process: they run while their modules do.
    pub projections: Projections,
    /// What the events of the modules are held to: those of services and sagas already, those of subscribers by the options of
    /// the event bus.
    pub event_rules: EventRules,
    /// All modules as data, those that were left out too.
    pub description: Description,
    /// What looks forgotten, without being wrong.
    pub warnings: Vec<Finding>,
    pub(crate) lifecycle: Lifecycle,
}

/// One line of the service registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleStatus {
    /// The module.
    pub name: &'static str,
    /// Whether it can be asked.
    pub state: ModuleState,
    /// Why it is degraded.
    pub troubles: Vec<Trouble>,
    /// The requests that it serves.
    pub services: Vec<&'static str>,
}

impl Application {
    /// Runs the start hooks of what the modules have registered, then starts the modules, each after those that it asks, and as far as that can be, after those whose events it takes: its
    /// start hooks, a first look at its health. Then it is up, its background jobs begin, and the next module can ask it.
    ///
    /// # Errors
    /// Of the first module that cannot be started. All that had started are stopped again, and so is that one itself, whose
    /// stop hooks find what its start hooks have left.
    ///
    /// # Cancel safety
    /// Dropped, it leaves started what has started: [`stop`](Self::stop) stops that.
    pub async fn start(&mut self) -> Result<(), StartError> {
        self.lifecycle.start().await
    }

    /// From here on it is not ready: nobody is to send it work, while it ends what is under way and until it is stopped.
    pub fn stopping(&mut self) {
        self.lifecycle.is_stopping = true;
    }

    /// Stops the modules in reverse: each refuses requests, ends its background jobs and runs its stop hooks, the last one
    /// first; at last the stop hooks of what they have registered. Not started, it does nothing; afterwards it can be started again.
    ///
    /// # Errors
    /// Everything that failed or took too long. The rest was stopped nevertheless.
    ///
    /// # Cancel safety
    /// Dropped, it leaves running what has not stopped: called again, it goes on with the module that it was at.
    pub async fn stop(&mut self) -> Result<(), StopError> {
        self.lifecycle.stop().await
    }

    /// Lets the modules answer without starting them: no hook has run, no background job runs. For whoever only reads what
    /// another process writes, and for tests of services that need nothing else.
    #[must_use]
    pub fn answering(self) -> Self {
        for module in self.description.modules.iter().filter(|module| !module.left_out) {
            self.requests.states().set(module.name, ModuleState::Up);
        }
        self
    }

    /// How this process is. How its subscribers stand belongs to it, as [`EventBus::status`](event_bus::EventBus::status) tells;
    /// not to know it counts as not ready.
    pub fn health(&self, subscribers: Result<&[SubscriberStatus], &Error>) -> Health {
        Health::of(self, subscribers)
    }

    /// The service registry: which module serves what, and whether it can be asked.
    pub fn modules(&self) -> Vec<ModuleStatus> {
        let status = |module: &crate::ModuleDescription| {
            let (state, troubles) = self.requests.standing(module.name);
            let services = module.serves.iter().map(|served| served.name).collect();
            ModuleStatus { name: module.name, state, troubles, services }
        };
        self.description.modules.iter().map(status).collect()
    }
}
