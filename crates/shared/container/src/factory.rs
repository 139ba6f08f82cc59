use std::{
    any::{TypeId, type_name},
    future::ready,
    sync::Arc,
};

use futures::future::{BoxFuture, FutureExt};

use crate::{
    Failure, Keyed,
    book::Visit,
    wire::{Cell, Wire, Wiring},
};

/// A type as the graph knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub id: TypeId,
    pub name: &'static str,
}

impl Key {
    pub fn of<T: ?Sized + 'static>() -> Self {
        Self { id: TypeId::of::<T>(), name: type_name::<T>() }
    }
}

/// One thing a factory asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    pub key: Key,
    pub count: Count,
}

/// How many of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    One,
    AtMostOne,
    All,
}

impl Demand {
    pub fn of<T: ?Sized + 'static>(count: Count) -> Self {
        Self { key: Key::of::<T>(), count }
    }
}

/// What a factory may ask for: `Arc<T>`, `Option<Arc<T>>`, `Vec<Arc<T>>`, `Keyed<K, T>` or `Option<Keyed<K, T>>`.
/// Implemented here and nowhere else: its methods speak in types of this crate that have no public name.
pub trait Inject: Sized + Send + 'static {
    #[doc(hidden)]
    type Source: Send + Sync + 'static;
    #[doc(hidden)]
    fn demand() -> Demand;
    #[doc(hidden)]
    fn source(wiring: &Wiring<'_>) -> Self::Source;
    #[doc(hidden)]
    fn take(source: &Self::Source, visit: Visit<'_>) -> Result<Self, Box<Failure>>;
    #[doc(hidden)]
    fn take_async(source: &Self::Source, cells: &Arc<[Cell]>) -> BoxFuture<'static, Result<Self, Box<Failure>>>;
}

impl<T: ?Sized + Send + Sync + 'static> Inject for Arc<T> {
    type Source = Arc<Wire<T>>;

    fn demand() -> Demand {
        Demand::of::<T>(Count::One)
    }

    fn source(wiring: &Wiring<'_>) -> Self::Source {
        wiring.of().next().expect("a graph that misses something is not built")
    }

    fn take(source: &Self::Source, visit: Visit<'_>) -> Result<Self, Box<Failure>> {
        source.take(visit)
    }

    fn take_async(source: &Self::Source, cells: &Arc<[Cell]>) -> BoxFuture<'static, Result<Self, Box<Failure>>> {
        source.take_async(cells)
    }
}

impl<K: ?Sized + 'static, T: ?Sized + Send + Sync + 'static> Inject for Keyed<K, T> {
    type Source = Arc<Wire<Self>>;

    fn demand() -> Demand {
        Demand::of::<Self>(Count::One)
    }

    fn source(wiring: &Wiring<'_>) -> Self::Source {
        Arc::source(wiring)
    }

    fn take(source: &Self::Source, visit: Visit<'_>) -> Result<Self, Box<Failure>> {
        source.take(visit).map(Arc::unwrap_or_clone)
    }

    fn take_async(source: &Self::Source, cells: &Arc<[Cell]>) -> BoxFuture<'static, Result<Self, Box<Failure>>> {
        source.take_async(cells).map(|taken| taken.map(Arc::unwrap_or_clone)).boxed()
    }
}

/// What may be there or not.
macro_rules! inject_optional {
    ([$($generics:tt)*] $inner:ty, $provided:ty) => {
        impl<$($generics)* T: ?Sized + Send + Sync + 'static> Inject for Option<$inner> {
            type Source = Option<Arc<Wire<$provided>>>;

            fn demand() -> Demand {
                Demand::of::<$provided>(Count::AtMostOne)
            }

            fn source(wiring: &Wiring<'_>) -> Self::Source {
                wiring.of().next()
            }

            fn take(source: &Self::Source, visit: Visit<'_>) -> Result<Self, Box<Failure>> {
                source.as_ref().map(|wire| <$inner>::take(wire, visit)).transpose()
            }

            fn take_async(
                source: &Self::Source,
                cells: &Arc<[Cell]>,
            ) -> BoxFuture<'static, Result<Self, Box<Failure>>> {
                let taken = source.as_ref().map(|wire| <$inner>::take_async(wire, cells));
                async move {
                    Ok(match taken {
                        Some(taken) => Some(taken.await?),
                        None => None,
                    })
                }
                .boxed()
            }
        }
    };
}

inject_optional!([] Arc<T>, T);
inject_optional!([K: ?Sized + 'static,] Keyed<K, T>, Keyed<K, T>);

impl<T: ?Sized + Send + Sync + 'static> Inject for Vec<Arc<T>> {
    type Source = Vec<Arc<Wire<T>>>;

    fn demand() -> Demand {
        Demand::of::<T>(Count::All)
    }

    fn source(wiring: &Wiring<'_>) -> Self::Source {
        wiring.of().collect()
    }

    fn take(source: &Self::Source, visit: Visit<'_>) -> Result<Self, Box<Failure>> {
        source.iter().map(|wire| wire.take(visit)).collect()
    }

    fn take_async(source: &Self::Source, cells: &Arc<[Cell]>) -> BoxFuture<'static, Result<Self, Box<Failure>>> {
        let all: Vec<_> = source.iter().map(|wire| wire.take_async(cells)).collect();
        async move {
            let mut taken = Vec::with_capacity(all.len());
            for one in all {
                taken.push(one.await?);
            }
            Ok(taken)
        }
        .boxed()
    }
}

