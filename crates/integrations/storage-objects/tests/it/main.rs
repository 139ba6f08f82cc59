//! Blobs on a folder: the suite that all adapters pass, and what is its own.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use event_sourcing::Blobs as _;
use kernel::Fingerprint;
use storage_objects::FileBlobs;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    let (folder, made) = (TempDir::new().unwrap(), AtomicUsize::new(0));
    testing::blobs_conformance(async || {
        FileBlobs::open(folder.path().join(made.fetch_add(1, Ordering::Relaxed).to_string()))
    })
    .await;
    let left: Vec<PathBuf> = all_files(folder.path()).into_iter().filter(|path| path.extension().is_some()).collect();
    assert_eq!(left, Vec::<PathBuf>::new(), "no drafts are left");
}

#[tokio::test]
async fn the_folder_comes_with_the_first_put() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("a/b/models");
    let blobs = FileBlobs::open(&place);
    let digest = Fingerprint::of(b"model");
    assert_eq!(blobs.get(&digest).await.unwrap(), None);
    assert!(!blobs.remove(&digest).await.unwrap());
    assert!(!folder.path().join("a").exists(), "looking creates nothing");

    blobs.put(b"model".to_vec()).await.unwrap();
    let file = place.join(&digest.hex()[..2]).join(digest.hex());
    assert_eq!(all_files(folder.path()), vec![file.clone()]);
    assert_eq!(fs::read(file).unwrap(), b"model");
    // Another process, or the same one later.
    assert_eq!(FileBlobs::open(place).get(&digest).await.unwrap().unwrap(), b"model");
}

#[tokio::test]
async fn a_changed_file_is_an_error_until_it_is_put_again() {
    let folder = TempDir::new().unwrap();
    let blobs = FileBlobs::open(folder.path());
    let digest = blobs.put(b"model".to_vec()).await.unwrap();
    let file = all_files(folder.path()).remove(0);
    for damage in ["Model", "mode", "", "model "] {
        fs::write(&file, damage).unwrap();
        let error = blobs.get(&digest).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{}` has changed since it was stored", file.display())), "{error}");
        assert!(error.contains("restore it from a copy"), "{error}");
    }
    blobs.put(b"model".to_vec()).await.unwrap();
    assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), b"model");
}

#[tokio::test]
async fn what_is_in_the_way_is_named() {
    let folder = TempDir::new().unwrap();
    let (place, digest) = (folder.path().join("models"), Fingerprint::of(b"model"));
    fs::write(&place, "a file").unwrap();
    let blobs = FileBlobs::open(&place);
    let errors = [
        blobs.put(b"model".to_vec()).await.unwrap_err(),
        blobs.get(&digest).await.unwrap_err(),
        blobs.remove(&digest).await.unwrap_err(),
    ];
    for (error, verb) in errors.iter().zip(["write", "read", "remove"]) {
        let error = error.to_string();
        assert!(error.starts_with(&format!("cannot {verb} `{}", place.display())), "{error}");
        assert!(error.ends_with("move away the file that is where a folder has to be"), "{error}");
    }
    assert_eq!(fs::read(&place).unwrap(), b"a file");

    // A write that fails leaves no draft behind: here the name is taken by a folder that is not empty.
    fs::remove_file(&place).unwrap();
    let taken = place.join(&digest.hex()[..2]).join(digest.hex());
    fs::create_dir_all(taken.join("x")).unwrap();
    blobs.put(b"model".to_vec()).await.unwrap_err();
    assert_eq!(all_files(folder.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_sweep_takes_drafts_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let blobs = FileBlobs::open(folder.path().join("models"));
    blobs.sweep().unwrap();
    let digest = blobs.put(b"model".to_vec()).await.unwrap();
    let shelf = folder.path().join("models").join(&digest.hex()[..2]);
    fs::write(shelf.join(format!("{}.9-0.tmp", digest.hex())), "half a mo").unwrap();
    blobs.sweep().unwrap();
    assert_eq!(all_files(folder.path()), [shelf.join(digest.hex())]);
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { all_files(&path) } else { vec![path] }).collect()
}
