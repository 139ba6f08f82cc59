//! Whole log lines, captured.

use std::{
    io,
    sync::{Arc, Mutex},
};

use expect_test::{Expect, expect};
use kernel::{AuthenticationError, Authenticator, Claims, Context, CorrelationId, ManualClock, Principal};
use observability::{Options, message_span, subscriber};
use tracing::{debug, error, info, trace, warn};
use uuid::Uuid;

struct Trusting;

impl Authenticator for Trusting {
    type Credentials = str;

    fn verify(&self, user: &str) -> Result<Claims, AuthenticationError> {
        Ok(Claims::new(user, []))
    }
}

pub fn context() -> Context {
    let principal = Principal::authenticate(&Trusting, "alice").unwrap();
    Context::new(Arc::new(principal), CorrelationId::new(Uuid::from_u128(7)))
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn captured(options: Options, directives: Option<&str>, work: impl FnOnce()) -> String {
    let lines = Captured::default();
    let writer = lines.clone();
    let subscriber = subscriber(options, directives, ManualClock::default(), move || writer.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn error_in_span() {
    message_span("request", "data-quality", "data_quality.run_checks", &context())
        .in_scope(|| error!(target: "data_quality", column = "age", "3 values are out of range"));
}

#[test]
fn line_in_a_message_span_names_the_message() {
    let lines = captured(Options::default(), None, error_in_span);
    expect![[r#"
        1970-01-01T00:00:00.000Z ERROR message: data_quality: 3 values are out of range column="age" kind="request" module="data-quality" message_name="data_quality.run_checks" correlation_id=00000000-0000-0000-0000-000000000007 user="alice"
    "#]].assert_eq(&lines);
}

#[test]
fn the_same_as_json() {
    let lines = captured(Options { json: true, ..Options::default() }, None, error_in_span);
    expect![[r#"
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"ERROR","fields":{"message":"3 values are out of range","column":"age"},"target":"data_quality","span":{"correlation_id":"00000000-0000-0000-0000-000000000007","kind":"request","message_name":"data_quality.run_checks","module":"data-quality","user":"alice","name":"message"},"spans":[{"correlation_id":"00000000-0000-0000-0000-000000000007","kind":"request","message_name":"data_quality.run_checks","module":"data-quality","user":"alice","name":"message"}]}
    "#]].assert_eq(&lines);
}

#[test]
fn colours_only_when_asked_for() {
    assert!(!captured(Options::default(), None, error_in_span).contains('\x1b'));
    assert!(captured(Options { ansi: true, ..Options::default() }, None, error_in_span).contains('\x1b'));
}

/// Which levels get through, of our crates and of others.
fn check_levels(verbosity: u8, directives: Option<&str>, expected: Expect) {
    let options = Options { verbosity, ours: &["data_quality", "mlops"], ..Options::default() };
    let lines = captured(options, directives, || {
        let span = message_span("event", "mlops", "data_quality.check_completed", &context());
        let _inside = span.enter();
        macro_rules! all_levels {
            ($($target:literal)*) => {$(
                error!(target: $target, "");
                warn!(target: $target, "");
                info!(target: $target, "");
                debug!(target: $target, "");
                trace!(target: $target, "");
            )*};
        }
        all_levels!("data_quality::domain" "mlops" "hyper::client");
    });
    let mut summary = String::new();
    for target in ["data_quality::domain", "mlops", "hyper::client"] {
        let of_target = lines.lines().filter(|line| line.contains(&format!("{target}:")));
        let levels: Vec<&str> = of_target
            .inspect(|line| assert!(line.contains("data_quality.check_completed"), "{line}"))
            .map(|line| line.split_whitespace().nth(1).unwrap())
            .collect();
        summary += &format!("{target}: {levels:?}\n").replace(['"', ','], "");
    }
    expected.assert_eq(&summary);
}

#[test]
fn verbosity_and_what_overrules_it() {
    check_levels(
        0,
        None,
        expect![[r#"
            data_quality::domain: [ERROR]
            mlops: [ERROR]
            hyper::client: [ERROR]
        "#]],
    );
    check_levels(
        1,
        None,
        expect![[r#"
            data_quality::domain: [ERROR WARN INFO]
            mlops: [ERROR WARN INFO]
            hyper::client: [ERROR WARN]
        "#]],
    );
    check_levels(
        2,
        None,
        expect![[r#"
            data_quality::domain: [ERROR WARN INFO DEBUG]
            mlops: [ERROR WARN INFO DEBUG]
            hyper::client: [ERROR WARN INFO]
        "#]],
    );
    check_levels(
        3,
        None,
        expect![[r#"
            data_quality::domain: [ERROR WARN INFO DEBUG TRACE]
            mlops: [ERROR WARN INFO DEBUG TRACE]
            hyper::client: [ERROR WARN INFO DEBUG TRACE]
        "#]],
    );
    check_levels(
        200,
        None,
        expect![[r#"
            data_quality::domain: [ERROR WARN INFO DEBUG TRACE]
            mlops: [ERROR WARN INFO DEBUG TRACE]
            hyper::client: [ERROR WARN INFO DEBUG TRACE]
        "#]],
    );
    check_levels(
        1,
        Some(" "),
        expect![[r#"
            data_quality::domain: [ERROR WARN INFO]
            mlops: [ERROR WARN INFO]
            hyper::client: [ERROR WARN]
        "#]],
    );
    check_levels(
        3,
        Some("mlops=debug,hyper=error"),
        expect![[r#"
            data_quality::domain: []
            mlops: [ERROR WARN INFO DEBUG]
            hyper::client: [ERROR]
        "#]],
    );
    check_levels(
        0,
        Some("info"),
        expect![[r#"
            data_quality::domain: [ERROR WARN INFO]
            mlops: [ERROR WARN INFO]
            hyper::client: [ERROR WARN INFO]
        "#]],
    );
    check_levels(
        3,
        Some("off"),
        expect![[r#"
            data_quality::domain: []
            mlops: []
            hyper::client: []
        "#]],
    );
}

/// What a line is about stands in it whatever the directives say of others.
#[test]
fn directives_decide_about_the_spans_of_messages_by_their_target() {
    for (directives, are_there) in
        [("mlops=info", true), ("message=off,mlops=info", false), ("mlops=info,message=warn", false)]
    {
        let line = captured(Options::default(), Some(directives), || {
            let _span = message_span("event", "mlops", "data_quality.check_completed", &context()).entered();
            info!(target: "mlops", "done");
        });
        assert!(
            line.contains("done") && line.contains("data_quality.check_completed") == are_there,
            "{directives}: {line}"
        );
    }
}

#[test]
fn nothing_in_a_line_of_json_commands_a_terminal() {
    let hostile = "a\n\u{9b}31m\u{85}\u{7f}\u{2028}\u{202e}z";
    let line = captured(Options { json: true, ..Options::default() }, None, || error!(hostile, "{hostile}"));
    assert_eq!(line.matches(|char: char| char.is_control() || !char.is_ascii()).collect::<Vec<_>>(), ["\n"], "{line}");
    let escaped = r"a\n\u009b31m\u0085\u007f\u2028\u202ez";
    assert_eq!(line.matches(escaped).count(), 2, "as JSON has it: {line}");
}

#[test]
fn directives_that_cannot_be_understood() {
    let error = |directives: &str| {
        let error = subscriber(Options::default(), Some(directives), ManualClock::default(), io::sink).err().unwrap();
        format!("{error}\n{}\n", std::error::Error::source(&error).unwrap())
    };
    expect![[r#"
        RUST_LOG is `mlops=loud`: expected `level` or `target=level`, several separated by commas
        error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5
    "#]]
    .assert_eq(&error("mlops=loud"));
    expect![[r#"
        RUST_LOG is `mlops=info,[{`: expected `level` or `target=level`, several separated by commas
        invalid filter directive
    "#]]
    .assert_eq(&error("mlops=info,[{"));
}
