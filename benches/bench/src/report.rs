use std::fmt::Write;

use crate::{
    mark::{Mark, Marks, Rule},
    row::Row,
};

/// The rows as a table.
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![
        ["name", "median", "reference", "its median", "ratio", "runs", "allocations", "instructions"].map(String::from),
    ];
    lines.extend(rows.iter().map(|row| {
        let reference_median = row.reference_median.map(|median| row.unit.show(median));
        let ratio = row.reference_median.map(|median| format!("{:.2}", row.median / median));
        [
            row.name.clone(),
            row.unit.show(row.median),
            row.reference.unwrap_or("-").to_owned(),
            reference_median.unwrap_or_default(),
            ratio.unwrap_or_default(),
            row.runs.to_string(),
            row.allocations.map(|count| format!("{count:.1}")).unwrap_or_default(),
            row.instructions.map(|count| format!("{count:.0}")).unwrap_or_default(),
        ]
    }));
    aligned(&lines)
}

/// One line for each mark that these rows decide, and how many they do not.
pub fn verdicts(marks: &Marks, rows: &[Row]) -> String {
    let decided: Vec<_> = marks.marks.iter().filter_map(|mark| Some((mark, mark.value(rows)?))).collect();
    let lines: Vec<_> = decided
        .iter()
        .map(|(mark, value)| {
            let verdict = if mark.holds(*value) { "holds" } else { "FAILS" };
            [verdict.to_owned(), mark.name.clone(), comparison(mark, *value)]
        })
        .collect();
    let mut text = aligned(&lines);
    let held = decided.iter().filter(|(mark, value)| mark.holds(*value)).count();
    let (decided, all) = (decided.len(), marks.marks.len());
    writeln!(text, "{held} of {decided} marks hold; {} of {all} were not measured", all - decided)
        .expect("a string takes all");
    text
}

fn comparison(mark: &Mark, value: f64) -> String {
    let Mark { reference, bound, .. } = mark;
    match mark.rule {
        Rule::Time => format!("{value:.2} times {reference}, at most {bound}"),
        Rule::Rate => format!("{value:.2} times {reference}, at least {bound}"),
        Rule::ExcessNs => format!("{value:.0} ns more than {reference}, at most {bound}"),
    }
}

/// Columns as wide as their longest cell, two spaces apart.
fn aligned<const N: usize>(lines: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or(0));
    let mut text = String::new();
    for line in lines {
        let cells: Vec<_> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::row::Unit;

    fn row(name: &str, unit: Unit, median: f64, reference: Option<(&'static str, f64)>) -> Row {
        Row {
            name: name.into(),
            unit,
            median,
            runs: 7,
            reference: reference.map(|(name, _)| name),
            reference_median: reference.map(|(_, median)| median),
            allocations: (median < 100.0).then_some(0.0),
            instructions: (median < 100.0).then_some(31.4),
        }
    }

    fn rows() -> Vec<Row> {
        vec![
            row("container/singleton", Unit::NanosPerOp, 12.0, Some(("arc-clone", 10.0))),
            row("request/query", Unit::NanosPerOp, 2125.0, Some(("boxed-async-call", 25.0))),
            row("store/sqlite-100", Unit::OpsPerSecond, 60_000.0, Some(("raw-sqlite", 100_000.0))),
            row("job/sample-memory", Unit::Bytes, 104_857_600.0, None),
        ]
    }

    #[test]
    fn rows_stand_in_columns() {
        expect![[r#"
            name                 median       reference         its median    ratio  runs  allocations  instructions
            container/singleton  12.0 ns/op   arc-clone         10.0 ns/op    1.20   7     0.0          31
            request/query        2.12 us/op   boxed-async-call  25.0 ns/op    85.00  7
            store/sqlite-100     60000 ops/s  raw-sqlite        100000 ops/s  0.60   7
            job/sample-memory    100.0 MiB    -                                      7
        "#]]
        .assert_eq(&table(&rows()));
    }

    #[test]
    fn verdicts_say_how_far_a_mark_is_held() {
        let mark = |name: &str, reference: &str, rule, bound| Mark {
            name: name.into(),
            reference: reference.into(),
            rule,
            bound,
        };
        let marks = Marks {
            marks: vec![
                mark("container/singleton", "arc-clone", Rule::Time, 1.3),
                mark("request/query", "boxed-async-call", Rule::ExcessNs, 1000.0),
                mark("store/sqlite-100", "raw-sqlite", Rule::Rate, 0.7),
                mark("saga/memory", "steno", Rule::Rate, 1.5),
            ],
        };
        expect![[r#"
            holds  container/singleton  1.20 times arc-clone, at most 1.3
            FAILS  request/query        2100 ns more than boxed-async-call, at most 1000
            FAILS  store/sqlite-100     0.60 times raw-sqlite, at least 0.7
            1 of 3 marks hold; 1 of 4 were not measured
        "#]]
        .assert_eq(&verdicts(&marks, &rows()));
    }
}
