/// Rows that go through a tree together: enough to hide the latency of one row's walk behind the others', and few enough
/// that their values (1 KiB per column) stay in the first-level cache.
pub const BLOCK: usize = 256;

/// A column as the trees see it.
///
/// Splits depend on the order and the relative distance of values only, so every column is mapped to 0..=1 and halved in
/// precision: an `f32` resolves 2^-24 of a column's range, also when its values are times since 1970. Infinite values lie one
/// range beyond the farthest finite value. Null is NaN.
pub struct Scaled<'a> {
    values: &'a [f64],
    low: f64,
    /// Half of the range: the range of a column from `f64::MIN` to `f64::MAX` is not a number.
    half_range: f64,
}

impl<'a> Scaled<'a> {
    pub fn new(values: &'a [f64]) -> Self {
        let finite = values.iter().copied().filter(|v| v.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let half_range = high / 2.0 - low / 2.0;
        Self {
            values,
            low: if low.is_finite() { low } else { 0.0 },
            // Without two different finite values there is nothing to scale; any positive range will do.
            half_range: if half_range > 0.0 { half_range } else { 1.0 },
        }
    }

    pub fn rows(&self) -> usize {
        self.values.len()
    }

    pub fn at(&self, row: usize) -> f32 {
        self.scale(self.values[row])
    }

    /// NaN stays NaN.
    fn scale(&self, value: f64) -> f32 {
        let scaled = (value / 2.0 - self.low / 2.0) / self.half_range;
        scaled.clamp(-1.0, 2.0) as f32
    }
}

/// Up to [`BLOCK`] consecutive rows, column by column.
pub struct Block {
    values: Vec<f32>,
    has_nulls: bool,
}

impl Block {
    pub fn new(columns: usize) -> Self {
        Self { values: vec![0.0; columns * BLOCK], has_nulls: false }
    }

    /// Takes the rows from `first` on. Places behind the last row keep what they held; their results are not read.
    pub fn fill(&mut self, columns: &[Scaled<'_>], first: usize) {
        self.has_nulls = false;
        for (column, places) in columns.iter().zip(self.values.chunks_exact_mut(BLOCK)) {
            for (place, value) in places.iter_mut().zip(&column.values[first..]) {
                *place = column.scale(*value);
                self.has_nulls |= value.is_nan();
            }
        }
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    pub fn has_nulls(&self) -> bool {
        self.has_nulls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(values: &[f64]) -> Vec<f32> {
        let column = Scaled::new(values);
        (0..values.len()).map(|row| column.at(row)).collect()
    }

    #[test]
    fn finite_values_span_0_to_1_and_infinite_ones_lie_a_range_beyond() {
        assert_eq!(scaled(&[10.0, 15.0, 20.0]), [0.0, 0.5, 1.0]);
        assert_eq!(scaled(&[f64::MIN, 0.0, f64::MAX]), [0.0, 0.5, 1.0]);
        assert_eq!(scaled(&[f64::NEG_INFINITY, 1.0, 2.0, f64::INFINITY]), [-1.0, 0.0, 1.0, 2.0]);
        assert_eq!(scaled(&[f64::NEG_INFINITY, f64::INFINITY]), [-1.0, 2.0]);
    }

    #[test]
    fn a_column_without_two_values_is_constant_and_null_stays_null() {
        assert_eq!(scaled(&[7.0, 7.0]), [0.0, 0.0]);
        // Too close for half of their distance to be a number.
        assert_eq!(scaled(&[0.0, f64::from_bits(1)]), [0.0, 0.0]);
        assert!(scaled(&[f64::NAN, 3.0, 4.0])[0].is_nan());
        assert!(scaled(&[f64::NAN]).iter().all(|v| v.is_nan()));
    }
}
