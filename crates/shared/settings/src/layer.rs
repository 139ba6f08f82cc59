//! One layer of settings as a tree in which every value knows where it came from.

use std::collections::BTreeMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
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
    let root = DeTable::parse(text).map_err(|error| SettingsError::Syntax {
        origin: place(error.span().map_or(0, |span| span.start)),
        message: error.message().into(),
    })?;
    table(root.into_inner(), &place)
}

/// What TOML reads in a text that stands alone, else the text itself.
pub fn value(text: &str, origin: &Origin) -> Value {
    let read = DeValue::parse(text).ok().and_then(|value| node(value, origin.clone(), &|_| origin.clone()).ok());
    read.map_or_else(|| Value::Scalar(text.into()), |node| node.value)
}

fn table(table: DeTable<'_>, place: &dyn Fn(usize) -> Origin) -> Result<Table, SettingsError> {
    let entries = table.into_iter().map(|(key, value)| {
        let origin = place(key.span().start);
        Ok((key.into_inner().into_owned(), node(value, origin, place)?))
    });
    entries.collect()
}

fn node(value: Spanned<DeValue<'_>>, origin: Origin, place: &dyn Fn(usize) -> Origin) -> Result<Node, SettingsError> {
    let start = value.span().start;
    let too_large = |number: &str| SettingsError::Syntax {
        origin: place(start),
        message: format!("the number {number} does not fit 64 bits"),
    };
    let value = match value.into_inner() {
        DeValue::Table(entries) => Value::Table(table(entries, place)?),
        DeValue::Array(list) => {
            let nodes = list.into_iter().map(|element| {
                let origin = place(element.span().start);
                node(element, origin, place)
            });
            Value::List(nodes.collect::<Result<_, _>>()?)
        }
        DeValue::String(text) => Value::Scalar(text.into_owned().into()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix()).ok();
            Value::Scalar(parsed.ok_or_else(|| too_large(number.as_str()))?.into())
        }
        DeValue::Float(number) => {
            let is_meant = |parsed: &f64| !parsed.is_infinite() || number.as_str().contains("inf");
            let parsed = number.as_str().parse::<f64>().ok().filter(is_meant);
            Value::Scalar(parsed.ok_or_else(|| too_large(number.as_str()))?.into())
        }
        DeValue::Boolean(flag) => Value::Scalar(flag.into()),
        DeValue::Datetime(time) => Value::Scalar(time.into()),
    };
    Ok(Node { origin, value })
}
