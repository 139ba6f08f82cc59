use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Alternative, Change, Effect, Kind, Unknown, What,
    alternative::{ANYTHING, alternatives},
    restriction,
};

/// Everything in which two schemas differ, texts for people aside; in the order of the fields.
///
/// # Errors
/// A schema has something that is not known here.
pub fn changes(before: &Value, after: &Value) -> Result<Vec<Change>, Unknown> {
    let mut comparison = Comparison { before, after, under_way: Vec::new(), changes: Vec::new() };
    comparison.schemas("", before, after)?;
    Ok(comparison.changes)
}

struct Comparison<'a> {
    before: &'a Value,
    after: &'a Value,
    /// Pairs that are being compared further out: a type that contains itself comes back to one.
    under_way: Vec<(*const Value, *const Value)>,
    changes: Vec<Change>,
}

impl<'a> Comparison<'a> {
    fn change(&mut self, pointer: &str, what: What, effect: Effect) {
        self.changes.push(Change { pointer: pointer.to_owned(), what, effect });
    }

    fn schemas(&mut self, at: &str, before: &'a Value, after: &'a Value) -> Result<(), Unknown> {
        let before = alternatives(self.before, before, at)?;
        let after = alternatives(self.after, after, at)?;
        self.alternatives(at, &before, &after)
    }

    /// As [`Self::schemas`], one level further in.
    fn inner(&mut self, at: &str, before: &'a Value, after: &'a Value) -> Result<(), Unknown> {
        let pair = (target(self.before, before), target(self.after, after));
        if self.under_way.contains(&pair) {
            return Ok(());
        }
        self.under_way.push(pair);
        let compared = self.schemas(at, before, after);
        self.under_way.pop();
        compared
    }

