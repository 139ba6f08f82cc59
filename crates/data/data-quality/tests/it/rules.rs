use expect_test::{Expect, expect};
use interfaces_data::{CheckOrigin, DeclaredCheck, Rule, Severity, Verdict};
use kernel::ErrorKind;

use crate::{check_csv, declared, render};

const DATA: &str = "id,age,rate,state,late,day,remark\n\
                    1,17,0.5,NY,true,2013-01-01,\n\
                    2,18,1.5,CA,false,2013-01-02,\n\
                    3,,2.5,ny,,2013-01-03,\n\
                    3,120,,,true,,\n\
                    5,121,-0.5,NY,false,2013-01-05,\n";

fn column(name: &str) -> String {
    name.into()
}

fn not_null(name: &str) -> Rule {
    Rule::NotNull { column: column(name) }
}

fn unique(name: &str) -> Rule {
    Rule::Unique { column: column(name) }
}

fn range(name: &str, min: impl Into<Option<f64>>, max: impl Into<Option<f64>>) -> Rule {
    Rule::Range { column: column(name), min: min.into(), max: max.into() }
}

fn one_of(name: &str, values: &[&str]) -> Rule {
    Rule::OneOf { column: column(name), values: values.iter().map(ToString::to_string).collect() }
}

fn matches(name: &str, pattern: &str) -> Rule {
    Rule::Matches { column: column(name), pattern: pattern.into() }
}

fn expression(expr: &str) -> Rule {
    Rule::Expression { expr: expr.into() }
}

async fn check(rules: Vec<Rule>, expected: Expect) {
    let report = check_csv(DATA, rules.into_iter().map(declared).collect()).await.unwrap();
    expected.assert_eq(&render(&report.checks, CheckOrigin::Declared));
}

async fn refused(checks: Vec<DeclaredCheck>, expected: Expect) {
    let error = check_csv(DATA, checks).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    let fields = error.fields.iter().map(|field| format!("{} {}\n", field.pointer, field.message));
    expected.assert_eq(&fields.collect::<String>());
}

async fn refused_rule(rule: Rule, expected: Expect) {
    refused(vec![declared(rule)], expected).await;
}

