//! Layered settings: defaults that the program embeds, below a file, below the environment, below flags.
//!
//! The defaults are a TOML text that names every key there is. That makes a key unknown without any schema, and an
//! unknown key is an error in whatever layer it stands: it names the place and the key that was probably meant.
//!
//! ```
//! use settings::{Settings, Sources};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Store {
//!     path: String,
//!     readers: usize,
//! }
//!
//! let settings = Settings::load(Sources {
//!     defaults: "[store]\npath = 'borough.db'\nreaders = 4",
//!     file: None.into(), // borough.toml, if there is one
//!     environment: std::env::vars_os().collect(), // BOROUGH__STORE__READERS=8
//!     flags: vec![("store.path".into(), "./data.db".into())],
//!     open: &[],
//! })?;
//! let store: Store = settings.section("store")?;
//! # Ok::<(), settings::SettingsError>(())
//! ```
//!
//! Read with `toml` and not with `figment`, which knows of a value the file it came from but not the line, and has no
//! notion of a key that nobody reads.
#![warn(missing_docs)]

mod error;
mod layer;
mod origin;
mod rules;
mod settings;

pub use error::SettingsError;
pub use origin::{Origin, Position};
pub use settings::{Settings, SettingsFile, Sources};
