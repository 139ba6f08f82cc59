use std::{any::type_name, fmt};

use serde::{Deserialize, Deserializer, de::Error};
use zeroize::{Zeroize, Zeroizing};

/// A password, a key, a token: read from the settings, never written. It has no `Display` and no `Serialize`, so it can stand
/// in no request, event or document; `Debug` hides it. Its memory is overwritten when it goes.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in. Copies that were made of it before are not overwritten when it goes.
    pub fn new(secret: T) -> Self {
        Self(Zeroizing::new(secret))
    }

    /// The secret itself: for whoever hands it to the outside, and for nobody else.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The reason would tell what was given.
        let hidden =
            |_| D::Error::custom(format!("the secret is no {}: what was given is not shown", type_name::<T>()));
        T::deserialize(deserializer).map(Self::new).map_err(hidden)
    }
}
