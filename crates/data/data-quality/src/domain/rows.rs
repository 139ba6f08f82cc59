//! A column row by row, as the checks look at it.

use arrow::{
    array::{Array, AsArray},
    datatypes::{Float64Type, Int64Type},
};
use dataset::{Categories, ColumnType, Dataset};

use super::failures::Failures;

/// The rows without a value.
pub(crate) fn nulls(dataset: &Dataset, column: &str) -> Failures {
    Failures::of(arrays(dataset, column).flat_map(|array| {
        let nulls = array.logical_nulls();
        (0..array.len()).map(move |row| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)))
    }))
}

/// The rows whose number is refused; a null never is. A column that is not numeric has none.
pub(crate) fn numbers(dataset: &Dataset, column: &str, refused: impl Fn(Number) -> bool) -> Failures {
    let refused = &refused;
    Failures::of(arrays(dataset, column).flat_map(|array| -> Box<dyn Iterator<Item = bool>> {
        if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
            Box::new(integers.iter().map(move |value| value.is_some_and(|value| refused(Number::Integer(value)))))
        } else if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
            Box::new(floats.iter().map(move |value| value.is_some_and(|value| refused(Number::Float(value)))))
        } else {
            Box::new((0..array.len()).map(|_| false))
        }
    }))
}

/// A number among the values of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Float(f64),
}

impl Number {
    /// What a value of a text column spells, if that is a number.
    pub(crate) fn spelled(text: &str) -> Option<Self> {
        let integer = ColumnType::Integer.canonical(text).and_then(|text| text.parse().ok()).map(Self::Integer);
        let float = || ColumnType::Float.canonical(text).and_then(|text| text.parse().ok()).map(Self::Float);
        integer.or_else(float)
    }

    /// Exact also for integers that no float holds: a bound is rounded to the integer that decides.
    pub(crate) fn is_below(self, bound: f64) -> bool {
        match self {
            Self::Integer(value) => i128::from(value) < bound.ceil() as i128,
            Self::Float(value) => value < bound,
        }
    }

    /// As [`Number::is_below`].
    pub(crate) fn is_above(self, bound: f64) -> bool {
        match self {
            Self::Integer(value) => i128::from(value) > bound.floor() as i128,
            Self::Float(value) => value > bound,
        }
    }
}

/// The rows whose value is refused, judged by its text, and the values that are, in their order. A null never is.
pub(crate) fn values(
    dataset: &Dataset,
    column: &str,
    mut refused: impl FnMut(&str) -> bool,
) -> (Failures, Vec<String>) {
    let Categories { values, codes } = categories(dataset, column);
    let verdicts: Vec<bool> = values.iter().map(|value| refused(value)).collect();
    judged(values, &codes, &verdicts)
}

/// The rows that share their value with another row, and those values, in their order. A null shares nothing.
pub(crate) fn repeated(dataset: &Dataset, column: &str) -> (Failures, Vec<String>) {
    let Categories { values, codes } = categories(dataset, column);
    let mut counts = vec![0_u64; values.len()];
    codes.iter().flatten().for_each(|code| counts[*code as usize] += 1);
    let verdicts: Vec<bool> = counts.iter().map(|count| *count > 1).collect();
    judged(values, &codes, &verdicts)
}

fn judged(values: Vec<String>, codes: &[Option<u32>], verdicts: &[bool]) -> (Failures, Vec<String>) {
    let failures = Failures::of(codes.iter().map(|code| code.is_some_and(|code| verdicts[code as usize])));
    (failures, values.into_iter().zip(verdicts).filter(|(_, refused)| **refused).map(|(value, _)| value).collect())
}

fn categories(dataset: &Dataset, column: &str) -> Categories {
    dataset.categories(column).expect("checks are made of columns that the dataset has")
}

fn arrays<'d>(dataset: &'d Dataset, column: &str) -> impl Iterator<Item = &'d dyn Array> {
    dataset.arrays(column).expect("checks are made of columns that the dataset has").map(|array| array.as_ref())
}

#[cfg(test)]
mod tests {
    use super::Number::{Float, Integer};

    #[test]
    fn bounds_decide_exactly() {
        let beyond_floats = (1_i64 << 53) + 1;
        assert!(Integer(beyond_floats).is_above((1_i64 << 53) as f64));
        assert!(!Integer(1 << 53).is_above((1_i64 << 53) as f64));
        assert!(Integer(2).is_below(2.5) && !Integer(3).is_below(2.5));
        assert!(Integer(3).is_above(2.5) && !Integer(2).is_above(2.5));
        assert!(Integer(-3).is_below(-2.5) && !Integer(-2).is_below(-2.5));
        assert!(!Integer(i64::MAX).is_above(1e300) && Integer(i64::MAX).is_below(1e300));
        assert!(Float(0.1).is_below(0.2) && !Float(0.2).is_below(0.2) && !Float(0.2).is_above(0.2));
    }
}
