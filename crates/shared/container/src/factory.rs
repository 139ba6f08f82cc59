use std::{any::TypeId, any::type_name, sync::Arc};

use crate::wire::{Cell, Wire, Wiring};

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
pub struct Need {
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

/// What a factory may ask for: `Arc<T>`, `Option<Arc<T>>` or `Vec<Arc<T>>`. Implemented here and nowhere else: its
/// methods speak in types of this crate that have no public name.
#[diagnostic::on_unimplemented(
    message = "a factory cannot ask for `{Self}`",
    note = "a parameter of a factory is `Arc<T>`, `Option<Arc<T>>` or `Vec<Arc<T>>`, where `T` is `Send + Sync + 'static`"
)]
pub trait Inject: Sized {
    #[doc(hidden)]
    type Source: Send + Sync + 'static;
    #[doc(hidden)]
    fn need() -> Need;
    #[doc(hidden)]
    fn source(wiring: &Wiring<'_>) -> Self::Source;
    #[doc(hidden)]
    fn take(source: &Self::Source, cells: &[Cell]) -> Self;
}

impl<T: ?Sized + Send + Sync + 'static> Inject for Arc<T> {
    type Source = Wire<T>;

    fn need() -> Need {
        Need { key: Key::of::<T>(), count: Count::One }
    }

    fn source(wiring: &Wiring<'_>) -> Wire<T> {
        wiring.of().next().expect("a graph that misses something is not built")
    }

    fn take(source: &Wire<T>, cells: &[Cell]) -> Self {
        source.take(cells)
    }
}

impl<T: ?Sized + Send + Sync + 'static> Inject for Option<Arc<T>> {
    type Source = Option<Wire<T>>;

    fn need() -> Need {
        Need { key: Key::of::<T>(), count: Count::AtMostOne }
    }

    fn source(wiring: &Wiring<'_>) -> Option<Wire<T>> {
        wiring.of().next()
    }

    fn take(source: &Option<Wire<T>>, cells: &[Cell]) -> Self {
        source.as_ref().map(|wire| wire.take(cells))
    }
}

impl<T: ?Sized + Send + Sync + 'static> Inject for Vec<Arc<T>> {
    type Source = Vec<Wire<T>>;

    fn need() -> Need {
        Need { key: Key::of::<T>(), count: Count::All }
    }

    fn source(wiring: &Wiring<'_>) -> Vec<Wire<T>> {
        wiring.of().collect()
    }

    fn take(source: &Vec<Wire<T>>, cells: &[Cell]) -> Self {
        source.iter().map(|wire| wire.take(cells)).collect()
    }
}

/// A plain function or closure of up to 16 parameters, each of which can be [injected](Inject).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a factory",
    note = "a factory is a function or `move` closure (`Send + Sync + 'static`) of up to 16 parameters, \
            each an `Arc<T>`, `Option<Arc<T>>` or `Vec<Arc<T>>` of a `Send + Sync` type"
)]
pub trait Factory<Parameters>: Send + Sync + 'static {
    /// What it makes.
    type Output;
    #[doc(hidden)]
    type Sources: Send + Sync + 'static;
    #[doc(hidden)]
    fn needs() -> Vec<Need>;
    #[doc(hidden)]
    fn sources(wiring: &Wiring<'_>) -> Self::Sources;
    #[doc(hidden)]
    fn call(&self, sources: &Self::Sources, cells: &[Cell]) -> Self::Output;
}

impl<F, R> Factory<()> for F
where
    F: Fn() -> R + Send + Sync + 'static,
{
    type Output = R;
    type Sources = ();

    fn needs() -> Vec<Need> {
        Vec::new()
    }

    fn sources(_: &Wiring<'_>) {}

    fn call(&self, (): &(), _: &[Cell]) -> R {
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
        impl<F, R, $($parameter: Inject),*> Factory<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> R + Send + Sync + 'static,
        {
            type Output = R;
            type Sources = ($($parameter::Source,)*);

            fn needs() -> Vec<Need> {
                vec![$($parameter::need()),*]
            }

            fn sources(wiring: &Wiring<'_>) -> Self::Sources {
                ($($parameter::source(wiring),)*)
            }

            fn call(&self, ($($source,)*): &Self::Sources, cells: &[Cell]) -> R {
                self($($parameter::take($source, cells)),*)
            }
        }
    };
}

factories!(A a B b C c D d E e G g H h I i J j K k L l M m N n O o P p Q q);

/// That the result of a factory is the value to register, and not something the value has yet to be taken out of.
///
/// A trap closed at compile time. Every type has the reading [`Itself`]; a future, a `Result` and an `Arc` have a second
/// one, so that for them the compiler cannot choose and refuses, and its message lists both readings by name.
///
/// ```
/// # let mut builder = container::Builder::new();
/// # struct Ledger;
/// builder.singleton(|| Ledger);
/// builder.try_singleton(|| Ok::<_, std::fmt::Error>(5_u8));
/// ```
/// A `Result` is for `try_singleton`:
/// ```compile_fail
/// # let mut builder = container::Builder::new();
/// # struct Ledger;
/// builder.singleton(|| Ok::<_, std::fmt::Error>(Ledger));
/// ```
/// A future would be registered, not awaited:
/// ```compile_fail
/// # let mut builder = container::Builder::new();
/// # struct Ledger;
/// builder.singleton(async || Ledger);
/// ```
/// ```compile_fail
/// # let mut builder = container::Builder::new();
/// # struct Ledger;
/// async fn connect() -> Ledger { Ledger }
/// builder.singleton(connect);
/// ```
/// An `Arc<T>` would be found as `Arc<Arc<T>>`:
/// ```compile_fail
/// # let mut builder = container::Builder::new();
/// # struct Ledger;
/// builder.singleton(|| std::sync::Arc::new(Ledger));
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be registered")]
pub trait Plain<Reading> {}

#[doc(hidden)]
pub struct Itself;
#[doc(hidden)]
pub struct FutureWouldNotBeAwaited;
#[doc(hidden)]
pub struct ResultIsForTrySingleton;
#[doc(hidden)]
pub struct ArcIsForInstance;

impl<T> Plain<Itself> for T {}
impl<T: Future> Plain<FutureWouldNotBeAwaited> for T {}
impl<T, E> Plain<ResultIsForTrySingleton> for Result<T, E> {}
impl<T: ?Sized> Plain<ArcIsForInstance> for Arc<T> {}
