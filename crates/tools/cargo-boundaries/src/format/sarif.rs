//! SARIF 2.1.0. A result keeps its fingerprint when lines move, and `baselineState` says what is new, known and gone.

use serde_json::{Value, json};

use crate::baseline::Key;
use crate::explain::Explanation;
use crate::report::{By, CheckError, Finding, Report, Rule, Severity, State, Violation};
use crate::source::Site;

pub(super) fn report(report: &Report) -> String {
    let results = report.violations.iter().map(of_violation).chain(report.stale.iter().map(of_stale));
    document(results.collect(), json!({ "executionSuccessful": true }))
}

pub(super) fn error(error: &CheckError) -> String {
    let notifications: Vec<_> = error.errors.iter().map(notification).collect();
    document(Vec::new(), json!({ "executionSuccessful": false, "toolExecutionNotifications": notifications }))
}

fn document(results: Vec<Value>, invocation: Value) -> String {
    let rules: Vec<_> = Rule::ALL.into_iter().map(descriptor).chain([stale_descriptor()]).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "cargo-boundaries",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

fn descriptor(rule: Rule) -> Value {
    let Explanation { says, example, .. } = Explanation::of(rule);
    json!({
        "id": rule.name(),
        "shortDescription": { "text": says },
        "help": { "text": format!("{says}\n\n{example}"), "markdown": format!("{says}\n\n```toml\n{example}```\n") },
    })
}

fn stale_descriptor() -> Value {
    json!({ "id": "stale-baseline", "shortDescription": { "text": "An entry of the baseline excuses nothing any more." } })
}

fn of_violation(violation: &Violation) -> Value {
    let Key { from, to, kind, by, rule } = Key::of(violation);
    let code = violation.code.iter().map(|code| related(&code.site, &code.in_words()));
    let kind = kind.map(crate::workspace::Kind::name).unwrap_or_default();
    let edge = [rule.name(), &from, to.as_deref().unwrap_or_default(), kind];
    let fingerprint = edge.into_iter().chain(by.map(By::name)).collect::<Vec<_>>().join(":");
    let Violation { message, why, help, .. } = violation;
    json!({
        "ruleId": rule.name(),
        "level": match violation.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "baselineState": match violation.state { State::New => "new", State::Known => "unchanged" },
        "message": { "text": format!("{message}: {why}. To solve it: {help}") },
        "locations": [location(&violation.site)],
        "relatedLocations": code.chain([related(&violation.rule_site, &violation.why)]).collect::<Vec<_>>(),
        "partialFingerprints": { "boundary/v1": fingerprint },
    })
}

fn of_stale(finding: &Finding) -> Value {
    json!({
        "ruleId": finding.cause.name(),
        "level": "error",
        "baselineState": "absent",
        "message": { "text": format!("{}: {}", finding.message, finding.help) },
        "locations": finding.site.iter().map(location).collect::<Vec<_>>(),
        "partialFingerprints": { "boundary/v1": finding.message },
    })
}

fn notification(finding: &Finding) -> Value {
    json!({
        "level": "error",
        "message": { "text": format!("{}: {}", finding.message, finding.help) },
        "locations": finding.site.iter().map(location).collect::<Vec<_>>(),
        "descriptor": { "id": finding.cause.name() },
    })
}

fn location(site: &Site) -> Value {
    let Site { file, line, column, end_column, text, .. } = site;
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(file) },
        "region": { "startLine": line, "startColumn": column, "endColumn": end_column, "snippet": { "text": text } },
    } })
}

fn related(site: &Site, says: &str) -> Value {
    let mut related = location(site);
    related["message"] = json!({ "text": says });
    related
}

/// A relative reference, or a file URI: what RFC 3986 reserves is written as `%XX`.
fn uri(file: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encoded =
        file.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    let scheme = if file.starts_with('/') { "file://" } else { "" };
    scheme.to_owned() + &encoded.collect::<String>()
}
