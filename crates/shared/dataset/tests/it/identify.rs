use std::os::unix::net::UnixListener;

use dataset::{Dataset, identify};
use expect_test::{Expect, expect};
use kernel::DatasetFormat;
use tempfile::TempDir;

use crate::shown;

#[tokio::test]
async fn a_reference_names_path_format_and_bytes() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a b%ü.txt");
    std::fs::write(&path, "a\n1\n").unwrap();
    let reference = identify(&path).await.unwrap();
    assert!(reference.url.starts_with("file:///"), "{}", reference.url);
    assert!(reference.url.ends_with("/a%20b%25%C3%BC.txt"), "{}", reference.url);
    assert_eq!(reference.format, DatasetFormat::Csv);
    assert_eq!(reference.fingerprint, kernel::Fingerprint::of(b"a\n1\n"));
    assert_eq!(Dataset::open(&reference).await.unwrap().reference(), &reference);
}

#[tokio::test]
async fn a_link_and_its_target_are_one_dataset() {
    let directory = TempDir::new().unwrap();
    let (target, link) = (directory.path().join("target.csv"), directory.path().join("link.csv"));
    std::fs::write(&target, "a\n1\n").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert_eq!(identify(&target).await.unwrap(), identify(&link).await.unwrap());
}

#[tokio::test]
async fn paths_that_are_no_files() {
    async fn check(name: &str, expected: Expect) {
        let directory = TempDir::new().unwrap();
        std::fs::create_dir(directory.path().join("folder")).unwrap();
        std::fs::write(directory.path().join("file"), "a\n1\n").unwrap();
        let _socket = UnixListener::bind(directory.path().join("socket")).unwrap();
        let error = identify(&directory.path().join(name)).await.unwrap_err();
        expected.assert_eq(&shown(error, Some(directory.path())));
    }
    check("missing.csv", expect!["NotFound: `<dir>/missing.csv` does not exist: check the path"]).await;
    check("file/inside.csv", expect!["NotFound: `<dir>/file/inside.csv` does not exist: check the path"]).await;
    check("folder", expect!["Invalid: `<dir>/folder` is a directory: name one CSV or Parquet file in it"]).await;
    check(
        "socket",
        expect!["Invalid: `<dir>/socket` is neither a file nor a directory: copy the data into a regular file"],
    )
    .await;
}

#[tokio::test]
async fn a_long_header_alone_is_found_by_reading() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("wide.csv");
    let header: Vec<String> = (0..60_000).map(|column| format!("column{column}")).collect();
    std::fs::write(&path, header.join(",")).unwrap();
    let reference = identify(&path).await.unwrap();
    let error = Dataset::open(&reference).await.unwrap_err();
    expect!["Invalid: `<dir>/wide.csv` has columns but no rows: a dataset needs at least one row"]
        .assert_eq(&shown(error, Some(directory.path())));
}

#[tokio::test]
async fn changed_bytes_are_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.csv");
    std::fs::write(&path, "a\n1\n").unwrap();
    let reference = identify(&path).await.unwrap();
    std::fs::write(&path, "a\n2\n").unwrap();
    let error = Dataset::open(&reference).await.unwrap_err();
    expect!["Invalid: `<dir>/data.csv` has changed while it was being worked on (fa39ab7bea45 instead of 309b0e45a73d): start again with the file as it is now"].assert_eq(&shown(error, Some(directory.path())));
    std::fs::remove_file(&path).unwrap();
    let error = Dataset::open(&reference).await.unwrap_err();
    expect!["NotFound: `<dir>/data.csv` does not exist: check the path"]
        .assert_eq(&shown(error, Some(directory.path())));
}

#[tokio::test]
async fn only_files_of_this_machine() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("data.csv");
    std::fs::write(&path, "a\n1\n").unwrap();
    let reference = identify(&path).await.unwrap();
    for (url, expected) in [
        (
            "s3://bucket/data.csv",
            expect![
                "Invalid: `s3://bucket/data.csv` does not name a file of this machine: use `file:///` and an absolute path"
            ],
        ),
        (
            "data.csv",
            expect!["Invalid: `data.csv` does not name a file of this machine: use `file:///` and an absolute path"],
        ),
        (
            "file://elsewhere/data.csv",
            expect![
                "Invalid: `file://elsewhere/data.csv` does not name a file of this machine: use `file:///` and an absolute path"
            ],
        ),
    ] {
        let reference = kernel::DatasetRef { url: url.into(), ..reference.clone() };
        expected.assert_eq(&shown(Dataset::open(&reference).await.unwrap_err(), None));
    }
}
