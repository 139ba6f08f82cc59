//! Digests that are kept between runs, so that sources that have not changed are hashed instead of read anew.
//!
//! An entry holds for what it was made from and nothing else: the same program and the same question, the same bytes in
//! every file, and still nothing wherever a file was looked for in vain. Where files lie behind links is asked each time:
//! to put a link in a file's place changes no byte. Whatever is the matter with the cache itself, the
//! sources are read: it can make a run faster and never another one.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use source_graph::SourceGraph;

use super::Digest;
use super::digest::links;
use crate::store::{self, Hash};
use crate::workspace::{Member, Target, Workspace};

/// A folder of digests, one file for each member.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// See [`store::program`].
    program: String,
}

#[derive(Serialize, Deserialize)]
struct Kept<D> {
    question: Hash,
    /// Of each of [`Digest::files`].
    hashes: Vec<Hash>,
    /// Where there was no file.
    looked_for: Vec<PathBuf>,
    digest: D,
}

impl Cache {
    /// The cache of a workspace, below its target folder; none where Cargo has not made that.
    pub fn of(workspace: &Workspace) -> Option<Self> {
        let program = store::program()?;
        workspace.target.is_dir().then(|| Self { folder: workspace.target.join("boundaries"), program })
    }

    /// The digest of a member, kept or new.
    pub fn digest(&self, member: &Member, root: &Path) -> Digest {
        let question = self.question(member, root);
        let path = self.folder.join(format!("{}.digest", blake3::hash(format!("{root:?} {}", member.dir).as_bytes())));
        if let Some(kept) = store::read::<Kept<Digest>>(&path).filter(|kept| kept.question == question && kept.holds())
        {
            return Digest { links: links(&kept.digest.files), ..kept.digest };
        }
        let graph = SourceGraph::of(&member.sources);
        let digest = Digest::of(member, &graph, root);
        // What is wrong with a file may be no matter of its bytes.
        if digest.problems.is_empty() {
            let hashes = graph.files.iter().map(|file| file.hash).collect();
            let kept = Kept { question, hashes, looked_for: graph.looked_for, digest: &digest };
            // Without it the next run takes longer, and that is all.
            store::write(&path, &kept).ok();
        }
        digest
    }

    fn question(&self, member: &Member, root: &Path) -> Hash {
        let members = member.externs.iter().filter(|(_, to)| matches!(to, Target::Member(_))).map(|(name, _)| name);
        let members: Vec<&String> = members.collect();
        let question = format!("{} {root:?} {:?} {members:?}", self.program, member.sources);
        blake3::hash(question.as_bytes()).into()
    }
}

impl Kept<Digest> {
    fn holds(&self) -> bool {
        let same = |(path, hash): (&PathBuf, &Hash)| fs::read(path).is_ok_and(|bytes| blake3::hash(&bytes) == *hash);
        let missing = |path: &PathBuf| {
            let found = fs::metadata(path);
            found.is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
        };
        self.hashes.len() == self.digest.files.len()
            && self.looked_for.par_iter().all(missing)
            && self.digest.files.par_iter().zip(&self.hashes).all(same)
    }
}
