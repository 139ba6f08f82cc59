use std::sync::Arc;

use container::{Builder, Container};
use event_sourcing::{Projector, Store};
use futures::future::BoxFuture;
use kernel::Error;
use tokio::sync::watch;

/// A type that the descriptor takes from the container.
#[derive(Clone, Copy)]
pub(crate) struct Needed {
    pub type_name: &'static str,
    pub registered: fn(&Builder) -> bool,
    pub scoped: fn(&Builder) -> bool,
    pub root: fn(&mut Builder) -> &mut Builder,
}

impl Needed {
    pub fn of<T: ?Sized + Send + Sync + 'static>() -> Self {
        Self {
            type_name: std::any::type_name::<T>(),
            registered: Builder::contains::<T>,
            scoped: Builder::is_scoped::<T>,
            root: Builder::root::<T>,
        }
    }
}

pub(crate) type Work = BoxFuture<'static, Result<(), Error>>;

/// Something that a module does when it starts or stops, or a look at its health.
pub(crate) struct Hook {
    pub name: &'static str,
    pub needs: Needed,
    pub run: Box<dyn Fn(&Container) -> Work + Send + Sync>,
}

impl Hook {
    pub fn new<S, F, W>(name: &'static str, run: F) -> Self
    where
        S: ?Sized + Send + Sync + 'static,
        F: Fn(Arc<S>) -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), Error>> + Send + 'static,
    {
        Self { name, needs: Needed::of::<S>(), run: Box::new(move |c| Box::pin(run(c.get()))) }
    }
}

/// Something that a module does as long as it runs.
pub(crate) struct Job {
    pub name: &'static str,
    pub needs: Needed,
    pub run: Box<Begin>,
}

type Begin = dyn Fn(&Container, Shutdown) -> Work + Send + Sync;

impl Job {
    pub fn new<S, F, W>(name: &'static str, run: F) -> Self
    where
        S: ?Sized + Send + Sync + 'static,
        F: Fn(Arc<S>, Shutdown) -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let run = Box::new(move |c: &Container, shutdown| Box::pin(run(c.get(), shutdown)) as Work);
        Self { name, needs: Needed::of::<S>(), run }
    }
}

impl Job {
    /// Keeps the documents of a projection up to date as long as its module runs.
    pub fn projecting(projector: Arc<Projector>) -> Self {
        let name = projector.name();
        let run = Box::new(move |_: &Container, shutdown: Shutdown| {
            let projector = Arc::clone(&projector);
            Box::pin(async move {
                projector.run(shutdown.begun()).await;
                Ok(())
            }) as Work
        });
        Self { name, needs: Needed::of::<dyn Store>(), run }
    }
}

/// Tells a background job that its module stops.
#[derive(Debug, Clone)]
pub struct Shutdown(pub(crate) watch::Receiver<bool>);

impl Shutdown {
    /// Whether the module stops.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until the module stops. Beside the work, in a `select!`.
    ///
    /// # Cancel safety
    /// Only waits; can be dropped and called again.
    pub async fn begun(&self) {
        // A channel without its sender belongs to an application that is gone.
        let _ = self.0.clone().wait_for(|begun| *begun).await;
    }
}
