use std::fmt::Write as _;

use expect_test::{Expect, expect};
use interfaces_data::{CheckOrigin, Verdict};

use crate::{check_csv, render};

async fn check(text: &str, expected: Expect) {
    let report = check_csv(text, vec![]).await.unwrap();
    expected.assert_eq(&render(&report.checks, CheckOrigin::Inferred));
}

/// A column of a header and these values.
fn column<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().fold("a\n".to_owned(), |mut text, value| {
        writeln!(text, "\"{}\"", value.to_string()).unwrap();
        text
    })
}

#[tokio::test]
async fn clean_data_passes() {
    let text = "name,age\nAnn,31\nBob,42\nCy,53\nDee,38\nEd,29\n";
    check(
        text,
        expect![[r#"
        ok Completeness(name) name is complete: every row has a value
        ok Completeness(age) age is complete: every row has a value
        ok Range(age) age has few outliers: all values lie within -2 to 75
    "#]],
    )
    .await;
    let report = check_csv(text, vec![]).await.unwrap();
    assert_eq!((report.score, report.verdict), (1.0, Verdict::Passed));
}

#[tokio::test]
async fn values_of_several_kinds() {
    check("a\n1\n2\noops\n4\nNA\nnone\n", expect![[r#"
        WARN Type(a) a holds values of one kind: read as text because it holds 3 numbers and 2 texts; the rarer ones, from row 3 on: `none`, `oops` [2: [3, 6]]
        WARN Completeness(a) a is complete: 1 of 6 rows has no value [1: [5]]
    "#]]).await;
    check("a\n007\n8\ntrue\n2013-01-01\n", expect![[r#"
        WARN Type(a) a holds values of one kind: read as text because it holds 2 texts, 1 boolean and 1 date; the rarer ones, from row 3 on: `2013-01-01`, `true` [2: [3, 4]]
        ok Completeness(a) a is complete: every row has a value
    "#]]).await;
}

#[tokio::test]
async fn nulls_up_to_one_in_twenty_are_ordinary() {
    check(
        &column((0..20).map(|row| if row == 7 { "" } else { "x" })),
        expect![[r#"
        ok Completeness(a) a is complete: 1 of 20 rows has no value [1: [8]]
    "#]],
    )
    .await;
    check(
        &column((0..19).map(|row| if row == 7 { "" } else { "x" })),
        expect![[r#"
        WARN Completeness(a) a is complete: 1 of 19 rows has no value [1: [8]]
    "#]],
    )
    .await;
    check(
        &column((0..40).map(|row| if row % 20 < 2 { "" } else { "x" })),
        expect![[r#"
        WARN Completeness(a) a is complete: 4 of 40 rows have no value [4: [1, 2, 21, 22]]
    "#]],
    )
    .await;
    check(
        &column(["", "NA", "null"]),
        expect![[r#"
        WARN Completeness(a) a is complete: no row has a value [3: [1, 2, 3]]
    "#]],
    )
    .await;
}

/// Of 0 to 18 and one outlier: quartiles 4.75 and 14.25, fences -23.75 and 42.75.
#[tokio::test]
async fn values_beyond_the_outer_fences_up_to_one_in_twenty_are_ordinary() {
    check(
        &column((0..19).chain([42])),
        expect![[r#"
        ok Completeness(a) a is complete: every row has a value
        ok Range(a) a has few outliers: all values lie within -23.75 to 42.75
    "#]],
    )
    .await;
    check(
        &column((0..19).chain([43])),
        expect![[r#"
        ok Completeness(a) a is complete: every row has a value
        ok Range(a) a has few outliers: 1 value lies beyond -23.75 to 42.75, of values from 0 to 43 [1: [20]]
    "#]],
    )
    .await;
    check(
        &column((0..18).chain([-400, 400])),
        expect![[r#"
        ok Completeness(a) a is complete: every row has a value
        WARN Range(a) a has few outliers: 2 values lie beyond -24.75 to 41.75, of values from -400 to 400 [2: [19, 20]]
    "#]],
    )
    .await;
    check(
        &column(["0.5", "0.6", "0.7", "0.8", "99.5"]),
        expect![[r#"
        ok Completeness(a) a is complete: every row has a value
        WARN Range(a) a has few outliers: 1 value lies beyond -2.22045e-16 to 1.4, of values from 0.5 to 99.5 [1: [5]]
    "#]],
    )
    .await;
}

#[tokio::test]
async fn no_fences_around_a_single_value() {
    check(
        &column([0, 0, 0, 0, 0, 0, 0, 1, 1]),
        expect![[r#"
        ok Completeness(a) a is complete: every row has a value
    "#]],
    )
    .await;
    check(
        &column([format!("{:e}", f64::MAX), format!("{:e}", f64::MIN), "1.0".into()]),
        expect![[r#"
        ok Completeness(a) a is complete: every row has a value
    "#]],
    )
    .await;
}

#[tokio::test]
async fn keys_with_few_repeated_values() {
    let hundred = |repeated: &[u32]| {
        column((0..100 - repeated.len() as u32).chain(repeated.iter().copied()).map(|key| format!("k{key}")))
    };
    check(
        &hundred(&[]),
        expect![[r#"
        ok Completeness(a) a is complete: every row has a value
    "#]],
    )
    .await;
    check(
        &hundred(&[7]),
        expect![[r#"
        ok Completeness(a) a is complete: every row has a value
        WARN Uniqueness(a) a is unique: 2 rows share a value with another: `k7` [2: [8, 100]]
    "#]],
    )
    .await;
    check(
        &hundred(&[7, 9]),
        expect![[r#"
        ok Completeness(a) a is complete: every row has a value
        WARN Uniqueness(a) a is unique: 4 rows share a value with another: `k7`, `k9` [4: [8, 10, 99, 100]]
    "#]],
    )
    .await;
    check(
        &hundred(&[7, 9, 11]),
        expect![[r#"
        ok Completeness(a) a is complete: every row has a value
    "#]],
    )
    .await;
    // Measurements that happen to be equal are no key.
    check(
        &column((0..100).map(|value| f64::from(value.min(98)) + 0.5)),
        expect![[r#"
        ok Completeness(a) a is complete: every row has a value
        ok Range(a) a has few outliers: all values lie within -123.25 to 223.25
    "#]],
    )
    .await;
}
