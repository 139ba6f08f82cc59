/// The rows that fail a check.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Failures {
    pub count: u64,
    /// The first of them; the first data row is 1.
    pub rows: Vec<u64>,
}

/// Rows that are named: enough to look at, few enough for a message.
const NAMED: usize = 20;

impl Failures {
    /// Of one answer per row, in order: whether it fails.
    pub(crate) fn of(rows: impl IntoIterator<Item = bool>) -> Self {
        let mut failures = Self::default();
        for (row, _) in (1..).zip(rows).filter(|(_, fails)| *fails) {
            failures.count += 1;
            if failures.rows.len() < NAMED {
                failures.rows.push(row);
            }
        }
        failures
    }

    /// Whether no more than this share of the rows fails.
    pub(crate) fn are_within(&self, tolerance: f64, rows: usize) -> bool {
        // Divided, not multiplied: a quotient is the float nearest to the share, as the tolerance is the nearest to what was
        // written, so that 29 of 100 are within 0.29.
        self.count as f64 / rows as f64 <= tolerance
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `a`, `b` and `c`, in backticks, and that there are more.
pub(crate) fn named<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> String {
    const NAMED: usize = 3;
    let mut values = values.into_iter();
    let mut shown: Vec<String> =
        values.by_ref().take(NAMED).map(|value| format!("`{}`", clipped(value.as_ref()))).collect();
    if values.next().is_some() {
        shown.push("...".into());
    }
    shown.join(", ")
}

/// Long values are cut: a finding is one sentence.
fn clipped(value: &str) -> String {
    const LENGTH: usize = 40;
    match value.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_are_named() {
        assert_eq!(Failures::of([true, false, true]), Failures { count: 2, rows: vec![1, 3] });
        let many = Failures::of((0..100).map(|row| row % 2 == 1));
        assert_eq!((many.count, many.rows.len(), many.rows[19]), (50, 20, 40));
    }

    #[test]
    fn tolerances_are_exact() {
        for percent in 0..=100_u32 {
            let tolerance: f64 = format!("{}.{:02}", percent / 100, percent % 100).parse().unwrap();
            assert!(Failures { count: percent.into(), rows: vec![] }.are_within(tolerance, 100), "{percent}");
            assert!(!Failures { count: u64::from(percent) + 1, rows: vec![] }.are_within(tolerance, 100), "{percent}");
        }
    }

    #[test]
    fn findings_stay_short() {
        assert_eq!(named(["a", "b", "c"]), "`a`, `b`, `c`");
        assert_eq!(named(["a", "b", "c", "d"]), "`a`, `b`, `c`, ...");
        assert_eq!(named(["ü".repeat(41)]), format!("`{}...`", "ü".repeat(40)));
    }
}
