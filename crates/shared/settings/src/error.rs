use std::{io, path::PathBuf};

use crate::Origin;

/// Why there are no settings: what, where it stands, and what was probably meant.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read the settings file {}: check the path and who may read it", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// The text is not TOML.
    #[error("{origin}: {message}")]
    Syntax { origin: Origin, message: String },
    #[error("environment variable {variable}: not UTF-8")]
    NotUnicode { variable: String },
    #[error("{origin}: unknown key `{key}`{}", hint(closest))]
    UnknownKey {
        origin: Origin,
        key: String,
        /// The known key that comes nearest, if any does.
        closest: Option<String>,
    },
    /// The value is not what it should be. The message says what is there and what is expected.
    #[error("{origin}: `{key}`: {message}")]
    WrongType { origin: Origin, key: String, message: String },
    /// The program asked for settings that the defaults do not name.
    #[error("no settings are named `{key}`{}", hint(closest))]
    UnknownSection { key: String, closest: Option<String> },
}

fn hint(closest: &Option<String>) -> String {
    closest.as_ref().map_or_else(String::new, |closest| format!("; did you mean `{closest}`?"))
}
