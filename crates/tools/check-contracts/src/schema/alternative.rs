use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Unknown;

/// Any value at all.
pub(super) static ANYTHING: Value = Value::Bool(true);

/// What says nothing about which values fit. `default` is looked at where a field is.
const ANNOTATIONS: [&str; 11] = [
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
];

/// A reference that leads to another one, and so on, is one of a circle from here on.
const LONGEST_CHAIN: usize = 64;

/// Types of JSON; whole numbers are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Anything,
    Null,
    Boolean,
    Number { whole: bool },
    Text,
    Array,
    Object,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "number" => Self::Number { whole: false },
            "integer" => Self::Number { whole: true },
            "string" => Self::Text,
            "array" => Self::Array,
            "object" => Self::Object,
            _ => return None,
        })
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) => Self::Number { whole: !number.is_f64() },
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anything => "anything",
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number { whole: true } => "an integer",
            Self::Number { whole: false } => "a number",
            Self::Text => "a text",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }

    /// The type that a keyword is about, if it is known.
    fn of_keyword(keyword: &str) -> Option<Self> {
        Some(match keyword {
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                Self::Number { whole: false }
            }
            "minLength" | "maxLength" | "pattern" => Self::Text,
            "items" | "prefixItems" | "minItems" | "maxItems" | "uniqueItems" => Self::Array,
            "properties" | "required" | "additionalProperties" | "minProperties" | "maxProperties" => Self::Object,
            _ => return None,
        })
    }

    fn is_like(self, other: Self) -> bool {
        self == other || matches!((self, other), (Self::Number { .. }, Self::Number { .. }))
    }
}

/// Values of one type that fit a schema.
#[derive(Debug, Clone)]
pub(super) struct Alternative<'a> {
    pub kind: Kind,
    /// Those that it can be, where they are listed, by their JSON.
    pub values: Option<BTreeMap<String, &'a Value>>,
    /// What else is said about this type, but for objects' fields.
    pub keywords: BTreeMap<&'a str, &'a Value>,
    pub properties: BTreeMap<&'a str, &'a Value>,
    pub required: BTreeSet<&'a str>,
    /// What fields may be that are not listed.
    pub additional: &'a Value,
    /// One of each list stands beside the fields: what `#[serde(flatten)]` makes of an enum.
    pub unions: Vec<Vec<Alternative<'a>>>,
}

impl<'a> Alternative<'a> {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            values: None,
            keywords: BTreeMap::new(),
            properties: BTreeMap::new(),
            required: BTreeSet::new(),
            additional: &ANYTHING,
            unions: Vec::new(),
        }
    }

    /// What tells it from the others of its list, in words. Of objects it is asked only where there are several.
    pub fn label(&self, are_objects_told_apart: bool) -> String {
        if self.kind != Kind::Object || !are_objects_told_apart {
            let kind = if matches!(self.kind, Kind::Number { .. }) { Kind::Number { whole: false } } else { self.kind };
            return kind.name().to_owned();
        }
        let tag = |(name, schema): (&&'a str, &&'a Value)| Some((*name, schema.get("const")?.as_str()?));
        let tags: Vec<_> = self.properties.iter().filter_map(tag).collect();
        match (&tags[..], self.properties.first_key_value()) {
            ([], Some((only, _))) if self.properties.len() == 1 && self.additional == &Value::Bool(false) => {
                format!("`{only}`")
            }
            ([], _) if self.required.is_empty() => Kind::Object.name().to_owned(),
            ([], _) => {
                let required: Vec<_> = self.required.iter().map(|name| format!("`{name}`")).collect();
                format!("an object with {}", required.join(" and "))
            }
            _ => tags.iter().map(|(name, value)| format!("`{name}` {value:?}")).collect::<Vec<_>>().join(" and "),
        }
    }

    /// Takes in what another schema says about the same object.
    fn merge(&mut self, other: Self) -> Result<(), &'static str> {
        for (name, schema) in other.properties {
            if self.properties.insert(name, schema).is_some_and(|known| known != schema) {
                return Err("a field that two parts of the schema describe");
            }
        }
        self.required.extend(other.required);
        self.unions.extend(other.unions);
        if other.additional != &ANYTHING {
            self.additional = other.additional;
        }
        let is_new = other.keywords.into_iter().all(|(name, value)| self.keywords.insert(name, value).is_none());
        if is_new { Ok(()) } else { Err("a keyword that two parts of the schema have") }
    }
}

