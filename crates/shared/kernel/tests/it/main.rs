//! What is written down and sent: the wire forms.
#![expect(clippy::unwrap_used, reason = "tests")]

mod traceparent;
mod upcasting;

use chrono::{DateTime, TimeDelta, Utc};
use expect_test::expect;
use kernel::{
    AuthenticationError, Authenticator, CausationId, Claims, Clock, Context, Contract, ContractKind, CorrelationId,
    Envelope, Error, ErrorKind, Event, EventId, FieldError, Fingerprint, Json, ManualClock, Metadata, Permission,
    Principal, Priority, Problem, Secret,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

struct Door;

impl Authenticator for Door {
    type Credentials = str;

    fn verify(&self, user: &str) -> Result<Claims, AuthenticationError> {
        Ok(Claims::new(user, ["shop:enter".to_owned()]))
    }
}

fn envelope() -> Envelope {
    Envelope {
        event_id: EventId::new(Uuid::from_u128(1)),
        timestamp: DateTime::parse_from_rfc3339("2026-11-21T10:00:00.1234567+01:00").unwrap().to_utc(),
        source_module: "data-quality".into(),
        event_type: "data_quality.check_completed".into(),
        data: Json::of(&json!({ "rows": 3 })).unwrap(),
        metadata: Metadata {
            correlation_id: CorrelationId::new(Uuid::from_u128(2)),
            causation_id: Some(CausationId::new(Uuid::from_u128(3))),
            user_id: "local".into(),
            schema_version: 1,
            key: "k".into(),
            priority: Priority::High,
            position: Some(42),
        },
    }
}

#[test]
fn the_wire_form_of_an_event() {
    expect![[r#"
        {
          "event_id": "00000000-0000-0000-0000-000000000001",
          "timestamp": "2026-11-21T09:00:00.123Z",
          "source_module": "data-quality",
          "event_type": "data_quality.check_completed",
          "data": {"rows":3},
          "metadata": {
            "correlation_id": "00000000-0000-0000-0000-000000000002",
            "causation_id": "00000000-0000-0000-0000-000000000003",
            "user_id": "local",
            "schema_version": 1,
            "key": "k",
            "priority": "high",
            "position": 42
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&envelope()).unwrap());
}

/// Nothing is written as `null`: a field that has no value is not there.
#[test]
fn the_wire_form_of_an_event_without_cause_and_place() {
    let mut envelope = envelope();
    (envelope.metadata.causation_id, envelope.metadata.position) = (None, None);
    envelope.timestamp = DateTime::UNIX_EPOCH;
    envelope.metadata.priority = Priority::Low;
    expect![[r#"
        {
          "event_id": "00000000-0000-0000-0000-000000000001",
          "timestamp": "1970-01-01T00:00:00.000Z",
          "source_module": "data-quality",
          "event_type": "data_quality.check_completed",
          "data": {"rows":3},
          "metadata": {
            "correlation_id": "00000000-0000-0000-0000-000000000002",
            "user_id": "local",
            "schema_version": 1,
            "key": "k",
            "priority": "low"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&envelope).unwrap());
}

/// What a later program adds to the envelope does not keep this one from reading it; what it leaves out does.
#[test]
fn an_envelope_of_another_program_is_read() {
    let written = serde_json::to_value(envelope()).unwrap();
    let mut later = written.clone();
    later["metadata"]["tenant"] = json!("north");
    later["signature"] = json!("none");
    later["timestamp"] = json!("2026-11-21T10:00:00+01:00");
    let read: Envelope = serde_json::from_value(later).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap()["timestamp"], json!("2026-11-21T09:00:00.000Z"));
    for field in ["correlation_id", "user_id", "schema_version", "key", "priority"] {
        let mut less = written.clone();
        less["metadata"].as_object_mut().unwrap().remove(field).unwrap();
        assert!(serde_json::from_value::<Envelope>(less).is_err(), "{field}");
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Arrived {
    train: String,
    #[serde(default)]
    late: u32,
}

impl Event for Arrived {
    const NAME: &'static str = "station.arrived";
    const VERSION: u32 = 3;
    const PRIORITY: Priority = Priority::Critical;

    fn key(&self) -> String {
        self.train.clone()
    }
}

/// A field with a default: always written, and not asked of those who wrote before there was one.
#[test]
fn a_contract_tells_what_is_written_from_what_is_read() {
    let contract = Contract::of_event::<Arrived>();
    let kind = ContractKind::Event { version: 3, priority: Priority::Critical };
    assert_eq!((contract.name, contract.type_name, contract.kind), ("station.arrived", "it::Arrived", kind));
    assert_eq!(contract.written.get("required"), Some(&json!(["train", "late"])));
    assert_eq!(contract.read.get("required"), Some(&json!(["train"])));
    assert_eq!(contract.unread, [1, 2], "nobody has said how they are read");
}

#[test]
fn an_event_is_read_back_as_it_was_written_with_or_without_what_may_be_absent() {
    let mut envelope = envelope();
    envelope.timestamp = DateTime::UNIX_EPOCH;
    for (causation_id, position) in [(envelope.metadata.causation_id, Some(42)), (None, None)] {
        envelope.metadata.causation_id = causation_id;
        envelope.metadata.position = position;
        let text = serde_json::to_string(&envelope).unwrap();
        assert_eq!(serde_json::from_str::<Envelope>(&text).unwrap(), envelope);
    }
}

#[test]
fn a_fingerprint_is_a_digest_and_nothing_else() {
    let empty = Fingerprint::of(b"");
    assert_eq!(empty.as_str(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!((empty.short(), empty.hex().len()), ("e3b0c44298fc", 64));
    assert_eq!(serde_json::from_value::<Fingerprint>(json!(empty.as_str())).unwrap(), empty);
    for wrong in
        ["", "sha256:", "sha256:E3", &empty.as_str().to_uppercase(), &format!("{empty}0"), &empty.as_str()[1..]]
    {
        assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        assert!(serde_json::from_value::<Fingerprint>(json!(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn a_principal_has_what_its_authenticator_vouches_for() {
    let anna = Principal::authenticate(&Door, "anna").unwrap();
    assert_eq!(anna.user(), "anna");
    assert!(anna.may(Permission::new("shop:enter")));
    assert!(!anna.may(Permission::new("shop:close")));
    assert!(Principal::authenticate(&Door, "").is_err(), "a user has a name");
}

#[test]
fn a_deadline_is_cut_and_never_extended() {
    let at = |seconds| DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(seconds);
    let anna = Arc::new(Principal::authenticate(&Door, "anna").unwrap());
    let cx = Context::new(anna, CorrelationId::new(Uuid::nil()));
    assert_eq!(cx.deadline(), None);
    assert_eq!(cx.clone().until(at(5)).until(at(9)).deadline(), Some(at(5)));
    assert_eq!(cx.until(at(5)).until(at(1)).deadline(), Some(at(1)));
}

#[test]
fn what_an_event_sets_off_is_of_the_same_work_and_caused_by_it() {
    let anna = Arc::new(Principal::authenticate(&Door, "anna").unwrap());
    let cx = Context::new(anna, CorrelationId::new(Uuid::nil())).caused_by(&envelope());
    assert_eq!(cx.correlation(), envelope().metadata.correlation_id);
    assert_eq!(cx.causation().map(CausationId::uuid), Some(Uuid::from_u128(1)));
}

#[test]
fn a_manual_clock_moves_when_it_is_told_to() {
    let clock = ManualClock::default();
    clock.advance(TimeDelta::seconds(3));
    assert_eq!((clock.now(), clock.now()), (DateTime::UNIX_EPOCH + TimeDelta::seconds(3), clock.now()));
}

#[test]
fn names_that_no_permission_has() {
    for (name, said) in [("", "needs a name"), (" : ", "`domain:verb`"), ("orders:", "`domain:verb`")] {
        let panic = std::panic::catch_unwind(|| Permission::new(name)).unwrap_err();
        let message = panic.downcast_ref::<&str>().unwrap();
        assert!(message.contains(said), "{name:?}: {message}");
    }
}

#[test]
fn shapes_that_must_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}

#[test]
fn an_error_as_a_problem() {
    let error =
        Error::invalid_fields(vec![FieldError { pointer: "/amount".into(), message: "must be above 0".into() }])
            .with_code("till.amount")
            .with_detail("row 3 of table tills");
    let problem = serde_json::to_string_pretty(&Problem::from(&error)).unwrap();
    expect![[r#"
        {
          "type": "urn:borough:problem:till.amount",
          "title": "The input is wrong",
          "status": 400,
          "detail": "/amount: must be above 0",
          "code": "till.amount",
          "errors": [
            {
              "pointer": "/amount",
              "message": "must be above 0"
            }
          ]
        }"#]]
    .assert_eq(&problem);
    let busy = Error::new(ErrorKind::Unavailable, "busy").with_retry_after(Duration::from_millis(1500));
    let problem = Problem::from(&busy);
    assert_eq!((problem.status, problem.code.as_str(), problem.retry_after), (503, "unavailable", Some(1.5)));
    // Whoever it was: somebody else, or the caller with a key that was used.
    let reused = Error::new(ErrorKind::Conflict, "used").with_code("request.key_reused");
    assert_eq!(Problem::from(&reused).title, "In conflict with what was done before");
}

/// Errors are kept in journals and sent between processes: what is for the log only stays behind.
#[test]
fn an_error_survives_being_written_down() {
    let error = Error::new(ErrorKind::Unavailable, "busy").with_code("request.stopped").with_detail("secret");
    let error = error.with_retry_after(Duration::from_secs(2));
    let text = serde_json::to_string(&error).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let mut kept = error;
    kept.detail = None;
    assert_eq!(serde_json::from_str::<Error>(&text).unwrap(), kept);
    let old = serde_json::from_str::<Error>(r#"{"kind":"denied","message":"no"}"#).unwrap();
    assert_eq!(old.code(), "denied");
    assert!(serde_json::from_str::<Error>(r#"{"kind":"denied","message":"no","retry_after":-1.0}"#).is_err());
}

#[test]
fn a_secret_does_not_show() {
    let secret: Secret<String> = serde_json::from_str("\"open sesame\"").unwrap();
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    assert_eq!(secret.expose(), "open sesame");
}

/// Of another type than it should be, it does not show either.
#[test]
fn a_secret_that_cannot_be_read_does_not_show() {
    for given in ["\"hunter2\"", "{\"pin\": \"hunter2\"}"] {
        let error = serde_json::from_str::<Secret<u64>>(given).unwrap_err().to_string();
        assert!(!error.contains("hunter2") && error.contains("the secret is no u64"), "{error}");
    }
}

#[test]
fn the_chain_of_requests() {
    let cx =
        Context::new(Arc::new(Principal::authenticate(&Door, "anna").unwrap()), CorrelationId::new(Uuid::from_u128(2)));
    assert_eq!(cx.asked(), None);
    let inner = cx.serving("till", "till.pay-in").serving("users", "users.get");
    let chain: Vec<&str> = inner.asked().unwrap().chain().map(|asked| asked.request).collect();
    assert_eq!(chain, ["users.get", "till.pay-in"]);
    assert_eq!(inner.caused_by(&envelope()).asked(), None, "an event is asked for by nobody");
    assert_eq!(inner.clone().for_purpose("billing").purpose(), Some("billing"));
}
