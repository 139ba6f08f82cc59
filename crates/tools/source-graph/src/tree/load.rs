//! Reading the files of one level in parallel.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::directory::Candidate;
use crate::extract::Extractor;
use crate::facts::FileFacts;
use crate::package::{ProblemKind, SourceFile};

/// What became of every path that was looked at. No path is read twice, so that a file that somebody writes meanwhile
/// cannot be two texts in one graph.
#[derive(Debug)]
pub(super) struct Files(HashMap<PathBuf, Outcome>);

#[derive(Debug)]
pub(super) enum Outcome {
    Read(Loaded),
    Failed(ProblemKind),
    Missing,
}

#[derive(Debug)]
pub(super) struct Loaded {
    pub facts: Arc<FileFacts>,
    bytes: usize,
    hash: [u8; 32],
}

impl Loaded {
    fn of(text: &str, extractor: &mut Extractor) -> Self {
        Self { facts: Arc::new(extractor.facts(text)), bytes: text.len(), hash: blake3::hash(text.as_bytes()).into() }
    }
}

impl Files {
    /// With a text that is taken for a file's, so that the file is not looked at.
    pub fn new(written: Option<(&Path, &str)>) -> Self {
        let read = |text: &str| Outcome::Read(Loaded::of(text, &mut Extractor::default()));
        Self(written.into_iter().map(|(path, text)| (path.to_owned(), read(text))).collect())
    }

    /// Reads the first existing file of every list of candidates, and looks whether the others exist.
    pub fn read<'a>(&mut self, wanted: impl Iterator<Item = &'a Vec<Candidate>>) {
        let mut lists: Vec<&[Candidate]> = wanted.map(|list| &list[..]).collect();
        let paths = |list: &'a [Candidate]| list.iter().map(|it| it.path.as_path());
        lists.sort_unstable_by(|a, b| paths(a).cmp(paths(b)));
        lists.dedup_by(|a, b| paths(a).eq(paths(b)));
        let read: Vec<Vec<(PathBuf, Outcome)>> = lists
            .into_par_iter()
            .map_init(Extractor::default, |extractor, list| self.looked_at(list, extractor))
            .collect();
        for (path, outcome) in read.into_iter().flatten() {
            self.0.entry(path).or_insert(outcome);
        }
    }

    /// The first candidate that exists, and what became of it.
    pub fn first<'a>(&self, candidates: &'a [Candidate]) -> Option<(&'a Candidate, &Outcome)> {
        let outcomes = candidates.iter().filter_map(|candidate| Some((candidate, self.0.get(&candidate.path)?)));
        outcomes.into_iter().find(|(_, outcome)| !matches!(outcome, Outcome::Missing))
    }

    /// The candidates, if more than one of them exists.
    pub fn rivals(&self, candidates: &[Candidate]) -> Option<Vec<PathBuf>> {
        let exists = |candidate: &&Candidate| !matches!(self.0.get(&candidate.path), Some(Outcome::Missing));
        let found: Vec<PathBuf> = candidates.iter().filter(exists).map(|candidate| candidate.path.clone()).collect();
        (found.len() > 1).then_some(found)
    }

    /// The files that were read and the paths where nothing was, both sorted.
    pub fn into_lists(self) -> (Vec<SourceFile>, Vec<PathBuf>) {
        let (mut files, mut looked_for) = (Vec::new(), Vec::new());
        for (path, outcome) in self.0 {
            match outcome {
                Outcome::Read(Loaded { bytes, hash, .. }) => files.push(SourceFile { path, bytes, hash }),
                Outcome::Missing => looked_for.push(path),
                Outcome::Failed(_) => {}
            }
        }
        files.sort_unstable();
        looked_for.sort_unstable();
        (files, looked_for)
    }

    fn looked_at(&self, list: &[Candidate], extractor: &mut Extractor) -> Vec<(PathBuf, Outcome)> {
        let (mut outcomes, mut found) = (Vec::new(), false);
        for Candidate { path, .. } in list {
            match self.0.get(path) {
                Some(Outcome::Missing) => {}
                Some(_) => found = true,
                None if found => {
                    let missing = std::fs::metadata(path).is_err_and(|error| is_missing(&error));
                    outcomes.extend(missing.then(|| (path.clone(), Outcome::Missing)));
                }
                None => {
                    let outcome = outcome(path, extractor);
                    found = !matches!(outcome, Outcome::Missing);
                    outcomes.push((path.clone(), outcome));
                }
            }
        }
        outcomes
    }
}

/// Of a device or a pipe there may be no end.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    std::fs::read(path)
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn outcome(path: &Path, extractor: &mut Extractor) -> Outcome {
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) if is_missing(&error) => return Outcome::Missing,
        Err(error) => return Outcome::Failed(ProblemKind::Unreadable(error.to_string())),
    };
    match str::from_utf8(&bytes) {
        Ok(text) => Outcome::Read(Loaded::of(text, extractor)),
        Err(error) => Outcome::Failed(ProblemKind::NotUtf8(error.valid_up_to())),
    }
}
