use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

/// A shared value told apart from others of its type by a key, which is a type without values of its own.
///
/// ```
/// use container::{Builder, Keyed};
///
/// enum Primary {}
/// enum Replica {}
/// struct Pool(&'static str);
///
/// let mut builder = Builder::new();
/// builder
///     .singleton(|| Keyed::<Primary, _>::of(Pool("primary")))
///     .singleton(|| Keyed::<Replica, _>::of(Pool("replica")))
///     .singleton(|write: Keyed<Primary, Pool>, read: Keyed<Replica, Pool>| format!("{} {}", write.0, read.0));
/// assert_eq!(*builder.build()?.get::<String>(), "primary replica");
/// # Ok::<(), container::Findings>(())
/// ```
/// A trait object under a key: `bind::<Keyed<Primary, dyn Store>, Sqlite>(|s| Arc::new(Keyed::new(s)))`.
pub struct Keyed<K: ?Sized, T: ?Sized> {
    value: Arc<T>,
    /// The key is not held, so it need be neither `Send` nor `Sync`.
    key: PhantomData<fn() -> PhantomData<K>>,
}

impl<K: ?Sized, T: ?Sized> Keyed<K, T> {
    /// The shared value, as that of this key.
    pub fn new(value: Arc<T>) -> Self {
        Self { value, key: PhantomData }
    }

    /// The value, as that of this key.
    pub fn of(value: T) -> Self
    where
        T: Sized,
    {
        Self::new(Arc::new(value))
    }

    /// The shared value without its key.
    pub fn into_inner(self) -> Arc<T> {
        self.value
    }
}

impl<K: ?Sized, T: ?Sized> Deref for Keyed<K, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<K: ?Sized, T: ?Sized> Clone for Keyed<K, T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.value))
    }
}

impl<K: ?Sized, T: ?Sized + fmt::Debug> fmt::Debug for Keyed<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyed").field(&&self.value).finish()
    }
}
