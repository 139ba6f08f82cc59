//! Modules `m0` to `m5` that ask and hear each other as a line of text says, and what they do with their time.

use std::sync::{Arc, Mutex};

use event_bus::Subscriber;
use event_sourcing::Unit;
use kernel::{Access, Clock, Context, Error, Event, Request, RequestKind};
use module::{Application, Module, Options, assemble};
use request::{ModuleState, Service};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shop::infrastructure;

pub const NAMES: [&str; 6] = ["m0", "m1", "m2", "m3", "m4", "m5"];
const REQUESTS: [&str; 6] = ["m0.ask", "m1.ask", "m2.ask", "m3.ask", "m4.ask", "m5.ask"];
const EVENTS: [&str; 6] = ["m0.said", "m1.said", "m2.said", "m3.said", "m4.said", "m5.said"];
const SUBSCRIBERS: [[&str; 6]; 6] = [
    ["m0.0", "m0.1", "m0.2", "m0.3", "m0.4", "m0.5"],
    ["m1.0", "m1.1", "m1.2", "m1.3", "m1.4", "m1.5"],
    ["m2.0", "m2.1", "m2.2", "m2.3", "m2.4", "m2.5"],
    ["m3.0", "m3.1", "m3.2", "m3.3", "m3.4", "m3.5"],
    ["m4.0", "m4.1", "m4.2", "m4.3", "m4.4", "m4.5"],
    ["m5.0", "m5.1", "m5.2", "m5.3", "m5.4", "m5.5"],
];

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Ask<const N: usize>;

impl<const N: usize> Request for Ask<N> {
    type Response = String;
    const NAME: &'static str = REQUESTS[N];
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Said<const N: usize>;

impl<const N: usize> Event for Said<N> {
    const NAME: &'static str = EVENTS[N];

    fn key(&self) -> String {
        String::new()
    }
}

/// The one who lives in module `N`.
pub struct Citizen<const N: usize>;

impl<const N: usize> Service<Ask<N>> for Citizen<N> {
    async fn execute(&self, _: &Context, _: &mut Unit, _: Ask<N>) -> Result<String, Error> {
        Ok(NAMES[N].into())
    }
}

impl<const N: usize, const M: usize> Subscriber<Said<M>> for Citizen<N> {
    async fn handle(&self, _: &Context, _: &Said<M>, _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

/// Every module serves its request and publishes its event; `ways` says who asks and hears whom: `m0 asks m1, m1 hears m0`.
pub fn town(ways: &str) -> Vec<Module> {
    let ways: Vec<Vec<&str>> =
        ways.split(", ").filter(|way| !way.is_empty()).map(|way| way.split(' ').collect()).collect();
    vec![
        house::<0>(&ways),
        house::<1>(&ways),
        house::<2>(&ways),
        house::<3>(&ways),
        house::<4>(&ways),
        house::<5>(&ways),
    ]
}

fn house<const N: usize>(ways: &[Vec<&str>]) -> Module {
    let house = Module::new(NAMES[N], "a house").serves::<Ask<N>, Citizen<N>>().publishes::<Said<N>>();
    let house = house.provides(|c| {
        c.value(Citizen::<N>);
    });
    ways.iter().filter(|way| way[0] == NAMES[N]).fold(house, |house, way| match (way[1], way[2]) {
        (how, "m0") => reaches::<N, 0>(house, how),
        (how, "m1") => reaches::<N, 1>(house, how),
        (how, "m2") => reaches::<N, 2>(house, how),
        (how, "m3") => reaches::<N, 3>(house, how),
        (how, "m4") => reaches::<N, 4>(house, how),
        (how, "m5") => reaches::<N, 5>(house, how),
        _ => panic!("{way:?}: who is that?"),
    })
}

fn reaches<const N: usize, const M: usize>(house: Module, how: &str) -> Module {
    match how {
        "asks" => house.asks::<Ask<M>>(),
        "hears" => house.subscribes::<Said<M>, Citizen<N>>(SUBSCRIBERS[N][M]),
        _ => panic!("{how}: does what?"),
    }
}

pub async fn built(modules: Vec<Module>) -> Application {
    built_with(modules, Options::default()).await
}

pub async fn built_with(modules: Vec<Module>, options: Options) -> Application {
    assemble(modules, infrastructure(), options).await.unwrap()
}

/// `m0 up, m1 stopped`, of those that there are.
pub fn states(application: &Application) -> String {
    let states = application.modules().into_iter().map(|module| format!("{} {}", module.name, module.state));
    states.collect::<Vec<_>>().join(", ")
}

/// `health check `roof`: reason` of one module, if it is degraded.
pub fn troubles(application: &Application, name: &str) -> Vec<String> {
    let module = application.modules().into_iter().find(|module| module.name == name).unwrap();
    assert_eq!(module.state == ModuleState::Degraded, !module.troubles.is_empty());
    module.troubles.iter().map(|trouble| format!("{}: {}", trouble.part, trouble.reason)).collect()
}

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    /// Since the last look.
    pub fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(", ")
    }

    /// A module that notes its start and its stop.
    pub fn of(&self, module: Module) -> Module {
        let (name, started, stopped) = (module.name(), self.clone(), self.clone());
        let module = module.on_start("note the start", move |_: Arc<dyn Clock>| {
            started.note(format!("+{name}"));
            async { Ok(()) }
        });
        module.on_stop("note the stop", move |_: Arc<dyn Clock>| {
            stopped.note(format!("-{name}"));
            async { Ok(()) }
        })
    }
}
