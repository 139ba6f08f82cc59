use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::{
    Origin, SettingsError,
    layer::{self, Node, Table, Value},
    rules::{Rules, beside, closest, keys},
};

/// Only variables that start so are settings; `BOROUGH_...` with one underscore is something else.
const ENVIRONMENT_PREFIX: &str = "BOROUGH__";

/// The layers, from the lowest to the highest. A higher one replaces value by value; tables are merged, lists replaced.
#[derive(Debug)]
pub struct Sources<'a> {
    /// A TOML text that names every key there is and gives it its value.
    pub defaults: &'a str,
    /// The layer above the defaults. Made from an `Option`, it is the file that a flag named, or `borough.toml`.
    pub file: SettingsFile,
    /// All variables, as of `std::env::vars_os()`: those named `BOROUGH__SECTION__KEY`, after the prefix in any case,
    /// count.
    ///
    /// A value here or of a flag is text where the defaults have text. Elsewhere it is what TOML would read, a number, a
    /// boolean, a list, and text if TOML would read nothing.
    pub environment: Vec<(OsString, OsString)>,
    /// Dotted keys and their values: `("store.path", "./data.db")`. Of two with the same key the later counts.
    pub flags: Vec<(String, String)>,
    /// Dotted keys of tables where any key may be added, at any depth, such as `access.grants`.
    pub open: &'a [&'a str],
}

/// Which file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsFile {
    /// Somebody named it: it must be there.
    Named(PathBuf),
    /// It is where one would be.
    IfPresent(PathBuf),
}

/// A file that a flag may have named; otherwise the `borough.toml` of the working folder, if there is one.
impl From<Option<PathBuf>> for SettingsFile {
    fn from(named: Option<PathBuf>) -> Self {
        named.map_or_else(|| Self::IfPresent("borough.toml".into()), Self::Named)
    }
}

/// What all layers together say.
#[derive(Debug, Clone)]
pub struct Settings {
    table: Table,
}

impl Settings {
    /// Reads and merges the layers.
    ///
    /// # Errors
    /// A file that cannot be read or is not TOML; in any layer a key that the defaults do not name, or a value where
    /// they have a table and the reverse. Other types are known only to whoever reads the [`section`](Self::section).
    pub fn load(sources: Sources<'_>) -> Result<Self, SettingsError> {
        let mut table = layer::document(sources.defaults, Origin::Defaults)?;
        let rules = Rules::new(&table, sources.open);
        if let Some((path, text)) = read(sources.file)? {
            let path: Arc<Path> = path.into();
            rules.merge(&mut table, layer::document(&text, |at| Origin::File(Arc::clone(&path), at))?)?;
        }
        for (variable, value) in settings_variables(sources.environment)? {
            let lower = variable[ENVIRONMENT_PREFIX.len()..].to_ascii_lowercase();
            let key = spelled_as_in(&table, lower.split("__"));
            let layer = single(&table, &key, &value, Origin::Environment(variable.into()));
            rules.merge(&mut table, layer)?;
        }
        for (flag, value) in sources.flags {
            let key: Vec<String> = flag.split('.').map(Into::into).collect();
            let layer = single(&table, &key, &value, Origin::Flag(flag.into()));
            rules.merge(&mut table, layer)?;
        }
        Ok(Self { table })
    }

    /// The settings below a dotted key, or the one value it names.
    ///
    /// # Errors
    /// A key that nobody knows; a value that does not fit `T`, with the place it came from.
    pub fn section<T: DeserializeOwned>(&self, key: &str) -> Result<T, SettingsError> {
        let Some(node) = find(&self.table, key.split('.')) else {
            let known = self.keys();
            let (closest, beside) = (closest(key, &known), beside(key, &known));
            return Err(SettingsError::UnknownSection { key: key.into(), closest, beside });
        };
        serde_path_to_error::deserialize(node.value.to_toml()).map_err(|error| misfit(node, key, &error))
    }

