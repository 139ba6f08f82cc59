use expect_test::expect_file;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::report::{RunReport, fixture};

/// Of what is written, so a key that may be absent is one that is left out.
fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<RunReport>().to_value()
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let schema = serde_json::to_string_pretty(&schema()).unwrap();
    expect_file!["../../../../../docs/schemas/run-report.schema.json"].assert_eq(&(schema + "\n"));
}

#[test]
fn every_run_follows_the_schema() {
    let schema = schema();
    for report in [fixture::complete(), fixture::gate_closed(), fixture::without_target(), fixture::with_columns(3)] {
        let document = serde_json::to_value(&report).unwrap();
        assert_eq!(fault(&schema, &schema, &document), None);
    }
}

#[test]
fn the_schema_refuses_other_documents() {
    let schema = schema();
    let changes: [(&str, Value); 6] = [
        ("/saga/state", json!("done")),
        ("/saga/steps/0/duration_ms", json!(-1)),
        ("/quality/columns/0/type", json!("string")),
        ("/anomalies/0/row", json!("152")),
        ("/model/metrics", json!({"accuracy": 0.5})),
        ("/options/checks/0/rule", json!("sorted")),
    ];
    for (pointer, value) in changes {
        let mut document = serde_json::to_value(fixture::complete()).unwrap();
        *document.pointer_mut(pointer).unwrap() = value;
        let fault = fault(&schema, &schema, &document).unwrap();
        assert!(fault.starts_with('/'), "{pointer}: {fault}");
    }
}

/// The first place where a value does not follow a schema: the part of JSON Schema that ours is written in.
fn fault(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    let Value::Object(keywords) = schema else {
        return (schema != &json!(true)).then(|| ": nothing may stand here".into());
    };
    keywords.iter().find_map(|(keyword, rule)| keyword_fault(root, keyword, rule, value))
}

fn keyword_fault(root: &Value, keyword: &str, rule: &Value, value: &Value) -> Option<String> {
    let wrong = |is_wrong: bool| is_wrong.then(|| format!(": {value} against {keyword} {rule}"));
    let alternatives = || rule.as_array().unwrap().iter().filter(|schema| fault(root, schema, value).is_none()).count();
    match keyword {
        "$ref" => fault(root, root.pointer(&rule.as_str().unwrap()[1..]).unwrap(), value),
        "type" => match rule {
            Value::Array(types) => wrong(!types.iter().any(|name| has_type(name, value))),
            name => wrong(!has_type(name, value)),
        },
        "enum" => wrong(!rule.as_array().unwrap().contains(value)),
        "const" => wrong(rule != value),
        "anyOf" => wrong(alternatives() == 0),
        "oneOf" => wrong(alternatives() != 1),
        "minimum" => wrong(value.as_f64().is_some_and(|number| number < rule.as_f64().unwrap())),
        "required" => {
            let object = value.as_object()?;
            wrong(!rule.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap())))
        }
        "properties" => {
            let properties = rule.as_object().unwrap();
            let mut present = properties.iter().filter_map(|(key, schema)| Some((key, schema, value.get(key)?)));
            present.find_map(|(key, schema, value)| Some(format!("/{key}{}", fault(root, schema, value)?)))
        }
        "items" => {
            let mut items = value.as_array()?.iter().enumerate();
            items.find_map(|(index, value)| Some(format!("/{index}{}", fault(root, rule, value)?)))
        }
        "$schema" | "$defs" | "title" | "description" | "default" | "format" => None,
        other => panic!("this test does not know the keyword {other}"),
    }
}

fn has_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("this test does not know the type {other}"),
    }
}
