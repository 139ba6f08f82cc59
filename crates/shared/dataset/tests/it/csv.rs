use expect_test::{Expect, expect};

use crate::{open, render, shown};

async fn check(text: impl AsRef<[u8]>, expected: Expect) {
    expected.assert_eq(&match open("data.csv", text).await {
        Ok(dataset) => render(&dataset),
        Err(error) => shown(error, None),
    });
}

#[tokio::test]
async fn types_are_those_of_all_values() {
    check(
        "integer,float,boolean,date,timestamp,text,null\n\
         1,1.5,true,2013-01-01,2013-01-01T10:00:00Z,a,\n\
         -2,2,FALSE,2013-12-31,2013-01-01 10:00,b c,NA\n\
         +3,-1e3,True,2012-02-29,2013-01-01,\"d,e\",null\n",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test]
async fn integers() {
    check(
        "small,edges,beyond,padded,padded_later,zero\n\
         1,9223372036854775807,9223372036854775808,007,7,-0\n\
         22,-9223372036854775808,1,8,8,0\n\
         333,0,18446744073709551616,12,007,+0\n",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test]
async fn floats() {
    check(
        "point,no_whole,exponent,large,small,long,negative_zero,infinite,overflow,padded\n\
         1.0,.5,1e3,1e300,1e-300,0.1234567890123456789,-0.0,inf,1e999,00.5\n\
         2.25,5.,2.5E-3,123456789012345678901234.5,4.9e-324,1.7976931348623157e308,0.0,-Infinity,1,1\n",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test]
async fn times() {
    check(
        "fraction,offset,compact_offset,mixed_with_dates,bad_day,bad_hour,leap,clock\n\
         2013-01-01T10:00:00.5Z,2013-01-01T00:30:00+01:00,2013-01-01T10:00:00-0530,2013-01-01,2013-02-29,2013-01-01T24:00:00,2013-01-01T10:00:60Z,10:00\n\
         2013-01-01 10:00:00.123456789,2013-01-01T23:30:00-01:00,2013-01-01t10:00:00z,2013-01-01T10:00:00,2013-02-30,2013-01-01T10:60,0001-01-01,11:00\n",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test]
async fn what_is_not_quite_a_number_is_text() {
    check(
        "thousands,currency,percent,hex,sign,dot,exponent,date,underscore\n\
         \"1,000\",$5,5%,0x1F,-,.,1e,2013-1-1,1_000\n",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test]
async fn nulls_are_spelled_alike_in_every_type() {
    let spellings = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "\"\"", "\"NA\"", "  ", " NA "];
    let rows = spellings.map(|null| format!("{null},{null},{null},{null},{null},{null}\n"));
    let text = format!("i,f,b,d,t,s\n1,1.5,true,2013-01-01,2013-01-01T10:00:00Z,word\n{}", rows.concat());
    check(text, expect![[r#""#]]).await;
}

#[tokio::test]
async fn words_are_no_nulls() {
    check("text,number\nNone,1\n-,2\n?,None\nNAN,4\nNamibia,5\nnil,-\nNo,7\n", expect![[r#""#]]).await;
}

#[tokio::test]
async fn columns_of_several_kinds_are_text() {
    check(
        "few_texts,few_numbers,three_kinds,tie,first_is_null,all_numbers\n\
         1,a,1,x,,1\n\
         2,b,true,1,7,2.5\n\
         oops,3,2013-01-01,2,NA,3\n\
         4.0,c,2013-01-02,y,Smith,4\n",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test]
async fn delimiters() {
    check("a;b\n1,5;2\n", expect![[r#""#]]).await;
    check("a\tb\n1\t2\n", expect![[r#""#]]).await;
    check("a|b\n1|2\n", expect![[r#""#]]).await;
    check("\"a;b;c\",d\n1,2\n", expect![[r#""#]]).await;
    check("a,b;c,d;e\n1,2;3,4;5\n", expect![[r#""#]]).await;
    check("alone\n1\n2\n", expect![[r#""#]]).await;
}

#[tokio::test]
async fn quoting() {
    check(
        "\"a\",\"b \"\"x\"\"\"\n\"1\",\"line\nbreak\"\n\"2\",\"a \"\"quoted\"\" word\"\n3,5\" pipe\n4,\"\"\"\"\n",
        expect![[r#""#]],
    )
    .await;
}

#[tokio::test]
async fn line_ends_blank_lines_and_marks() {
    check("a,b\r\n1,x\r\n2,y", expect![[r#""#]]).await;
    check("a,b\r1,x\r2,y\r", expect![[r#""#]]).await;
    check("\u{feff}a,b\n1,x\n", expect![[r#""#]]).await;
    check("\n\na,b\n\n1,x\n\n\n2,y\n\n", expect![[r#""#]]).await;
    check("a\n\"\"\nx\n", expect![[r#""#]]).await;
}

#[tokio::test]
async fn blanks() {
    check(" a , b c \n 1 , x \n2,y\n", expect![[r#""#]]).await;
}

#[tokio::test]
async fn bad_files() {
    check("", expect![[r#""#]]).await;
    check("\n\r\n", expect![[r#""#]]).await;
    check("a,b\n", expect![[r#""#]]).await;
    check("a,b", expect![[r#""#]]).await;
    check(b"a,b\n\x00\x01,2\n", expect![[r#""#]]).await;
    check(b"\x1f\x8b\x08\x08\xff\xfe", expect![[r#""#]]).await;
    check(b"\xff\xfea\x00,\x00b\x00\n\x00", expect![[r#""#]]).await;
}

#[tokio::test]
async fn bad_text() {
    check(b"a,b\n1,x\n2,caf\xe9\n", expect![[r#""#]]).await;
    check(b"a,b\n1,\"two\nlines\"\n\xe9,x\n", expect![[r#""#]]).await;
    check(b"a,b\n1,\"open \xe9\n", expect![[r#""#]]).await;
    check(b"a,caf\xe9\n1,2\n", expect![[r#""#]]).await;
    check(b"a,b\n1,2\n3,4\xc3", expect![[r#""#]]).await;
}

#[tokio::test]
async fn bad_records() {
    check("a,b\n1,2\n3\n", expect![[r#""#]]).await;
    check("a,b\n1,\"2\n2\"\n\n3,4,5\n", expect![[r#""#]]).await;
    check("a;b\n1;2;3\n", expect![[r#""#]]).await;
    check("a,b\n1,2\n3,\"4\n5,6\n", expect![[r#""#]]).await;
    check("a,b\n1,\"2\"x\n", expect![[r#""#]]).await;
    check("a,\"b\n1,2\n", expect![[r#""#]]).await;
}

#[tokio::test]
async fn bad_headers() {
    check("a,b,a,c,b\n1,2,3,4,5\n", expect![[r#""#]]).await;
    check(",a, ,b\n1,2,3,4\n", expect![[r#""#]]).await;
}

#[tokio::test]
async fn long_files_are_read_in_many_pieces() {
    let rows: String = (1..=20_000)
        .map(|row| format!("{row},{}\n", if row == 17_000 { "oops".into() } else { row.to_string() }))
        .collect();
    let dataset = crate::csv(format!("number,mixed\n{rows}")).await;
    assert_eq!(dataset.rows(), 20_000);
    assert_eq!(dataset.batches().iter().map(|batch| batch.num_rows()).collect::<Vec<_>>(), [8192, 8192, 3616]);
    let numbers = crate::values(&dataset, "number");
    assert!(numbers.iter().zip(1..).all(|(value, row): (_, u32)| value.as_deref() == Some(row.to_string().as_str())));
    let mixed = dataset.columns()[1].mixed.as_ref().unwrap();
    assert_eq!((mixed.first_row, mixed.minority()), (17_000, 1));
    assert_eq!(
        crate::values(&dataset, "mixed")[16_998..17_001],
        ["16999", "oops", "17001"].map(|text| Some(text.to_owned()))
    );
}
