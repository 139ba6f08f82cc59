use dataset::Dataset;
use expect_test::{Expect, expect};

use crate::shown;

const TEXT: &str = "delay,Origin,flight date,late,empty,code\n\
                    10,JFK,2013-01-01,false,,007\n\
                    20,EWR,2013-01-02,true,,1\n\
                    ,LGA,,,,2\n";

async fn dataset() -> Dataset {
    crate::csv(TEXT).await
}

/// `t`, `f` or `∅` per row, and the columns that are named.
async fn check(text: &str, expected: Expect) {
    let dataset = dataset().await;
    let outcome = dataset.predicate(text).and_then(|predicate| {
        let rows = dataset.evaluate(&predicate)?;
        let rows: String = rows
            .iter()
            .map(|row| match row {
                Some(true) => 't',
                Some(false) => 'f',
                None => '∅',
            })
            .collect();
        Ok(format!("{rows} of {}", predicate.columns().join(", ")))
    });
    expected.assert_eq(&outcome.unwrap_or_else(|error| shown(error, None)));
}

#[tokio::test]
async fn conditions() {
    check("delay > 15", expect!["ft∅ of delay"]).await;
    check("delay > 15 AND Origin = 'EWR'", expect!["ftf of delay, Origin"]).await;
    check("Origin in ('JFK', 'LGA')", expect!["tft of Origin"]).await;
    check("\"flight date\" >= '2013-01-02'", expect!["ft∅ of flight date"]).await;
    check("late", expect!["ft∅ of late"]).await;
    check("NOT late OR delay IS NULL", expect!["tft of delay, late"]).await;
    check("delay BETWEEN 10 AND 15.5", expect!["tf∅ of delay"]).await;
    check("length(Origin) = 3 AND Origin LIKE '%K'", expect!["tff of Origin"]).await;
    check("code = '007'", expect!["tff of code"]).await;
    check("empty > 1", expect!["∅∅∅ of empty"]).await;
    check("CASE WHEN late THEN delay = 20 ELSE delay < 20 END", expect!["tt∅ of delay, late"]).await;
    check("true", expect!["ttt of "]).await;
    check("1 = 2", expect!["fff of "]).await;
}

