use std::{fmt::Write as _, sync::Arc};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use expect_test::{Expect, expect};
use interfaces_data::ColumnProfile;
use parquet::arrow::ArrowWriter;

use crate::{check_csv, check_file};

pub fn render(columns: &[ColumnProfile]) -> String {
    let mut text = String::new();
    for column in columns {
        let bounds = [&column.min, &column.max].map(|bound| bound.as_deref().unwrap_or("∅").to_owned());
        let top: Vec<String> = column.top.iter().map(|top| format!("{} x{}", top.value, top.count)).collect();
        writeln!(
            text,
            "{}: {:?}, {} null, {} distinct, {} to {}; {}",
            column.name,
            column.column_type,
            column.nulls,
            column.distinct,
            bounds[0],
            bounds[1],
            top.join(", ")
        )
        .unwrap();
        if let Some(numeric) = &column.numeric {
            let q = numeric.quantiles;
            writeln!(
                text,
                "    {:?} to {:?}, mean {:?}, std {:?}; {:?} {:?} {:?} {:?} {:?}",
                numeric.min, numeric.max, numeric.mean, numeric.std, q.p05, q.p25, q.p50, q.p75, q.p95
            )
            .unwrap();
        }
    }
    text
}

async fn check(text: &str, expected: Expect) {
    expected.assert_eq(&render(&check_csv(text, vec![]).await.unwrap().columns));
}

async fn check_parquet(columns: Vec<(&str, ArrayRef)>, expected: Expect) {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    expected.assert_eq(&render(&check_file("data.parquet", &bytes, vec![]).await.unwrap().columns));
}

