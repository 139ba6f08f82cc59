//! What is written down and sent: the wire forms.
#![expect(clippy::unwrap_used, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use expect_test::expect;
use kernel::{
    AuthenticationError, Authenticator, CausationId, Claims, Clock, Context, CorrelationId, Envelope, EventId,
    Fingerprint, Json, ManualClock, Metadata, Permission, Principal, Priority,
};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

struct Door;

impl Authenticator for Door {
    type Credentials = str;

    fn verify(&self, user: &str) -> Result<Claims, AuthenticationError> {
        Ok(Claims { user: user.into(), permissions: ["shop:enter".to_owned()].into() })
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
