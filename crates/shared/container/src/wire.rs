//! How a value is got once the graph is built: the same for what a factory needs and for what a caller asks for.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
};

use futures::future::{BoxFuture, FutureExt};

use crate::{
    Failure, GetError,
    book::{Book, Visit},
    memo::Memo,
    recipe::{Recipe, Rest},
    sync::OnceCell,
};

/// A value, or why there is none.
pub type Made<T> = Result<Arc<T>, Box<Failure>>;

/// Where a scope keeps one of its values.
pub type Cell = OnceCell<Kept>;
pub type Kept = Box<dyn Any + Send + Sync>;

/// A [`Wire`] of some type.
pub type AnyWire = Arc<dyn Any + Send + Sync>;

/// How to get an `Arc<T>` without looking anything up.
pub struct Wire<T: ?Sized> {
    pub index: usize,
    pub book: Arc<Book>,
    pub keeps: Keeps<T>,
    /// Whether the value, or something it needs, lives in a scope: then it cannot be made outside of one.
    pub scoped: bool,
    pub recipe: Recipe<T>,
}

/// What is kept of a value that was made.
#[cfg_attr(test, expect(clippy::large_enum_variant, reason = "shuttle's locks are large"))]
pub enum Keeps<T: ?Sized> {
    /// The one there is.
    One(Memo<T>),
    /// One in the cell of this number in each scope: an `Arc<T>`.
    OnePerScope(usize),
    /// The same, if something may have to be awaited for it: a [`Memo`].
    OnePerScopeAwaited(usize),
    Nothing,
}