    fn alternatives(&mut self, at: &str, before: &[Alternative<'a>], after: &[Alternative<'a>]) -> Result<(), Unknown> {
        let are_several = |list: &[Alternative<'_>]| list.iter().filter(|one| one.kind == Kind::Object).count() > 1;
        let apart = are_several(before) || are_several(after);
        let (before, after) = (by_label(before, apart, at)?, by_label(after, apart, at)?);
        let shared = before.keys().any(|label| after.contains_key(label));
        if !(shared || before.is_empty() && after.is_empty()) {
            let is_anything = |side: &BTreeMap<String, Alternative<'_>>| side.contains_key(Kind::Anything.name());
            let effect = if is_anything(&before) || after.is_empty() {
                Effect::Narrower
            } else if is_anything(&after) || before.is_empty() {
                Effect::Wider
            } else {
                Effect::Other
            };
            self.change(at, What::Retyped { from: listed(&before), to: listed(&after) }, effect);
            return Ok(());
        }
        for (label, alternative) in &before {
            match after.get(label) {
                Some(now) => self.alternative(at, alternative, now)?,
                None => self.change(at, What::RemovedVariant { variant: label.clone() }, Effect::Narrower),
            }
        }
        for label in after.keys().filter(|label| !before.contains_key(*label)) {
            self.change(at, What::AddedVariant { variant: label.clone() }, Effect::Wider);
        }
        Ok(())
    }

    fn alternative(&mut self, at: &str, before: &Alternative<'a>, after: &Alternative<'a>) -> Result<(), Unknown> {
        if before.kind != after.kind {
            let effect = if after.kind == (Kind::Number { whole: false }) { Effect::Wider } else { Effect::Narrower };
            let (from, to) = (before.kind.name().to_owned(), after.kind.name().to_owned());
            self.change(at, What::Retyped { from, to }, effect);
        }
        self.values(at, before, after);
        for (what, effect) in restriction::compared(before, after) {
            self.change(at, what, effect);
        }
        match before.kind {
            Kind::Array => self.items(at, before, after),
            Kind::Object => self.fields(at, before, after),
            _ => Ok(()),
        }
    }

    fn values(&mut self, at: &str, before: &Alternative<'a>, after: &Alternative<'a>) {
        let listed = |values: &BTreeMap<String, &Value>| {
            let values: Vec<_> = values.keys().map(String::as_str).collect();
            format!("one of {}", values.join(", "))
        };
        let free = || before.kind.name().to_owned();
        match (&before.values, &after.values) {
            (None, None) => {}
            (None, Some(values)) => {
                self.change(at, What::Retyped { from: free(), to: listed(values) }, Effect::Narrower);
            }
            (Some(values), None) => {
                self.change(at, What::Retyped { from: listed(values), to: free() }, Effect::Wider);
            }
            (Some(before), Some(after)) => {
                for value in before.keys().filter(|value| !after.contains_key(*value)) {
                    self.change(at, What::RemovedValue { value: value.clone() }, Effect::Narrower);
                }
                for value in after.keys().filter(|value| !before.contains_key(*value)) {
                    self.change(at, What::AddedValue { value: value.clone() }, Effect::Wider);
                }
            }
        }
    }

    fn items(&mut self, at: &str, before: &Alternative<'a>, after: &Alternative<'a>) -> Result<(), Unknown> {
        let (first, first_now) = (prefix(before), prefix(after));
        if first.len() != first_now.len() {
            let count = |items: &[Value]| format!("a list of {} and more", items.len());
            self.change(at, What::Retyped { from: count(first), to: count(first_now) }, Effect::Other);
            return Ok(());
        }
        for (place, (item, now)) in first.iter().zip(first_now).enumerate() {
            self.inner(&format!("{at}/{place}"), item, now)?;
        }
        let items = |of: &Alternative<'a>| of.keywords.get("items").copied().unwrap_or(&ANYTHING);
        self.inner(&format!("{at}/*"), items(before), items(after))
    }

    fn fields(&mut self, at: &str, before: &Alternative<'a>, after: &Alternative<'a>) -> Result<(), Unknown> {
        for (name, schema) in &before.properties {
            let at = format!("{at}/{}", escaped(name));
            let Some(now) = after.properties.get(name) else {
                self.change(&at, What::RemovedField, Effect::Other);
                continue;
            };
            match (before.required.contains(name), after.required.contains(name)) {
                (false, true) => self.change(&at, What::RequiredField, Effect::Narrower),
                (true, false) => self.change(&at, What::OptionalField, Effect::Wider),
                (false, false) => self.default(&at, schema, now)?,
                (true, true) => {}
            }
            self.inner(&at, schema, now)?;
        }
        for (name, schema) in after.properties.iter().filter(|(name, _)| !before.properties.contains_key(*name)) {
            let at = format!("{at}/{}", escaped(name));
            if after.required.contains(name) {
                self.change(&at, What::NewRequiredField, Effect::Narrower);
            }
            match before.additional {
                // Whoever does not know a field passes over it.
                Value::Bool(true) => {}
                Value::Bool(false) => self.change(&at, What::AddedField, Effect::Wider),
                others => self.inner(&at, others, schema)?,
            }
        }
        self.inner(&format!("{at}/*"), before.additional, after.additional)?;
        self.unions(at, before, after)
    }

    /// Enums whose variants stand beside the fields, in the order of their declaration.
    fn unions(&mut self, at: &str, before: &Alternative<'a>, after: &Alternative<'a>) -> Result<(), Unknown> {
        if before.unions.len() != after.unions.len() {
            let count = |of: &Alternative<'_>| format!("an object with {} flattened enums", of.unions.len());
            self.change(at, What::Retyped { from: count(before), to: count(after) }, Effect::Other);
            return Ok(());
        }
        let both = before.unions.iter().zip(&after.unions);
        both.into_iter().try_for_each(|(before, after)| self.alternatives(at, before, after))
    }

    /// What is meant by a field that is absent, before and after.
    fn default(&mut self, at: &str, before: &'a Value, after: &'a Value) -> Result<(), Unknown> {
        let Some(from) = absent(self.before, before, at)? else { return Ok(()) };
        let to = absent(self.after, after, at)?;
        if !to.is_some_and(|to| extends(to, from)) {
            let what = What::Default { from: from.to_string(), to: to.map(Value::to_string) };
            self.change(at, what, Effect::Narrower);
        }
        Ok(())
    }
}

/// The value that an absent field stands for, if the schema says so: `null` where that may be and nothing else is said.
fn absent<'a>(root: &'a Value, schema: &'a Value, at: &str) -> Result<Option<&'a Value>, Unknown> {
    if let Some(default) = schema.get("default") {
        return Ok(Some(default));
    }
    let may_be_null = alternatives(root, schema, at)?.iter().any(|one| matches!(one.kind, Kind::Null | Kind::Anything));
    Ok(may_be_null.then_some(&Value::Null))
}

/// Whether a default is the one before, but for fields that there were not.
fn extends(after: &Value, before: &Value) -> bool {
    match (after, before) {
        (Value::Object(after), Value::Object(before)) => {
            before.iter().all(|(name, value)| after.get(name).is_some_and(|now| extends(now, value)))
        }
        _ => after == before,
    }
}

/// The schema itself, or the one that it names: the same one wherever it is named.
fn target(root: &Value, schema: &Value) -> *const Value {
    let named = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    named.and_then(|path| root.pointer(path)).unwrap_or(schema)
}

fn prefix<'a>(of: &Alternative<'a>) -> &'a [Value] {
    of.keywords.get("prefixItems").copied().and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Alternatives that list values are one with all of these; others must be told apart by their label.
fn by_label<'a>(list: &[Alternative<'a>], apart: bool, at: &str) -> Result<BTreeMap<String, Alternative<'a>>, Unknown> {
    let mut labelled: BTreeMap<String, Alternative<'a>> = BTreeMap::new();
    for alternative in list {
        let label = alternative.label(apart);
        match labelled.get_mut(&label) {
            None => _ = labelled.insert(label, alternative.clone()),
            Some(first) => match (&mut first.values, &alternative.values) {
                (Some(values), Some(more)) => values.extend(more.iter().map(|(text, value)| (text.clone(), *value))),
                _ => {
                    let what = format!("two alternatives that both are {label}, and nothing that tells them apart");
                    return Err(Unknown { pointer: at.to_owned(), what });
                }
            },
        }
    }
    Ok(labelled)
}

fn listed(labelled: &BTreeMap<String, Alternative<'_>>) -> String {
    if labelled.is_empty() {
        return "nothing at all".to_owned();
    }
    labelled.keys().map(String::as_str).collect::<Vec<_>>().join(" or ")
}

/// A name as a part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
