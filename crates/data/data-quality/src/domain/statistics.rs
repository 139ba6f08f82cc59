use interfaces_data::{NumericProfile, Quantiles};

/// Describes the numbers that occur, ascending and each with how often it does. `None` if there are none.
///
/// All values are finite; each occurs at least once.
pub(crate) fn describe(values: &[(f64, u64)]) -> Option<NumericProfile> {
    let (&(min, _), &(max, _)) = (values.first()?, values.last()?);
    let (mean, std) = moments(values);
    let cumulative: Vec<u64> = values.iter().scan(0, |seen, (_, count)| Some(add(seen, *count))).collect();
    let quantile = |percent| quantile(values, &cumulative, percent);
    Some(NumericProfile {
        min,
        max,
        mean,
        std,
        quantiles: Quantiles {
            p05: quantile(5),
            p25: quantile(25),
            p50: quantile(50),
            p75: quantile(75),
            p95: quantile(95),
        },
    })
}

fn add(sum: &mut u64, count: u64) -> u64 {
    *sum += count;
    *sum
}

/// Mean and sample standard deviation: the corrected two-pass algorithm (Chan, Golub & LeVeque 1983), over values divided by a
/// power of two near the largest, which is exact and keeps the squares of very large and very small values in range.
fn moments(values: &[(f64, u64)]) -> (f64, f64) {
    let largest = values.iter().map(|(value, _)| value.abs()).fold(0.0, f64::max);
    let scale = power_of_two_below(largest);
    let scaled = || values.iter().map(|(value, count)| (value / scale, *count as f64));

    let n: f64 = scaled().map(|(_, count)| count).sum();
    let mean = sum(scaled().map(|(value, count)| value * count)) / n;
    let deviations = sum(scaled().map(|(value, count)| (value - mean) * count));
    let squares = sum(scaled().map(|(value, count)| (value - mean).powi(2) * count));
    let variance = if n > 1.0 { (squares - deviations * deviations / n).max(0.0) / (n - 1.0) } else { 0.0 };
    // Values at both ends of the range may deviate by more than the largest float.
    (mean * scale, (variance.sqrt() * scale).min(f64::MAX))
}

/// 1 for zero and where no normal float is near.
fn power_of_two_below(value: f64) -> f64 {
    let power = f64::from_bits(value.to_bits() & f64::INFINITY.to_bits());
    if power.is_normal() { power } else { 1.0 }
}

/// Adds up with the rounding errors kept aside (Neumaier 1974).
fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() { (sum - next) + term } else { (term - next) + sum };
        sum = next;
    }
    sum + lost
}