/// By hand, of the integers 1, 2, 2, 5: mean 10/4; squares 2.25 + 0.25 + 0.25 + 6.25 = 9, over 3; ranks 0.15, 0.75, 1.5, 2.25,
/// 2.85.
#[tokio::test]
async fn every_type() {
    check(
        "integer,float,boolean,date,timestamp,text,null\n\
         2,0.5,true,2013-01-02,2013-01-01T10:00:00Z,b,\n\
         1,,false,,2012-12-31T23:59:59.5Z,B,\n\
         ,1.5,true,1969-12-31,,,\n\
         5,-1,,2013-01-02,2013-01-01T10:00:00Z,b,\n\
         2,1.5,true,,,a longer value of more than twelve bytes,\n",
        expect![[r#"
            integer: Integer, 1 null, 3 distinct, 1 to 5; 2 x2, 1 x1, 5 x1
                1.0 to 5.0, mean 2.5, std 1.7320508075688772; 1.15 1.75 2.0 2.75 4.55
            float: Float, 1 null, 3 distinct, -1.0 to 1.5; 1.5 x2, -1.0 x1, 0.5 x1
                -1.0 to 1.5, mean 0.625, std 1.181453906563152; -0.775 0.125 1.0 1.5 1.5
            boolean: Boolean, 1 null, 2 distinct, false to true; true x3, false x1
            date: Date, 2 null, 2 distinct, 1969-12-31 to 2013-01-02; 2013-01-02 x2, 1969-12-31 x1
            timestamp: Timestamp, 2 null, 2 distinct, 2012-12-31T23:59:59.500Z to 2013-01-01T10:00:00Z; 2013-01-01T10:00:00Z x2, 2012-12-31T23:59:59.500Z x1
            text: Text, 1 null, 3 distinct, B to b; b x2, B x1, a longer value of more than twelve bytes x1
            null: Null, 5 null, 0 distinct, ∅ to ∅; 
        "#]],
    )
    .await;
}

#[tokio::test]
async fn one_row() {
    check(
        "i,f,t,n\n-7,0.25,word,NA\n",
        expect![[r#"
        i: Integer, 0 null, 1 distinct, -7 to -7; -7 x1
            -7.0 to -7.0, mean -7.0, std 0.0; -7.0 -7.0 -7.0 -7.0 -7.0
        f: Float, 0 null, 1 distinct, 0.25 to 0.25; 0.25 x1
            0.25 to 0.25, mean 0.25, std 0.0; 0.25 0.25 0.25 0.25 0.25
        t: Text, 0 null, 1 distinct, word to word; word x1
        n: Null, 1 null, 0 distinct, ∅ to ∅; 
    "#]],
    )
    .await;
}

#[tokio::test]
async fn negative_zero_is_zero() {
    check(
        "a\n-0.0\n0.0\n0\n-1.5\n",
        expect![[r#"
        a: Float, 0 null, 2 distinct, -1.5 to 0.0; 0.0 x3, -1.5 x1
            -1.5 to 0.0, mean -0.375, std 0.75; -1.275 -0.375 0.0 0.0 0.0
    "#]],
    )
    .await;
}

#[tokio::test]
async fn the_five_most_frequent_values_in_order() {
    check(
        "number,word\n10,d\n9,c\n9,c\n8,b\n8,b\n7,g\n6,f\n5,e\n10,e\n11,d\n",
        expect![[r#"
        number: Integer, 0 null, 7 distinct, 5 to 11; 8 x2, 9 x2, 10 x2, 5 x1, 6 x1
            5.0 to 11.0, mean 8.3, std 1.888562063228706; 5.45 7.25 8.5 9.75 10.55
        word: Text, 0 null, 6 distinct, b to g; b x2, c x2, d x2, e x2, f x1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn integers_that_no_float_holds() {
    check("a\n9007199254740993\n9007199254740992\n-9223372036854775808\n9223372036854775807\n", expect![[r#"
        a: Integer, 0 null, 4 distinct, -9223372036854775808 to 9223372036854775807; -9223372036854775808 x1, 9007199254740992 x1, 9007199254740993 x1, 9223372036854775807 x1
            -9.223372036854776e18 to 9.223372036854776e18, mean 4503599627370496.0, std 7.530853528211076e18; -7.838515151438348e18 -2.2990876097726382e18 9007199254740992.0 2.3125984086547497e18 7.84121731121477e18
    "#]]).await;
}

#[tokio::test]
async fn columns_of_unusual_names() {
    check(
        "value,count,\"a \"\"b\"\".c\",Mixed Case,count(*)\n1,1,1,1,1\n",
        expect![[r#"
        value: Integer, 0 null, 1 distinct, 1 to 1; 1 x1
            1.0 to 1.0, mean 1.0, std 0.0; 1.0 1.0 1.0 1.0 1.0
        count: Integer, 0 null, 1 distinct, 1 to 1; 1 x1
            1.0 to 1.0, mean 1.0, std 0.0; 1.0 1.0 1.0 1.0 1.0
        a "b".c: Integer, 0 null, 1 distinct, 1 to 1; 1 x1
            1.0 to 1.0, mean 1.0, std 0.0; 1.0 1.0 1.0 1.0 1.0
        Mixed Case: Integer, 0 null, 1 distinct, 1 to 1; 1 x1
            1.0 to 1.0, mean 1.0, std 0.0; 1.0 1.0 1.0 1.0 1.0
        count(*): Integer, 0 null, 1 distinct, 1 to 1; 1 x1
            1.0 to 1.0, mean 1.0, std 0.0; 1.0 1.0 1.0 1.0 1.0
    "#]],
    )
    .await;
}

#[tokio::test]
async fn parquet() {
    check_parquet(
        vec![
            ("nan", Arc::new(Float64Array::from(vec![f64::NAN, 1.0, -0.0, f64::INFINITY]))),
            ("all nan", Arc::new(Float64Array::from(vec![f64::NAN; 4]))),
            ("big", Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(i64::MIN), None, Some(i64::MAX)]))),
            ("text", Arc::new(StringArray::from(vec![Some("ü"), Some("z"), None, Some("")]))),
        ],
        expect![[r#"
            nan: Float, 2 null, 2 distinct, 0.0 to 1.0; 0.0 x1, 1.0 x1
                0.0 to 1.0, mean 0.5, std 0.7071067811865476; 0.05 0.25 0.5 0.75 0.95
            all nan: Null, 4 null, 0 distinct, ∅ to ∅; 
            big: Integer, 1 null, 2 distinct, -9223372036854775808 to 9223372036854775807; 9223372036854775807 x2, -9223372036854775808 x1
                -9.223372036854776e18 to 9.223372036854776e18, mean 3.0744573456182584e18, std 1.0650232656628345e19; -7.378697629483821e18 0.0 9.223372036854776e18 9.223372036854776e18 9.223372036854776e18
            text: Text, 2 null, 2 distinct, z to ü; z x1, ü x1
        "#]],
    )
    .await;
}

/// What a profile says must not depend on how the engine cuts the rows into batches or shares them out.
#[tokio::test]
async fn many_batches() {
    let rows: String = (0..50_000).map(|row| format!("{},{},w{}\n", row, row % 7, row % 11_000)).collect();
    check(
        &format!("all_different,week,word\n{rows}"),
        expect![[r#"
        all_different: Integer, 0 null, 50000 distinct, 0 to 49999; 0 x1, 1 x1, 2 x1, 3 x1, 4 x1
            0.0 to 49999.0, mean 24999.5, std 14433.90106658626; 2499.95 12499.75 24999.5 37499.25 47499.05
        week: Integer, 0 null, 7 distinct, 0 to 6; 0 x7143, 1 x7143, 2 x7143, 3 x7143, 4 x7143
            0.0 to 6.0, mean 2.99994, std 1.9999949989937276; 0.0 1.0 3.0 5.0 6.0
        word: Text, 0 null, 11000 distinct, w0 to w9999; w0 x5, w1 x5, w10 x5, w100 x5, w1000 x5
    "#]],
    )
    .await;
}
