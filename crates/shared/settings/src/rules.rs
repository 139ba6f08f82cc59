use std::{
    collections::{BTreeSet, btree_map::Entry},
    iter,
};

use crate::{
    SettingsError,
    layer::{Node, Table, Value},
};

/// What a layer may say: the keys that the defaults name, and anything in an open table.
pub struct Rules<'a> {
    known: Vec<String>,
    open: &'a [&'a str],
}

impl<'a> Rules<'a> {
    pub fn new(defaults: &Table, open: &'a [&'a str]) -> Self {
        Self { known: keys(defaults), open }
    }

    /// Lays one layer over those below it.
    pub fn merge(&self, below: &mut Table, layer: Table) -> Result<(), SettingsError> {
        self.merge_table(below, layer, "")
    }

    fn merge_table(&self, below: &mut Table, layer: Table, prefix: &str) -> Result<(), SettingsError> {
        for (name, node) in layer {
            let key = dotted(prefix, &name);
            let is_open = self.is_open(&key);
            match below.entry(name) {
                Entry::Vacant(entry) if is_open => {
                    entry.insert(node);
                }
                Entry::Vacant(_) => return Err(self.unknown(key, node)),
                Entry::Occupied(mut entry) => match (&mut entry.get_mut().value, node.value) {
                    (Value::Table(below), Value::Table(layer)) => self.merge_table(below, layer, &key)?,
                    (old @ Value::Table(_), new) | (old, new @ Value::Table(_)) if !is_open => {
                        return Err(SettingsError::WrongType {
                            origin: node.origin,
                            key,
                            message: format!("invalid type: {}, expected {}", new.kind(), old.kind()),
                        });
                    }
                    (_, value) => {
                        entry.insert(Node { value, ..node });
                    }
                },
            }
        }
        Ok(())
    }

    /// Whether this is an open table or a key in one.
    fn is_open(&self, key: &str) -> bool {
        self.open.iter().any(|open| key.strip_prefix(open).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    }

    /// Names the whole key of a variable or a flag, and in a text as much of it as stands at one place.
    fn unknown(&self, mut key: String, mut node: Node) -> SettingsError {
        while let Value::Table(table) = &node.value
            && let Some((name, inner)) = table.first_key_value()
            && inner.origin == node.origin
        {
            key = dotted(&key, name);
            node = inner.clone();
        }
        let (closest, beside) = (closest(&key, &self.known), beside(&key, &self.known));
        SettingsError::UnknownKey { origin: node.origin, key, closest, beside }
    }
}

/// All dotted keys of a table, those of tables in it included.
pub fn keys(table: &Table) -> Vec<String> {
    let mut all = Vec::new();
    for (name, node) in table {
        all.push(name.clone());
        if let Value::Table(inner) = &node.value {
            all.extend(keys(inner).iter().map(|key| dotted(name, key)));
        }
    }
    all
}

/// The known key that a person may have meant: a slip of the fingers away, the same name in the wrong section, or some of its words.
pub fn closest(key: &str, known: &[String]) -> Option<String> {
    let likeness = |candidate: &&String| {
        let (ours, theirs) = apart(key, candidate);
        let is_as_deep = ours.matches('.').count() == theirs.matches('.').count();
        let slip = if is_as_deep { strsim::normalized_damerau_levenshtein(&ours, &theirs) } else { 0.0 };
        let misplaced = if name(key) == name(candidate) { 0.75 } else { 0.0 };
        let in_words = if share_words(&ours, &theirs) { 0.7 } else { 0.0 };
        slip.max(misplaced).max(in_words)
    };
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) >= 0.6).then(|| best.clone())
}

/// The known keys of the innermost section of this key that there is; at the top, the sections.
pub fn beside(key: &str, known: &[String]) -> Vec<String> {
    let inside = |section: &str| -> Vec<String> {
        let name = |key: &str| key.strip_prefix(section).map(str::to_owned);
        let is_inside = |key: &&String| name(key).is_some_and(|name| !name.is_empty() && !name.contains('.'));
        known.iter().filter(is_inside).cloned().collect()
    };
    let around = iter::successors(key.rsplit_once('.'), |(section, _)| section.rsplit_once('.'));
    let mut sections = around.map(|(section, _)| inside(&format!("{section}.")));
    sections.find(|keys| !keys.is_empty()).unwrap_or_else(|| inside(""))
}

/// What is left of two dotted keys without what they begin and end with alike: a long section is no likeness of what stands in it.
fn apart(a: &str, b: &str) -> (String, String) {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('.').collect(), b.split('.').collect());
    let before = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[before..], &b[before..]);
    let behind = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    (a[..a.len() - behind].join("."), b[..b.len() - behind].join("."))
}

/// Whether one of two names is made of words of the other: `timeout` of `timeout_seconds`.
fn share_words(a: &str, b: &str) -> bool {
    let (a, b): (BTreeSet<&str>, BTreeSet<&str>) = (a.split('_').collect(), b.split('_').collect());
    a.is_subset(&b) || b.is_subset(&a)
}

/// The last part of a dotted key.
fn name(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn dotted(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.into() } else { format!("{prefix}.{name}") }
}
