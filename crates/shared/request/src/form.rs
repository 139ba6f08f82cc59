use std::collections::BTreeSet;

use kernel::FieldError;
use schemars::Schema;
use serde_json::{Map, Value};

/// What a request looks like in JSON, by its schema. Serde reads what it knows and leaves out the rest; a caller who misspelt
/// an optional field would never learn it.
///
/// Of JSON Schema it knows what is derived from types: references, alternatives, what is flattened into an object, free keys.
/// The rest, such as ranges and formats, is left to the reader.
pub(crate) struct Form(Value);

/// What was found out about one value.
#[derive(Default)]
struct Seen<'a> {
    faults: Vec<Fault>,
    /// The fields that an object may have.
    known: BTreeSet<&'a str>,
    /// It may have any other.
    is_free: bool,
}

struct Fault {
    pointer: String,
    wrong: Wrong,
}

#[derive(Clone)]
enum Wrong {
    Missing,
    Unknown(String),
    /// What it may be, and the kind of value that it is where that is another one.
    Other(BTreeSet<String>, Option<&'static str>),
}

/// Whoever has more to mend begins with these.
const MOST: usize = 100;

impl Form {
    pub fn of(schema: Schema) -> Self {
        Self(schema.to_value())
    }

    /// Every field that is missing, of another type, or unknown.
    pub fn faults(&self, given: &Value) -> Vec<FieldError> {
        self.look(&self.0, given, "").into_iter().take(MOST).map(FieldError::from).collect()
    }

    /// The value as a whole: what no part of the schema knows is unknown.
    fn look(&self, schema: &Value, given: &Value, at: &str) -> Vec<Fault> {
        let mut seen = self.seen(schema, given, at);
        if let (Value::Object(given), false) = (given, seen.is_free) {
            for name in given.keys().filter(|name| !seen.known.contains(name.as_str())) {
                seen.faults.push(fault(&below(at, name), Wrong::Unknown(unknown(name, &seen.known))));
            }
        }
        seen.faults
    }

    /// The value by this part of the schema, and by those that it refers to.
    fn seen<'a>(&'a self, schema: &'a Value, given: &Value, at: &str) -> Seen<'a> {
        let Some(schema) = schema.as_object() else { return Seen { is_free: true, ..Seen::default() } };
        if let Some(wrong) = mistyped(schema, given) {
            return Seen { faults: vec![fault(at, wrong)], is_free: true, ..Seen::default() };
        }
        let mut seen = match given {
            Value::Object(fields) => self.object(schema, fields, at),
            Value::Array(elements) => self.array(schema, elements, at),
            _ => Seen::default(),
        };
        let referred = schema.get("$ref").map(|to| {
            let pointer = to.as_str().and_then(|to| to.strip_prefix('#'));
            pointer.and_then(|pointer| self.0.pointer(pointer)).unwrap_or(&Value::Bool(true))
        });
        for part in referred.into_iter().chain(list(schema, "allOf")) {
            seen.add(self.seen(part, given, at));
        }
        for alternatives in ["anyOf", "oneOf"] {
            seen.add(self.alternatives(list(schema, alternatives), given, at));
        }
        seen
    }

    fn object<'a>(&'a self, schema: &'a Map<String, Value>, given: &Map<String, Value>, at: &str) -> Seen<'a> {
        let mut seen = Seen::default();
        let missing =
            list(schema, "required").iter().filter_map(Value::as_str).filter(|name| !given.contains_key(*name));
        seen.faults.extend(missing.map(|name| fault(&below(at, name), Wrong::Missing)));
        let fields = schema.get("properties").and_then(Value::as_object);
        for (name, schema) in fields.into_iter().flatten() {
            seen.known.insert(name);
            if let Some(given) = given.get(name) {
                seen.faults.extend(self.look(schema, given, &below(at, name)));
            }
        }
        let free = schema.get("additionalProperties").filter(|free| **free != Value::Bool(false));
        if let Some(free) = free {
            seen.is_free = true;
            for (name, given) in given.iter().filter(|(name, _)| !seen.known.contains(name.as_str())) {
                seen.faults.extend(self.look(free, given, &below(at, name)));
            }
        }
        // What says nothing about objects takes any.
        let says = ["type", "properties", "const", "enum", "$ref", "allOf", "anyOf", "oneOf"];
        seen.is_free |= !says.iter().any(|keyword| schema.contains_key(*keyword));
        seen
    }

    fn array<'a>(&self, schema: &Map<String, Value>, given: &[Value], at: &str) -> Seen<'a> {
        let first = list(schema, "prefixItems");
        let rest = schema.get("items").unwrap_or(&Value::Bool(true));
        let element = |(index, given): (usize, &Value)| {
            self.look(first.get(index).unwrap_or(rest), given, &below(at, &index.to_string()))
        };
        Seen { faults: given.iter().enumerate().flat_map(element).collect(), ..Seen::default() }
    }