#[tokio::test]
async fn what_does_not_parse() {
    check("", expect!["Invalid: `` is not a SQL expression: Expected: an expression, found: EOF; write a condition such as `age >= 18 AND country = 'PT'`"]).await;
    check("delay >", expect!["Invalid: `delay >` is not a SQL expression: Expected: an expression, found: EOF; write a condition such as `age >= 18 AND country = 'PT'`"]).await;
    check(
        "delay > 15 15",
        expect!["Invalid: `delay > 15 15` is not a SQL expression (at character 12): Expected: end of expression, found: 15; write a condition such as `age >= 18 AND country = 'PT'`"],
    )
    .await;
    check("delay > 15; DROP TABLE x", expect!["Invalid: `delay > 15; DROP TABLE x` is not a SQL expression (at character 11): Expected: end of expression, found: ;; write a condition such as `age >= 18 AND country = 'PT'`"]).await;
    check(
        "delay >\n AND 3",
        expect![[r#"
            Invalid: `delay >
             AND 3` is not a SQL expression (at line 2, character 6): Expected: end of expression, found: 3; write a condition such as `age >= 18 AND country = 'PT'`"#]],
    )
    .await;
    check(
        "Origin = 'JFK",
        expect!["Invalid: `Origin = 'JFK` is not a SQL expression (at character 10): Unterminated string literal; write a condition such as `age >= 18 AND country = 'PT'`"],
    )
    .await;
    check(
        "nonsense(delay) > 3",
        expect!["Invalid: `nonsense(delay) > 3` is not a SQL expression: Invalid function 'nonsense'"],
    )
    .await;
}

#[tokio::test]
async fn columns_that_are_not_there() {
    check("delai > 15", expect!["Invalid: no column is named `delai` (did you mean `delay`?): the columns are `delay`, `Origin`, `flight date`, `late`, `empty`, `code`"]).await;
    check("origin = 'JFK'", expect!["Invalid: no column is named `origin` (did you mean `Origin`?): the columns are `delay`, `Origin`, `flight date`, `late`, `empty`, `code`"]).await;
    check("Origin = \"JFK\"", expect!["Invalid: no column is named `JFK` (text is written in single quotes: 'JFK'): the columns are `delay`, `Origin`, `flight date`, `late`, `empty`, `code`"]).await;
    check("zzz.yyy = 1", expect!["Invalid: no column is named `zzz.yyy`: the columns are `delay`, `Origin`, `flight date`, `late`, `empty`, `code`"]).await;
}

#[tokio::test]
async fn what_is_no_condition() {
    check("delay", expect!["Invalid: `delay` yields an integer, not true or false: compare it with something"]).await;
    check("delay + 1", expect!["Invalid: `delay + 1` yields an integer, not true or false: compare it with something"])
        .await;
    check("NULL", expect!["Invalid: `NULL` yields no value at all, not true or false: compare it with something"])
        .await;
}

#[tokio::test]
async fn what_looks_beyond_the_row() {
    check(
        "delay > avg(delay)",
        expect!["Invalid: `delay > avg(delay)` cannot be asked of a row: `avg` looks at many rows"],
    )
    .await;
    check(
        "row_number() over () > 1",
        expect!["Invalid: `row_number() over () > 1` cannot be asked of a row: `row_number` looks at many rows"],
    )
    .await;
    check(
        "random() > 0.5",
        expect!["Invalid: `random() > 0.5` cannot be asked of a row: `random` depends on time or chance"],
    )
    .await;
    check(
        "\"flight date\" < now()",
        expect![[r#"Invalid: `"flight date" < now()` cannot be asked of a row: `now` depends on time or chance"#]],
    )
    .await;
    check(
        "delay > (select 1)",
        expect!["Invalid: `delay > (select 1)` cannot be asked of a row: a subquery looks at other rows"],
    )
    .await;
    check("delay > $1", expect!["Invalid: `delay > $1` cannot be asked of a row: `$1` has no value"]).await;
}

#[tokio::test]
async fn what_cannot_be_computed() {
    check(
        "delay / (delay - 10) > 1",
        expect!["Invalid: `delay / (delay - 10) > 1` cannot be computed: Divide by zero error"],
    )
    .await;
    check("CAST(Origin AS INT) > 1", expect!["Invalid: `CAST(Origin AS INT) > 1` cannot be computed: Cast error: Cannot cast string 'JFK' to value of Int32 type"]).await;
    check(
        "Origin > 1",
        expect![
            "Invalid: `Origin > 1` cannot be computed: Cast error: Cannot cast string 'JFK' to value of Int64 type"
        ],
    )
    .await;
}

/// The planner recurses, and the threads that requests run on have small stacks.
#[tokio::test]
async fn long_expressions_neither_overflow_nor_pass_unnoticed() {
    let dataset = dataset().await;
    let longest = vec!["late"; 2048 / 8].join(" or ");
    assert!(dataset.predicate(&longest).is_ok());
    let nested = format!("{}late{}", "(".repeat(1000), ")".repeat(1000));
    expect!["Invalid: `((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((...` is not a SQL expression: it is nested too deeply: split it into several"].assert_eq(&shown(dataset.predicate(&nested).unwrap_err(), None));
    let beyond = vec!["late"; 1000].join(" or ");
    expect!["Invalid: `late or late or late or late or late or late or late or late or late or late or ...` is not a SQL expression: it is longer than 2048 bytes: split it into several"].assert_eq(&shown(dataset.predicate(&beyond).unwrap_err(), None));
}

#[tokio::test]
async fn a_column_by_name() {
    let dataset = dataset().await;
    assert_eq!(dataset.column("late").unwrap().name, "late");
    expect!["Invalid: no column is named `Late ` (did you mean `late`?): the columns are `delay`, `Origin`, `flight date`, `late`, `empty`, `code`"].assert_eq(&shown(dataset.column("Late ").unwrap_err(), None));
}