/// The alternatives that a schema is made of. None: nothing fits.
pub(super) fn alternatives<'a>(
    root: &'a Value,
    schema: &'a Value,
    pointer: &str,
) -> Result<Vec<Alternative<'a>>, Unknown> {
    Reader { root, pointer }.read(schema, 0)
}

/// One of several things that a schema says.
enum Part<'a> {
    /// What it says itself, refers to, or has in `allOf`.
    Schema(Vec<Alternative<'a>>),
    /// The branches of `oneOf` or `anyOf`: an enum, also of a single variant.
    Union(Vec<Alternative<'a>>),
}

impl<'a> Part<'a> {
    fn alternatives(self) -> Vec<Alternative<'a>> {
        match self {
            Self::Schema(alternatives) | Self::Union(alternatives) => alternatives,
        }
    }
}

struct Reader<'a, 'p> {
    root: &'a Value,
    pointer: &'p str,
}

impl<'a> Reader<'a, '_> {
    fn unknown(&self, what: impl Into<String>) -> Unknown {
        Unknown { pointer: self.pointer.to_owned(), what: what.into() }
    }

    fn read(&self, schema: &'a Value, depth: usize) -> Result<Vec<Alternative<'a>>, Unknown> {
        if depth > LONGEST_CHAIN {
            return Err(self.unknown("a schema that refers to itself"));
        }
        let schema = match schema {
            Value::Bool(true) => return Ok(vec![Alternative::new(Kind::Anything)]),
            Value::Bool(false) => return Ok(Vec::new()),
            Value::Object(schema) => schema,
            other => return Err(self.unknown(format!("{other} is no schema"))),
        };
        let own = self.own(schema)?;
        let mut others = Vec::new();
        if let Some(reference) = schema.get("$ref") {
            others.push(Part::Schema(self.read(self.target(reference)?, depth + 1)?));
        }
        for part in self.list(schema, "allOf")? {
            others.push(Part::Schema(self.read(part, depth + 1)?));
        }
        for keyword in ["oneOf", "anyOf"] {
            if schema.contains_key(keyword) {
                let branches = self.list(schema, keyword)?.iter().map(|branch| self.read(branch, depth + 1));
                others.push(Part::Union(branches.collect::<Result<Vec<_>, _>>()?.concat()));
            }
        }
        match (own, others.len()) {
            (Some(own), 0) => Ok(own),
            (None, 0) => Ok(vec![Alternative::new(Kind::Anything)]),
            (None, 1) => Ok(others.remove(0).alternatives()),
            (own, _) => Ok(vec![self.together(own, others)?]),
        }
    }

    /// An object of which several schemas must hold.
    fn together(&self, own: Option<Vec<Alternative<'a>>>, others: Vec<Part<'a>>) -> Result<Alternative<'a>, Unknown> {
        let mut whole = Alternative::new(Kind::Object);
        for part in own.map(Part::Schema).into_iter().chain(others) {
            let is_union = matches!(part, Part::Union(_));
            let mut part = part.alternatives();
            if !part.iter().all(|alternative| alternative.kind == Kind::Object && alternative.values.is_none()) {
                return Err(self.unknown("several schemas that must hold at once, and not of objects"));
            }
            match part.len() {
                1 if !is_union => whole.merge(part.remove(0)).map_err(|what| self.unknown(what))?,
                _ => whole.unions.push(part),
            }
        }
        Ok(whole)
    }

    /// What the schema says itself, if it says anything.
    fn own(&self, schema: &'a Map<String, Value>) -> Result<Option<Vec<Alternative<'a>>>, Unknown> {
        let mut said = BTreeMap::new();
        for (keyword, value) in schema {
            match keyword.as_str() {
                "$ref" | "allOf" | "oneOf" | "anyOf" => {}
                known if ANNOTATIONS.contains(&known) => {}
                "type" | "enum" | "const" | "format" => _ = said.insert(keyword.as_str(), value),
                known if Kind::of_keyword(known).is_some() => _ = said.insert(known, value),
                other => return Err(self.unknown(format!("the keyword `{other}`"))),
            }
        }
        if said.is_empty() {
            return Ok(None);
        }
        let values = match (said.get("const"), said.get("enum")) {
            (Some(_), Some(_)) => return Err(self.unknown("`const` beside `enum`")),
            (Some(value), None) => Some(vec![*value]),
            (None, Some(Value::Array(values))) => Some(values.iter().collect()),
            (None, Some(_)) => return Err(self.unknown("an `enum` that is no list")),
            (None, None) => None,
        };
        let kinds = self.kinds(&said, values.as_deref())?;
        let each = kinds.into_iter().map(|kind| self.of_kind(kind, &said, values.as_deref()));
        let mut alternatives = each.collect::<Result<Vec<_>, _>>()?;
        alternatives.retain(|alternative| alternative.values.as_ref().is_none_or(|values| !values.is_empty()));
        Ok(Some(alternatives))
    }

    /// The types that are named, or that follow from the values or the keywords.
    fn kinds(&self, said: &BTreeMap<&str, &'a Value>, values: Option<&[&Value]>) -> Result<BTreeSet<Kind>, Unknown> {
        let named = |name: &Value| name.as_str().and_then(Kind::named);
        let kinds = match (said.get("type"), values) {
            (Some(Value::Array(names)), _) => names.iter().map(named).collect(),
            (Some(name), _) => Some(BTreeSet::from_iter(named(name))).filter(|kinds| !kinds.is_empty()),
            (None, Some(values)) => Some(values.iter().map(|value| Kind::of(value)).collect()),
            (None, None) => {
                let kinds: Option<BTreeSet<_>> = said.keys().map(|keyword| Kind::of_keyword(keyword)).collect();
                kinds.filter(|kinds| kinds.len() == 1 && kinds.contains(&Kind::Object))
            }
        };
        kinds.ok_or_else(|| self.unknown("a schema without a type that is known"))
    }

    fn of_kind(
        &self,
        kind: Kind,
        said: &BTreeMap<&'a str, &'a Value>,
        values: Option<&[&'a Value]>,
    ) -> Result<Alternative<'a>, Unknown> {
        let mut alternative = Alternative::new(kind);
        alternative.values = values.filter(|_| kind != Kind::Null).map(|values| {
            let of_kind = values.iter().filter(|value| Kind::of(value).is_like(kind));
            of_kind.map(|value| (value.to_string(), *value)).collect()
        });
        for (keyword, value) in said {
            match *keyword {
                "type" | "enum" | "const" => {}
                "format" if matches!(kind, Kind::Number { .. } | Kind::Text) => {
                    alternative.keywords.insert(keyword, value);
                }
                "properties" if kind == Kind::Object => alternative.properties = self.fields(value)?,
                "required" if kind == Kind::Object => alternative.required = self.names(value)?,
                "additionalProperties" if kind == Kind::Object => alternative.additional = value,
                _ if Kind::of_keyword(keyword).is_some_and(|of| of.is_like(kind)) => {
                    alternative.keywords.insert(keyword, value);
                }
                _ => {}
            }
        }
        Ok(alternative)
    }

    fn fields(&self, value: &'a Value) -> Result<BTreeMap<&'a str, &'a Value>, Unknown> {
        let fields = value.as_object().ok_or_else(|| self.unknown("`properties` that are no object"))?;
        Ok(fields.iter().map(|(name, schema)| (name.as_str(), schema)).collect())
    }

    fn names(&self, value: &'a Value) -> Result<BTreeSet<&'a str>, Unknown> {
        let names = value.as_array().and_then(|names| names.iter().map(Value::as_str).collect());
        names.ok_or_else(|| self.unknown("`required` that is no list of names"))
    }

    fn list(&self, schema: &'a Map<String, Value>, keyword: &str) -> Result<&'a [Value], Unknown> {
        match schema.get(keyword) {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.unknown(format!("`{keyword}` that is no list"))),
        }
    }

    fn target(&self, reference: &Value) -> Result<&'a Value, Unknown> {
        let path = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
        path.and_then(|path| self.root.pointer(path))
            .ok_or_else(|| self.unknown(format!("the reference {reference} leads nowhere in this schema")))
    }
}