    /// Every dotted key that there is, those of whole sections too.
    pub fn keys(&self) -> Vec<String> {
        keys(&self.table)
    }

    /// Which layer the value at a dotted key came from; of a table, the lowest that has it.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        find(&self.table, key.split('.')).map(|node| &node.origin)
    }
}

/// The file and its text, or nothing if it may be missing and is.
fn read(file: SettingsFile) -> Result<Option<(PathBuf, String)>, SettingsError> {
    let (path, may_be_missing) = match file {
        SettingsFile::Named(path) => (path, false),
        SettingsFile::IfPresent(path) => (path, true),
    };
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if may_be_missing && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SettingsError::Unreadable { path, source }),
    }
}

/// By name, so that the outcome does not depend on the order in which the system lists them.
fn settings_variables(all: Vec<(OsString, OsString)>) -> Result<Vec<(String, String)>, SettingsError> {
    let ours = all.into_iter().filter(|(name, _)| name.as_encoded_bytes().starts_with(ENVIRONMENT_PREFIX.as_bytes()));
    let text = ours.map(|(name, value)| match (name.into_string(), value.into_string()) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        (name, _) => {
            Err(SettingsError::NotUnicode { variable: name.unwrap_or_else(|name| name.to_string_lossy().into_owned()) })
        }
    });
    let mut variables = text.collect::<Result<Vec<_>, _>>()?;
    variables.sort();
    Ok(variables)
}

/// The key with each name as the table has it, if it has it in any case.
fn spelled_as_in<'a>(table: &Table, key: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut table = Some(table);
    let known = key.map(|name| {
        let same = |(known, _): &(&String, &Node)| known.eq_ignore_ascii_case(name);
        let entry = table.and_then(|table| table.iter().find(same));
        table = match entry {
            Some((_, Node { value: Value::Table(inner), .. })) => Some(inner),
            _ => None,
        };
        entry.map_or_else(|| name.to_owned(), |(known, _)| known.clone())
    });
    known.collect()
}

/// A layer of one value.
fn single(below: &Table, key: &[String], text: &str, origin: Origin) -> Table {
    let is_text = |node: &Node| matches!(node.value, Value::Scalar(toml::Value::String(_)));
    let value = if find(below, key.iter().map(String::as_str)).is_some_and(is_text) {
        Value::Scalar(text.into())
    } else {
        layer::value(text, &origin)
    };
    let innermost = Node { origin: origin.clone(), value };
    let outermost = key.iter().rev().fold(innermost, |node, name| Node {
        origin: origin.clone(),
        value: Value::Table(Table::from([(name.clone(), node)])),
    });
    match outermost.value {
        Value::Table(table) => table,
        Value::Scalar(_) | Value::List(_) => unreachable!("a split key has at least one name"),
    }
}

fn find<'t, 'k>(table: &'t Table, mut key: impl Iterator<Item = &'k str>) -> Option<&'t Node> {
    let first = table.get(key.next()?)?;
    key.try_fold(first, |node, name| match &node.value {
        Value::Table(inner) => inner.get(name),
        Value::List(_) | Value::Scalar(_) => None,
    })
}

/// Follows the path of an error as far as there are origins.
fn misfit(section: &Node, key: &str, error: &serde_path_to_error::Error<toml::de::Error>) -> SettingsError {
    let (mut node, mut key) = (section, key.to_owned());
    for segment in error.path() {
        let inner = match (segment, &node.value) {
            (Segment::Map { key: name }, Value::Table(table)) => {
                key = format!("{key}.{name}");
                table.get(name)
            }
            (Segment::Seq { index }, Value::List(list)) => {
                key = format!("{key}[{index}]");
                list.get(*index)
            }
            _ => None,
        };
        let Some(inner) = inner else { break };
        node = inner;
    }
    SettingsError::WrongType { origin: node.origin.clone(), key, message: error.inner().message().into() }
}
