use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::case::{Failure, Setting};

/// Rows of the large dataset: about as many as a year of the sample's source has.
pub const LARGE_ROWS: usize = 340_000;

/// The dataset that comes with this workspace.
pub fn sample(setting: &Setting) -> PathBuf {
    setting.workspace.join("samples/flights-week.csv")
}

/// The sample's rows over and over until there are so many, in the scratch folder, with its sidecar beside it.
pub fn repeated_sample(setting: &Setting, rows: usize) -> Result<PathBuf, Failure> {
    let source = sample(setting);
    let text = fs::read_to_string(&source).map_err(|error| format!("cannot read {}: {error}", source.display()))?;
    let target = fs::canonicalize(&setting.scratch)?.join(format!("sample-{rows}.csv"));
    fs::write(&target, repeated(&text, rows))?;
    fs::copy(sidecar(&source), sidecar(&target))?;
    Ok(target)
}

fn sidecar(dataset: &Path) -> PathBuf {
    dataset.with_extension("toml")
}

fn repeated(text: &str, rows: usize) -> String {
    let mut lines = text.lines();
    let header = lines.next().into_iter();
    let mut large = String::with_capacity(text.len() / lines.clone().count().max(1) * (rows + 1));
    for line in header.chain(lines.cycle().take(rows)) {
        large.push_str(line);
        large.push('\n');
    }
    large
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_repeated_under_one_header() {
        assert_eq!(repeated("a,b\n1,2\n3,4\n", 5), "a,b\n1,2\n3,4\n1,2\n3,4\n1,2\n");
    }
}
