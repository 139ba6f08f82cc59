//! One layer of settings as a tree in which every value knows where it came from.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use crate::{Origin, Position, SettingsError};

/// A value, and where its key stands (or, in a list, it itself).
#[derive(Debug, Clone)]
pub struct Node {
    pub origin: Origin,
    pub value: Value,
}

pub type Table = BTreeMap<String, Node>;

#[derive(Debug, Clone)]
pub enum Value {
    /// Anything but a list or a table.
    Scalar(toml::Value),
    List(Vec<Node>),
    Table(Table),
}

impl Value {
    /// Its type in the words of TOML, with an article.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scalar(toml::Value::String(_)) => "a string",
            Self::Scalar(toml::Value::Integer(_)) => "an integer",
            Self::Scalar(toml::Value::Float(_)) => "a float",
            Self::Scalar(toml::Value::Boolean(_)) => "a boolean",
            Self::Scalar(toml::Value::Datetime(_)) => "a date or time",
            Self::Scalar(toml::Value::Array(_)) | Self::List(_) => "a list",
            Self::Scalar(toml::Value::Table(_)) | Self::Table(_) => "a table",
        }
    }

    /// Without the origins.
    pub fn to_toml(&self) -> toml::Value {
        match self {
            Self::Scalar(scalar) => scalar.clone(),
            Self::List(list) => list.iter().map(|node| node.value.to_toml()).collect::<Vec<_>>().into(),
            Self::Table(table) => {
                let entries = table.iter().map(|(key, node)| (key.clone(), node.value.to_toml()));
                toml::Value::Table(entries.collect())
            }
        }
    }
}

/// A whole document. `origin` makes the origin of what stands at a position.
pub fn document(text: &str, origin: impl Fn(Position) -> Origin) -> Result<Table, SettingsError> {
    let place = |offset| origin(Position::at(text, offset));
    let root = DeTable::parse(text).map_err(|error| syntax(&error, &place))?;
    table(root.into_inner(), &place)
}

/// What TOML reads in a text that stands alone, else the text itself.
pub fn value(text: &str, origin: &Origin) -> Value {
    let parsed = DeValue::parse(text).map_err(|error| error.to_string()).and_then(|value| {
        let node = node(value, origin.clone(), &|_| origin.clone());
        node.map_err(|error| error.to_string())
    });
    parsed.map_or_else(|_| Value::Scalar(text.into()), |node| node.value)
}

fn table(table: DeTable<'_>, place: &dyn Fn(usize) -> Origin) -> Result<Table, SettingsError> {
    let entries = table.into_iter().map(|(key, value)| {
        let origin = place(key.span().start);
        Ok((key.into_inner().into_owned(), node(value, origin, place)?))
    });
    entries.collect()
}

fn node(value: Spanned<DeValue<'_>>, origin: Origin, place: &dyn Fn(usize) -> Origin) -> Result<Node, SettingsError> {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::Table(entries) => Value::Table(table(entries, place)?),
        DeValue::Array(list) => {
            let nodes = list.into_iter().map(|element| {
                let origin = place(element.span().start);
                node(element, origin, place)
            });
            Value::List(nodes.collect::<Result<_, _>>()?)
        }
        scalar => {
            let scalar = ValueDeserializer::from(Spanned::new(span, scalar));
            Value::Scalar(toml::Value::deserialize(scalar).map_err(|error| syntax(&error, place))?)
        }
    };
    Ok(Node { origin, value })
}

fn syntax(error: &toml::de::Error, place: &dyn Fn(usize) -> Origin) -> SettingsError {
    SettingsError::Syntax { origin: place(error.span().map_or(0, |span| span.start)), message: error.message().into() }
}
