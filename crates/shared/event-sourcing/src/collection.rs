use std::{borrow::Cow, error::Error as StdError, fmt, ops};

use kernel::Json;
use serde::{
    Deserializer as _, Serialize,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use crate::{StoreError, StoreErrorKind, StoredDocument, check_document};

/// State of a domain that is kept by key, in a named collection. The value is stored as JSON.
///
/// ```
/// use event_sourcing::{Document, Index};
/// use kernel::Json;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize)]
/// struct Account { owner: String, cents: i64 }
///
/// impl Account {
///     const BY_OWNER: Index = Index::new("by_owner", "owner");
/// }
///
/// impl Document for Account {
///     const COLLECTION: &'static str = "bank.accounts";
///     const INDEXES: &'static [Index] = &[Self::BY_OWNER];
///     const VERSION: u32 = 2;
///
///     fn migrate(_: u32, body: Json) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
///         #[derive(Deserialize)]
///         struct First { owner: String, euros: i64 }
///         let First { owner, euros } = body.read()?;
///         Ok(Json::of(&Account { owner, cents: euros * 100 })?)
///     }
/// }
/// ```
pub trait Document: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// `module.plural_noun`, of small letters, digits and `_`, and dots in between.
    const COLLECTION: &'static str;

    /// What documents are found by, beside their key. A store has them once the collection was
    /// [declared](crate::Store::declare).
    const INDEXES: &'static [Index] = &[];

    /// Version of the form of the value, counted from 1. Raised whenever documents of the last one can no longer be read.
    const VERSION: u32 = 1;

    /// Brings a value of an earlier version to [`VERSION`](Self::VERSION): whenever such a one is read, and in the store when
    /// the collection is declared. Called again for the same value it gives the same.
    ///
    /// # Errors
    /// The value is none of that version, or nothing is known of that version.
    fn migrate(from: u32, body: Json) -> Result<Json, Box<dyn StdError + Send + Sync>> {
        let _ = body;
        Err(format!("its type has no `migrate` from version {from}").into())
    }
}

/// Finds documents of a collection by a field: those in which it is a text, a truth value, or a whole number of 64 bits with a
/// sign. Documents in which it is anything else, or that do not have it, are not in the index. Where an object has a name twice,
/// as serde's `flatten` may write it, the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Index {
    name: &'static str,
    field: &'static str,
}

impl Index {
    /// `name` is unique within the collection. Dots in `field` lead into objects: `event.metadata.key`.
    ///
    /// # Panics
    /// If they hold other characters than letters, of a name small ones, digits, `_` and those dots; in a constant, when it is compiled.
    pub const fn new(name: &'static str, field: &'static str) -> Self {
        assert!(
            is_plain(name, false) && is_small(name) && is_plain(field, true),
            "an index has small letters, digits and `_` in its name; letters, digits, `_` and dots in its field"
        );
        Self { name, field }
    }

    /// Unique within the collection.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The names that lead to the field, from the outside in.
    pub fn field(&self) -> impl Iterator<Item = &'static str> {
        self.field.split('.')
    }

    /// What a document with this body is found by. `None` if it is not in the index.
    pub fn value_in(&self, body: &Json) -> Option<IndexValue> {
        let text = self.field().try_fold(body.text(), first_of)?;
        match serde_json::from_str(text).ok()? {
            Value::String(text) => Some(IndexValue::Text(text)),
            Value::Number(number) => number.as_i64().map(IndexValue::Integer),
            Value::Bool(is) => Some(IndexValue::Bool(is)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

/// The JSON of the first field of this name in an object.
fn first_of<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    struct First<'n>(&'n str);

    impl<'a> Visitor<'a> for First<'_> {
        type Value = Option<&'a RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<M: MapAccess<'a>>(self, mut fields: M) -> Result<Self::Value, M::Error> {
            let mut first = None;
            while let Some(name) = fields.next_key::<Cow<'a, str>>()? {
                if first.is_none() && name == self.0 {
                    first = Some(fields.next_value()?);
                } else {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
            Ok(first)
        }
    }

    let found = serde_json::Deserializer::from_str(object).deserialize_map(First(name)).ok()?;
    found.map(RawValue::get)
}

const fn is_name(text: &str) -> bool {
    let (bytes, mut i, mut has_dot) = (text.as_bytes(), 0, false);
    while i < bytes.len() {
        has_dot |= bytes[i] == b'.';
        i += 1;
    }
    has_dot && is_small(text) && is_plain(text, true)
}

/// SQLite takes two names for one that differ in case only.
const fn is_small(text: &str) -> bool {
    let (bytes, mut i) = (text.as_bytes(), 0);
    while i < bytes.len() {
        if bytes[i].is_ascii_uppercase() {
            return false;
        }
        i += 1;
    }
    true
}

const fn is_plain(text: &str, with_dots: bool) -> bool {
    let (bytes, mut i) = (text.as_bytes(), 0);
    // The end counts as a dot, so that there is a name before each.
    let mut is_empty = true;
    while i < bytes.len() {
        let is_dot = with_dots && bytes[i] == b'.';
        if !(is_dot && !is_empty || bytes[i] == b'_' || bytes[i].is_ascii_alphanumeric()) {
            return false;
        }
        is_empty = is_dot;
        i += 1;
    }
    !is_empty
}

/// What a document is found by. Values of one kind are in order; texts by their bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndexValue {
    /// `false` before `true`.
    Bool(bool),
    /// Beyond 64 bits with a sign a number is in no index.
    Integer(i64),
    /// UTF-8.
    Text(String),
}

