use expect_test::expect;
use kernel::{Error, ErrorKind, Json};
use request::IdempotencyKey;

use crate::shop::Shop;

async fn call(shop: &Shop, name: &str, request: &str) -> Result<String, Error> {
    let request = Json::from_text(request.into()).unwrap();
    shop.requests.call(&shop.cx, name, None, &request).await.map(|answer| answer.text().to_owned())
}

#[tokio::test]
async fn by_name_and_in_json_it_is_the_same_pipeline() {
    let shop = Shop::new();
    assert_eq!(call(&shop, "till.pay-in", r#"{"amount":4}"#).await.unwrap(), "4");
    assert_eq!(call(&shop, "till.pay-in", r#"{"amount":3}"#).await.unwrap_err().message, "/amount: must be even");
    let (key, request) = (IdempotencyKey::try_new("once").unwrap(), Json::from_text(r#"{"amount":4}"#.into()).unwrap());
    for _ in 0..2 {
        let answer = shop.requests.call(&shop.cx, "till.pay-in", Some(&key), &request).await.unwrap();
        assert_eq!(answer.text(), "8");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let shop = Shop::new();
    let cases = [
        ("till.pay-in", r#"{"sum":3}"#),
        ("till.pay-in", r#"{"amount":"four"}"#),
        ("till.pay-in", r#"{"amount":3,"note":"this is longer than the 64 bytes that are taken here"}"#),
        ("till.payin", "{}"),
        ("orders.cancel", "{}"),
    ];
    let mut told = String::new();
    for (name, request) in cases {
        let error = call(&shop, name, request).await.unwrap_err();
        let pointers: Vec<_> = error.fields.iter().map(|field| &*field.pointer).collect();
        told.push_str(&format!("{} {:?} {pointers:?}: {error}\n", error.code(), error.kind));
    }
    expect![[r#"
        request.unreadable Invalid ["/amount", "/sum"]: `till.pay-in` cannot be read from this JSON: /amount: is missing; /sum: there is no such field: there are amount
        request.unreadable Invalid ["/amount"]: `till.pay-in` cannot be read from this JSON: /amount: must be an integer, and is a string
        request.too_large Invalid []: the JSON of `till.pay-in` has 74 bytes, and 64 are taken: hand over large data as a file that the request names, or raise `requests.payload_bytes`
        request.unknown NotFound []: no module here serves `till.payin`: did you mean `till.pay-in`?
        request.unknown NotFound []: no module here serves `orders.cancel`: `borough requests` lists what is served; a module serves a request with `.serves::<R, S>()`
    "#]].assert_eq(&told);
}

#[tokio::test]
async fn what_is_served_is_listed_with_its_schemas() {
    let shop = Shop::new();
    let all = shop.requests.requests();
    let names: Vec<&str> = all.iter().map(|info| info.name).collect();
    assert!(names.is_sorted() && names.len() == 10, "{names:?}");
    let pay_in = all.iter().find(|info| info.name == "till.pay-in").unwrap();
    assert_eq!((pay_in.module, pay_in.service.about, pay_in.service.version), ("till", "takes money", "2"));
    assert_eq!((pay_in.request)().get("required").unwrap(), &serde_json::json!(["amount"]));
    assert_eq!((pay_in.response)().get("type").unwrap(), "integer");
}

#[tokio::test]
async fn before_all_modules_are_there_nobody_is_asked() {
    let shop = Shop::new();
    let closed = request::Requests::closed(
        shop.store.clone(),
        shop.clock.clone(),
        std::sync::Arc::new(kernel::SequentialIds::default()),
        request::Limits::default(),
    )
    .unwrap();
    let error = closed.client().ask(&shop.cx, crate::shop::Balance { amount: 0 }).await.unwrap_err();
    assert!(error.kind == ErrorKind::Internal && error.message.contains("before all modules"), "{error}");
    let client = closed.client();
    drop(closed);
    let error = client.ask(&shop.cx, crate::shop::Balance { amount: 0 }).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Unavailable, "application.ended"));
}