/// The parameters of a factory as a tuple, up to 16 of them, each of which can be [injected](Inject). Implemented here
/// and nowhere else, as `Inject` is.
pub trait Parameters: Sized + Send + 'static {
    #[doc(hidden)]
    type Sources: Send + Sync + 'static;
    #[doc(hidden)]
    fn demands() -> Vec<Demand>;
    #[doc(hidden)]
    fn sources(wiring: &Wiring<'_>) -> Self::Sources;
    #[doc(hidden)]
    fn take(sources: &Self::Sources, visit: Visit<'_>) -> Result<Self, Box<Failure>>;
    #[doc(hidden)]
    fn take_async(
        sources: &Self::Sources,
        cells: &Arc<[Cell]>,
    ) -> impl Future<Output = Result<Self, Box<Failure>>> + Send + 'static;
}

/// A plain function or closure of up to 16 parameters, each of which can be [injected](Inject).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a factory",
    label = "not a factory",
    note = "a factory is a function or `move` closure (`Send + Sync + 'static`) of up to 16 parameters, \
            each an `Arc<T>`, `Option<Arc<T>>`, `Vec<Arc<T>>` or `Keyed<K, T>` of a `Send + Sync` type"
)]
pub trait Factory<P>: Send + Sync + 'static {
    /// What it makes.
    type Output;
    #[doc(hidden)]
    fn call(&self, parameters: P) -> Self::Output;
}

impl Parameters for () {
    type Sources = ();

    fn demands() -> Vec<Demand> {
        Vec::new()
    }

    fn sources(_: &Wiring<'_>) {}

    fn take((): &(), _: Visit<'_>) -> Result<Self, Box<Failure>> {
        Ok(())
    }

    fn take_async((): &(), _: &Arc<[Cell]>) -> impl Future<Output = Result<Self, Box<Failure>>> + Send + 'static {
        ready(Ok(()))
    }
}

impl<F, R> Factory<()> for F
where
    F: Fn() -> R + Send + Sync + 'static,
{
    type Output = R;

    fn call(&self, (): ()) -> R {
        self()
    }
}

/// One implementation for each arity, from all the parameters given down to one.
macro_rules! factories {
    () => {};
    ($first:ident $first_source:ident $($rest:ident)*) => {
        factory!($first $first_source $($rest)*);
        factories!($($rest)*);
    };
}

macro_rules! factory {
    ($($parameter:ident $source:ident)*) => {
        impl<$($parameter: Inject),*> Parameters for ($($parameter,)*) {
            type Sources = ($($parameter::Source,)*);

            fn demands() -> Vec<Demand> {
                vec![$($parameter::demand()),*]
            }

            fn sources(wiring: &Wiring<'_>) -> Self::Sources {
                ($($parameter::source(wiring),)*)
            }

            #[inline]
            fn take(($($source,)*): &Self::Sources, visit: Visit<'_>) -> Result<Self, Box<Failure>> {
                Ok(($($parameter::take($source, visit)?,)*))
            }

            fn take_async(
                ($($source,)*): &Self::Sources,
                cells: &Arc<[Cell]>,
            ) -> impl Future<Output = Result<Self, Box<Failure>>> + Send + 'static {
                $(let $source = $parameter::take_async($source, cells);)*
                async move { Ok(($($source.await?,)*)) }
            }
        }

        impl<F, R, $($parameter: Inject),*> Factory<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> R + Send + Sync + 'static,
        {
            type Output = R;

            #[inline]
            fn call(&self, ($($source,)*): ($($parameter,)*)) -> R {
                self($($source),*)
            }
        }
    };
}

factories!(A a B b C c D d E e G g H h I i J j K k L l M m N n O o P p Q q);

/// That the result of a factory is the value to register, and not something the value has yet to be taken out of.
///
/// A trap closed at compile time. Every type has the reading `Itself`; a future, a `Result` and an `Arc` have a second
/// one, so that for them the compiler cannot choose and refuses; its message names both readings, or at least the
/// parameter of the method that it could not choose, `NoFutureNoResultNoArc`. So
/// `singleton(async_function)` does not register the future, nor `singleton(|| Ok(value))` the `Result`: they are for
/// `singleton_async` and `try_singleton`. An `Arc<T>` would be found as `Arc<Arc<T>>` only: it is for `instance`.
pub trait Plain<Reading> {}

#[doc(hidden)]
pub struct Itself;
#[doc(hidden)]
pub struct FutureIsForTheAsyncMethods;
#[doc(hidden)]
pub struct ResultIsForTheTryMethods;
#[doc(hidden)]
pub struct ArcIsForInstance;

impl<T> Plain<Itself> for T {}
impl<T: Future> Plain<FutureIsForTheAsyncMethods> for T {}
impl<T, E> Plain<ResultIsForTheTryMethods> for Result<T, E> {}
impl<T: ?Sized> Plain<ArcIsForInstance> for Arc<T> {}
