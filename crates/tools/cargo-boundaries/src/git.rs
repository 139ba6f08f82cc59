//! What `git` knows.

use std::path::Path;
use std::process::Command;

use crate::baseline::Baseline;
use crate::source::Source;

/// What a command prints, or why it fails.
pub(crate) fn git(folder: &Path, args: &[&str]) -> Result<String, String> {
    let output = Command::new("git").arg("-C").arg(folder).args(args).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// How many entries a baseline had where this branch left `origin/HEAD`; nothing without such a place.
pub(crate) fn entries_at_merge_base(baseline: &Path) -> Option<usize> {
    let folder = baseline.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = baseline.file_name()?.to_str()?;
    let base = git(folder, &["merge-base", "HEAD", "refs/remotes/origin/HEAD"]).ok()?;
    let Ok(text) = git(folder, &["show", &format!("{}:./{name}", base.trim())]) else {
        return Some(0);
    };
    let then = Baseline::parse(&Source { file: name.to_owned(), text });
    then.ok().map(|then| then.entries.len())
}
