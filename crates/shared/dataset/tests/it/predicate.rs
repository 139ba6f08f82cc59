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
    check("delay > 15 AND Origin = 'EWR'", expect![[r#""#]]).await;
    check("Origin in ('JFK', 'LGA')", expect![[r#""#]]).await;
    check("\"flight date\" >= '2013-01-02'", expect![[r#""#]]).await;
    check("late", expect![[r#""#]]).await;
    check("NOT late OR delay IS NULL", expect![[r#""#]]).await;
    check("delay BETWEEN 10 AND 15.5", expect![[r#""#]]).await;
    check("length(Origin) = 3 AND Origin LIKE '%K'", expect![[r#""#]]).await;
    check("code = '007'", expect![[r#""#]]).await;
    check("empty > 1", expect![[r#""#]]).await;
    check("CASE WHEN late THEN delay = 20 ELSE delay < 20 END", expect![[r#""#]]).await;
    check("true", expect![[r#""#]]).await;
    check("1 = 2", expect![[r#""#]]).await;
}

#[tokio::test]
async fn what_does_not_parse() {
    check("", expect![[r#""#]]).await;
    check("delay >", expect![[r#""#]]).await;
    check("delay > 15 15", expect![[r#""#]]).await;
    check("delay > 15; DROP TABLE x", expect![[r#""#]]).await;
    check("delay >\n AND 3", expect![[r#""#]]).await;
    check("Origin = 'JFK", expect![[r#""#]]).await;
    check("nonsense(delay) > 3", expect![[r#""#]]).await;
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
    check("delay", expect![[r#""#]]).await;
    check("delay + 1", expect![[r#""#]]).await;
    check("NULL", expect![[r#""#]]).await;
}

#[tokio::test]
async fn what_looks_beyond_the_row() {
    check("delay > avg(delay)", expect![[r#""#]]).await;
    check("row_number() over () > 1", expect![[r#""#]]).await;
    check("random() > 0.5", expect![[r#""#]]).await;
    check("\"flight date\" < now()", expect![[r#""#]]).await;
    check("delay > (select 1)", expect![[r#""#]]).await;
    check("delay > $1", expect![[r#""#]]).await;
}

#[tokio::test]
async fn what_cannot_be_computed() {
    check("delay / (delay - 10) > 1", expect![[r#""#]]).await;
    check("CAST(Origin AS INT) > 1", expect![[r#""#]]).await;
    check("Origin > 1", expect![[r#""#]]).await;
}

/// The planner recurses, and the threads that requests run on have small stacks.
#[tokio::test]
async fn long_expressions_neither_overflow_nor_pass_unnoticed() {
    let dataset = dataset().await;
    let longest = vec!["late"; 2048 / 8].join(" or ");
    assert!(dataset.predicate(&longest).is_ok());
    let nested = format!("{}late{}", "(".repeat(1000), ")".repeat(1000));
    expect![[r#""#]].assert_eq(&shown(dataset.predicate(&nested).unwrap_err(), None));
    let beyond = vec!["late"; 1000].join(" or ");
    expect![[r#""#]].assert_eq(&shown(dataset.predicate(&beyond).unwrap_err(), None));
}

#[tokio::test]
async fn a_column_by_name() {
    let dataset = dataset().await;
    assert_eq!(dataset.column("late").unwrap().name, "late");
    expect!["Invalid: no column is named `Late ` (did you mean `late`?): the columns are `delay`, `Origin`, `flight date`, `late`, `empty`, `code`"].assert_eq(&shown(dataset.column("Late ").unwrap_err(), None));
}
