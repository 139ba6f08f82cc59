use std::{io, path::PathBuf};

use crate::Origin;

/// Why there are no settings: what, where it stands, and what was probably meant.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file that somebody named is not there, or one that is there cannot be read or is not UTF-8.
    #[error("cannot read the settings file {}: check the path and who may read it", path.display())]
    Unreadable {
        /// As it was given; a relative one starts at the working folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The text is not TOML.
    #[error("{origin}: {message}")]
    Syntax {
        /// Where it ceases to be.
        origin: Origin,
        /// What is wrong there, in the words of the parser.
        message: String,
    },
    /// The name or the value of a variable that starts with `BOROUGH__` is no text.
    #[error("environment variable {variable}: not UTF-8")]
    NotUnicode {
        /// Its name; U+FFFD stands for what cannot be read of it.
        variable: String,
    },
    /// A layer has a key that the defaults do not name, and not in an open table.
    #[error("{origin}: unknown key `{key}`{}", hint(closest, beside))]
    UnknownKey {
        /// Where the key stands.
        origin: Origin,
        /// Dotted, from the top: `store.pth`.
        key: String,
        /// The known key that comes near, if one does.
        closest: Option<String>,
        /// The known keys of its section, or of the nearest section around it that there is.
        beside: Vec<String>,
    },
    /// The value is not what it should be. The message says what is there and what is expected.
    #[error("{origin}: `{key}`: {message}")]
    WrongType {
        /// Where the value stands.
        origin: Origin,
        /// Dotted, from the top, elements of lists from 0: `checks[1].column`.
        key: String,
        /// Without the place and the key.
        message: String,
    },
    /// The program asked for settings that the defaults do not name.
    #[error("no settings are named `{key}`{}", hint(closest, beside))]
    UnknownSection {
        /// Dotted, as it was asked for.
        key: String,
        /// The key of the settings that comes near, if one does.
        closest: Option<String>,
        /// The keys of its section, or of the nearest section around it that there is.
        beside: Vec<String>,
    },
}

fn hint(closest: &Option<String>, beside: &[String]) -> String {
    match (closest, beside) {
        (Some(closest), _) => format!("; did you mean `{closest}`?"),
        (None, [only]) => format!("; there is `{only}`"),
        (None, several) => format!("; there are `{}`", several.join("`, `")),
    }
}