    /// All that fit say what is known; where none does, the one that comes closest says why.
    fn alternatives<'a>(&'a self, alternatives: &'a [Value], given: &Value, at: &str) -> Seen<'a> {
        let seen = alternatives.iter().map(|alternative| self.seen(alternative, given, at));
        let (fitting, mut others): (Vec<_>, Vec<_>) = seen.partition(|seen| seen.faults.is_empty());
        if !fitting.is_empty() {
            return fitting.into_iter().fold(Seen::default(), |mut all, seen| {
                all.add(seen);
                all
            });
        }
        if let Some(fault) = tag(&others) {
            return Seen { faults: vec![fault], is_free: true, ..Seen::default() };
        }
        // One that is of another kind as a whole was not meant, and rather one all of whose fields are there.
        let distance = |seen: &Seen<'_>| {
            let is_missing = |fault: &&Fault| {
                let within = fault.pointer.rsplit_once('/').map(|(within, _)| within);
                matches!(fault.wrong, Wrong::Missing) && within == Some(at)
            };
            let is_other = seen.faults.iter().any(|fault| fault.pointer == at);
            (is_other, seen.faults.iter().filter(is_missing).count(), seen.faults.len())
        };
        others.sort_by_key(distance);
        let is_clear = others.get(1).is_none_or(|second| distance(second) > distance(&others[0]));
        match others.into_iter().next() {
            Some(closest) if is_clear => closest,
            // Which one was meant the reader has to say.
            Some(_) => Seen { is_free: true, ..Seen::default() },
            None => Seen::default(),
        }
    }
}

/// Where none of the alternatives can be what it is: the tag of an enum, or the value as a whole.
fn tag(alternatives: &[Seen<'_>]) -> Option<Fault> {
    let (first, others) = alternatives.split_first()?;
    first.faults.iter().find_map(|fault| {
        let Wrong::Other(mut expected, is) = fault.wrong.clone() else { return None };
        for other in others {
            let same = |other: &&Fault| other.pointer == fault.pointer;
            let Some(Wrong::Other(more, _)) = other.faults.iter().find(same).map(|fault| &fault.wrong) else {
                return None;
            };
            expected.extend(more.iter().cloned());
        }
        Some(Fault { pointer: fault.pointer.clone(), wrong: Wrong::Other(expected, is) })
    })
}

impl From<Fault> for FieldError {
    fn from(Fault { pointer, wrong }: Fault) -> Self {
        let message = match wrong {
            Wrong::Missing => "is missing".into(),
            Wrong::Unknown(way_out) => format!("there is no such field: {way_out}"),
            Wrong::Other(expected, is) => {
                let expected: Vec<String> = expected.into_iter().collect();
                let is = is.map_or(String::new(), |is| format!(", and is {is}"));
                format!("must be {}{is}", expected.join(" or "))
            }
        };
        Self { pointer, message }
    }
}

impl<'a> Seen<'a> {
    fn add(&mut self, other: Self) {
        self.faults.extend(other.faults);
        self.known.extend(other.known);
        self.is_free |= other.is_free;
    }
}

/// What is wrong with the value that was given, which is not told: it may be a secret.
fn mistyped(schema: &Map<String, Value>, given: &Value) -> Option<Wrong> {
    let listed = schema.get("const").map_or_else(|| list(schema, "enum"), std::slice::from_ref);
    let types = match schema.get("type") {
        Some(Value::Array(types)) => types.as_slice(),
        Some(name) => std::slice::from_ref(name),
        None => &[],
    };
    let types: Vec<&str> = types.iter().filter_map(Value::as_str).collect();
    let is_of = |name: &&str| match (*name, given) {
        // Beyond 64 bits a number is read as a float here, and by its type as what it is.
        ("integer", Value::Number(number)) => number.as_f64().is_none_or(|number| number.fract() == 0.0),
        (name, given) => worded(name) == kind(given),
    };
    let is_typed = types.is_empty() || types.iter().any(is_of);
    if is_typed && (listed.is_empty() || listed.contains(given)) {
        return None;
    }
    let values = listed.iter().map(Value::to_string);
    let expected =
        if listed.is_empty() { types.into_iter().map(|name| worded(name).into()).collect() } else { values.collect() };
    Some(Wrong::Other(expected, (!is_typed).then(|| kind(given))))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A type of JSON Schema.
fn worded(name: &str) -> &'static str {
    match name {
        "null" => "null",
        "boolean" => "a boolean",
        "integer" => "an integer",
        "number" => "a number",
        "string" => "a string",
        "array" => "an array",
        _ => "an object",
    }
}

fn list<'a>(schema: &'a Map<String, Value>, keyword: &str) -> &'a [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What to do about a name that is not known.
fn unknown(name: &str, known: &BTreeSet<&str>) -> String {
    let likeness = |known: &&&str| strsim::jaro_winkler(known, name);
    let closest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match closest.filter(|closest| likeness(closest) > 0.8) {
        Some(closest) => format!("did you mean `{closest}`?"),
        None if known.is_empty() => "leave it out".into(),
        None => format!("there are {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
    }
}

fn fault(pointer: &str, wrong: Wrong) -> Fault {
    Fault { pointer: pointer.into(), wrong }
}

/// RFC 6901.
fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}
