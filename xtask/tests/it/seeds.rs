//! `docs/seeds.md` has a row for every code block of the seeds, and what a row claims is there.

use std::{collections::BTreeSet, fs, path::Path};

const HEADER: &str = "| seed | block | what it shows | Rust counterpart | state |";

/// The documents in the order of the table, each with the number of its code blocks.
const BLOCKS: [(&str, usize); 5] =
    [("onboarding", 31), ("summary", 2), ("training", 13), ("communication", 15), ("ecosystem", 2)];

/// Crates and examples that rows may wait for. A name that no row waits for any more must go.
const AWAITED: &[&str] = &["anomaly-detection", "mlops", "security"];

/// Everything that is wrong with the page; `root` is where the files that it names are.
pub fn findings(page: &str, root: &Path) -> Vec<String> {
    let rows = page.lines().skip_while(|line| *line != HEADER).skip(2).take_while(|line| line.starts_with('|'));
    let (mut blocks, mut awaited, mut findings) = (Vec::new(), BTreeSet::new(), Vec::new());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [seed, block, shows, counterpart, state] = cells[..] else {
            findings.push(format!("not five cells: {row}"));
            continue;
        };
        let block = format!("{seed} {block}");
        let mut wrong = |what: String| findings.push(format!("{block}: {what}"));
        if shows.is_empty() || counterpart.is_empty() {
            wrong("an empty cell".into());
        }
        let tests: Vec<(&str, &str)> = counterpart.split('`').filter_map(named_test).collect();
        for (file, name) in &tests {
            let source = fs::read_to_string(root.join(file)).unwrap_or_default();
            if !is_in(&source, file, name) {
                wrong(format!("there is no test or example `{name}` in {file}"));
            }
        }
        match state.strip_prefix("open: ") {
            Some(what) if AWAITED.contains(&what) => _ = awaited.insert(what),
            Some(what) => wrong(format!("waits for `{what}`, which is not on the list")),
            None if state != "done" => wrong(format!("`{state}` is no state")),
            None if tests.is_empty() => wrong("done without a test or an example".into()),
            None => {}
        }
        blocks.push(block);
    }
    findings.extend(misplaced(&blocks));
    let idle = AWAITED.iter().filter(|what| !awaited.contains(*what));
    findings.extend(idle.map(|what| format!("`{what}` is on the list, and no row waits for it")));
    findings
}

/// What keeps these from being every block once, in order.
fn misplaced(blocks: &[String]) -> Vec<String> {
    let all = BLOCKS.iter().flat_map(|(seed, blocks)| (1..=*blocks).map(move |block| format!("{seed} {block}")));
    let all: Vec<String> = all.collect();
    let absent = all.iter().filter(|block| !blocks.contains(block)).map(|block| format!("{block}: has no row"));
    let moved = all.iter().filter(|block| blocks.contains(block)).ne(blocks);
    let moved = moved.then(|| format!("a row that is unknown, repeated or out of order: {}", blocks.join(", ")));
    absent.chain(moved).collect()
}

/// `FILE.rs::FUNCTION`.
fn named_test(code: &str) -> Option<(&str, &str)> {
    code.rsplit_once("::").filter(|(file, _)| file.ends_with(".rs"))
}

/// Whether a source has this test, or is an example and this its `main`.
fn is_in(source: &str, file: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let function = format!("fn {name}(");
    let declares = |line: &&str| line.strip_prefix("async ").unwrap_or(line).starts_with(&function);
    let Some(at) = lines.iter().position(declares) else { return false };
    let mut attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
    let is_example = name == "main" && file.split('/').any(|folder| folder == "examples");
    is_example || attributes.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}

#[test]
fn a_spoilt_row_is_found() {
    let root = crate::workspace().workspace_root.into_std_path_buf();
    let page = fs::read_to_string(root.join("docs/seeds.md")).unwrap();
    let row = page.lines().find(|line| line.ends_with("| done |")).unwrap();
    let cells: Vec<&str> = row.split('|').collect();
    let block = format!("{} {}", cells[1].trim(), cells[2].trim());
    let (file, test) = row.split('`').find_map(named_test).unwrap();
    let cases = [
        (row.replacen(test, "nothing", 1), format!("{block}: there is no test or example `nothing` in {file}")),
        (row.replacen(file, "nowhere.rs", 1), format!("{block}: there is no test or example `{test}` in nowhere.rs")),
        (row.replacen(cells[4], " somewhere ", 1), format!("{block}: done without a test or an example")),
        (row.replacen(cells[3], " ", 1), format!("{block}: an empty cell")),
        (row.replace("| done |", "| dun |"), format!("{block}: `dun` is no state")),
        (row.replace("| done |", "| open: |"), format!("{block}: `open:` is no state")),
        (row.replace("| done |", "| open: rain |"), format!("{block}: waits for `rain`, which is not on the list")),
        (row.replace("| done |", "|"), format!("not five cells: {}", row.replace("| done |", "|"))),
        (row.replacen(cells[2], " 64 ", 1), format!("{block}: has no row")),
        (format!("{row}\n{row}"), "a row that is unknown, repeated or out of order: ".to_owned()),
    ];
    for (spoilt, finding) in cases {
        let found = findings(&page.replacen(row, &spoilt, 1), &root);
        assert!(found.iter().any(|found| found.starts_with(&finding)), "{finding}\n{found:#?}");
    }
    for idle in AWAITED {
        let found = findings(&page.replace(&format!("| open: {idle} |"), "| done |"), &root);
        assert!(found.contains(&format!("`{idle}` is on the list, and no row waits for it")), "{found:#?}");
    }
}

#[test]
fn a_test_has_the_attribute_of_one() {
    let source = "#[test]\nfn plain() {}\n    #[tokio::test(start_paused = true)]\n    #[cfg(unix)]\n    async fn paused() {}\n\nfn main() {}\n// fn said(";
    for (file, name, expected) in [
        ("tests/it/main.rs", "plain", true),
        ("tests/it/main.rs", "paused", true),
        ("tests/it/main.rs", "main", false),
        ("tests/it/main.rs", "said", false),
        ("tests/it/main.rs", "pause", false),
        ("examples/speed.rs", "main", true),
    ] {
        assert_eq!(is_in(source, file, name), expected, "{name} in {file}");
    }
}
