//! Digests that are kept between runs, so that sources that have not changed are hashed instead of read anew.
//!
//! An entry holds for what it was made from and nothing else: the same program and the same question, the same bytes in
//! every file, and still nothing wherever a file was looked for in vain. Whatever is the matter with the cache itself, the
//! sources are read: it can make a run faster and never another one.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use std::{env, fs};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use source_graph::SourceGraph;
use tempfile::NamedTempFile;

use super::Digest;
use crate::workspace::{Member, Target, Workspace};

type Hash = [u8; 32];

/// A folder of digests, one file for each member.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// What tells this program from another one that would read the same sources in another way.
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
        let program = env::current_exe().and_then(|path| Ok((fs::metadata(&path)?, path))).ok()?;
        let changed = program.0.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let program = format!("{} {} {changed:?}", program.1.display(), program.0.len());
        workspace.target.is_dir().then(|| Self { folder: workspace.target.join("boundaries"), program })
    }

    /// The digest of a member, kept or new.
    pub fn digest(&self, member: &Member, root: &Path) -> Digest {
        let question = self.question(member, root);
        let path = self.folder.join(format!("{}.digest", blake3::hash(format!("{root:?} {}", member.dir).as_bytes())));
        if let Some(kept) = read(&path).filter(|kept| kept.question == question && kept.holds()) {
            return kept.digest;
        }
        let graph = SourceGraph::of(&member.sources);
        let digest = Digest::of(member, &graph, root);
        // What is wrong with a file may be no matter of its bytes.
        if digest.problems.is_empty() {
            let hashes = graph.files.iter().map(|file| file.hash).collect();
            let kept = Kept { question, hashes, looked_for: graph.looked_for, digest: &digest };
            // Without it the next run takes longer, and that is all.
            self.write(&path, &kept).ok();
        }
        digest
    }

    fn question(&self, member: &Member, root: &Path) -> Hash {
        let members = member.externs.iter().filter(|(_, to)| matches!(to, Target::Member(_))).map(|(name, _)| name);
        let members: Vec<&String> = members.collect();
        let question = format!("{} {root:?} {:?} {members:?}", self.program, member.sources);
        blake3::hash(question.as_bytes()).into()
    }

    fn write(&self, path: &Path, kept: &Kept<&Digest>) -> std::io::Result<()> {
        let bytes = postcard::to_stdvec(kept).map_err(std::io::Error::other)?;
        fs::create_dir_all(&self.folder)?;
        let mut draft = NamedTempFile::new_in(&self.folder)?;
        draft.write_all(blake3::hash(&bytes).as_bytes())?;
        draft.write_all(&bytes)?;
        draft.persist(path)?;
        Ok(())
    }
}

/// The entry in a file, if it is one and whole.
fn read(path: &Path) -> Option<Kept<Digest>> {
    let bytes = fs::read(path).ok()?;
    let (sum, bytes) = bytes.split_first_chunk::<32>()?;
    (blake3::hash(bytes) == *sum).then(|| postcard::from_bytes(bytes).ok()).flatten()
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
