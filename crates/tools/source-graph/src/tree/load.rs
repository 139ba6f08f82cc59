//! Reading the files of one level in parallel.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::directory::Candidate;
use crate::extract::Extractor;
use crate::facts::FileFacts;
use crate::package::ProblemKind;

/// A file's facts and its size.
#[derive(Debug)]
pub(super) struct Loaded {
    pub facts: Arc<FileFacts>,
    pub bytes: usize,
}

/// What became of the candidates for one file.
#[derive(Debug)]
pub(super) enum Outcome {
    Read { candidate: Candidate, loaded: Loaded },
    Failed { path: PathBuf, kind: ProblemKind },
    Missing,
}

/// Reads the first existing file of every list of candidates; the same list is read once.
pub(super) fn all<'a>(wanted: impl Iterator<Item = &'a Vec<Candidate>>) -> HashMap<&'a [Candidate], Outcome> {
    let mut lists: Vec<&[Candidate]> = wanted.map(|list| &list[..]).collect();
    lists.sort_unstable_by(|a, b| a.iter().map(|it| &it.path).cmp(b.iter().map(|it| &it.path)));
    lists.dedup();
    lists.into_par_iter().map_init(Extractor::default, |extractor, list| (list, first(list, extractor))).collect()
}

fn first(candidates: &[Candidate], extractor: &mut Extractor) -> Outcome {
    for candidate in candidates {
        let bytes = match std::fs::read(&candidate.path) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            Err(error) => {
                return Outcome::Failed {
                    path: candidate.path.clone(),
                    kind: ProblemKind::Unreadable(error.to_string()),
                };
            }
        };
        return match str::from_utf8(&bytes) {
            Ok(text) => {
                let loaded = Loaded { facts: Arc::new(extractor.facts(text)), bytes: bytes.len() };
                Outcome::Read { candidate: candidate.clone(), loaded }
            }
            Err(error) => {
                let kind = ProblemKind::NotUtf8(error.valid_up_to());
                Outcome::Failed { path: candidate.path.clone(), kind }
            }
        };
    }
    Outcome::Missing
}
