use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray, Float32Array,
        Float64Array, Int8Array, Int32Array, Int64Array, LargeStringArray, ListArray, NullArray, RecordBatch,
        StringArray, StringViewArray, Time32SecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
        UInt32Array, UInt64Array,
    },
    datatypes::{Int8Type, Int32Type},
};
use expect_test::{Expect, expect};
use parquet::arrow::ArrowWriter;

use crate::{open, render, shown, values};

fn written(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

async fn check(columns: Vec<(&str, ArrayRef)>, expected: Expect) {
    check_bytes(&written(columns), expected).await;
}

async fn check_bytes(bytes: &[u8], expected: Expect) {
    expected.assert_eq(&match open("data.parquet", bytes).await {
        Ok(dataset) => render(&dataset),
        Err(error) => shown(error, None),
    });
}

#[tokio::test]
async fn every_type_has_its_place() {
    let dictionary: DictionaryArray<Int8Type> = [Some("b"), None, Some("b")].into_iter().collect();
    let second = 1_000;
    check(
        vec![
            ("int8", Arc::new(Int8Array::from(vec![Some(1), None, Some(-3)]))),
            ("int64", Arc::new(Int64Array::from(vec![i64::MAX, i64::MIN, 0]))),
            ("uint32", Arc::new(UInt32Array::from(vec![u32::MAX, 0, 1]))),
            ("uint64", Arc::new(UInt64Array::from(vec![1, 2, 3]))),
            ("uint64 beyond", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(3)]))),
            ("float32", Arc::new(Float32Array::from(vec![0.5, -0.0, f32::NAN]))),
            ("float64", Arc::new(Float64Array::from(vec![Some(1e300), Some(f64::INFINITY), None]))),
            (
                "decimal",
                Arc::new(
                    Decimal128Array::from(vec![Some(12345), None, Some(-1)]).with_precision_and_scale(10, 2).unwrap(),
                ),
            ),
            ("boolean", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
            ("date32", Arc::new(Date32Array::from(vec![0, 15_706, -1]))),
            ("date64", Arc::new(Date64Array::from(vec![0, 86_400_000, -86_400_000]))),
            ("millis", Arc::new(TimestampMillisecondArray::from(vec![0, 1_500, -1]))),
            ("nanos in zone", Arc::new(TimestampNanosecondArray::from(vec![0, 1_234, 1]).with_timezone("+02:00"))),
            ("text", Arc::new(StringArray::from(vec![Some("x"), None, Some(" y ")]))),
            ("large text", Arc::new(LargeStringArray::from(vec!["007", "1", "2"]))),
            ("text view", Arc::new(StringViewArray::from(vec!["a value longer than twelve bytes", "", "NA"]))),
            ("dictionary", Arc::new(dictionary)),
            ("time", Arc::new(Time32SecondArray::from(vec![0, 3_600 + 1, 86_399]))),
            ("null", Arc::new(NullArray::new(3))),
            ("all null", Arc::new(Int32Array::from(vec![None, None, None]))),
            ("all NaN", Arc::new(Float64Array::from(vec![f64::NAN, f64::NAN, f64::NAN]))),
            ("second", Arc::new(TimestampMillisecondArray::from(vec![second; 3]))),
        ],
        expect![[r#"
            int8: integer = 1 | ∅ | -3
            int64: integer = 9223372036854775807 | -9223372036854775808 | 0
            uint32: integer = 4294967295 | 0 | 1
            uint64: integer = 1 | 2 | 3
            uint64 beyond: text = 18446744073709551615 | ∅ | 3
            float32: float = 0.5 | 0.0 | ∅
            float64: float = 1e300 | ∅ | ∅
            decimal: float = 123.45 | ∅ | -0.01
            boolean: boolean = true | ∅ | false
            date32: date = 1970-01-01 | 2013-01-01 | 1969-12-31
            date64: date = 1970-01-01 | 1970-01-02 | 1969-12-31
            millis: timestamp = 1970-01-01T00:00:00Z | 1970-01-01T00:00:01.500Z | 1969-12-31T23:59:59.999Z
            nanos in zone: timestamp = 1970-01-01T00:00:00Z | 1970-01-01T00:00:00.000001Z | 1970-01-01T00:00:00Z
            text: text = x | ∅ |  y 
            large text: text = 007 | 1 | 2
            text view: text = a value longer than twelve bytes | ∅ | ∅
            dictionary: text = b | ∅ | b
            time: text = 00:00:00 | 01:00:01 | 23:59:59
            null: null = ∅ | ∅ | ∅
            all null: null = ∅ | ∅ | ∅
            all NaN: null = ∅ | ∅ | ∅
            second: timestamp = 1970-01-01T00:00:01Z | 1970-01-01T00:00:01Z | 1970-01-01T00:00:01Z
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_no_table_can_hold_is_refused_by_name() {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]);
    check(
        vec![
            ("id", Arc::new(Int32Array::from(vec![1]))),
            ("tags", Arc::new(lists)),
            ("image", Arc::new(BinaryArray::from_vec(vec![b"\xff"]))),
        ],
        expect!["Invalid: `data.parquet`: no table can hold `tags` (List(Int32)), `image` (Binary): leave them out or flatten them"],
    )
    .await;
}

#[tokio::test]
async fn columns_without_a_name() {
    let column = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    check(
        vec![("a", column()), ("", column())],
        expect!["Invalid: `data.parquet`: no name for column 2 of the header: name every column"],
    )
    .await;
}

#[tokio::test]
async fn a_file_without_rows() {
    check(
        vec![("a", Arc::new(Int32Array::from(Vec::<i32>::new())))],
        expect!["Invalid: `data.parquet` has columns but no rows: a dataset needs at least one row"],
    )
    .await;
}

#[tokio::test]
async fn broken_files() {
    let whole = written(vec![("a", Arc::new(Int32Array::from_iter_values(0..1000)))]);
    check_bytes(&whole[..whole.len() / 2], expect!["Invalid: `data.parquet` is a broken or truncated Parquet file: write or copy it again [the file does not end as a Parquet file does]"]).await;
    check_bytes(b"PAR1", expect!["Invalid: `data.parquet` is a broken or truncated Parquet file: write or copy it again [EOF: Parquet file too small. Size is 4 but need 8]"]).await;
    check_bytes(b"PAR1\x00\x00\x00\x00PAR1", expect!["Invalid: `data.parquet` is a broken or truncated Parquet file: write or copy it again [EOF: Unexpected EOF]"]).await;
    let mut damaged = whole.clone();
    damaged[4..200].fill(0xa5);
    check_bytes(&damaged, expect!["Invalid: `data.parquet` is a broken or truncated Parquet file: write or copy it again [Parquet argument error: Parquet error: Required field type_ is missing]"]).await;
}

#[tokio::test]
async fn the_same_data_reads_alike_from_both_formats() {
    let from_csv = crate::csv("i,f,b,d,s\n1,1.5,true,2013-01-01,x\n,NaN,,NA,\n3,-0.0,false,1969-12-31,null\n").await;
    let bytes = written(vec![
        ("i", Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]))),
        ("f", Arc::new(Float64Array::from(vec![1.5, f64::NAN, -0.0]))),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("d", Arc::new(Date32Array::from(vec![Some(15_706), None, Some(-1)]))),
        ("s", Arc::new(StringArray::from(vec!["x", "", "null"]))),
    ]);
    let from_parquet = open("data.parquet", bytes).await.unwrap();
    assert_eq!(render(&from_csv), render(&from_parquet));
    assert_eq!(from_csv.batches(), from_parquet.batches());
}

#[tokio::test]
async fn many_row_groups_keep_their_order() {
    let batch =
        RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from_iter_values(0..30_000)) as ArrayRef)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    for start in (0..30_000).step_by(10_000) {
        writer.write(&batch.slice(start, 10_000)).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
    let dataset = open("data.parquet", bytes).await.unwrap();
    assert!(
        values(&dataset, "a")
            .iter()
            .zip(0..)
            .all(|(value, row): (_, i32)| value.as_deref() == Some(row.to_string().as_str()))
    );
}

/// The reader that we use panics on some damage; what a person's file holds must not look like a fault of ours.
#[tokio::test]
async fn damage_anywhere_in_the_footer_is_no_panic() {
    let whole =
        written(vec![("a", Arc::new(Int32Array::from(vec![1]))), ("f", Arc::new(Float64Array::from(vec![1.5])))]);
    let length = u32::from_le_bytes(whole[whole.len() - 8..whole.len() - 4].try_into().unwrap()) as usize;
    let footer = whole.len() - 8 - length;
    let mut refused = 0;
    for at in footer..whole.len() - 8 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        refused += usize::from(open("data.parquet", bytes).await.is_err());
    }
    assert!(refused > length / 10, "{refused} of {length}");
}
