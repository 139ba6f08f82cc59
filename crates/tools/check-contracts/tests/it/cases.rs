//! Pairs of schemas, and whom the step from the first to the second breaks.

use contracts::{Side, changes};
use serde_json::{Value, json};

use crate::breaking;

/// Whom a change breaks: those who write the message, those who read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Nobody,
    Writers,
    Readers,
    Both,
}

use Broken::{Both, Nobody, Readers, Writers};

/// Before, after, whom it breaks, and the change at its pointer where it breaks anybody.
fn check(name: &str, before: &Value, after: &Value, broken: Broken, expected: &str) {
    let (read, written) = (breaking(Side::Read, before, after), breaking(Side::Written, before, after));
    let found = match (read.is_empty(), written.is_empty()) {
        (true, true) => Nobody,
        (false, true) => Writers,
        (true, false) => Readers,
        (false, false) => Both,
    };
    assert_eq!(found, broken, "{name}: {read:?} {written:?}");
    let mut said: Vec<String> = Vec::new();
    for change in read.iter().chain(&written) {
        let line = format!("{} {}", change.pointer, change.what);
        if !said.contains(&line) {
            said.push(line);
        }
    }
    assert_eq!(said.join("; "), expected, "{name}");
}

/// And back: what breaks the one end one way breaks the other end the other way.
fn check_both_ways(name: &str, before: &Value, after: &Value, broken: Broken, expected: &str) {
    check(name, before, after, broken, expected);
    let back = match broken {
        Nobody => Nobody,
        Writers => Readers,
        Readers => Writers,
        Both => Both,
    };
    let one_end = |side, before, after| !breaking(side, before, after).is_empty();
    let found = match (one_end(Side::Read, after, before), one_end(Side::Written, after, before)) {
        (false, false) => Nobody,
        (true, false) => Writers,
        (false, true) => Readers,
        (true, true) => Both,
    };
    assert_eq!(found, back, "{name}, back");
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

/// An object with one field `a`.
fn of(schema: Value) -> Value {
    object(json!({ "a": schema }), &["a"])
}

#[test]
fn fields() {
    let a = json!({ "type": "string" });
    let with = |required: &[&str]| object(json!({ "a": a, "b": { "type": "integer" } }), required);
    let one = object(json!({ "a": a }), &["a"]);
    check("removed", &with(&["a"]), &one, Both, "/b was removed");
    check("removed, required", &with(&["a", "b"]), &one, Both, "/b was removed");
    check("added, optional", &one, &with(&["a"]), Nobody, "");
    check("added, required", &one, &with(&["a", "b"]), Writers, "/b is new and required");
    check("required", &with(&["a"]), &with(&["a", "b"]), Writers, "/b was optional and is required");
    check("optional", &with(&["a", "b"]), &with(&["a"]), Readers, "/b was always there and may be absent");
    let renamed = object(json!({ "c": a }), &["c"]);
    check("renamed", &one, &renamed, Both, "/a was removed; /c is new and required");
    let odd = |name: &str| object(json!({ name: a }), &[]);
    check("a name with a slash", &odd("x/y~z"), &odd("z"), Both, "/x~1y~0z was removed");
}

#[test]
fn objects_that_let_no_others_in() {
    let closed =
        |properties: Value| json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let (one, two) = (json!({ "a": { "type": "string" } }), json!({ "a": { "type": "string" }, "b": true }));
    check("added", &closed(one.clone()), &closed(two), Readers, "/b is new where no such field was allowed");
    let open = object(one.clone(), &[]);
    check_both_ways("closed", &open, &closed(one), Writers, "/* was anything and is nothing at all");
    let map = |schema: Value| json!({ "type": "object", "additionalProperties": schema });
    let (whole, text) = (map(json!({ "type": "integer" })), map(json!({ "type": "string" })));
    check_both_ways("a map", &whole, &text, Both, "/* was a number and is a text");
    let named = json!({ "type": "object", "properties": { "b": { "type": "string" } }, "additionalProperties": { "type": "integer" } });
    check("a field in a map", &whole, &named, Both, "/b was a number and is a text");
}

#[test]
fn types() {
    for (before, after, broken, expected) in [
        (json!({ "type": "string" }), json!({ "type": "integer" }), Both, "/a was a text and is a number"),
        (json!({ "type": "integer" }), json!({ "type": "number" }), Readers, "/a was an integer and is a number"),
        (json!({ "type": "string" }), json!({ "type": ["string", "null"] }), Readers, "/a may now be null"),
        (json!({ "type": "string" }), json!(true), Readers, "/a was a text and is anything"),
        (json!({ "type": "boolean" }), json!({ "type": ["boolean", "string"] }), Readers, "/a may now be a text"),
        (json!({ "type": "array" }), json!({ "type": "object" }), Both, "/a was an array and is an object"),
        (
            json!({ "type": "string" }),
            json!({ "type": "string", "enum": ["x", "y"] }),
            Writers,
            "/a was a text and is one of \"x\", \"y\"",
        ),
    ] {
        check_both_ways(&format!("{before} {after}"), &of(before.clone()), &of(after.clone()), broken, expected);
    }
}

#[test]
fn constraints() {
    let number = |more: Value| merged(json!({ "type": "number" }), more);
    let whole = |more: Value| merged(json!({ "type": "integer" }), more);
    let text = |more: Value| merged(json!({ "type": "string" }), more);
    let list = |more: Value| merged(json!({ "type": "array", "items": true }), more);
    let map = |more: Value| merged(json!({ "type": "object" }), more);
    for (before, after, broken, expected) in [
        (number(json!({})), number(json!({ "minimum": 1 })), Writers, "/a `minimum` was none, is 1"),
        (number(json!({ "minimum": 1.5 })), number(json!({ "minimum": 2 })), Writers, "/a `minimum` was 1.5, is 2"),
        (number(json!({ "minimum": 0.0 })), number(json!({ "minimum": 0 })), Nobody, ""),
        (number(json!({ "maximum": 2 })), number(json!({ "maximum": 1 })), Writers, "/a `maximum` was 2, is 1"),
        (
            number(json!({ "exclusiveMinimum": 1 })),
            number(json!({ "exclusiveMinimum": 2 })),
            Writers,
            "/a `exclusiveMinimum` was 1, is 2",
        ),
        (
            number(json!({ "exclusiveMaximum": 2 })),
            number(json!({ "exclusiveMaximum": 1 })),
            Writers,
            "/a `exclusiveMaximum` was 2, is 1",
        ),
        (number(json!({ "multipleOf": 2 })), number(json!({ "multipleOf": 3 })), Both, "/a `multipleOf` was 2, is 3"),
        (
            number(json!({ "format": "double" })),
            number(json!({ "format": "float" })),
            Writers,
            "/a `format` was \"double\", is \"float\"",
        ),
        (number(json!({ "format": "double" })), number(json!({})), Nobody, ""),
        (
            whole(json!({ "format": "uint64", "minimum": 0 })),
            whole(json!({ "format": "uint32", "minimum": 0 })),
            Writers,
            "/a `maximum` was 18446744073709551615, is 4294967295",
        ),
        (
            whole(json!({ "format": "int64" })),
            whole(json!({ "format": "uint64", "minimum": 0 })),
            Both,
            "/a `minimum` was -9223372036854775808, is 0; /a `maximum` was 9223372036854775807, is 18446744073709551615",
        ),
        (
            whole(json!({ "format": "uint32", "minimum": 0 })),
            whole(json!({ "format": "uint32", "minimum": 1 })),
            Writers,
            "/a `minimum` was 0, is 1",
        ),
        (
            whole(json!({ "format": "uint64", "minimum": 0 })),
            whole(json!({ "format": "uint", "minimum": 0 })),
            Nobody,
            "",
        ),
        (text(json!({ "minLength": 1 })), text(json!({ "minLength": 2 })), Writers, "/a `minLength` was 1, is 2"),
        (text(json!({ "maxLength": 2 })), text(json!({ "maxLength": 1 })), Writers, "/a `maxLength` was 2, is 1"),
        (text(json!({})), text(json!({ "pattern": "x" })), Writers, "/a `pattern` was none, is \"x\""),
        (text(json!({ "pattern": "x" })), text(json!({ "pattern": "y" })), Both, "/a `pattern` was \"x\", is \"y\""),
        (text(json!({})), text(json!({ "format": "uuid" })), Writers, "/a `format` was none, is \"uuid\""),
        (
            text(json!({ "format": "uuid" })),
            text(json!({ "format": "date-time" })),
            Both,
            "/a `format` was \"uuid\", is \"date-time\"",
        ),
        (list(json!({})), list(json!({ "minItems": 1 })), Writers, "/a `minItems` was none, is 1"),
        (list(json!({ "maxItems": 3 })), list(json!({ "maxItems": 2 })), Writers, "/a `maxItems` was 3, is 2"),
        (list(json!({})), list(json!({ "uniqueItems": true })), Writers, "/a `uniqueItems` was none, is true"),
        (list(json!({})), list(json!({ "uniqueItems": false })), Nobody, ""),
        (map(json!({})), map(json!({ "minProperties": 1 })), Writers, "/a `minProperties` was none, is 1"),
        (map(json!({})), map(json!({ "maxProperties": 1 })), Writers, "/a `maxProperties` was none, is 1"),
    ] {
        check_both_ways(&format!("{before} {after}"), &of(before.clone()), &of(after.clone()), broken, expected);
    }
}

fn merged(mut schema: Value, more: Value) -> Value {
    schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    schema
}

#[test]
fn lists() {
    let list = |items: Value| of(json!({ "type": "array", "items": items }));
    let (text, flag) = (json!({ "type": "string" }), json!({ "type": "boolean" }));
    check_both_ways("items", &list(text.clone()), &list(flag.clone()), Both, "/a/* was a text and is a boolean");
    check_both_ways(
        "of anything",
        &of(json!({ "type": "array" })),
        &list(text.clone()),
        Writers,
        "/a/* was anything and is a text",
    );
    let tuple = |items: &[&Value]| of(json!({ "type": "array", "prefixItems": items }));
    check_both_ways(
        "a place of a tuple",
        &tuple(&[&text, &text]),
        &tuple(&[&text, &flag]),
        Both,
        "/a/1 was a text and is a boolean",
    );
    check_both_ways(
        "a longer tuple",
        &tuple(&[&text]),
        &tuple(&[&text, &flag]),
        Both,
        "/a was a list of 1 and more and is a list of 2 and more",
    );
    let objects = |properties: Value| list(object(properties, &[]));
    check("fields", &objects(json!({ "b": text })), &objects(json!({})), Both, "/a/*/b was removed");
}

#[test]
fn enums() {
    let short = |values: &[&str]| of(json!({ "type": "string", "enum": values }));
    let long = |values: &[&str]| {
        let each = values.iter().map(|value| json!({ "type": "string", "const": value, "description": "said" }));
        of(json!({ "oneOf": each.collect::<Vec<_>>() }))
    };
    check("documented", &short(&["x", "y"]), &long(&["y", "x"]), Nobody, "");
    for form in [&short as &dyn Fn(&[&str]) -> Value, &long] {
        check_both_ways("grown", &form(&["x"]), &form(&["x", "y"]), Readers, "/a has the new value \"y\"");
        let both = "/a has lost the value \"x\"; /a has the new value \"z\"";
        check_both_ways("renamed", &form(&["x", "y"]), &form(&["z", "y"]), Both, both);
    }
    let variants = |variants: &[(&str, Value)]| {
        let each = variants.iter().map(|(tag, schema)| {
            object(json!({ "kind": { "type": "string", "const": tag }, "b": schema }), &["kind", "b"])
        });
        of(json!({ "oneOf": each.collect::<Vec<_>>() }))
    };
    let (text, flag) = (json!({ "type": "string" }), json!({ "type": "boolean" }));
    let two = variants(&[("x", text.clone()), ("y", flag.clone())]);
    check("in another order", &two, &variants(&[("y", flag.clone()), ("x", text.clone())]), Nobody, "");
    check_both_ways("less", &two, &variants(&[("x", text.clone())]), Writers, "/a may no longer be `kind` \"y\"");
    let other = variants(&[("x", text.clone()), ("y", text.clone())]);
    check_both_ways("a field of a variant", &two, &other, Both, "/a/b was a boolean and is a text");
    let keyed = |keys: &[&str]| {
        let each = keys.iter().map(|key| {
            json!({ "type": "object", "properties": { *key: text }, "required": [key], "additionalProperties": false })
        });
        of(json!({ "oneOf": each.collect::<Vec<_>>() }))
    };
    check_both_ways("named by their field", &keyed(&["x"]), &keyed(&["x", "y"]), Readers, "/a may now be `y`");
    let untagged = |names: &[&str]| {
        let each = names.iter().map(|name| object(json!({ *name: text, "b": text }), &[name]));
        of(json!({ "anyOf": each.collect::<Vec<_>>() }))
    };
    check_both_ways("untagged", &untagged(&["x"]), &untagged(&["x"]), Nobody, "");
    let said = "/a may now be an object with `z`";
    check_both_ways("untagged, grown", &untagged(&["x", "y"]), &untagged(&["x", "y", "z"]), Readers, said);
    let beside = |tags: &[&str]| {
        let each = tags.iter().map(|tag| object(json!({ "kind": { "type": "string", "const": tag } }), &["kind"]));
        merged(of(text.clone()), json!({ "oneOf": each.collect::<Vec<_>>() }))
    };
    check_both_ways("flattened", &beside(&["x"]), &beside(&["x", "y"]), Readers, " may now be `kind` \"y\"");
}

#[test]
fn references() {
    let with = |name: &str, inner: Value| {
        let mut schema = of(json!({ "$ref": format!("#/$defs/{name}"), "description": "said" }));
        schema["$defs"] = json!({ name: inner });
        schema
    };
    let text = json!({ "type": "string" });
    check("the name of a type", &with("One", text.clone()), &with("Two", text.clone()), Nobody, "");
    check("inline", &with("One", text.clone()), &of(text.clone()), Nobody, "");
    check(
        "what it names",
        &with("One", text),
        &with("One", json!({ "type": "null" })),
        Both,
        "/a was a text and is null",
    );
    let tree = |leaf: Value| {
        let node =
            object(json!({ "leaf": leaf, "below": { "type": "array", "items": { "$ref": "#/$defs/Node" } } }), &[]);
        with("Node", node)
    };
    let (before, after) = (tree(json!({ "type": "string" })), tree(json!({ "type": "integer" })));
    check("a type in itself", &before, &after, Both, "/a/leaf was a text and is a number");
    let nullable = |schema: Value| of(json!({ "anyOf": [schema, { "type": "null" }] }));
    let inner = object(json!({ "b": { "type": "string" } }), &["b"]);
    check_both_ways("nullable", &of(inner.clone()), &nullable(inner), Readers, "/a may now be null");
    let mut newtype = with("One", object(json!({ "b": { "type": "string" } }), &["b"]));
    newtype["properties"]["a"] =
        json!({ "type": "object", "properties": { "t": { "const": "x" } }, "$ref": "#/$defs/One" });
    let mut poorer = newtype.clone();
    poorer["$defs"]["One"] = object(json!({}), &[]);
    check("a type beside a tag", &newtype, &poorer, Both, "/a/b was removed");
}

#[test]
fn what_absence_means() {
    let with = |default: Value| object(json!({ "a": { "type": "integer", "default": default } }), &[]);
    let without = object(json!({ "a": { "type": "integer" } }), &[]);
    check("another", &with(json!(1)), &with(json!(2)), Writers, "/a absent it meant 1, now 2");
    check("none", &with(json!(1)), &without, Writers, "/a absent it meant 1, now none");
    check("one", &without, &with(json!(1)), Nobody, "");
    let nullable = |default: Option<Value>| {
        let mut a = json!({ "type": ["string", "null"] });
        default.into_iter().for_each(|default| a["default"] = default);
        object(json!({ "a": a }), &[])
    };
    check("one for null", &nullable(None), &nullable(Some(json!("x"))), Writers, "/a absent it meant null, now \"x\"");
    check("null said", &nullable(None), &nullable(Some(json!(null))), Nobody, "");
    check("null not said", &nullable(Some(json!(null))), &nullable(None), Nobody, "");
    let options = |default: Value| object(json!({ "a": { "type": "object", "default": default } }), &[]);
    check("more of it", &options(json!({ "x": 1 })), &options(json!({ "x": 1, "y": 2 })), Nobody, "");
    let said = "/a absent it meant {\"x\":1}, now {\"x\":2}";
    check("within", &options(json!({ "x": 1 })), &options(json!({ "x": 2 })), Writers, said);
}

#[test]
fn texts_for_people_are_nobodys_promise() {
    let said =
        |text: &str| json!({ "$id": text, "title": text, "description": text, "type": "object", "examples": [text] });
    check("texts", &said("one"), &said("two"), Nobody, "");
}

#[test]
fn what_is_not_known_is_never_passed_over() {
    let known = of(json!({ "type": "string" }));
    for (schema, expected) in [
        (json!({ "not": { "type": "string" } }), "`/a`: the keyword `not`"),
        (json!({ "if": true, "then": false }), "`/a`: the keyword `if`"),
        (json!({ "type": "object", "patternProperties": {} }), "`/a`: the keyword `patternProperties`"),
        (json!({ "type": "text" }), "`/a`: a schema without a type that is known"),
        (json!({ "minimum": 3 }), "`/a`: a schema without a type that is known"),
        (json!({ "enum": 3 }), "`/a`: an `enum` that is no list"),
        (json!({ "const": 3, "enum": [3] }), "`/a`: `const` beside `enum`"),
        (json!({ "oneOf": 3 }), "`/a`: `oneOf` that is no list"),
        (json!({ "properties": [] }), "`/a`: `properties` that are no object"),
        (json!({ "type": "object", "required": "b" }), "`/a`: `required` that is no list of names"),
        (json!({ "$ref": "#/$defs/Gone" }), "`/a`: the reference \"#/$defs/Gone\" leads nowhere in this schema"),
        (json!({ "$ref": "other.json" }), "`/a`: the reference \"other.json\" leads nowhere in this schema"),
        (json!({ "$ref": "#/properties/a" }), "`/a`: a schema that refers to itself"),
        (json!(3), "`/a`: 3 is no schema"),
        (
            json!({ "type": "string", "oneOf": [{ "type": "string" }] }),
            "`/a`: several schemas that must hold at once, and not of objects",
        ),
        (
            json!({ "anyOf": [{ "type": "object", "properties": { "b": true } }, { "type": "object" }] }),
            "`/a`: two alternatives that both are an object, and nothing that tells them apart",
        ),
        (
            json!({ "allOf": [object(json!({ "b": true }), &[]), object(json!({ "b": { "type": "null" } }), &[])] }),
            "`/a`: a field that two parts of the schema describe",
        ),
    ] {
        for (before, after) in [(&known, &of(schema.clone())), (&of(schema.clone()), &known)] {
            let unknown = changes(before, after).expect_err("it is not known");
            assert_eq!(unknown.to_string(), expected, "{schema}");
        }
    }
}
