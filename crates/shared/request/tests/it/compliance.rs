use event_sourcing::Unit;
use kernel::{Access, Context, Error, ErrorKind, Request, RequestKind};
use request::{IdempotencyKey, Outcome, Regulation, Requirement, Service, ServiceTable, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shop::{PayIn, Shop};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct GetPatient {
    deceased: bool,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Patient {
    name: Option<String>,
    visits: Vec<Visit>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Visit {
    day: u32,
    notes: Option<String>,
}

impl Request for GetPatient {
    type Response = Patient;
    const NAME: &'static str = "patients.get";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

struct Ward;

impl Service<GetPatient> for Ward {
    async fn execute(&self, _: &Context, _: &mut Unit, _: GetPatient) -> Result<Patient, Error> {
        let visit = |day| Visit { day, notes: Some("restless".into()) };
        Ok(Patient { name: Some("Ida".into()), visits: vec![visit(1), visit(2)] })
    }
}

fn ward(requirements: impl IntoIterator<Item = Requirement<GetPatient>>) -> Shop {
    Shop::with(|table: &mut ServiceTable| {
        table.serve("patients", Ward);
        requirements.into_iter().for_each(|requirement| table.require(requirement));
    })
}

async fn get(shop: &Shop, purpose: Option<&str>, deceased: bool) -> Result<Patient, Error> {
    let cx = shop.cx.clone();
    let cx = purpose.map_or(cx.clone(), |purpose| cx.for_purpose(purpose));
    shop.requests.ask(&cx, GetPatient { deceased }).await
}

#[tokio::test]
async fn a_regulation_wants_a_purpose_forbids_and_redacts() {
    let shop = ward([
        Requirement::new(Regulation::GDPR, |_, _| Verdict::Purpose(&["treatment", "billing"])),
        Requirement::new(Regulation::HIPAA, |cx: &Context, _: &GetPatient| match cx.purpose() {
            Some("billing") => Verdict::Redact(&["/visits/*/notes", "/name"]),
            _ => Verdict::Allow,
        }),
        Requirement::new(Regulation::HIPAA, |_, request: &GetPatient| match request.deceased {
            true => Verdict::Forbid("records of the deceased are sealed for 50 years".into()),
            false => Verdict::Allow,
        }),
    ]);
    let notes = |patient: &Patient| patient.visits.iter().filter(|visit| visit.notes.is_some()).count();
    let full = get(&shop, Some("treatment"), false).await.unwrap();
    assert_eq!((full.name.as_deref(), notes(&full)), (Some("Ida"), 2));
    let redacted = get(&shop, Some("billing"), false).await.unwrap();
    assert_eq!((redacted.name.as_deref(), notes(&redacted), redacted.visits.len()), (None, 0, 2));

    let error = get(&shop, Some("curiosity"), true).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Denied, "compliance.forbidden"));
    assert_eq!(
        error.message,
        "`patients.get` is not permitted: GDPR wants a purpose, one of treatment, billing: `curiosity` is none; \
         HIPAA forbids it: records of the deceased are sealed for 50 years"
    );
    assert_eq!(get(&shop, None, false).await.unwrap_err().code(), "compliance.purpose");
}

#[tokio::test]
async fn what_cannot_be_left_out_is_not_handed_out() {
    let shop = ward([Requirement::new(Regulation::GDPR, |_, _| Verdict::Redact(&["/visits/0/day"]))]);
    let error = get(&shop, None, false).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Internal, "compliance.redaction"));
    assert!(error.message.contains("make the redacted fields optional"), "{error}");
    for absent in ["/visits/9/notes", "/none/at/all"] {
        let shop = ward([Requirement::new(Regulation::new("local"), move |_, _| {
            Verdict::Redact(if absent.len() > 13 { &["/visits/9/notes"] } else { &["/none/at/all"] })
        })]);
        assert!(get(&shop, None, false).await.is_ok(), "{absent}");
    }
}

/// A command that a regulation forbids does nothing and is audited.
#[tokio::test]
async fn a_forbidden_command_is_audited() {
    let shop = Shop::with(|table| {
        table.require::<PayIn>(Requirement::new(Regulation::GDPR, |_, _| Verdict::Forbid("no".into())));
    });
    shop.requests.ask(&shop.cx, PayIn { amount: 4 }).await.unwrap_err();
    assert_eq!(shop.balance().await, 0);
    assert_eq!(shop.audit().await[0].code.as_deref(), Some("compliance.forbidden"));
}

/// One record says how it ended, and it ended undone.
#[tokio::test]
async fn a_command_whose_answer_cannot_be_redacted_is_not_done() {
    let shop = Shop::with(|table| {
        table.require::<PayIn>(Requirement::new(Regulation::GDPR, |_, _| Verdict::Redact(&[""])));
    });
    let key = IdempotencyKey::try_new("order-1").unwrap();
    let error = shop.requests.send(&shop.cx, &key, PayIn { amount: 4 }).await.unwrap_err();
    assert_eq!((error.kind, error.code()), (ErrorKind::Internal, "compliance.redaction"));
    assert_eq!(shop.balance().await, 0);
    let audit = shop.audit().await;
    assert_eq!(audit.iter().map(|record| record.outcome).collect::<Vec<_>>(), [Outcome::Failed]);
    assert_eq!(shop.requests.answered::<PayIn>(&shop.cx, &key).await.unwrap(), None);
}

#[test]
fn a_regulation_has_a_name_that_can_be_read() {
    for name in ["GDPR", "ISO 27001", "x"] {
        assert_eq!(Regulation::new(name).name(), name);
    }
    for name in ["", " ", " x", "x ", "a\nb", "\u{e9}"] {
        assert!(std::panic::catch_unwind(|| Regulation::new(name)).is_err(), "{name:?}");
    }
}
