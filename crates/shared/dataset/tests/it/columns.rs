use dataset::{ColumnType, Kind, NULLS, NumericColumn};
use expect_test::expect;

use crate::csv;

#[tokio::test]
async fn numeric_columns_have_nan_for_null() {
    let dataset = csv("i,t,f,n,d\n1,a,,,2013-01-01\n,b,-2.5,,\n").await;
    let columns = dataset.numeric();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["i", "f"]);
    let bits = |column: &NumericColumn| column.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&columns[0]), [1.0, f64::NAN].map(f64::to_bits));
    assert_eq!(bits(&columns[1]), [f64::NAN, -2.5].map(f64::to_bits));
}

#[tokio::test]
async fn categories_of_every_type() {
    let dataset = csv("i,b,d,t,n\n10,true,2013-01-02,b,\n9,false,2013-01-01,,\n,true,,a,\n10,,2013-01-02,b,\n").await;
    let mut text = String::new();
    for column in dataset.columns() {
        let categories = dataset.categories(&column.name).unwrap();
        let codes = categories.codes.iter().map(|code| code.map_or("∅".into(), |code| code.to_string()));
        text += &format!("{}: {:?} = {}\n", column.name, categories.values, codes.collect::<Vec<_>>().join(" "));
    }
    expect![[r#"
        i: ["10", "9"] = 0 1 ∅ 0
        b: ["false", "true"] = 1 0 1 ∅
        d: ["2013-01-01", "2013-01-02"] = 1 0 ∅ 1
        t: ["a", "b"] = 1 ∅ 0 1
        n: [] = ∅ ∅ ∅ ∅
    "#]]
    .assert_eq(&text);
    assert_eq!(dataset.categories("x"), None);
}

#[tokio::test]
async fn the_minority_of_a_mixed_column() {
    let dataset = csv("plain,codes\n1,007\n2.5,12\nx,true\nNA,13\n").await;
    let minority = |column: usize, values: [&str; 4]| {
        let mixed = dataset.columns()[column].mixed.as_ref().unwrap();
        values.map(|value| mixed.is_minority(value))
    };
    assert_eq!(minority(0, ["1", "2.5", "x", "NA"]), [false, false, true, false]);
    // Among identifiers, integers are identifiers.
    assert_eq!(minority(1, ["007", "12", "true", ""]), [false, false, true, false]);
}

#[test]
fn canonical_text() {
    let types = [
        ColumnType::Integer,
        ColumnType::Float,
        ColumnType::Boolean,
        ColumnType::Date,
        ColumnType::Timestamp,
        ColumnType::Text,
        ColumnType::Null,
    ];
    let mut text = String::new();
    for spelled in ["+5", " 1.50 ", "TRUE", "2013-01-01", "2013-01-01 10:00+01:00", "007", "word", "NA"] {
        let canonical = types.map(|column_type| column_type.canonical(spelled).unwrap_or_else(|| "-".into()));
        text += &format!("{spelled:?}: {}\n", canonical.join(" | "));
    }
    expect![[r#"
        "+5": 5 | 5.0 | - | - | - | +5 | -
        " 1.50 ": - | 1.5 | - | - | - |  1.50  | -
        "TRUE": - | - | true | - | - | TRUE | -
        "2013-01-01": - | - | - | 2013-01-01 | 2013-01-01T00:00:00Z | 2013-01-01 | -
        "2013-01-01 10:00+01:00": - | - | - | - | 2013-01-01T09:00:00Z | 2013-01-01 10:00+01:00 | -
        "007": - | - | - | - | - | 007 | -
        "word": - | - | - | - | - | word | -
        "NA": - | - | - | - | - | - | -
    "#]]
    .assert_eq(&text);
}

#[test]
fn nulls_are_of_no_kind() {
    assert!(NULLS.iter().all(|null| Kind::of(null).is_none()));
    assert_eq!(
        ["1", "true", "2013-01-01", "a"].map(Kind::of),
        [Kind::Number, Kind::Boolean, Kind::Date, Kind::Text].map(Some)
    );
}