#[tokio::test]
async fn every_rule_passed_and_failed() {
    check(
        vec![not_null("id"), not_null("age"), not_null("remark")],
        expect![[r#"
        ok Completeness(id) id is not null: every row has a value
        ERROR Completeness(age) age is not null: 1 row without a value [1: [3]]
        ERROR Completeness(remark) remark is not null: 5 rows without a value [5: [1, 2, 3, 4, 5]]
    "#]],
    )
    .await;
    check(
        vec![unique("id"), unique("age"), unique("state"), unique("remark")],
        expect![[r#"
        ERROR Uniqueness(id) id is unique: 2 rows with a value that another row has too: `3` [2: [3, 4]]
        ok Uniqueness(age) age is unique: no two rows share a value
        ERROR Uniqueness(state) state is unique: 2 rows with a value that another row has too: `NY` [2: [1, 5]]
        ok Uniqueness(remark) remark is unique: no two rows share a value
    "#]],
    )
    .await;
    check(
        vec![
            range("age", 18.0, 120.0),
            range("age", 17.0, None),
            range("age", None, 120.5),
            range("rate", -0.5, 2.5),
            range("rate", 0.0, None),
            range("remark", 1.0, None),
        ],
        expect![[r#"
            ERROR Range(age) age is within 18 to 120: 2 rows with a value outside 18 to 120 [2: [1, 5]]
            ok Range(age) age is within 17 and more: all values lie within the range
            ERROR Range(age) age is within 120.5 and less: 1 row with a value outside 120.5 and less [1: [5]]
            ok Range(rate) rate is within -0.5 to 2.5: all values lie within the range
            ERROR Range(rate) rate is within 0 and more: 1 row with a value outside 0 and more [1: [5]]
            ok Range(remark) remark is within 1 and more: all values lie within the range
        "#]],
    )
    .await;
    check(
        vec![
            one_of("state", &["NY", "CA", "ny"]),
            one_of("state", &["NY", "CA"]),
            one_of("age", &["17", "18", "120", "121"]),
            one_of("rate", &["0.50", "1.5", "2.5e0"]),
            one_of("late", &["TRUE"]),
            one_of("day", &["2013-01-01", "2013-01-02", "2013-01-03"]),
            one_of("remark", &["x"]),
        ],
        expect![[r#"
            ok Membership(state) state is one of `NY`, `CA`, `ny`: all values are in the list
            ERROR Membership(state) state is one of `NY`, `CA`: 1 row with a value that is not in the list: `ny` [1: [3]]
            ok Membership(age) age is one of `17`, `18`, `120`, ...: all values are in the list
            ERROR Membership(rate) rate is one of `0.50`, `1.5`, `2.5e0`: 1 row with a value that is not in the list: `-0.5` [1: [5]]
            ERROR Membership(late) late is one of `TRUE`: 2 rows with a value that is not in the list: `false` [2: [2, 5]]
            ERROR Membership(day) day is one of `2013-01-01`, `2013-01-02`, `2013-01-03`: 1 row with a value that is not in the list: `2013-01-05` [1: [5]]
            ok Membership(remark) remark is one of `x`: all values are in the list
        "#]],
    )
    .await;
    check(
        vec![
            matches("state", "^[A-Z]{2}$"),
            matches("state", "(?i)^(ny|ca)$"),
            matches("rate", r"^\d"),
            matches("day", "^2013-01-0[123]$"),
            matches("remark", "x"),
        ],
        expect![[r#"
            ERROR Pattern(state) state matches `^[A-Z]{2}$`: 1 row with a value that does not match `^[A-Z]{2}$`: `ny` [1: [3]]
            ok Pattern(state) state matches `(?i)^(ny|ca)$`: all values match
            ERROR Pattern(rate) rate matches `^\d`: 1 row with a value that does not match `^\d`: `-0.5` [1: [5]]
            ERROR Pattern(day) day matches `^2013-01-0[123]$`: 1 row with a value that does not match `^2013-01-0[123]$`: `2013-01-05` [1: [5]]
            ok Pattern(remark) remark matches `x`: all values match
        "#]],
    )
    .await;
    check(
        vec![
            expression("age >= 18"),
            expression("age >= 0"),
            expression("late OR rate > 1"),
            expression("remark = 'x'"),
            expression("1 = 1"),
        ],
        expect![[r#"
            ERROR Expression(age) age >= 18: 1 row for which `age >= 18` is false [1: [1]]
            ok Expression(age) age >= 0: no row contradicts it
            ERROR Expression(-) late OR rate > 1: 1 row for which `late OR rate > 1` is false [1: [5]]
            ok Expression(remark) remark = 'x': no row contradicts it
            ok Expression(-) 1 = 1: no row contradicts it
        "#]],
    )
    .await;
}

/// A value that is no number turns its column into text. A range is there to find it, not to be refused because of it.
#[tokio::test]
async fn a_range_over_numbers_and_others() {
    let text = "age\n17\n18.5\noops\n\n9007199254740993\n";
    let report = check_csv(text, vec![declared(range("age", 18.0, 9_007_199_254_740_992.0))]).await.unwrap();
    expect![[r#"
        ERROR Range(age) age is within 18 to 9007199254740992: 3 rows with a value outside 18 to 9007199254740992: `17`, `9007199254740993`, `oops` [3: [1, 3, 4]]
    "#]].assert_eq(&render(&report.checks, CheckOrigin::Declared));
}

#[tokio::test]
async fn a_check_has_a_name_a_severity_and_a_tolerance() {
    let minors = |name: &str, severity, tolerance| DeclaredCheck {
        name: Some(name.into()),
        severity,
        tolerance,
        rule: range("age", 18.0, 120.0),
    };
    let report = check_csv(
        DATA,
        vec![
            minors("adults", Severity::Warn, 0.0),
            minors("most are adults", Severity::Error, 0.4),
            minors("nearly all are adults", Severity::Error, 0.39),
        ],
    )
    .await
    .unwrap();
    expect![[r#"
        WARN Range(age) adults: 2 rows with a value outside 18 to 120 [2: [1, 5]]
        ok Range(age) most are adults: 2 rows with a value outside 18 to 120 [2: [1, 5]]
        ERROR Range(age) nearly all are adults: 2 rows with a value outside 18 to 120 [2: [1, 5]]
    "#]]
    .assert_eq(&render(&report.checks, CheckOrigin::Declared));
    assert_eq!(report.verdict, Verdict::Failed);
}

#[tokio::test]
async fn only_the_first_twenty_rows_are_named() {
    let rows: String = (0..100).map(|row| format!("{}\n", row % 2)).collect();
    let report = check_csv(&format!("a\n{rows}"), vec![declared(range("a", 1.0, None))]).await.unwrap();
    let check = report.checks.last().unwrap();
    assert_eq!((check.failing, check.failing_rows.len(), check.failing_rows[19]), (50, 20, 39));
}

#[tokio::test]
async fn refused_columns() {
    refused_rule(not_null("Id"), expect![[r#"
        /checks/0/column no column is named `Id` (did you mean `id`?): the columns are `id`, `age`, `rate`, `state`, `late`, `day`, `remark`
    "#]]).await;
    refused_rule(
        range("state", 1.0, None),
        expect![[r#"
        /checks/0/column `state` was read as text: a range is for integers and floats
    "#]],
    )
    .await;
    refused_rule(
        range("late", 1.0, None),
        expect![[r#"
        /checks/0/column `late` was read as boolean: a range is for integers and floats
    "#]],
    )
    .await;
}

#[tokio::test]
async fn refused_bounds() {
    refused_rule(
        range("age", None, None),
        expect![[r#"
            /checks/0/min neither `min` nor `max`: give at least one bound
        "#]],
    )
    .await;
    refused_rule(
        range("age", 2.0, 1.0),
        expect![[r#"
            /checks/0/min 2 is above `max`, 1: no value lies between them
        "#]],
    )
    .await;
    refused_rule(
        range("age", f64::NAN, 1.0),
        expect![[r#"
            /checks/0/min not a number: give a bound, or leave it out
        "#]],
    )
    .await;
}

#[tokio::test]
async fn refused_values() {
    refused_rule(
        one_of("state", &[]),
        expect![[r#"
            /checks/0/values an empty list: give the values that are allowed
        "#]],
    )
    .await;
    refused_rule(
        one_of("age", &["17", "old", "1.5"]),
        expect![[r#"
        /checks/0/values/1 `old` can be no value of `age`, which was read as integer: correct or remove it
        /checks/0/values/2 `1.5` can be no value of `age`, which was read as integer: correct or remove it
    "#]],
    )
    .await;
    refused_rule(
        one_of("state", &["NA"]),
        expect![[r#"
        /checks/0/values/0 `NA` can be no value of `state`, which was read as text: correct or remove it
    "#]],
    )
    .await;
}

#[tokio::test]
async fn refused_patterns() {
    refused_rule(
        matches("state", "["),
        expect![[r#"
        /checks/0/pattern `[` is not a regular expression: unclosed character class
    "#]],
    )
    .await;
    refused_rule(matches("state", "a{2,1}"), expect![[r#"
        /checks/0/pattern `a{2,1}` is not a regular expression: invalid repetition count range, the start must be <= the end
    "#]]).await;
}

#[tokio::test]
async fn refused_expressions() {
    refused_rule(
        expression("age >"),
        expect![[r#"
            /checks/0/expr `age >` is not a SQL expression: Expected: an expression, found: EOF; write a condition such as `age >= 18 AND country = 'PT'`
        "#]],
    )
    .await;
    refused_rule(expression("height > 1"), expect![[r#"
        /checks/0/expr no column is named `height`: the columns are `id`, `age`, `rate`, `state`, `late`, `day`, `remark`
    "#]]).await;
    refused_rule(
        expression("age"),
        expect![[r#"
            /checks/0/expr `age` yields an integer, not true or false: compare it with something
        "#]],
    )
    .await;
}

#[tokio::test]
async fn everything_is_refused_at_once() {
    refused(
        vec![
            declared(unique("id")),
            DeclaredCheck {
                name: Some(" ".into()),
                severity: Severity::Warn,
                tolerance: 1.5,
                rule: not_null("nobody"),
            },
            DeclaredCheck { name: None, severity: Severity::Warn, tolerance: f64::NAN, rule: matches("nobody", "(") },
            declared(range("state", 3.0, 1.0)),
            declared(one_of("nobody", &[])),
            declared(expression("")),
        ],
        expect![[r#"
            /checks/1/name an empty name: give the check one, or none at all to have one made
            /checks/1/tolerance 1.5 is no share: give that of the rows that may fail, 0 to 1
            /checks/1/column no column is named `nobody`: the columns are `id`, `age`, `rate`, `state`, `late`, `day`, `remark`
            /checks/2/tolerance NaN is no share: give that of the rows that may fail, 0 to 1
            /checks/2/column no column is named `nobody`: the columns are `id`, `age`, `rate`, `state`, `late`, `day`, `remark`
            /checks/2/pattern `(` is not a regular expression: unclosed group
            /checks/3/column `state` was read as text: a range is for integers and floats
            /checks/3/min 3 is above `max`, 1: no value lies between them
            /checks/4/column no column is named `nobody`: the columns are `id`, `age`, `rate`, `state`, `late`, `day`, `remark`
            /checks/4/values an empty list: give the values that are allowed
            /checks/5/expr `` is not a SQL expression: Expected: an expression, found: EOF; write a condition such as `age >= 18 AND country = 'PT'`
        "#]],
    )
    .await;
}

#[tokio::test]
async fn an_expression_that_fails_on_a_row_is_the_callers_fault() {
    let error = check_csv(DATA, vec![declared(expression("10 / (age - 17) > 0"))]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    expect!["`10 / (age - 17) > 0` cannot be computed: Divide by zero error"].assert_eq(&error.message);
}