/// What is asked of an index: one value, or a range of values of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The first value.
    pub from: IndexValue,
    /// The last one, or the one behind it.
    pub to: ops::Bound<IndexValue>,
}

impl Wanted {
    /// Whether this value is asked for. The one question that every adapter answers alike.
    pub fn takes(&self, value: &IndexValue) -> bool {
        std::mem::discriminant(value) == std::mem::discriminant(&self.from)
            && *value >= self.from
            && match &self.to {
                ops::Bound::Included(to) => value <= to,
                ops::Bound::Excluded(to) => value < to,
                ops::Bound::Unbounded => true,
            }
    }

    /// The one value that is asked for, if it is one.
    pub fn exact(&self) -> Option<&IndexValue> {
        Some(&self.from).filter(|from| self.to == ops::Bound::Included((*from).clone()))
    }
}

/// The first value of the kind.
fn least(of: &IndexValue) -> IndexValue {
    match of {
        IndexValue::Bool(_) => IndexValue::Bool(false),
        IndexValue::Integer(_) => IndexValue::Integer(i64::MIN),
        IndexValue::Text(_) => IndexValue::Text(String::new()),
    }
}

macro_rules! wanted {
    ($($type:ty => $value:expr;)*) => {$(
        impl From<$type> for IndexValue {
            fn from(value: $type) -> Self {
                $value(value.into())
            }
        }

        impl From<$type> for Wanted {
            fn from(value: $type) -> Self {
                let value = IndexValue::from(value);
                Self { from: value.clone(), to: ops::Bound::Included(value) }
            }
        }

        impl From<ops::Range<$type>> for Wanted {
            fn from(range: ops::Range<$type>) -> Self {
                Self { from: range.start.into(), to: ops::Bound::Excluded(range.end.into()) }
            }
        }

        impl From<ops::RangeInclusive<$type>> for Wanted {
            fn from(range: ops::RangeInclusive<$type>) -> Self {
                let (from, to) = range.into_inner();
                Self { from: from.into(), to: ops::Bound::Included(to.into()) }
            }
        }

        impl From<ops::RangeFrom<$type>> for Wanted {
            fn from(range: ops::RangeFrom<$type>) -> Self {
                Self { from: range.start.into(), to: ops::Bound::Unbounded }
            }
        }

        impl From<ops::RangeTo<$type>> for Wanted {
            fn from(range: ops::RangeTo<$type>) -> Self {
                let to = range.end.into();
                Self { from: least(&to), to: ops::Bound::Excluded(to) }
            }
        }

        impl From<ops::RangeToInclusive<$type>> for Wanted {
            fn from(range: ops::RangeToInclusive<$type>) -> Self {
                let to = range.end.into();
                Self { from: least(&to), to: ops::Bound::Included(to) }
            }
        }
    )*};
}

wanted! {
    bool => IndexValue::Bool;
    i64 => IndexValue::Integer;
    i32 => IndexValue::Integer;
    u32 => IndexValue::Integer;
    &str => IndexValue::Text;
    String => IndexValue::Text;
}

/// A place in the order of an index: by value, then by key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexPlace {
    /// Of the document there.
    pub value: IndexValue,
    /// Of the document there.
    pub key: String,
}

/// A question to an index, as adapters get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexQuery {
    /// Of the documents.
    pub collection: Cow<'static, str>,
    /// One of the collection's.
    pub index: Index,
    /// Documents with such a value.
    pub wanted: Wanted,
    /// Only those behind this place.
    pub after: Option<IndexPlace>,
    /// At most so many. Fewer than that: there are no more.
    pub limit: usize,
}

