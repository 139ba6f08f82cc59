use std::{collections::HashSet, fs, path::Path};

use serde::Deserialize;

use crate::{case::Failure, row::Row};

/// What rows must reach, from `benches/marks.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    #[serde(rename = "mark")]
    pub marks: Vec<Mark>,
}

/// A bound on one row beside one reference.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    pub name: String,
    pub reference: String,
    pub rule: Rule,
    pub bound: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// At most `bound` times the reference.
    Time,
    /// At least `bound` times the reference.
    Rate,
    /// At most `bound` nanoseconds more than the reference.
    ExcessNs,
}

impl Marks {
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let marks: Self = toml::from_str(text)?;
        let mut seen = HashSet::new();
        match marks.marks.iter().find(|mark| !seen.insert((&mark.name, &mark.reference))) {
            Some(twice) => {
                Err(format!("mark `{}` against `{}` stands there twice", twice.name, twice.reference).into())
            }
            None => Ok(marks),
        }
    }
}

impl Mark {
    /// What the rule compares with the bound; None when the row is not among these.
    pub fn value(&self, rows: &[Row]) -> Option<f64> {
        let row = rows.iter().find(|row| row.name == self.name && row.reference == Some(self.reference.as_str()))?;
        let reference = row.reference_median?;
        Some(match self.rule {
            Rule::Time | Rule::Rate => row.median / reference,
            Rule::ExcessNs => row.median - reference,
        })
    }

    pub fn holds(&self, value: f64) -> bool {
        match self.rule {
            Rule::Time | Rule::ExcessNs => value <= self.bound,
            Rule::Rate => value >= self.bound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Unit;

    fn judged(rule: Rule, bound: f64, median: f64, reference_median: f64) -> bool {
        let mark = Mark { name: "store/append".into(), reference: "raw".into(), rule, bound };
        let row = Row {
            name: "store/append".into(),
            unit: Unit::NanosPerOp,
            median,
            runs: 7,
            reference: Some("raw"),
            reference_median: Some(reference_median),
            allocations: None,
            instructions: None,
        };
        mark.holds(mark.value(&[row]).unwrap())
    }

    #[test]
    fn a_time_is_at_most_its_bound_times_the_reference() {
        assert!(judged(Rule::Time, 1.5, 15.0, 10.0));
        assert!(!judged(Rule::Time, 1.5, 15.1, 10.0));
    }

    #[test]
    fn a_rate_is_at_least_its_bound_times_the_reference() {
        assert!(judged(Rule::Rate, 0.5, 5.0, 10.0));
        assert!(!judged(Rule::Rate, 0.5, 4.9, 10.0));
    }

    #[test]
    fn an_excess_is_a_difference() {
        assert!(judged(Rule::ExcessNs, 1000.0, 1010.0, 10.0));
        assert!(!judged(Rule::ExcessNs, 1000.0, 1010.1, 10.0));
    }

    #[test]
    fn a_row_counts_only_beside_the_reference_that_the_mark_names() {
        let mark = Mark { name: "a/b".into(), reference: "contender".into(), rule: Rule::Time, bound: 1.0 };
        let row = |name: &str, reference| Row {
            name: name.into(),
            unit: Unit::Seconds,
            median: 1.0,
            runs: 7,
            reference,
            reference_median: reference.map(|_| 1.0),
            allocations: None,
            instructions: None,
        };
        let others = [row("a/b", None), row("a/b", Some("floor")), row("a/b@2-threads", Some("contender"))];
        assert_eq!(mark.value(&others), None);
        assert_eq!(mark.value(&[row("a/b", Some("contender"))]), Some(1.0));
    }

    #[test]
    fn the_file_of_this_workspace_reads() {
        assert!(Marks::read(Path::new("../marks.toml")).unwrap().marks.len() > 20);
    }

    #[test]
    fn a_mark_that_stands_twice_or_has_no_rule_is_refused() {
        let mark = "[[mark]]\nname = \"a/b\"\nreference = \"c\"\nrule = \"rate\"\nbound = 1.0\n";
        assert!(Marks::parse(mark).is_ok());
        let twice = Marks::parse(&mark.repeat(2)).unwrap_err().to_string();
        assert_eq!(twice, "mark `a/b` against `c` stands there twice");
        assert!(Marks::parse(&mark.replace("rate", "speed")).is_err());
    }
}
