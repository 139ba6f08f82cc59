use std::{fmt::Debug, sync::Arc};

use expect_test::{Expect, expect};
use kernel::{Error, ErrorKind, SystemClock};
use resilience::{
    BreakerOptions, Breakers, Bulkhead, BulkheadOptions, Fallback, FallbackOptions, Retry, RetryBudget,
    RetryBudgetOptions, RetryOptions, Timeout, TimeoutOptions, WindowOptions,
};

fn refused<T>(result: Result<T, Error>, expected: Expect) {
    let Err(error) = result else { panic!("accepted") };
    assert_eq!(error.kind, ErrorKind::Invalid);
    let list: Vec<String> = error.fields.iter().map(|field| format!("{field}\n")).collect();
    expected.assert_eq(&list.concat());
}

fn breakers(window: WindowOptions) -> Result<Breakers, Error> {
    Breakers::try_new(BreakerOptions { window, open_ms: 0, probes: 0, targets: 0 }, Arc::new(SystemClock))
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    refused(
        breakers(WindowOptions::Count { calls: 0, failures: 0 }),
        expect![[r#"
        /window/count/calls: must be 1 or more
        /window/count/failures: must be 1 or more
        /open_ms: must be 1 or more
        /probes: must be 1 or more: without a probe an open breaker never closes
        /targets: must be 1 or more
    "#]],
    );
    refused(
        breakers(WindowOptions::Count { calls: 5, failures: 6 }),
        expect![[r#"
        /window/count/failures: must be at most `calls`, and at most 10000
        /open_ms: must be 1 or more
        /probes: must be 1 or more: without a probe an open breaker never closes
        /targets: must be 1 or more
    "#]],
    );
    refused(
        breakers(WindowOptions::Rate { over_ms: 9, at_least: 0, percent: 101 }),
        expect![[r#"
        /window/rate/over_ms: must be 10 or more: it is divided into tenths
        /window/rate/at_least: must be 1 or more
        /window/rate/percent: must be 1 to 100
        /open_ms: must be 1 or more
        /probes: must be 1 or more: without a probe an open breaker never closes
        /targets: must be 1 or more
    "#]],
    );
    let budget = RetryBudget::try_new(&RetryBudgetOptions::default()).unwrap();
    let retry = RetryOptions { attempts: 0, first_ms: 0, longest_ms: 0 };
    refused(
        Retry::try_new("users", &retry, budget.clone(), 0),
        expect![[r#"
        /attempts: must be 1 or more: the first call is one of them
        /first_ms: must be 1 or more
    "#]],
    );
    let retry = RetryOptions { attempts: 1, first_ms: 10, longest_ms: 19 };
    refused(
        Retry::try_new("users", &retry, budget, 0),
        expect![[r#"
        /longest_ms: must be twice `first_ms` or more: the random part is part of it
    "#]],
    );
    let budget = RetryBudgetOptions { percent: 0, per_second: 1_000_001, window_seconds: 61 };
    refused(
        RetryBudget::try_new(&budget),
        expect![[r#"
        /percent: must be 1 to 100
        /per_second: must be at most 1000000
        /window_seconds: must be 1 to 60
    "#]],
    );
    refused(
        Timeout::try_new("users", &TimeoutOptions { limit_ms: 0 }),
        expect![[r#"
        /limit_ms: must be 1 or more
    "#]],
    );
    refused(
        Bulkhead::try_new("users", BulkheadOptions { concurrent: 0, queue: 1_000_001 }),
        expect![[r#"
        /concurrent: must be 1 to 1000000
        /queue: must be at most 1000000
    "#]],
    );
    refused(
        Fallback::try_new("users", FallbackOptions { on: vec![] }, ()),
        expect![[r#"
        /on: must name an error
    "#]],
    );
    refused(
        Fallback::try_new("users", FallbackOptions { on: vec![ErrorKind::Denied] }, ()),
        expect![[r#"
        /on: must not have `denied`: it would let everybody in
    "#]],
    );
}

#[test]
fn the_defaults_are_right() {
    Breakers::try_new(BreakerOptions::default(), Arc::new(SystemClock)).unwrap();
    let budget = RetryBudget::try_new(&RetryBudgetOptions::default()).unwrap();
    Retry::try_new("users", &RetryOptions::default(), budget, 0).unwrap();
    Timeout::try_new("users", &TimeoutOptions::default()).unwrap();
    Bulkhead::try_new("users", BulkheadOptions::default()).unwrap();
    Fallback::try_new("users", FallbackOptions::default(), ()).unwrap();
}

#[test]
fn options_are_settings() {
    fn both_ways<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug>(options: &T, expected: Expect) {
        let text = serde_json::to_string(options).unwrap();
        expected.assert_eq(&text);
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *options);
        let unknown = text.replacen('{', r#"{"colour":1,"#, 1);
        assert!(serde_json::from_str::<T>(&unknown).is_err(), "{unknown}");
    }
    let rate = WindowOptions::Rate { over_ms: 10_000, at_least: 20, percent: 50 };
    both_ways(
        &BreakerOptions::default(),
        expect![[r#"{"window":{"count":{"calls":20,"failures":10}},"open_ms":10000,"probes":3,"targets":256}"#]],
    );
    both_ways(&rate, expect![[r#"{"rate":{"over_ms":10000,"at_least":20,"percent":50}}"#]]);
    both_ways(&RetryOptions::default(), expect![[r#"{"attempts":3,"first_ms":50,"longest_ms":5000}"#]]);
    both_ways(&RetryBudgetOptions::default(), expect![[r#"{"percent":20,"per_second":10,"window_seconds":10}"#]]);
    both_ways(&TimeoutOptions::default(), expect![[r#"{"limit_ms":30000}"#]]);
    both_ways(&BulkheadOptions::default(), expect![[r#"{"concurrent":64,"queue":256}"#]]);
    both_ways(&FallbackOptions::default(), expect![[r#"{"on":["unavailable"]}"#]]);
}
