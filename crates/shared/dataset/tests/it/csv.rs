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
        expect![[r#"
            integer: integer = 1 | -2 | 3
            float: float = 1.5 | 2.0 | -1000.0
            boolean: boolean = true | false | true
            date: date = 2013-01-01 | 2013-12-31 | 2012-02-29
            timestamp: timestamp = 2013-01-01T10:00:00Z | 2013-01-01T10:00:00Z | 2013-01-01T00:00:00Z
            text: text = a | b c | d,e
            null: null = ∅ | ∅ | ∅
        "#]],
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
        expect![[r#"
            small: integer = 1 | 22 | 333
            edges: integer = 9223372036854775807 | -9223372036854775808 | 0
            beyond: text = 9223372036854775808 | 1 | 18446744073709551616
            padded: text = 007 | 8 | 12
            padded_later: text = 7 | 8 | 007
            zero: integer = 0 | 0 | 0
        "#]],
    )
    .await;
}

#[tokio::test]
async fn floats() {
    check(
        "point,no_whole,exponent,large,small,long,negative_zero,infinite,overflow,padded\n\
         1.0,.5,1e3,1e300,1e-300,0.1234567890123456789,-0.0,inf,1e999,00.5\n\
         2.25,5.,2.5E-3,123456789012345678901234.5,4.9e-324,1.7976931348623157e308,0.0,-Infinity,1,1\n",
        expect![[r#"
            point: float = 1.0 | 2.25
            no_whole: float = 0.5 | 5.0
            exponent: float = 1000.0 | 0.0025
            large: float = 1e300 | 1.2345678901234569e23
            small: float = 1e-300 | 5e-324
            long: float = 0.12345678901234568 | 1.7976931348623157e308
            negative_zero: float = 0.0 | 0.0
            infinite: text = inf | -Infinity
            overflow: text (1 text and 1 number, from row 2) = 1e999 | 1
            padded: text (1 text and 1 number, from row 2) = 00.5 | 1
        "#]],
    )
    .await;
}

#[tokio::test]
async fn times() {
    check(
        "fraction,offset,compact_offset,mixed_with_dates,bad_day,bad_hour,leap,clock\n\
         2013-01-01T10:00:00.5Z,2013-01-01T00:30:00+01:00,2013-01-01T10:00:00-0530,2013-01-01,2013-02-29,2013-01-01T24:00:00,2013-01-01T10:00:60Z,10:00\n\
         2013-01-01 10:00:00.123456789,2013-01-01T23:30:00-01:00,2013-01-01t10:00:00z,2013-01-01T10:00:00,2013-02-30,2013-01-01T10:60,0001-01-01,11:00\n",
        expect![[r#"
            fraction: timestamp = 2013-01-01T10:00:00.500Z | 2013-01-01T10:00:00.123456Z
            offset: timestamp = 2012-12-31T23:30:00Z | 2013-01-02T00:30:00Z
            compact_offset: timestamp = 2013-01-01T15:30:00Z | 2013-01-01T10:00:00Z
            mixed_with_dates: timestamp = 2013-01-01T00:00:00Z | 2013-01-01T10:00:00Z
            bad_day: text = 2013-02-29 | 2013-02-30
            bad_hour: text = 2013-01-01T24:00:00 | 2013-01-01T10:60
            leap: text (1 text and 1 date, from row 2) = 2013-01-01T10:00:60Z | 0001-01-01
            clock: text = 10:00 | 11:00
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_is_not_quite_a_number_is_text() {
    check(
        "thousands,currency,percent,hex,sign,dot,exponent,date,underscore\n\
         \"1,000\",$5,5%,0x1F,-,.,1e,2013-1-1,1_000\n",
        expect![[r#"
            thousands: text = 1,000
            currency: text = $5
            percent: text = 5%
            hex: text = 0x1F
            sign: text = -
            dot: text = .
            exponent: text = 1e
            date: text = 2013-1-1
            underscore: text = 1_000
        "#]],
    )
    .await;
}

#[tokio::test]
async fn nulls_are_spelled_alike_in_every_type() {
    let spellings = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "\"\"", "\"NA\"", "  ", " NA "];
    let rows = spellings.map(|null| format!("{null},{null},{null},{null},{null},{null}\n"));
    let text = format!("i,f,b,d,t,s\n1,1.5,true,2013-01-01,2013-01-01T10:00:00Z,word\n{}", rows.concat());
    check(
        text,
        expect![[r#"
        i: integer = 1 | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅
        f: float = 1.5 | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅
        b: boolean = true | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅
        d: date = 2013-01-01 | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅
        t: timestamp = 2013-01-01T10:00:00Z | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅
        s: text = word | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅ | ∅
    "#]],
    )
    .await;
}

#[tokio::test]
async fn words_are_no_nulls() {
    check(
        "text,number\nNone,1\n-,2\n?,None\nNAN,4\nNamibia,5\nnil,-\nNo,7\n",
        expect![[r#"
        text: text = None | - | ? | NAN | Namibia | nil | No
        number: text (5 numbers and 2 texts, from row 3) = 1 | 2 | None | 4 | 5 | - | 7
    "#]],
    )
    .await;
}

#[tokio::test]
async fn columns_of_several_kinds_are_text() {
    check(
        "few_texts,few_numbers,three_kinds,tie,first_is_null,all_numbers\n\
         1,a,1,x,,1\n\
         2,b,true,1,7,2.5\n\
         oops,3,2013-01-01,2,NA,3\n\
         4.0,c,2013-01-02,y,Smith,4\n",
        expect![[r#"
            few_texts: text (3 numbers and 1 text, from row 3) = 1 | 2 | oops | 4.0
            few_numbers: text (3 texts and 1 number, from row 3) = a | b | 3 | c
            three_kinds: text (2 dates and 1 number and 1 boolean, from row 1) = 1 | true | 2013-01-01 | 2013-01-02
            tie: text (2 texts and 2 numbers, from row 2) = x | 1 | 2 | y
            first_is_null: text (1 number and 1 text, from row 4) = ∅ | 7 | ∅ | Smith
            all_numbers: float = 1.0 | 2.5 | 3.0 | 4.0
        "#]],
    )
    .await;
}

#[tokio::test]
async fn delimiters() {
    check(
        "a;b\n1,5;2\n",
        expect![[r#"
        a: text = 1,5
        b: integer = 2
    "#]],
    )
    .await;
    check(
        "a\tb\n1\t2\n",
        expect![[r#"
        a: integer = 1
        b: integer = 2
    "#]],
    )
    .await;
    check(
        "a|b\n1|2\n",
        expect![[r#"
        a: integer = 1
        b: integer = 2
    "#]],
    )
    .await;
    check(
        "\"a;b;c\",d\n1,2\n",
        expect![[r#"
        a;b;c: integer = 1
        d: integer = 2
    "#]],
    )
    .await;
    check(
        "a,b;c,d;e\n1,2;3,4;5\n",
        expect![[r#"
        a: integer = 1
        b;c: text = 2;3
        d;e: text = 4;5
    "#]],
    )
    .await;
    check(
        "alone\n1\n2\n",
        expect![[r#"
        alone: integer = 1 | 2
    "#]],
    )
    .await;
}

#[tokio::test]
async fn quoting() {
    check(
        "\"a\",\"b \"\"x\"\"\"\n\"1\",\"line\nbreak\"\n\"2\",\"a \"\"quoted\"\" word\"\n3,5\" pipe\n4,\"\"\"\"\n",
        expect![[r#"
            a: integer = 1 | 2 | 3 | 4
            b "x": text = line
            break | a "quoted" word | 5" pipe | "
        "#]],
    )
    .await;
}

#[tokio::test]
async fn line_ends_blank_lines_and_marks() {
    check(
        "a,b\r\n1,x\r\n2,y",
        expect![[r#"
        a: integer = 1 | 2
        b: text = x | y
    "#]],
    )
    .await;
    check(
        "a,b\r1,x\r2,y\r",
        expect![[r#"
        a: integer = 1 | 2
        b: text = x | y
    "#]],
    )
    .await;
    check(
        "\u{feff}a,b\n1,x\n",
        expect![[r#"
        a: integer = 1
        b: text = x
    "#]],
    )
    .await;
    check(
        "\n\na,b\n\n1,x\n\n\n2,y\n\n",
        expect![[r#"
        a: integer = 1 | 2
        b: text = x | y
    "#]],
    )
    .await;
    check(
        "a\n\"\"\nx\n",
        expect![[r#"
        a: text = ∅ | x
    "#]],
    )
    .await;
}

#[tokio::test]
async fn blanks() {
    check(
        " a , b c \n 1 , x \n2,y\n",
        expect![[r#"
        a: integer = 1 | 2
        b c: text =  x  | y
    "#]],
    )
    .await;
}

#[tokio::test]
async fn bad_files() {
    check("", expect!["Invalid: `data.csv` is empty: a dataset needs a header and at least one row"]).await;
    check("\n\r\n", expect!["Invalid: `data.csv` is empty: a dataset needs a header and at least one row"]).await;
    check("a,b\n", expect!["Invalid: `data.csv` has columns but no rows: a dataset needs at least one row"]).await;
    check("a,b", expect!["Invalid: `data.csv` has columns but no rows: a dataset needs at least one row"]).await;
    check(
        b"a,b\n\x00\x01,2\n",
        expect!["Invalid: `data.csv` is neither text nor Parquet: save it as CSV in UTF-8 or as Parquet"],
    )
    .await;
    check(
        b"\x1f\x8b\x08\x08\xff\xfe",
        expect!["Invalid: `data.csv` is neither text nor Parquet: save it as CSV in UTF-8 or as Parquet"],
    )
    .await;
    check(
        b"\xff\xfea\x00,\x00b\x00\n\x00",
        expect!["Invalid: `data.csv` is neither text nor Parquet: save it as CSV in UTF-8 or as Parquet"],
    )
    .await;
}

#[tokio::test]
async fn bad_text() {
    check(
        b"a,b\n1,x\n2,caf\xe9\n",
        expect!["Invalid: `data.csv`, line 3, column `b`: not UTF-8: save the file as UTF-8"],
    )
    .await;
    check(
        b"a,b\n1,\"two\nlines\"\n\xe9,x\n",
        expect!["Invalid: `data.csv`, line 4, column `a`: not UTF-8: save the file as UTF-8"],
    )
    .await;
    check(
        b"a,b\n1,\"open \xe9\n",
        expect!["Invalid: `data.csv`, line 2, column `b`: not UTF-8: save the file as UTF-8"],
    )
    .await;
    check(b"a,caf\xe9\n1,2\n", expect!["Invalid: `data.csv`, line 1: not UTF-8: save the file as UTF-8"]).await;
    check(b"a,b\n1,2\n3,4\xc3", expect!["Invalid: `data.csv`, line 3, column `b`: not UTF-8: save the file as UTF-8"])
        .await;
}

#[tokio::test]
async fn bad_records() {
    check("a,b\n1,2\n3\n", expect!["Invalid: `data.csv`, line 3: 1 field where the header has 2: add or remove fields, or quote values that hold the delimiter `,`"]).await;
    check("a,b\n1,\"2\n2\"\n\n3,4,5\n", expect!["Invalid: `data.csv`, line 5: 3 fields where the header has 2: add or remove fields, or quote values that hold the delimiter `,`"]).await;
    check("a;b\n1;2;3\n", expect!["Invalid: `data.csv`, line 2: 3 fields where the header has 2: add or remove fields, or quote values that hold the delimiter `;`"]).await;
    check(
        "a,b\n1,2\n3,\"4\n5,6\n",
        expect![
            "Invalid: `data.csv`, line 3, column `b`: a quote is opened and never closed: close it, or write it twice"
        ],
    )
    .await;
    check("a,b\n1,\"2\"x\n", expect!["Invalid: `data.csv`, line 2, column `b`: text follows a closing quote: write quotes inside a quoted value twice"]).await;
    check(
        "a,\"b\n1,2\n",
        expect!["Invalid: `data.csv`, line 1: a quote is opened and never closed: close it, or write it twice"],
    )
    .await;
}

#[tokio::test]
async fn bad_headers() {
    check(
        "a,b,a,c,b\n1,2,3,4,5\n",
        expect!["Invalid: `data.csv`: more than one column is named `a`, `b`: rename all but one"],
    )
    .await;
    check(
        ",a, ,b\n1,2,3,4\n",
        expect!["Invalid: `data.csv`: no name for column 1, 3 of the header: name every column"],
    )
    .await;
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
