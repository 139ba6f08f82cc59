use std::{convert::Infallible, error::Error, sync::Arc};

use futures::future::{BoxFuture, FutureExt};

use crate::{
    Factory, Failure, Parameters, Reason,
    book::Visit,
    wire::{Cell, Made, Wire},
};

/// How a value is made, whatever is kept of it.
pub struct Recipe<T: ?Sized> {
    /// On the spot; fails where something has to be awaited.
    pub now: Box<dyn Fn(Visit<'_>) -> Made<T> + Send + Sync>,
    /// In two parts, if something may have to be awaited: first all of that, then the rest on the spot, so that what is
    /// made once can be made under a lock.
    pub later: Option<Box<Later<T>>>,
}

pub type Later<T> = dyn Fn(&Arc<[Cell]>) -> BoxFuture<'static, Result<Rest<T>, Box<Failure>>> + Send + Sync;
pub type Rest<T> = Box<dyn FnOnce() -> Made<T> + Send>;

type BoxError = Box<dyn Error + Send + Sync>;

impl<T: Send + Sync + 'static> Recipe<T> {
    pub fn plain<P: Parameters>(factory: impl Factory<P, Output = T>, sources: P::Sources, awaits: bool) -> Self {
        Self::new(move |parameters| Ok::<_, Infallible>(factory.call(parameters)), sources, awaits)
    }

    pub fn fallible<P, E>(factory: impl Factory<P, Output = Result<T, E>>, sources: P::Sources, awaits: bool) -> Self
    where
        P: Parameters,
        E: Into<BoxError>,
    {
        Self::new(move |parameters| factory.call(parameters), sources, awaits)
    }

    fn new<P, E>(make: impl Fn(P) -> Result<T, E> + Send + Sync + 'static, sources: P::Sources, awaits: bool) -> Self
    where
        P: Parameters<Sources: Sized>,
        E: Into<BoxError>,
    {
        let make = Arc::new((move |parameters: P| make(parameters).map(Arc::new).map_err(Failure::error), sources));
        let later = awaits.then(|| -> Box<Later<T>> {
            let make = Arc::clone(&make);
            Box::new(move |cells| {
                let parameters = P::take_async(&make.1, cells);
                let make = Arc::clone(&make);
                async move {
                    let parameters = parameters.await?;
                    let rest: Rest<T> = Box::new(move || (make.0)(parameters));
                    Ok(rest)
                }
                .boxed()
            })
        });
        Self { now: Box::new(move |visit| (make.0)(P::take(&make.1, visit)?)), later }
    }

    pub fn asynchronous<P, F, E>(factory: F, sources: P::Sources) -> Self
    where
        P: Parameters,
        F: Factory<P, Output: Future<Output = Result<T, E>> + Send>,
        E: Into<BoxError>,
    {
        let factory = Arc::new(factory);
        let later = move |cells: &Arc<[Cell]>| {
            let parameters = P::take_async(&sources, cells);
            let factory = Arc::clone(&factory);
            async move {
                let value = factory.call(parameters.await?).await.map_err(Failure::error)?;
                let rest: Rest<T> = Box::new(move || Ok(Arc::new(value)));
                Ok(rest)
            }
            .boxed()
        };
        Self { now: Box::new(|_| Err(Failure::new(Reason::NotAwaited))), later: Some(Box::new(later)) }
    }
}

impl<T: ?Sized + Send + Sync + 'static> Recipe<T> {
    pub fn shared(value: Arc<T>) -> Self {
        Self { now: Box::new(move |_| Ok(Arc::clone(&value))), later: None }
    }

    pub fn bound<S>(source: Arc<Wire<S>>, coerce: fn(Arc<S>) -> Arc<T>, awaits: bool) -> Self
    where
        S: ?Sized + Send + Sync + 'static,
    {
        let later = awaits.then(|| -> Box<Later<T>> {
            let source = Arc::clone(&source);
            Box::new(move |cells| {
                let value = source.take_async(cells);
                async move {
                    let value = value.await?;
                    let rest: Rest<T> = Box::new(move || Ok(coerce(value)));
                    Ok(rest)
                }
                .boxed()
            })
        });
        Self { now: Box::new(move |visit| source.take(visit).map(coerce)), later }
    }
}