impl<T: ?Sized + Send + Sync + 'static> Wire<T> {
    /// The value of a singleton that is there already.
    #[inline]
    pub fn singleton(&self) -> Option<Arc<T>> {
        if let Keeps::One(memo) = &self.keeps { memo.get() } else { None }
    }

    /// What is there already, in the container or in the scope.
    #[inline]
    fn kept(&self, cells: &[Cell]) -> Option<Arc<T>> {
        match &self.keeps {
            Keeps::One(memo) => memo.get(),
            Keeps::OnePerScope(cell) => cells.get(*cell)?.get()?.downcast_ref().map(Arc::clone),
            Keeps::OnePerScopeAwaited(cell) => cells.get(*cell)?.get()?.downcast_ref::<Memo<T>>()?.get(),
            Keeps::Nothing => None,
        }
    }

    /// For a caller from outside.
    pub fn ask(&self, cells: &[Cell]) -> Result<Arc<T>, GetError> {
        let visit = self.book.visit(cells);
        if let Some(value) = self.kept(cells) {
            visit.count_resolved(self.index);
            return Ok(value);
        }
        self.refuse_factories()?;
        Ok(self.take_anew(visit)?)
    }

    /// For a caller from outside.
    pub async fn ask_async(self: &Arc<Self>, cells: &Arc<[Cell]>) -> Result<Arc<T>, GetError> {
        self.refuse_factories()?;
        Ok(self.take_async(cells).await?)
    }

    /// For a factory that needs it.
    #[inline]
    pub fn take(&self, visit: Visit<'_>) -> Made<T> {
        match self.kept(visit.cells) {
            Some(value) => {
                visit.count_resolved(self.index);
                Ok(value)
            }
            None => self.take_anew(visit),
        }
    }

    /// For a factory that needs it.
    pub fn take_async(self: &Arc<Self>, cells: &Arc<[Cell]>) -> BoxFuture<'static, Made<T>> {
        let (wire, cells) = (Arc::clone(self), Arc::clone(cells));
        let taken = async move {
            wire.book.visit(&cells).count_resolved(wire.index);
            wire.obtain(cells).await
        };
        taken.boxed()
    }

    fn take_anew(&self, visit: Visit<'_>) -> Made<T> {
        visit.count_resolved(self.index);
        self.make_and_keep(visit)
    }

    fn make_and_keep(&self, visit: Visit<'_>) -> Made<T> {
        let make = || self.make(visit, || (self.recipe.now)(visit));
        match &self.keeps {
            Keeps::One(memo) => memo.get_or_make(make),
            Keeps::OnePerScope(cell) => {
                let value = visit.cells[*cell].get_or_try_init(|| make().map(|value| -> Kept { Box::new(value) }))?;
                Ok(Arc::clone(value.downcast_ref::<Arc<T>>().expect("a cell belongs to one wire")))
            }
            Keeps::OnePerScopeAwaited(cell) => memo_in(&visit.cells[*cell]).get_or_make(make),
            Keeps::Nothing => make(),
        }
    }

    async fn obtain(self: Arc<Self>, cells: Arc<[Cell]>) -> Made<T> {
        if self.recipe.later.is_none() {
            return self.make_and_keep(self.book.visit(&cells));
        }
        let begin = || Arc::clone(&self).finish(Arc::clone(&cells)).boxed();
        let attempt = match self.memo(&cells) {
            Some(memo) => match memo.get_or_join(begin) {
                Ok(value) => return Ok(value),
                Err(attempt) => attempt,
            },
            None => begin().shared(),
        };
        attempt.await
    }

    async fn finish(self: Arc<Self>, cells: Arc<[Cell]>) -> Made<T> {
        let rest = self.prepare(&cells).await?;
        let make = || self.make(self.book.visit(&cells), rest);
        match self.memo(&cells) {
            Some(memo) => memo.get_or_finish(make),
            None => make(),
        }
    }

    /// Everything that has to be awaited.
    async fn prepare(&self, cells: &Arc<[Cell]>) -> Result<Rest<T>, Box<Failure>> {
        let later = self.recipe.later.as_ref().expect("only what awaits is prepared");
        let prepared = AssertUnwindSafe(async { later(cells).await }).catch_unwind();
        let mut prepared = pin!(prepared);
        let guarded = poll_fn(|context| {
            let _entered = self.book.enter(self.index);
            prepared.as_mut().poll(context)
        });
        let prepared = guarded.await.unwrap_or_else(|payload| Err(Failure::panic(payload)));
        prepared.map_err(|failure| failure.through(self.book.step(self.index)))
    }

    fn make(&self, visit: Visit<'_>, make: impl FnOnce() -> Made<T>) -> Made<T> {
        let _entered = self.book.enter(self.index);
        match catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|payload| Err(Failure::panic(payload))) {
            Ok(value) => {
                visit.count_made(self.index);
                Ok(value)
            }
            Err(failure) => Err(failure.through(self.book.step(self.index))),
        }
    }

    /// Where others who await the same value are met.
    fn memo<'m>(&'m self, cells: &'m [Cell]) -> Option<&'m Memo<T>> {
        match &self.keeps {
            Keeps::One(memo) => Some(memo),
            Keeps::OnePerScopeAwaited(cell) => Some(memo_in(&cells[*cell])),
            Keeps::OnePerScope(_) | Keeps::Nothing => None,
        }
    }

    /// What a factory asks for besides its parameters is not in the graph, so nobody could say that it is no cycle.
    fn refuse_factories(&self) -> Result<(), GetError> {
        let by = self.book.running();
        by.map_or(Ok(()), |by| Err(GetError::Undeclared { wanted: self.book.step(self.index).name, by }))
    }
}

fn memo_in<T: ?Sized + Send + Sync + 'static>(cell: &Cell) -> &Memo<T> {
    let memo = cell.get_or_init(|| Box::new(Memo::<T>::new()));
    memo.downcast_ref().expect("a cell belongs to one wire")
}

/// A singleton of some type, made before anybody asks.
pub trait Early: Send + Sync {
    fn make_async(self: Arc<Self>) -> BoxFuture<'static, Result<(), Box<Failure>>>;
}

impl<T: ?Sized + Send + Sync + 'static> Early for Wire<T> {
    fn make_async(self: Arc<Self>) -> BoxFuture<'static, Result<(), Box<Failure>>> {
        self.obtain(Arc::new([])).map(|made| made.map(drop)).boxed()
    }
}

/// The wires laid so far, while the container is built in dependency order.
pub struct Wiring<'a> {
    pub providers: &'a HashMap<TypeId, Vec<usize>>,
    pub wires: &'a [Option<AnyWire>],
}

impl Wiring<'_> {
    /// All wires of `T`, in the order of registration.
    pub fn of<T: ?Sized + Send + Sync + 'static>(&self) -> impl Iterator<Item = Arc<Wire<T>>> {
        let providers = self.providers.get(&TypeId::of::<T>());
        providers.into_iter().flatten().map(|&node| {
            let wire = self.wires[node].as_ref().expect("dependencies are wired first");
            Arc::clone(wire).downcast().expect("a node provides the type it is filed under")
        })
    }
}
