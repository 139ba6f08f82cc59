use dataset::{Categories, ColumnType};
use serde::{Deserialize, Serialize};

/// A column that a model may learn from.
pub struct Column {
    pub name: String,
    pub column_type: ColumnType,
    pub values: Values,
}

/// One value per row of the dataset.
pub enum Values {
    /// Integers and floats as they are, booleans as 0 and 1, dates as days and timestamps as seconds since 1970; null is NaN.
    ///
    /// Trees take a moment for what it is, a place on a line: they learn what was usual then, not what weekdays are like. Who
    /// wants to predict the future excludes such columns.
    Numbers(Vec<f64>),
    Texts(Categories),
}

/// How a column becomes the numbers of a feature. Learnt from the rows that a model is trained on, and stored with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    pub name: String,
    /// Type of the column, by which [`Values::Numbers`] says what its numbers are.
    #[serde(rename = "type")]
    pub column_type: String,
    /// Of a text column, the texts in the order of their bytes: each is encoded as its place here, others as missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
}

/// A text column with more different texts is none that a model can learn from: with so many values, each of them rare, trees
/// learn the training rows by heart. It is also well below the number of cuts that a tree can choose from.
const MAX_CATEGORIES: usize = 128;

/// Why a column is no feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// The same in all rows.
    Constant,
    /// Text with this many different values: more than 128, or more than one for every two rows.
    Identifiers(usize),
}

impl Column {
    /// Decided over all rows with a known target and without looking at it, so it is the same for every fold.
    pub fn unfit(&self, rows: &[usize]) -> Option<Unfit> {
        match &self.values {
            Values::Numbers(values) => {
                let mut of_rows = rows.iter().map(|&row| values[row]);
                let first = of_rows.next()?;
                let constant = of_rows.all(|value| value == first || (value.is_nan() && first.is_nan()));
                constant.then_some(Unfit::Constant)
            }
            Values::Texts(texts) => {
                let known = rows.iter().filter(|&&row| texts.codes[row].is_some()).count();
                match present(texts, rows).into_iter().filter(|&present| present).count() {
                    0 => Some(Unfit::Constant),
                    1 if known == rows.len() => Some(Unfit::Constant),
                    different if different > MAX_CATEGORIES || 2 * different > known => {
                        Some(Unfit::Identifiers(different))
                    }
                    _ => None,
                }
            }
        }
    }
}

impl Feature {
    /// Looks at these rows only.
    pub fn learn(column: &Column, rows: &[usize]) -> Self {
        let categories = match &column.values {
            Values::Numbers(_) => None,
            Values::Texts(texts) => {
                let present = present(texts, rows).into_iter().zip(&texts.values);
                Some(present.filter(|(present, _)| *present).map(|(_, text)| text.clone()).collect())
            }
        };
        Self { name: column.name.clone(), column_type: column.column_type.to_string(), categories }
    }

    /// The feature's numbers for these rows, missing ones as NaN. None if the column's type does not go with the feature.
    pub fn encode(&self, column: &Column, rows: &[usize]) -> Option<Vec<f64>> {
        match (&self.categories, &column.values) {
            (None, Values::Numbers(values)) => Some(rows.iter().map(|&row| values[row]).collect()),
            (Some(categories), Values::Texts(texts)) => {
                let place = |text| categories.binary_search(text).map_or(f64::NAN, |place| place as f64);
                let number_of: Vec<f64> = texts.values.iter().map(place).collect();
                let number = |&row: &usize| texts.codes[row].map_or(f64::NAN, |code| number_of[code as usize]);
                Some(rows.iter().map(number).collect())
            }
            (None, Values::Texts(_)) | (Some(_), Values::Numbers(_)) => None,
        }
    }
}

/// Per value, whether any of the rows has it.
fn present(texts: &Categories, rows: &[usize]) -> Vec<bool> {
    let mut present = vec![false; texts.values.len()];
    for code in rows.iter().filter_map(|&row| texts.codes[row]) {
        present[code as usize] = true;
    }
    present
}

#[cfg(test)]
pub mod tests {
    use std::collections::BTreeSet;

    use super::*;

    pub fn numbers(name: &str, values: impl IntoIterator<Item = f64>) -> Column {
        Column {
            name: name.into(),
            column_type: ColumnType::Float,
            values: Values::Numbers(values.into_iter().collect()),
        }
    }

    /// An empty text is null.
    pub fn texts(name: &str, texts: &[&str]) -> Column {
        let different: BTreeSet<&str> = texts.iter().copied().filter(|text| !text.is_empty()).collect();
        let values: Vec<&str> = different.into_iter().collect();
        let codes = texts.iter().map(|text| values.binary_search(text).ok().map(|code| code as u32)).collect();
        Column {
            name: name.into(),
            column_type: ColumnType::Text,
            values: Values::Texts(Categories { values: values.into_iter().map(String::from).collect(), codes }),
        }
    }

    #[test]
    fn texts_are_learnt_from_the_given_rows_and_others_are_missing() {
        let column = texts("colour", &["red", "blue", "green", "", "blue"]);
        let feature = Feature::learn(&column, &[0, 1, 4]);
        assert_eq!(feature.categories.as_deref(), Some(["blue".to_owned(), "red".to_owned()].as_slice()));
        let encoded = feature.encode(&column, &[0, 1, 2, 3, 4]).expect("text for text");
        assert_eq!(encoded[..2], [1.0, 0.0]);
        assert!(encoded[2].is_nan() && encoded[3].is_nan());
        assert_eq!(encoded[4], 0.0);
    }

    #[test]
    fn a_column_of_another_type_is_not_encoded() {
        let number = numbers("colour", [1.0]);
        assert_eq!(Feature::learn(&texts("colour", &["red"]), &[0]).encode(&number, &[0]), None);
        assert_eq!(Feature::learn(&number, &[0]).encode(&texts("colour", &["red"]), &[0]), None);
    }

    #[test]
    fn columns_that_tell_nothing_are_unfit() {
        let nan = f64::NAN;
        let verdict = |column: Column| {
            let rows: Vec<usize> = match &column.values {
                Values::Numbers(values) => (0..values.len()).collect(),
                Values::Texts(texts) => (0..texts.codes.len()).collect(),
            };
            column.unfit(&rows)
        };
        assert_eq!(verdict(numbers("n", [3.0, 3.0])), Some(Unfit::Constant));
        assert_eq!(verdict(numbers("n", [nan, nan])), Some(Unfit::Constant));
        // That a value is missing may tell something.
        assert_eq!(verdict(numbers("n", [3.0, nan])), None);
        assert_eq!(verdict(texts("t", &["a", "a"])), Some(Unfit::Constant));
        assert_eq!(verdict(texts("t", &["", ""])), Some(Unfit::Constant));
        assert_eq!(verdict(texts("t", &["a", "a", ""])), None);
        assert_eq!(verdict(texts("t", &["a", "b", "a", "b"])), None);
        assert_eq!(verdict(texts("t", &["a", "b", "c", "a"])), Some(Unfit::Identifiers(3)));
    }

    #[test]
    fn up_to_128_texts_are_categories() {
        let names: Vec<String> = (0..129).map(|i| format!("{i:03}")).collect();
        let repeated =
            |different: usize| -> Vec<&str> { (0..1000).map(|row| names[row % different].as_str()).collect() };
        let rows: Vec<usize> = (0..1000).collect();
        assert_eq!(texts("t", &repeated(128)).unfit(&rows), None);
        assert_eq!(texts("t", &repeated(129)).unfit(&rows), Some(Unfit::Identifiers(129)));
    }
}
