//! Bounds, patterns and formats: the keywords that leave out some values of a type.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{Alternative, Effect, Kind, What};

/// What a keyword does to the values of its type.
enum Rule {
    /// A greater one leaves out more.
    Lowest,
    /// A smaller one leaves out more.
    Greatest,
    /// It leaves out something, nobody can tell how much; with `false` nothing.
    Some,
}

const RULES: [(&str, Rule); 13] = [
    ("minimum", Rule::Lowest),
    ("exclusiveMinimum", Rule::Lowest),
    ("minLength", Rule::Lowest),
    ("minItems", Rule::Lowest),
    ("minProperties", Rule::Lowest),
    ("maximum", Rule::Greatest),
    ("exclusiveMaximum", Rule::Greatest),
    ("maxLength", Rule::Greatest),
    ("maxItems", Rule::Greatest),
    ("maxProperties", Rule::Greatest),
    ("multipleOf", Rule::Some),
    ("pattern", Rule::Some),
    ("uniqueItems", Rule::Some),
];

/// Formats that stand for bounds: the types of Rust. `usize` is taken for what it is on 64 bits.
const WHOLE: [(&str, i128, i128); 10] = [
    ("int8", i8::MIN as i128, i8::MAX as i128),
    ("int16", i16::MIN as i128, i16::MAX as i128),
    ("int32", i32::MIN as i128, i32::MAX as i128),
    ("int64", i64::MIN as i128, i64::MAX as i128),
    ("int", i64::MIN as i128, i64::MAX as i128),
    ("uint8", 0, u8::MAX as i128),
    ("uint16", 0, u16::MAX as i128),
    ("uint32", 0, u32::MAX as i128),
    ("uint64", 0, u64::MAX as i128),
    ("uint", 0, u64::MAX as i128),
];

/// What of two alternatives of one type differs in the values that their keywords leave out.
pub(super) fn compared(before: &Alternative<'_>, after: &Alternative<'_>) -> Vec<(What, Effect)> {
    let mut changes = Vec::new();
    let whole = Kind::Number { whole: true };
    // Of two integers the bounds are compared that format and keywords come to.
    let of_integers = before.kind == whole && after.kind == whole && has_bounds(before) && has_bounds(after);
    for (keyword, rule) in &RULES {
        let (from, to) = match (of_integers, *keyword) {
            (true, "minimum") => (lowest(before), lowest(after)),
            (true, "maximum") => (greatest(before), greatest(after)),
            _ => (explicit(before, keyword), explicit(after, keyword)),
        };
        changes.extend(difference(keyword, rule, from, to));
    }
    if !of_integers && before.kind == after.kind {
        changes.extend(formats(explicit(before, "format"), explicit(after, "format")));
    }
    changes
}

fn explicit(of: &Alternative<'_>, keyword: &str) -> Option<Value> {
    of.keywords.get(keyword).map(|value| (*value).clone())
}

fn difference(keyword: &str, rule: &Rule, from: Option<Value>, to: Option<Value>) -> Option<(What, Effect)> {
    let nothing = |value: &Value| value == &Value::Bool(false);
    let (from, to) = (from.filter(|value| !nothing(value)), to.filter(|value| !nothing(value)));
    let effect = match (&from, &to) {
        (None, None) => return None,
        (None, Some(_)) => Effect::Narrower,
        (Some(_), None) => Effect::Wider,
        (Some(from), Some(to)) => match (rule, order(from, to)) {
            (_, Some(Ordering::Equal)) => return None,
            (Rule::Lowest, Some(Ordering::Less)) | (Rule::Greatest, Some(Ordering::Greater)) => Effect::Narrower,
            (Rule::Lowest, Some(Ordering::Greater)) | (Rule::Greatest, Some(Ordering::Less)) => Effect::Wider,
            (Rule::Some, _) | (_, None) => Effect::Other,
        },
    };
    Some((constraint(keyword, from, to), effect))
}

fn constraint(keyword: &str, from: Option<Value>, to: Option<Value>) -> What {
    let text = |value: Option<Value>| value.map(|value| value.to_string());
    What::Constraint { keyword: keyword.to_owned(), from: text(from), to: text(to) }
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        _ if a == b => Some(Ordering::Equal),
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        _ => None,
    }
}

/// A float of fewer bits is narrower; any other format is a label that holds or does not.
fn formats(from: Option<Value>, to: Option<Value>) -> Option<(What, Effect)> {
    let is_double = |value: &Value| value == "double";
    let (bare_from, bare_to) = (from.clone().filter(|v| !is_double(v)), to.clone().filter(|v| !is_double(v)));
    let effect = difference("format", &Rule::Some, bare_from, bare_to)?.1;
    Some((constraint("format", from, to), effect))
}

fn range(of: &Alternative<'_>) -> Option<(i128, i128)> {
    let format = of.keywords.get("format")?.as_str()?;
    WHOLE.iter().find(|(name, ..)| *name == format).map(|(_, lowest, greatest)| (*lowest, *greatest))
}

fn has_bounds(of: &Alternative<'_>) -> bool {
    !of.keywords.contains_key("format") || range(of).is_some()
}

fn lowest(of: &Alternative<'_>) -> Option<Value> {
    bound(explicit(of, "minimum"), range(of).map(|(lowest, _)| lowest), Ordering::Greater)
}

fn greatest(of: &Alternative<'_>) -> Option<Value> {
    bound(explicit(of, "maximum"), range(of).map(|(_, greatest)| greatest), Ordering::Less)
}

/// The stricter of what is said and what the format says.
fn bound(said: Option<Value>, format: Option<i128>, stricter: Ordering) -> Option<Value> {
    let format = format.and_then(Number::from_i128).map(Value::Number);
    match (said, format) {
        (Some(said), Some(format)) => Some(if order(&said, &format) == Some(stricter) { said } else { format }),
        (said, format) => said.or(format),
    }
}
