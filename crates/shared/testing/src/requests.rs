//! How each request refuses: those who may not ask, what cannot be read, and what is wrong, field by field.
//!
//! A table in JSON has a row for every request that is served: its name, a payload that is good, and by JSON pointer into it
//! the values that are of the right form and wrong, `{}` if there are none. [`refusals`] makes the calls of it; whoever has an
//! application makes them and [`Refusal::check`]s what comes back.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Access, Problem};
use request::RequestInfo;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is known of a request that is served: as `borough requests --json` tells it.
#[derive(Debug, Clone, Deserialize)]
pub struct Served {
    /// Wire name of the request.
    pub name: String,
    /// Absent for a public one.
    pub permission: Option<String>,
    /// JSON Schema.
    pub request: Value,
}

impl From<&RequestInfo> for Served {
    fn from(info: &RequestInfo) -> Self {
        let permission = match info.access {
            Access::Requires(permission) => Some(permission.name().to_owned()),
            Access::Public { .. } => None,
        };
        Self { name: info.name.to_owned(), permission, request: (info.request)().to_value() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    request: String,
    good: Value,
    wrong: BTreeMap<String, Value>,
}

/// A call that must be refused.
#[derive(Debug)]
pub struct Refusal {
    /// Wire name of the request.
    pub name: String,
    /// What is sent.
    pub payload: Value,
    /// Whether by somebody who may; otherwise by somebody to whom nothing is granted.
    pub permitted: bool,
    why: Why,
}

#[derive(Debug)]
enum Why {
    NotPermitted,
    /// A field, or the whole, is of another form.
    Unreadable(String),
    /// All of these at once.
    Wrong(BTreeSet<String>),
}

/// The calls of a table: of each request one by somebody who may not, one of nothing at all, one for each field with a value of
/// another form, and one with all that is wrong.
///
/// # Panics
/// If the table has not exactly the requests that are served, or a row names no field of its payload.
pub fn refusals(table: &str, served: &[Served]) -> Vec<Refusal> {
    let mut rows: Vec<Row> = serde_json::from_str(table).expect("a table is JSON of the form that is documented");
    rows.sort_by(|a, b| a.request.cmp(&b.request));
    let tried: Vec<&str> = rows.iter().map(|row| row.request.as_str()).collect();
    let names: Vec<&str> = served.iter().map(|served| served.name.as_str()).collect();
    assert_eq!(tried, names, "the table has a row for each request that is served");
    rows.iter().zip(served).flat_map(|(row, served)| of_one(row, served)).collect()
}

fn of_one(row: &Row, served: &Served) -> Vec<Refusal> {
    let refusal = |payload, permitted, why| Refusal { name: row.request.clone(), payload, permitted, why };
    let with = |payload: &mut Value, pointer: &str, value: Value| {
        let place = payload.pointer_mut(pointer);
        *place.unwrap_or_else(|| panic!("{}: the good payload has no {pointer}", row.request)) = value;
    };
    let mut refusals = Vec::new();
    if served.permission.is_some() {
        refusals.push(refusal(row.good.clone(), false, Why::NotPermitted));
    }
    refusals.push(refusal(json!(null), true, Why::Unreadable(String::new())));
    for (field, schema) in served.request["properties"].as_object().into_iter().flatten() {
        let of_another_form = if schema["type"] == "boolean" { json!(7) } else { json!(true) };
        let (mut payload, pointer) = (row.good.clone(), format!("/{field}"));
        with(&mut payload, &pointer, of_another_form);
        refusals.push(refusal(payload, true, Why::Unreadable(pointer)));
    }
    if !row.wrong.is_empty() {
        let mut payload = row.good.clone();
        row.wrong.iter().for_each(|(pointer, value)| with(&mut payload, pointer, value.clone()));
        refusals.push(refusal(payload, true, Why::Wrong(row.wrong.keys().cloned().collect())));
    }
    refusals
}

impl Refusal {
    /// # Panics
    /// If the problem is another one than it must be.
    pub fn check(&self, problem: &Problem) {
        let pointers: BTreeSet<String> = problem.errors.iter().map(|error| error.pointer.clone()).collect();
        let holds = match &self.why {
            Why::NotPermitted => problem.code == "denied",
            Why::Unreadable(pointer) => {
                let at = pointers.iter().all(|found| found == pointer || found.starts_with(&format!("{pointer}/")));
                problem.code == "request.unreadable" && !pointers.is_empty() && at
            }
            Why::Wrong(wrong) => problem.code == "invalid" && pointers == *wrong,
        };
        assert!(holds, "{self:#?}\nis refused as\n{problem:#?}");
    }
}
