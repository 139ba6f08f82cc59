use event_sourcing::Unit;
use kernel::{Context, Error, Event, Request};
use module::Module;
use request::Service;

/// The module that stands for all that are not here.
pub const NEIGHBOURS: &str = "neighbours";

/// Answers in place of a service of another module.
struct Stub<R: Request>(Box<Answer<R>>);

type Answer<R> = dyn Fn(R) -> Result<<R as Request>::Response, Error> + Send + Sync;

impl<R: Request> Service<R> for Stub<R> {
    async fn execute(&self, _: &Context, _: &mut Unit, request: R) -> Result<R::Response, Error> {
        (self.0)(request)
    }
}

pub fn neighbours() -> Module {
    Module::new(NEIGHBOURS, "whoever is not here")
}

pub fn answering<R: Request>(
    neighbours: Module,
    answer: impl Fn(R) -> Result<R::Response, Error> + Send + Sync + 'static,
) -> Module {
    let stub = Stub::<R>(Box::new(answer));
    neighbours.provides(move |container| _ = container.value(stub)).serves::<R, Stub<R>>()
}

pub fn publishing<E: Event>(neighbours: Module) -> Module {
    neighbours.publishes::<E>()
}
