//! The file of a report: beside nothing of value, and there as a whole or not at all.

use std::{
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{cli::Run, composition::Config, exit::Failure};

pub struct Page {
    pub file: PathBuf,
    /// The file itself where `file` is a link to it.
    place: PathBuf,
    draft: NamedTempFile,
}

impl Page {
    /// Makes sure before the run that its report can be written.
    pub fn begin(file: &Path, config: &Config, args: &Run) -> Result<Self, Failure> {
        let sidecar = args.dataset.with_extension("toml");
        let inputs = [Some(&args.dataset), Some(&sidecar), args.checks.as_ref(), Some(&config.store.path)];
        let place = real(file);
        if inputs.into_iter().flatten().any(|input| real(input) == place) || place.starts_with(real(&config.models())) {
            return Err(Failure::impossible(format!(
                "--report {} would overwrite what the run works on: choose another path",
                file.display()
            )));
        }
        let draft = draft_beside(&place).map_err(|error| cannot_write(file, &error))?;
        Ok(Self { file: file.into(), place, draft })
    }

    pub fn write(mut self, text: &str) -> Result<(), Failure> {
        let written = self.draft.write_all(text.as_bytes()).and_then(|()| self.draft.as_file().sync_all());
        let written = written.and_then(|()| self.draft.persist(&self.place).map_err(|failed| failed.error));
        written.map(drop).map_err(|error| cannot_write(&self.file, &error))
    }
}

/// Removed again unless it takes the place of the file.
fn draft_beside(place: &Path) -> io::Result<NamedTempFile> {
    if place.exists() && !place.is_file() {
        // A device or a pipe would be replaced, not written.
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut draft = tempfile::Builder::new();
    draft.prefix(".report-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any other new file: what the user's mask leaves.
        draft.permissions(std::fs::Permissions::from_mode(0o666));
    }
    draft.tempfile_in(place.parent().unwrap_or(Path::new("/")))
}

fn cannot_write(file: &Path, error: &io::Error) -> Failure {
    let file = file.display();
    Failure::impossible(format!("the report cannot be written to {file} ({error}): choose another path with --report"))
}

/// Links followed, as far as the path exists.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.into())
}
