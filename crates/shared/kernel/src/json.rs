use std::{cell::Cell, fmt, io};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser::Error as _};
use serde_json::{Error, ser::Formatter, value::RawValue};

use crate::finite;

/// JSON as the text that is stored and sent: made once, where the value is known, and read once, by whoever knows its type.
///
/// Always well-formed. Two are equal if their texts are. In JSON it stands as the value that it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Json(Box<str>);

/// Bytes that a thread keeps for the next text.
const KEPT: usize = 16 << 10;

thread_local! {
    /// Where texts are made. One that grew with its text would be given back and taken anew several times for each.
    static DRAFT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// As texts are made without being asked, and whether there is a `null` in it.
struct Compact<'n>(&'n mut bool);

impl Formatter for Compact<'_> {
    fn write_null<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        *self.0 = true;
        writer.write_all(b"null")
    }
}

impl Json {
    /// # Errors
    /// JSON cannot hold the value: a map whose keys are not text, or a number that is none, for which it would have `null`.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        let mut draft = DRAFT.take();
        draft.clear();
        let mut has_null = false;
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut draft, Compact(&mut has_null)))?;
        // Mostly there is nothing to look at.
        if has_null {
            finite::check(value)?;
        }
        let text = str::from_utf8(&draft).map_err(Error::custom)?.into();
        if draft.capacity() <= KEPT {
            DRAFT.set(draft);
        }
        Ok(Self(text))
    }

    /// # Errors
    /// The text is not JSON.
    pub fn from_text(text: String) -> Result<Self, Error> {
        RawValue::from_string(text).map(|value| Self(value.into()))
    }

    /// # Errors
    /// The value is not a `T`, or nests deeper than the 127 levels that are read.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(self.text())
    }

    /// As it was made or given, but for blanks around it.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|value| Self(value.into()))
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl JsonSchema for Json {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Json".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}
