mod full;
mod scan;
mod trial;

use std::{fmt::Write, process::ExitCode, time::Duration};

use scan::Mutant;
use trial::{Court, Verdict};

use crate::step;

/// Spoil the code on purpose and see that a test finds it: mutants, each a `cfg!(mutant = "name")` in the source
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask torture --list                   every mutant, where it is and what it breaks\n  \
    cargo xtask torture --mutants                all of them: builds the tests of a crate once for each, and runs them\n  \
    cargo xtask torture --mutants event-bus no_  those of a crate, and those whose name contains `no_`\n    \
    cargo xtask torture --full                   the random tests of bus, stores, sagas and modules with twenty times as many cases,\n                                                 and for ten seconds at least where they could go on for ever\n    \
    cargo xtask torture --full 200 event-bus     those of a crate, two hundred times as many\n\n\
    Exit code 0: a test fails with each mutant and passes without. 1: a mutant survives. 2: a mutant cannot be built, or the\n\
    tests fail without it too. Takes minutes, and a folder of its own below the target folder. Not on Windows.")]
pub struct Args {
    /// Build the tests with each mutant, and run them until one fails
    #[arg(long, required_unless_present_any = ["list", "full"])]
    mutants: bool,
    /// Try so many times as many random cases as CI does, and crash at every commit
    #[arg(long, value_name = "TIMES", num_args = 0..=1, default_missing_value = "20", conflicts_with_all = ["mutants", "list"])]
    full: Option<u32>,
    /// Only show them
    #[arg(long)]
    list: bool,
    /// Only those of this crate, or whose name contains this
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

pub fn run(args: &Args) -> ExitCode {
    if let Some(times) = args.full {
        return full::run(times, &args.filters);
    }
    match mutants(&args.filters) {
        Ok(mutants) if args.list => {
            print!("{}", list(&mutants));
            ExitCode::SUCCESS
        }
        Ok(mutants) => try_all(&mutants),
        Err(error) => {
            eprintln!("error: {error}");
            2.into()
        }
    }
}

fn mutants(filters: &[String]) -> Result<Vec<Mutant>, String> {
    let found = scan::mutants(&step::root())?;
    let wanted = |mutant: &Mutant| filters.is_empty() || filters.iter().any(|filter| mutant.matches(filter));
    let mutants: Vec<Mutant> = found.into_iter().filter(wanted).collect();
    if mutants.is_empty() { Err("there is no such mutant: `--list` shows them".into()) } else { Ok(mutants) }
}

fn try_all(mutants: &[Mutant]) -> ExitCode {
    let mut court = match Court::open() {
        Ok(court) => court,
        Err(error) => {
            eprintln!("error: {error}");
            return 2.into();
        }
    };
    let verdicts: Vec<(&Mutant, Duration, Verdict)> = mutants
        .iter()
        .map(|mutant| {
            let (took, verdict) = court.judge(mutant);
            eprintln!("{}: {verdict}, {:.0} s", mutant.name, took.as_secs_f64());
            (mutant, took, verdict)
        })
        .collect();
    print!("\n{}", table(&verdicts));
    verdicts.iter().map(|(_, _, verdict)| verdict.code()).max().unwrap_or(0).into()
}

fn list(mutants: &[Mutant]) -> String {
    let mut text = String::new();
    for Mutant { name, package, places, breaks } in mutants {
        let places: Vec<String> = places.iter().map(|(file, line)| format!("{}:{line}", file.display())).collect();
        writeln!(text, "{name:<26} {package:<16} {}\n  {breaks}", places.join(", "))
            .expect("a String takes everything");
    }
    text
}

fn table(verdicts: &[(&Mutant, Duration, Verdict)]) -> String {
    let mut text = format!("{:<26} {:<16} {:>7}  {}\n", "mutant", "crate", "seconds", "what it breaks; killed by");
    for (mutant, took, verdict) in verdicts {
        let (name, package, seconds) = (&mutant.name, &mutant.package, took.as_secs_f64());
        writeln!(text, "{name:<26} {package:<16} {seconds:>7.1}  {}", mutant.breaks)
            .expect("a String takes everything");
        writeln!(text, "{:<53}{verdict}", "").expect("a String takes everything");
    }
    let count = |code| verdicts.iter().filter(|(_, _, verdict)| verdict.code() == code).count();
    let (killed, survived, broken) = (count(0), count(1), count(2));
    writeln!(text, "{killed} killed, {survived} survived, {broken} could not be tried")
        .expect("a String takes everything");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_is_the_answer_and_all_are_counted() {
        let mutant = |name: &str| Mutant {
            name: name.into(),
            package: "kernel".into(),
            places: Vec::new(),
            breaks: "it goes wrong".into(),
        };
        let (a, b, c) = (mutant("a"), mutant("b"), mutant("c"));
        let second = Duration::from_millis(1250);
        let killed = Verdict::Killed { target: "it".into(), by: "interleavings::one".into() };
        let verdicts = [(&a, second, killed), (&b, second, Verdict::Survived), (&c, second, Verdict::NotBuilt)];
        let table = table(&verdicts);
        let lines: Vec<&str> = table.lines().map(str::trim).collect();
        assert_eq!(lines[1].split_whitespace().take(3).collect::<Vec<_>>(), ["a", "kernel", "1.2"]);
        assert_eq!(lines[2], "killed by it: interleavings::one");
        assert_eq!(lines[4], "SURVIVED: no test of the crate fails");
        assert_eq!(lines[6], "NOT BUILT: see above");
        assert_eq!(lines[7], "1 killed, 1 survived, 1 could not be tried");
        assert_eq!(verdicts.map(|(_, _, verdict)| verdict.code()), [0, 1, 2]);
    }
}
