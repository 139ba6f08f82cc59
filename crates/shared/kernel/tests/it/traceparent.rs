//! The header of W3C Trace Context, read and written.

use std::sync::Arc;

use expect_test::expect;
use kernel::{Context, CorrelationId, EventId, Principal, SpanId, TraceParent};
use uuid::Uuid;

use crate::{Door, envelope};

const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The cases of the standard's own test suite, and its examples.
#[test]
fn what_is_read_and_what_is_refused() {
    let later = GIVEN.replacen("00", "cc", 1);
    let cases = [
        ("the example", GIVEN.to_owned(), true),
        ("not sampled", GIVEN.replace("-01", "-00"), true),
        ("flags of a later standard", GIVEN.replace("-01", "-ff"), true),
        ("a later version", later.clone(), true),
        ("a later version with more", format!("{later}-what-the-future-will-be-like"), true),
        ("a later version with more and no dash", format!("{later}.what"), false),
        ("this version with more", format!("{GIVEN}-01"), false),
        ("this version with a dash", format!("{GIVEN}-"), false),
        ("the version that there will not be", GIVEN.replacen("00", "ff", 1), false),
        ("a version that is no number", GIVEN.replacen("00", ".0", 1), false),
        ("a version of one digit", GIVEN[1..].to_owned(), false),
        ("a trace of zeros", format!("00-{:032}-00f067aa0ba902b7-01", 0), false),
        ("a span of zeros", format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{:016}-01", 0), false),
        ("upper case", GIVEN.to_uppercase(), false),
        ("a trace that is too short", GIVEN.replace("4736-", "473-0"), false),
        ("a span that is too long", GIVEN.replace("02b7-01", "02b70-1"), false),
        ("no flags", GIVEN[..52].to_owned(), false),
        ("flags of one digit", GIVEN[..54].to_owned(), false),
        ("flags that are no number", GIVEN.replace("-01", "-.0"), false),
        ("a sign in place of a digit", GIVEN.replace("4bf9", "+bf9"), false),
        ("characters of two bytes", "é".repeat(28), false),
        ("spaces around", format!(" {GIVEN} "), false),
        ("nothing", String::new(), false),
    ];
    for (what, text, fits) in cases {
        assert_eq!(text.parse::<TraceParent>().is_ok(), fits, "{what}: {text}");
    }
}

#[test]
fn what_was_read_is_written_as_it_was() {
    let parent: TraceParent = GIVEN.parse().unwrap();
    assert_eq!(parent.trace.to_string(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
    assert_eq!((parent.span.get(), parent.sampled), (0x00f0_67aa_0ba9_02b7, true));
    assert_eq!(parent.to_string(), GIVEN);
    let unsampled: TraceParent = GIVEN.replace("-01", "-02").parse().unwrap();
    assert_eq!(unsampled.to_string(), GIVEN.replace("-01", "-00"), "flags that are not known are not passed on");
    let refused = "a guess".parse::<TraceParent>().unwrap_err();
    expect![
        "`a guess` is no traceparent: expected 00-<32 hexadecimal digits>-<16>-<2>, in lower case, ids not all zero"
    ]
    .assert_eq(&refused.to_string());
}

#[test]
fn work_within_a_trace_has_its_id_until_an_event_begins_a_hop_of_its_own() {
    let anna = Arc::new(Principal::authenticate(&Door, "anna").unwrap());
    let parent: TraceParent = GIVEN.parse().unwrap();
    let cx = Context::new(anna, CorrelationId::new(Uuid::nil())).within(parent);
    assert_eq!((cx.correlation(), cx.parent()), (parent.trace, Some(parent)));
    assert_eq!(cx.serving("till", "till.pay-in").parent(), Some(parent));
    assert_eq!(cx.caused_by(&envelope()).parent(), None);
}

#[test]
fn what_came_to_be_in_a_trace_names_the_span_in_which_it_did() {
    let id = Uuid::from_u128(0x0190_b0de_6f0a_7c3e_9f0e_6d9f_0f3a_1c55);
    assert_eq!(SpanId::from(EventId::new(id)).to_string(), "9f0e6d9f0f3a1c55");
    assert_eq!(SpanId::of_origin(Uuid::nil()).get(), 1, "no identity is 0");
    assert_eq!(SpanId::new(0), None);
}
