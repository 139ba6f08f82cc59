//! The tests that draw what they try, with many more cases than a change has to wait for.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::{step, test};

/// Whose tests draw cases, inject faults or crash: what `testing::effort` multiplies.
const PACKAGES: [&str; 7] =
    ["event-sourcing", "storage-sqlite", "event-bus", "module", "saga", "testing", "configurations"];

pub fn run(times: u32, filters: &[String]) -> ExitCode {
    let wanted =
        |package: &str| PACKAGES.contains(&package) && (filters.is_empty() || filters.iter().any(|f| f == package));
    if !PACKAGES.iter().any(|package| wanted(package)) {
        eprintln!("error: none of these crates is {}: {}", filters.join(" or "), PACKAGES.join(", "));
        return 2.into();
    }
    let everything = ["test", "--workspace", "--no-run", "--message-format", "json-render-diagnostics"];
    let programs = match test::build(step::cargo(everything)) {
        Ok(programs) => programs,
        Err(code) => return code.into(),
    };
    let mut outcomes = Vec::new();
    for program in programs.iter().filter(|program| wanted(program.package())) {
        let (start, name) = (Instant::now(), format!("{} ({})", program.package(), program.target));
        let code = step::run(program.command(None).env("BOROUGH_EFFORT", times.to_string()));
        outcomes.push((name, start.elapsed(), code));
    }
    print!("\n{}", table(&outcomes));
    outcomes.iter().map(|(_, _, code)| *code).max().unwrap_or(0).min(1).into()
}

fn table(outcomes: &[(String, Duration, u8)]) -> String {
    let line = |(name, took, code): &(String, Duration, u8)| {
        let outcome = if *code == 0 { "ok" } else { "FAILED" };
        format!("{:>8.1} s  {outcome:<6}  {name}\n", took.as_secs_f64())
    };
    outcomes.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_seen_in_the_table() {
        let second = Duration::from_millis(1250);
        let outcomes = [("saga (it)".to_owned(), second, 0), ("module (it)".to_owned(), second, 101)];
        assert_eq!(table(&outcomes), "     1.2 s  ok      saga (it)\n     1.2 s  FAILED  module (it)\n");
    }
}
