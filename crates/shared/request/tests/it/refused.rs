//! What does not get as far as its service, wherever that ends: it was measured, logged and, if it may change anything, audited.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use expect_test::expect;
use kernel::{Access, Json, Permission, Request, RequestKind};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use request::{Call, Tower};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shop::{PayIn, Shop, logged};

/// Keeps counters by their labels.
#[derive(Default)]
struct Counters(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counters {
    fn shown(&self) -> String {
        let counters = self.0.lock().unwrap();
        let counters = counters.iter().map(|(key, value)| (key, value.load(Ordering::Relaxed)));
        counters.filter(|(_, value)| *value > 0).map(|(key, value)| format!("{key}: {value}\n")).collect()
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<&str> = key.labels().map(metrics::Label::value).collect();
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(labels.join(" ")).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Its subject cannot be told.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Odd {}

impl Request for Odd {
    type Response = ();
    const NAME: &'static str = "till.odd";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(Permission::new("till:use"));

    fn subject(&self) -> Option<String> {
        panic!("which till?")
    }
}

#[tokio::test]
async fn whatever_is_refused_is_measured_logged_and_audited() {
    let counters = Counters::default();
    let _recorder = metrics::set_default_local_recorder(&counters);
    let shop = Shop::with(|table| {
        table.serve_elsewhere("stock", "stock.order");
        table.serve::<Odd>("till", Tower(tower::service_fn(async |_: Call<Odd>| Ok(()))));
    });
    shop.requests.states().set("stock", request::ModuleState::Stopped);
    let too_large = format!(r#"{{"amount":4,"note":"{}"}}"#, "x".repeat(64));
    let calls = [
        ("till.pay-in", r#"{"amount":"four"}"#),
        ("till.pay-in", &too_large),
        ("till.balance", "[]"),
        ("till.odd", "{}"),
        ("till.payin", "{}"),
        ("stock.order", "{}"),
    ];
    let codes = logged("code", async {
        for (name, request) in calls {
            let request = Json::from_text(request.into()).unwrap();
            shop.requests.call(&shop.cx, name, None, &request).await.unwrap_err();
        }
    });
    let codes = codes.await;
    let audit = shop.audit().await;
    let audited = audit.iter().map(|record| {
        let (module, request, outcome) = (&record.module, &record.request, record.outcome);
        format!("{module} {request} {outcome:?} {}\n", record.code.as_deref().unwrap_or_default())
    });
    let told = format!(
        "logged: {}\naudited:\n{}measured:\n{}",
        codes.join(" "),
        audited.collect::<String>(),
        counters.shown()
    );
    expect![[r#"
        logged: request.unreadable request.too_large request.unreadable request.panicked request.unknown module.stopped
        audited:
        till till.pay-in Refused request.unreadable
        till till.pay-in Refused request.too_large
        till till.odd Failed request.panicked
        nobody till.payin Refused request.unknown
        stock stock.order Failed module.stopped
        measured:
        nobody unknown not_found: 1
        stock stock.order unavailable: 1
        till till.balance invalid: 1
        till till.odd internal: 1
        till till.pay-in invalid: 2
    "#]]
    .assert_eq(&told);
}

/// Also what is refused for it says on whose behalf, and who is not permitted learns nothing about the form.
#[tokio::test]
async fn who_may_not_send_it_is_refused_before_it_is_read() {
    let shop = Shop::new();
    let request = Json::from_text(r#"{"amount":"four"}"#.into()).unwrap();
    let nobody = testing::context(&[]);
    let error = shop.requests.call(&nobody, PayIn::NAME, None, &request).await.unwrap_err();
    assert_eq!(error.code(), "denied");
    let readable = Json::of(&PayIn { amount: 4 }).unwrap();
    shop.requests.call(&nobody, PayIn::NAME, None, &readable).await.unwrap_err();
    let subjects: Vec<_> = shop.audit().await.into_iter().map(|record| record.subject).collect();
    assert_eq!(subjects, [None, Some("till/main".to_owned())]);
}

#[tokio::test]
async fn a_subject_that_panics_fails_its_request_and_nothing_else() {
    let shop = Shop::with(|table| table.serve::<Odd>("till", Tower(tower::service_fn(async |_: Call<Odd>| Ok(())))));
    let error = shop.requests.ask(&shop.cx, Odd {}).await.unwrap_err();
    assert_eq!((error.code(), error.detail.as_deref()), ("request.panicked", Some("which till?")));
    assert_eq!(shop.audit().await[0].code.as_deref(), Some("request.panicked"));
}