/// Type 7 of Hyndman & Fan 1996: linear between the values at the ranks around `(n - 1) * percent / 100`. The rank is computed
/// in integers, so that no rounding moves it to a neighbour.
fn quantile(values: &[(f64, u64)], cumulative: &[u64], percent: u64) -> f64 {
    let last = u128::from(cumulative[cumulative.len() - 1] - 1);
    let rank = last * u128::from(percent);
    let (below, part) = ((rank / 100) as u64, (rank % 100) as f64 / 100.0);
    let at = |rank: u64| values[cumulative.partition_point(|seen| *seen <= rank)].0;
    let low = at(below);
    if part == 0.0 {
        return low;
    }
    let step = at(below + 1) - low;
    // Opposite ends of the range are further apart than a float can tell.
    if step.is_finite() { low + step * part } else { low * (1.0 - part) + at(below + 1) * part }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> NumericProfile {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let counted: Vec<(f64, u64)> =
            values.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len() as u64)).collect();
        describe(&counted).unwrap()
    }

    #[test]
    fn nothing_has_no_description() {
        assert_eq!(describe(&[]), None);
    }

    #[test]
    fn small_samples_by_hand() {
        // values; min, max, mean, std; p05, p25, p50, p75, p95
        let cases: &[(&[f64], [f64; 4], [f64; 5])] = &[
            (&[7.0], [7.0, 7.0, 7.0, 0.0], [7.0; 5]),
            (&[-3.5, -3.5, -3.5], [-3.5, -3.5, -3.5, 0.0], [-3.5; 5]),
            (&[1.0, 3.0], [1.0, 3.0, 2.0, std::f64::consts::SQRT_2], [1.1, 1.5, 2.0, 2.5, 2.9]),
            // 5 values: ranks 0.2, 1, 2, 3, 3.8. Squares 4 + 1 + 0 + 1 + 4 = 10, over 4.
            (&[5.0, 1.0, 4.0, 2.0, 3.0], [1.0, 5.0, 3.0, 2.5_f64.sqrt()], [1.2, 2.0, 3.0, 4.0, 4.8]),
            // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squares 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32, over 7. Ranks 0.35, 1.75, 3.5, 5.25, 6.65.
            (
                &[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0],
                [2.0, 9.0, 5.0, (32.0_f64 / 7.0).sqrt()],
                [2.0 + 2.0 * 0.35, 4.0, 4.5, 5.5, 7.0 + 2.0 * 0.65],
            ),
        ];
        for (values, [min, max, mean, std], [p05, p25, p50, p75, p95]) in cases {
            let quantiles = Quantiles { p05: *p05, p25: *p25, p50: *p50, p75: *p75, p95: *p95 };
            let expected = NumericProfile { min: *min, max: *max, mean: *mean, std: *std, quantiles };
            assert_eq!(of(values), expected, "{values:?}");
        }
    }

    #[test]
    fn counts_weigh_as_repeated_values_do() {
        let repeated: Vec<f64> =
            [(1.0, 30), (2.5, 1), (40.0, 69)].iter().flat_map(|(value, count)| vec![*value; *count]).collect();
        let counted = describe(&[(1.0, 30), (2.5, 1), (40.0, 69)]).unwrap();
        assert_eq!(counted, of(&repeated));
        assert_eq!((counted.quantiles.p25, counted.quantiles.p50), (1.0, 40.0));
    }

    #[test]
    fn a_large_offset_costs_no_digits() {
        // The textbook formula (mean of squares less square of mean) finds 0 or worse here.
        let profile = of(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]);
        assert_eq!((profile.mean, profile.std), (1e9 + 10.0, 30.0_f64.sqrt()));
    }

    #[test]
    fn cancelling_terms_leave_the_small_ones() {
        assert_eq!(of(&[1e16, 1.0, -1e16, 1.0]).mean, 0.5);
    }

    #[test]
    fn the_ends_of_the_range_stay_finite() {
        let profile = of(&[-f64::MAX, f64::MAX]);
        assert_eq!((profile.mean, profile.std, profile.quantiles.p50), (0.0, f64::MAX, 0.0));
        let small = of(&[1e-300, 3e-300]);
        assert_eq!(small.mean, 2e-300);
        assert!((small.std / 1e-300 - std::f64::consts::SQRT_2).abs() < 1e-12, "{}", small.std);
        let subnormal = of(&[5e-324, 5e-324]);
        assert_eq!((subnormal.mean, subnormal.std), (5e-324, 0.0));
    }

    #[test]
    fn ranks_are_exact() {
        // 0.95 * 60 and its like are where a rank computed in floats may fall below the integer.
        for n in 1..=500_u64 {
            let values: Vec<f64> = (0..n).map(|value| value as f64).collect();
            let Quantiles { p05, p25, p50, p75, p95 } = of(&values).quantiles;
            for (percent, found) in [(5, p05), (25, p25), (50, p50), (75, p75), (95, p95)] {
                let rank = (n - 1) * percent;
                let expected = (rank / 100) as f64 + (rank % 100) as f64 / 100.0;
                assert_eq!(found, expected, "{percent} % of {n}");
            }
        }
    }
}
