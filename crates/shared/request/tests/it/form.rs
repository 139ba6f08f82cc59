//! JSON of a request that is called by name: held to the schema, as far as types say.

use std::collections::{BTreeMap, HashMap};

use expect_test::expect;
use kernel::{Access, Json, Request, RequestKind};
use request::{Call, Limits, Requests, Tower};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::shop::Shop;

/// One field of every shape.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Order {
    customer: Customer,
    #[serde(default)]
    lines: Vec<Line>,
    billing: Option<Customer>,
    #[serde(default)]
    colour: Colour,
    shape: Option<Shape>,
    /// Free keys, each with a line.
    #[serde(default)]
    extras: BTreeMap<String, Line>,
    #[serde(default)]
    anything: Value,
    at: Option<(f64, f64)>,
    amount: Option<Amount>,
    huge: Option<u128>,
    within: Option<Box<Order>>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Customer {
    name: String,
    #[serde(default)]
    age: u8,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Line {
    #[serde(default)]
    note: Option<String>,
    #[serde(flatten)]
    rule: Rule,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "kebab-case")]
enum Rule {
    NotNull { column: String },
    Range { column: String, min: Option<f64> },
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Colour {
    /// As the sky.
    #[default]
    Blue,
    Red,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
enum Shape {
    Point,
    Circle { radius: f64 },
    Square(f64),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Amount {
    Pieces(u32),
    Weight { grams: f64 },
}

/// A request whose other fields are whatever the caller has.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Note {
    title: String,
    #[serde(flatten)]
    more: HashMap<String, u32>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Nothing {}

macro_rules! request {
    ($name:ident, $wire:literal) => {
        impl Request for $name {
            type Response = $name;
            const NAME: &'static str = $wire;
            const KIND: RequestKind = RequestKind::Query;
            const ACCESS: Access = Access::Public { reason: "a test" };
        }
    };
}

request!(Order, "shop.order");
request!(Note, "shop.note");
request!(Nothing, "shop.nothing");

/// Services that answer with what they were asked.
fn shop() -> Requests {
    let shop = Shop::limited_with(Limits::default(), |table| {
        table.serve("shop", Tower(tower::service_fn(async |call: Call<Order>| Ok(call.request))));
        table.serve("shop", Tower(tower::service_fn(async |call: Call<Note>| Ok(call.request))));
        table.serve("shop", Tower(tower::service_fn(async |call: Call<Nothing>| Ok(call.request))));
    });
    shop.requests
}

async fn call(requests: &Requests, name: &str, request: &Value) -> String {
    let answer = requests.call(&testing::context(&[]), name, None, &Json::of(request).unwrap()).await;
    match answer {
        Ok(_) => "fine\n".into(),
        Err(error) => {
            assert_eq!(error.code(), "request.unreadable", "{error}");
            error.fields.iter().map(|field| format!("{:?}: {}\n", field.pointer, field.message)).collect()
        }
    }
}

fn order(more: Value) -> Value {
    let mut order = json!({ "customer": { "name": "Ida" } });
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    order
}

#[tokio::test]
async fn whatever_a_type_can_be_is_read() {
    let requests = shop();
    let whole = json!({
        "lines": [{ "rule": "not-null", "column": "a" }, { "rule": "range", "column": "a", "min": 1, "note": null }],
        "billing": { "name": "Bo", "age": 4 }, "colour": "red", "shape": { "Circle": { "radius": 2 } },
        "extras": { "gift/wrap": { "rule": "not-null", "column": "a" } }, "anything": { "at": ["all"] }, "at": [1, 2.5],
        "amount": { "grams": 3 }, "huge": 5_000_000_000_u64, "within": { "customer": { "name": "Al" } },
    });
    for given in [
        whole,
        json!({}),
        json!({ "shape": "Point", "amount": 3 }),
        json!({ "shape": { "Square": 2 }, "billing": null }),
    ] {
        assert_eq!(call(&requests, Order::NAME, &order(given.clone())).await, "fine\n", "{given}");
    }
    let beyond = Json::from_text(format!(r#"{{"customer":{{"name":"Ida"}},"huge":{}}}"#, u128::MAX)).unwrap();
    requests.call(&testing::context(&[]), Order::NAME, None, &beyond).await.unwrap();
    assert_eq!(call(&requests, Note::NAME, &json!({ "title": "a", "pages": 3 })).await, "fine\n");
    assert_eq!(call(&requests, Nothing::NAME, &json!({})).await, "fine\n");
}

#[tokio::test]
async fn every_field_that_is_missing_mistyped_or_unknown_is_named_at_once() {
    let requests = shop();
    let cases = [
        (Order::NAME, json!({})),
        (Order::NAME, json!([{ "name": "Ida" }, []])),
        (Order::NAME, json!({ "customer": { "nam": "Ida", "age": "old" }, "lnies": [], "colour": 3 })),
        (Order::NAME, order(json!({ "customer": ["Ida", 3], "billing": { "name": "Bo", "agee": 3 } }))),
        (Order::NAME, order(json!({ "lines": [{ "rule": "not-null", "column": "a", "min": 3, "not": "x" }] }))),
        (
            Order::NAME,
            order(json!({ "lines": [{ "rule": "not-nul", "column": "a" }, { "rule": "range" }, { "column": "a" }] })),
        ),
        (Order::NAME, order(json!({ "colour": "rde", "shape": { "Circle": { "radius": "2", "r": 2 } } }))),
        (Order::NAME, order(json!({ "shape": { "Triangle": 3 }, "amount": "some" }))),
        (Order::NAME, order(json!({ "extras": { "gift/wrap": { "rule": "not-null" }, "b": 3 }, "at": [1, "2"] }))),
        (Order::NAME, order(json!({ "within": { "customer": { "name": "Al" }, "within": { "lines": 3 } } }))),
        (Order::NAME, json!({ "customer": { "name": "Ida", "age": 300 } })),
        (Note::NAME, json!({ "titel": 3, "pages": "three" })),
        (Nothing::NAME, json!({ "a": 1 })),
        (Nothing::NAME, json!("open sesame")),
    ];
    let mut told = String::new();
    for (name, given) in cases {
        told.push_str(&format!("{given}\n{}\n", call(&requests, name, &given).await));
    }
    expect![[r#"
        {}
        "/customer": is missing

        [{"name":"Ida"},[]]
        "": must be an object, and is an array

        {"colour":3,"customer":{"age":"old","nam":"Ida"},"lnies":[]}
        "/colour": must be "blue" or "red", and is a number
        "/customer/name": is missing
        "/customer/age": must be an integer, and is a string
        "/customer/nam": there is no such field: did you mean `name`?
        "/lnies": there is no such field: did you mean `lines`?

        {"billing":{"agee":3,"name":"Bo"},"customer":["Ida",3]}
        "/billing/agee": there is no such field: did you mean `age`?
        "/customer": must be an object, and is an array

        {"customer":{"name":"Ida"},"lines":[{"column":"a","min":3,"not":"x","rule":"not-null"}]}
        "/lines/0/min": there is no such field: there are column, note, rule
        "/lines/0/not": there is no such field: did you mean `note`?

        {"customer":{"name":"Ida"},"lines":[{"column":"a","rule":"not-nul"},{"rule":"range"},{"column":"a"}]}
        "/lines/0/rule": must be "not-null" or "range"
        "/lines/1/column": is missing

        {"colour":"rde","customer":{"name":"Ida"},"shape":{"Circle":{"r":2,"radius":"2"}}}
        "/colour": must be "blue" or "red"
        "/shape/Circle/radius": must be a number, and is a string
        "/shape/Circle/r": there is no such field: there are radius

        {"amount":"some","customer":{"name":"Ida"},"shape":{"Triangle":3}}
        "/amount": must be an integer or an object or null, and is a string

        {"at":[1,"2"],"customer":{"name":"Ida"},"extras":{"b":3,"gift/wrap":{"rule":"not-null"}}}
        "/at/1": must be a number, and is a string
        "/extras/b": must be an object, and is a number
        "/extras/gift~1wrap/column": is missing

        {"customer":{"name":"Ida"},"within":{"customer":{"name":"Al"},"within":{"lines":3}}}
        "/within/within/customer": is missing
        "/within/within/lines": must be an array, and is a number

        {"customer":{"age":300,"name":"Ida"}}
        "/customer/age": invalid value: integer `300`, expected u8 at line 1 column 22

        {"pages":"three","titel":3}
        "/title": is missing
        "/pages": must be an integer, and is a string

        {"a":1}
        "/a": there is no such field: leave it out

        "open sesame"
        "": must be an object, and is a string

    "#]]
    .assert_eq(&told);
}
