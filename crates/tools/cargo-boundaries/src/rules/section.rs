//! Reads tables of the configuration and remembers which keys were asked for: any other key is a finding.
//!
//! A typed `deny_unknown_fields` would stop at its first error; this goes on, so that one run names them all.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::report::{Cause, Finding};
use crate::source::{Site, Source};

pub(crate) type Value<'i> = Spanned<DeValue<'i>>;

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Located<T> {
    pub value: T,
    pub site: Site,
}

/// A list, or one value where a list is allowed, and the place of its key.
#[derive(Debug)]
pub(crate) struct List<T> {
    pub key: Site,
    pub items: Vec<Located<T>>,
}

/// Collects what is wrong with a file.
pub(crate) struct Reader<'a> {
    source: &'a Source,
    findings: RefCell<Vec<Finding>>,
}

impl<'a> Reader<'a> {
    pub fn new(source: &'a Source) -> Self {
        Self { source, findings: RefCell::default() }
    }

    pub fn into_findings(self) -> Vec<Finding> {
        self.findings.into_inner()
    }

    pub fn site(&self, span: Range<usize>) -> Site {
        self.source.site(span)
    }

    pub fn report(&self, cause: Cause, span: Range<usize>, message: String, help: String) {
        self.findings.borrow_mut().push(Finding::new(cause, message, help).at(&self.site(span)));
    }

    /// Reads a table to its end; `name` is what messages call it.
    pub fn table<T>(
        &self,
        table: &DeTable<'_>,
        span: Range<usize>,
        name: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let mut section = Section { reader: self, name, table, span, asked: Vec::new() };
        let value = read(&mut section);
        section.report_unknown_keys();
        value
    }

    /// As [`Self::table`], for a value that should be a table.
    pub fn section<T>(
        &self,
        value: &Value<'_>,
        name: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        match value.get_ref() {
            DeValue::Table(table) => Some(self.table(table, value.span(), name, read)),
            _ => self.wrong(value, "a table"),
        }
    }

    pub fn string(&self, value: &Value<'_>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            _ => self.wrong(value, "a string"),
        }
    }

    /// One of the named values.
    pub fn choice<T: Copy>(&self, value: &Value<'_>, choices: &[(&str, T)]) -> Option<T> {
        let text = self.string(value)?;
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, choice)) => Some(*choice),
            None => {
                let names = choices.iter().map(|(name, _)| *name);
                let all: Vec<_> = names.clone().map(|name| format!("`{name}`")).collect();
                let help = match closest(&text, names) {
                    Some(close) => format!("write `{close}`"),
                    None => format!("write {}", all.join(" or ")),
                };
                let message = match all.len() {
                    ..=4 => format!("expected {}, found `{text}`", all.join(" or ")),
                    many => format!("`{text}` is none of the {many} values that this key takes"),
                };
                self.report(Cause::BadValue, value.span(), message, help);
                None
            }
        }
    }

    /// Reports a value that is not what was wanted; `None`, so that reading can end with it.
    pub fn wrong<T>(&self, value: &Value<'_>, wanted: &str) -> Option<T> {
        let found = match value.get_ref() {
            DeValue::String(text) => format!("`{text}`"),
            DeValue::Integer(number) => number.as_str().to_owned(),
            other => other.type_str().to_owned(),
        };
        let message = format!("expected {wanted}, found {found}");
        self.report(Cause::BadValue, value.span(), message, format!("write {wanted}"));
        None
    }
}

/// A table that is being read.
pub(crate) struct Section<'a> {
    reader: &'a Reader<'a>,
    name: &'static str,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub fn reader(&self) -> &'a Reader<'a> {
        self.reader
    }

    pub fn site(&self) -> Site {
        self.reader.site(self.span.clone())
    }

    pub fn get(&mut self, key: &'static str) -> Option<&'a Value<'a>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.table.get(key)
    }

    pub fn required(&mut self, key: &'static str) -> Option<&'a Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            let message = format!("{} has no `{key}`", self.name);
            self.reader.report(Cause::MissingKey, self.span.clone(), message, format!("add `{key} = ..`"));
        }
        value
    }

    /// The value that `read` makes of a key, with the place of the key.
    pub fn key<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Reader<'_>, &Value<'_>) -> Option<T>,
    ) -> Option<Located<T>> {
        let value = read(self.reader, self.get(key)?)?;
        Some(Located { value, site: self.key_site(key) })
    }

    pub fn string(&mut self, key: &'static str) -> Option<Located<String>> {
        let value = self.get(key)?;
        self.located(value)
    }

    pub fn required_string(&mut self, key: &'static str) -> Option<Located<String>> {
        let value = self.required(key)?;
        self.located(value)
    }

    pub fn strings(&mut self, key: &'static str) -> Option<List<String>> {
        self.list(key, |reader, value| reader.string(value))
    }

    pub fn required_strings(&mut self, key: &'static str) -> Option<List<String>> {
        self.required(key)?;
        self.strings(key)
    }

    /// A list of what `read` makes of each item; one string may stand for a list of one.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Reader<'_>, &Value<'_>) -> Option<T>,
    ) -> Option<List<T>> {
        let value = self.get(key)?;
        let item = |item: &Value<'_>| {
            let site = self.reader.site(item.span());
            read(self.reader, item).map(|value| Located { value, site })
        };
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().filter_map(item).collect(),
            DeValue::String(_) => item(value).into_iter().collect(),
            _ => return self.reader.wrong(value, "a list"),
        };
        Some(List { key: self.key_site(key), items })
    }

    /// The tables of `[[key]]`.
    pub fn sections<T>(
        &mut self,
        key: &'static str,
        name: &'static str,
        read: impl Fn(&mut Section<'_>) -> Option<T>,
    ) -> Vec<T> {
        let list = self.list(key, |reader, value| reader.section(value, name, &read).flatten());
        list.into_iter().flat_map(|list| list.items).map(|item| item.value).collect()
    }

    fn located(&self, value: &Value<'_>) -> Option<Located<String>> {
        let text = self.reader.string(value)?;
        Some(Located { value: text, site: self.reader.site(value.span()) })
    }

    /// The place of a key, or of the section when it has no such key.
    pub fn key_span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or(self.span.clone(), |(key, _)| key.span())
    }

    fn key_site(&self, key: &str) -> Site {
        self.reader.site(self.key_span(key))
    }

    fn report_unknown_keys(&self) {
        for key in self.table.keys().filter(|key| !self.asked.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref();
            let help = match closest(name, self.asked.iter().copied()) {
                Some(known) => format!("write `{known}`"),
                None => format!("delete it, or write one of `{}`", self.asked.join("`, `")),
            };
            let message = format!("unknown key `{name}` in {}", self.name);
            self.reader.report(Cause::UnknownKey, key.span(), message, help);
        }
    }
}

/// The candidate nearest to `word`, unless all are far from it.
pub(crate) fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let distances = candidates.into_iter().map(|candidate| (strsim::osa_distance(word, candidate), candidate));
    let limit = word.chars().count().div_ceil(3);
    distances.filter(|(distance, _)| *distance <= limit).min().map(|(_, candidate)| candidate)
}
