//! `cargo xtask hooks install` in repositories of its own: the hook is git's, and nobody else's is touched.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

/// The workspace is found by the manifest that cargo names to the programs that it runs.
fn install(repository: &Path) -> (Option<i32>, String) {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = xtask
        .args(["hooks", "install"])
        .env("CARGO_MANIFEST_DIR", repository.join("xtask"))
        .current_dir(repository)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn repository() -> TempDir {
    let folder = TempDir::new().unwrap();
    let init = Command::new("git").args(["init", "--quiet"]).current_dir(&folder).status().unwrap();
    assert!(init.success());
    folder
}

#[test]
fn the_hook_is_installed_once_and_runs_the_checks() {
    let repository = repository();
    for time in ["first", "second"] {
        let (code, said) = install(repository.path());
        assert_eq!(code, Some(0), "{time}: {said}");
    }
    let hook = repository.path().join(".git/hooks/pre-commit");
    assert!(fs::read_to_string(&hook).unwrap().contains("exec cargo xtask hooks pre-commit"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&hook).unwrap().permissions().mode() & 0o111, 0o111, "git runs it");
    }
}

#[test]
fn a_hook_of_somebody_else_stays() {
    let repository = repository();
    let hook = repository.path().join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nmake lint\n").unwrap();
    let (code, said) = install(repository.path());
    assert!(code == Some(2) && said.contains("add the line `cargo xtask hooks pre-commit` to it"), "{said}");
    assert_eq!(fs::read_to_string(&hook).unwrap(), "#!/bin/sh\nmake lint\n");
}

#[test]
fn without_a_repository_there_is_no_hook() {
    let folder = TempDir::new().unwrap();
    let (code, said) = install(folder.path());
    assert!(code == Some(2) && said.contains("is no git repository"), "{said}");
}
