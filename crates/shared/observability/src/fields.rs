use std::fmt;

use kernel::{CorrelationId, TraceParent};
use tracing::{
    field::{self, Visit},
    span::Attributes,
};
use uuid::Uuid;

use crate::{CAUSATION_ID, CORRELATION_ID, KIND, ORIGIN_ID, RUN, TRACEPARENT};

/// Bytes that are kept of a text.
const LONGEST: usize = 1024;

/// A field of a span or of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// One of the names that this crate has constants for, or one of the domain's own.
    pub name: &'static str,
    /// What was recorded.
    pub value: FieldValue,
}

/// The value of a [`Field`].
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// Yes or no.
    Bool(bool),
    /// A whole number, if it has at most 63 bits and a sign; as a text otherwise.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text, cut after 1,024 bytes; and what is written as one.
    Text(String),
}

impl FieldValue {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bool(_) | Self::Integer(_) | Self::Float(_) => None,
        }
    }
}

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// Collects what is recorded; what is recorded again takes the place of the earlier.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<Field>);

impl Fields {
    pub fn of(attributes: &Attributes<'_>) -> Self {
        let mut fields = Self::default();
        attributes.record(&mut fields);
        fields
    }

    pub fn kind(&self) -> &str {
        self.text(KIND).unwrap_or_default()
    }

    pub fn correlation(&self) -> Option<CorrelationId> {
        self.text(CORRELATION_ID)?.parse().ok()
    }

    pub fn causation(&self) -> Option<Uuid> {
        self.text(CAUSATION_ID)?.parse().ok()
    }

    pub fn traceparent(&self) -> Option<TraceParent> {
        self.text(TRACEPARENT)?.parse().ok()
    }

    pub fn run(&self) -> Option<Uuid> {
        self.text(RUN)?.parse().ok()
    }

    pub fn origin(&self) -> Option<Uuid> {
        self.text(ORIGIN_ID)?.parse().ok()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|field| field.name == name).and_then(|field| field.value.as_text())
    }

    fn set(&mut self, field: &field::Field, value: FieldValue) {
        let name = field.name();
        match self.0.iter_mut().find(|known| known.name == name) {
            Some(known) => known.value = value,
            None => self.0.push(Field { name, value }),
        }
    }
}

impl From<Fields> for Vec<Field> {
    fn from(fields: Fields) -> Self {
        fields.0
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &field::Field, value: &dyn fmt::Debug) {
        self.set(field, FieldValue::Text(cut(format!("{value:?}"))));
    }

    fn record_str(&mut self, field: &field::Field, value: &str) {
        self.set(field, FieldValue::Text(cut(value.to_owned())));
    }

    fn record_bool(&mut self, field: &field::Field, value: bool) {
        self.set(field, FieldValue::Bool(value));
    }

    fn record_i64(&mut self, field: &field::Field, value: i64) {
        self.set(field, FieldValue::Integer(value));
    }

    fn record_u64(&mut self, field: &field::Field, value: u64) {
        let value = i64::try_from(value).map_or_else(|_| FieldValue::Text(value.to_string()), FieldValue::Integer);
        self.set(field, value);
    }

    fn record_f64(&mut self, field: &field::Field, value: f64) {
        self.set(field, FieldValue::Float(value));
    }
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
    }
    text
}
