//! The file of a report: beside nothing of value, and there as a whole or not at all.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::{cli::Run, composition::Config, exit::Failure};

pub struct Page {
    pub file: PathBuf,
    draft: PathBuf,
}

impl Page {
    /// Makes sure before the run that its report can be written.
    pub fn begin(file: &Path, config: &Config, args: &Run) -> Result<Self, Failure> {
        let sidecar = args.dataset.with_extension("toml");
        let models = config.models();
        let inputs = [Some(&args.dataset), Some(&sidecar), args.checks.as_ref(), Some(&config.store.path)];
        let is_taken = inputs.into_iter().flatten().any(|input| is_same(input, file));
        if is_taken || absolute(file).starts_with(absolute(&models)) {
            return Err(Failure::impossible(format!(
                "--report {} would overwrite what the run works on: choose another path",
                file.display()
            )));
        }
        let mut draft = file.as_os_str().to_owned();
        draft.push(".tmp");
        let page = Self { file: file.into(), draft: draft.into() };
        if file.is_dir() {
            return Err(page.failed(&io::Error::from(ErrorKind::IsADirectory)));
        }
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&page.draft)
            .map_err(|error| page.failed(&error))?;
        Ok(page)
    }

    pub fn write(self, text: &str) -> Result<(), Failure> {
        let written = fs::File::create(&self.draft).and_then(|mut draft| {
            draft.write_all(text.as_bytes())?;
            draft.sync_all()
        });
        written.and_then(|()| fs::rename(&self.draft, &self.file)).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::impossible(format!(
            "the report cannot be written to {} ({error}): choose another path with --report",
            self.file.display()
        ))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // Renamed by now, or of no use to anybody.
        let _ = fs::remove_file(&self.draft);
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => absolute(a) == absolute(b),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}