impl IndexQuery {
    /// For an adapter whose store has no such index.
    pub fn undeclared(&self, store: impl fmt::Display) -> StoreError {
        let (collection, index) = (&self.collection, self.index.name());
        StoreError {
            kind: StoreErrorKind::Undeclared,
            message: format!(
                "{store} has no index `{index}` of collection `{collection}`: the process that writes it makes it at its \
                 start, if a module says `.keeps` of the collection's type"
            ),
        }
    }
}

/// A collection as it is declared to a store: what a [`Document`] says of it, or a projection of one of a generation.
#[derive(Clone)]
pub struct Collection {
    name: Cow<'static, str>,
    version: u32,
    indexes: Cow<'static, [Index]>,
    is_retired: bool,
    migrate: fn(u32, Json) -> Result<Json, Box<dyn StdError + Send + Sync>>,
}

impl Collection {
    /// That of the documents of this type. It does not compile if [`Document::COLLECTION`] is of another form.
    pub fn of<D: Document>() -> Self {
        const { assert!(is_name(D::COLLECTION), "a collection is called `module.plural_noun`: small letters, digits, `_`") };
        let (name, indexes) = (D::COLLECTION.into(), D::INDEXES.into());
        Self { name, version: D::VERSION, indexes, is_retired: false, migrate: D::migrate }
    }

    /// Of one generation of a projection: what would be another version elsewhere is another generation there.
    pub(crate) fn of_generation(name: String, indexes: Vec<Index>) -> Self {
        let migrate = |from, _| Err(format!("documents of a projection have no version {from}").into());
        Self { name: name.into(), version: 1, indexes: indexes.into(), is_retired: false, migrate }
    }

    /// One of which there are no documents any more, nor will there be any.
    pub(crate) fn retired(name: String) -> Self {
        Self { is_retired: true, ..Self::of_generation(name, Vec::new()) }
    }

    /// [`Document::COLLECTION`], or that of a projection with the number of the generation.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store is to be as if it had never been declared.
    pub fn is_retired(&self) -> bool {
        self.is_retired
    }

    /// [`Document::VERSION`].
    pub fn version(&self) -> u32 {
        self.version
    }

    /// [`Document::INDEXES`].
    pub fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    /// The document's body in this version.
    ///
    /// # Errors
    /// Newer: it is of a later one. Corrupt: it is of an earlier one, and cannot be migrated, or into what no store takes.
    pub fn migrated(&self, document: StoredDocument) -> Result<Json, StoreError> {
        let StoredDocument { key, body, version, .. } = document;
        if version == self.version {
            return Ok(body);
        }
        self.is_known(version)?;
        let failed = |cause: Box<dyn StdError + Send + Sync>| StoreError {
            kind: StoreErrorKind::Corrupt,
            message: format!(
                "document `{key}` of collection `{}` cannot be migrated from version {version} to {}: {cause}",
                self.name, self.version
            ),
        };
        let migrated = (self.migrate)(version, body).map_err(failed)?;
        check_document(&self.name, &key, &migrated).map_err(|refused| failed(refused.into()))?;
        Ok(migrated)
    }

    /// # Errors
    /// Newer: documents of a later version than this one.
    pub fn is_known(&self, version: u32) -> Result<(), StoreError> {
        if version <= self.version {
            return Ok(());
        }
        Err(StoreError {
            kind: StoreErrorKind::Newer,
            message: format!(
                "collection `{}` was written by a newer version of this program (its documents are of version {version}, \
                 this one knows {}): use that version",
                self.name, self.version
            ),
        })
    }
}

impl fmt::Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, indexes, is_retired, .. } = self;
        let mut shown = f.debug_struct("Collection");
        shown.field("name", name).field("version", version).field("indexes", indexes).field("is_retired", is_retired);
        shown.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{is_name, is_plain, is_small};

    #[test]
    fn names_are_plain() {
        for (text, is_field) in [("state", true), ("by_state2", true), ("a.b.c", false)] {
            assert_eq!((is_plain(text, true), is_plain(text, false)), (true, is_field), "{text}");
        }
        for text in ["a.b", "event_bus.dead_letters", "a2.b.c"] {
            assert!(is_name(text), "{text}");
        }
        for text in ["", "a", "bank/sub.accounts", "bank.Accounts", "bank.", ".accounts", "bänk.accounts"] {
            assert!(!is_name(text), "{text}");
        }
        assert!(is_small("by_a2") && !is_small("By_A"));
        for text in ["", ".", "a.", ".a", "a..b", "a-b", "a\"b", "a'b", "ä", "a b"] {
            assert!(!is_plain(text, true) && !is_plain(text, false), "{text}");
        }
    }
}
