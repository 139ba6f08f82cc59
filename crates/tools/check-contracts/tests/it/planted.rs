//! Every field and every value of the messages that there are is spoilt in every way, one at a time, and must be found.

use contracts::{Side, What, changes, declared};
use serde_json::{Value, json};

use crate::breaking;

/// Every schema of every message.
fn schemas() -> Vec<(String, Value)> {
    let both = |contract: kernel::Contract| {
        let schema = |part: &str, schema: schemars::Schema| (format!("{} {part}", contract.name), schema.to_value());
        [schema("read", contract.read.clone()), schema("written", contract.written.clone())]
    };
    declared().into_iter().flat_map(both).collect()
}

/// JSON pointers of all schemas of objects in a document.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if map.get("properties").is_some_and(Value::is_object) {
                found.push(at.to_owned());
            }
            map.iter().for_each(|(name, value)| objects(value, &format!("{at}/{name}"), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(place, value)| objects(value, &format!("{at}/{place}"), found));
        }
        _ => {}
    }
}

/// Another one of the same kind.
fn retyped(schema: &Value) -> Value {
    if schema.get("type") == Some(&json!("boolean")) {
        json!({ "type": "string" })
    } else {
        json!({ "type": "boolean" })
    }
}

#[test]
fn nothing_has_changed_in_what_is_the_same() {
    for (name, schema) in schemas() {
        assert_eq!(changes(&schema, &schema), Ok(Vec::new()), "{name}");
    }
}

#[test]
fn a_spoilt_field_is_found_wherever_it_is() {
    let mut planted = 0;
    for (name, before) in schemas() {
        let mut places = Vec::new();
        objects(&before, "", &mut places);
        for place in places {
            let fields = before.pointer(&place).unwrap()["properties"].as_object().unwrap().clone();
            // The tag of a variant is what tells it from the others.
            for (field, schema) in fields.iter().filter(|(_, schema)| schema.get("const").is_none()) {
                for (after, sides, expected) in spoilt(&before, &place, field, schema) {
                    for side in [Side::Read, Side::Written] {
                        let found = breaking(side, &before, &after);
                        let at_field = |what: &What, pointer: &str| {
                            what.name() == expected
                                && (pointer.ends_with(&format!("/{field}")) || expected == "new-required-field")
                        };
                        let is_found = found.iter().any(|change| at_field(&change.what, &change.pointer));
                        let must = sides.contains(&side);
                        assert_eq!(is_found, must, "{name} {place} `{field}` {expected} for {side:?}: {found:?}");
                    }
                    planted += 1;
                }
            }
        }
    }
    assert!(planted > 1000, "{planted} in all");
}

type Spoilt = (Value, &'static [Side], &'static str);

fn spoilt(before: &Value, place: &str, field: &str, schema: &Value) -> Vec<Spoilt> {
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut after = before.clone();
        edit(after.pointer_mut(place).unwrap());
        after
    };
    let require = |object: &mut Value, field: &str| {
        let required = object.as_object_mut().unwrap().entry("required").or_insert_with(|| json!([]));
        required.as_array_mut().unwrap().push(json!(field));
    };
    let is_required = before.pointer(place).unwrap()["required"]
        .as_array()
        .is_some_and(|required| required.iter().any(|name| name == field));
    let unrequire = |object: &mut Value| {
        if let Some(required) = object.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| name != field);
        }
    };
    let removed = edited(&|object| {
        object["properties"].as_object_mut().unwrap().remove(field);
        unrequire(object);
    });
    let new = edited(&|object| {
        object["properties"]["planted"] = json!({ "type": "string" });
        require(object, "planted");
    });
    let other = edited(&|object| object["properties"][field] = retyped(schema));
    let turned = if is_required {
        (edited(&unrequire), &[Side::Written] as &[Side], "optional-field")
    } else {
        (edited(&|object| require(object, field)), &[Side::Read] as &[Side], "required-field")
    };
    let mut all = vec![
        (removed, &[Side::Read, Side::Written] as &[Side], "removed-field"),
        (new, &[Side::Read], "new-required-field"),
        turned,
    ];
    // Of a value that may be anything there is no type that would be another one for whoever reads it.
    if schema.as_object().is_some_and(|schema| schema.contains_key("type") || schema.contains_key("$ref")) {
        let is_nullable = schema["type"].is_array();
        let is_flag = schema["type"] == "boolean" || !is_nullable;
        if is_flag {
            all.push((other, &[Side::Read, Side::Written], "retyped"));
        }
    }
    all
}

#[test]
fn a_spoilt_value_is_found_wherever_it_is() {
    let mut planted = 0;
    for (name, before) in schemas() {
        let mut places = Vec::new();
        constants(&before, "", &mut places);
        for place in places {
            let mut after = before.clone();
            *after.pointer_mut(&place).unwrap() = json!("planted");
            for side in [Side::Read, Side::Written] {
                let found = breaking(side, &before, &after);
                let expected = match side {
                    Side::Read => ["removed-value", "removed-variant"],
                    Side::Written => ["added-value", "added-variant"],
                };
                let is_found = found.iter().any(|change| expected.contains(&change.what.name()));
                assert!(is_found, "{name} {place} for {side:?}: {found:?}");
            }
            planted += 1;
        }
    }
    assert!(planted > 100, "{planted} in all");
}

/// JSON pointers of all values that are named one by one.
fn constants(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if map.contains_key("const") {
                found.push(format!("{at}/const"));
            }
            map.iter().for_each(|(name, value)| constants(value, &format!("{at}/{name}"), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(place, value)| constants(value, &format!("{at}/{place}"), found));
        }
        _ => {}
    }
}
