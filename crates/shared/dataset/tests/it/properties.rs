use dataset::{Categories, ColumnType, Kind};
use proptest::{collection::vec, prelude::*};
use tokio::runtime::Runtime;

use crate::values;

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}

fn as_csv(width: usize, rows: &[Vec<String>]) -> String {
    let header: Vec<String> = (0..width).map(|column| format!("c{column}")).collect();
    let rows = rows.iter().map(|row| row.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(","));
    std::iter::once(header.join(",")).chain(rows).collect::<Vec<_>>().join("\r\n")
}

/// Tables of one width; values of all sorts, many of them with signs that CSV treats specially.
fn table() -> impl Strategy<Value = (usize, Vec<Vec<String>>)> {
    let value =
        prop_oneof![any::<String>(), "[a\",;\r\n\t |]{0,6}", "-?[0-9]{1,20}(\\.[0-9]{1,3})?", Just("NA".to_owned())];
    (1..5_usize).prop_flat_map(move |width| (Just(width), vec(vec(value.clone(), width), 1..20)))
}

proptest! {
    /// A first row of words makes every column text, so that what is read can be compared with what was written.
    #[test]
    fn quoted_text_is_read_as_it_was_written((width, mut rows) in table()) {
        rows.insert(0, vec!["word".into(); width]);
        let text = as_csv(width, &rows);
        prop_assume!(!text.contains('\0'));
        let dataset = Runtime::new().unwrap().block_on(crate::csv(text));
        prop_assert_eq!(dataset.rows(), rows.len());
        for (column, described) in dataset.columns().iter().enumerate() {
            let written: Vec<_> = rows.iter().map(|row| Kind::of(&row[column]).map(|_| row[column].clone())).collect();
            prop_assert_eq!(values(&dataset, &described.name), written);
        }
    }

    /// Whatever the type, a value that is read is the one that its text has on its own.
    #[test]
    fn numbers_are_those_that_the_standard_library_reads(numbers in vec("-?[0-9]{1,20}(\\.[0-9]{1,20})?(e-?[0-9]{1,3})?", 1..20)) {
        let text = as_csv(1, &numbers.iter().map(|number| vec![number.clone()]).collect::<Vec<_>>());
        let dataset = Runtime::new().unwrap().block_on(crate::csv(text));
        if dataset.columns()[0].column_type != ColumnType::Text {
            let expected: Vec<f64> = numbers.iter().map(|number| number.parse().unwrap()).collect();
            prop_assert_eq!(&dataset.numeric()[0].values, &expected);
        }
    }

    #[test]
    fn categories_number_the_values_in_their_order(words in vec(prop_oneof![Just(String::new()), "[a-c]{1,2}"], 1..50)) {
        let text = as_csv(1, &words.iter().map(|word| vec![word.clone()]).collect::<Vec<_>>());
        let dataset = Runtime::new().unwrap().block_on(crate::csv(text));
        let Categories { values, codes } = dataset.categories("c0").unwrap();
        prop_assert!(values.is_sorted_by(|a, b| a < b));
        let decoded: Vec<&str> = codes.iter().map(|code| code.map_or("", |code| values[code as usize].as_str())).collect();
        prop_assert_eq!(decoded, words);
    }
}
