//! `cargo xtask hooks install` in repositories of its own: the hook is git's, and nobody else's is touched.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

fn install(repository: &Path) -> (Option<i32>, String) {
    hooks(repository, "install")
}

/// The workspace is found by the manifest that cargo names to the programs that it runs.
fn hooks(repository: &Path, verb: &str) -> (Option<i32>, String) {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = xtask
        .args(["hooks", verb])
        .env("CARGO_MANIFEST_DIR", repository.join("xtask"))
        .current_dir(repository)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn repository() -> TempDir {
    let folder = TempDir::new().unwrap();
    git(folder.path(), &["init", "--quiet"]);
    folder
}

fn git(repository: &Path, args: &[&str]) {
    let of_it = ["-c", "user.name=it", "-c", "user.email=it@localhost"];
    assert!(Command::new("git").args(of_it).args(args).current_dir(repository).status().unwrap().success());
}

#[test]
fn the_hook_is_installed_once_and_runs_the_checks() {
    let repository = repository();
    let hook = repository.path().join(".git/hooks/pre-commit");
    for time in ["first", "second"] {
        let (code, said) = install(repository.path());
        assert_eq!(code, Some(0), "{time}: {said}");
        #[cfg(unix)]
        if time == "first" {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&hook, fs::Permissions::from_mode(0o644)).unwrap();
        }
    }
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
    fs::write(&hook, "#!/bin/sh\nmake lint\ncargo xtask hooks pre-commit\n").unwrap();
    let (code, said) = install(repository.path());
    assert_eq!(code, Some(0), "it does what it was told: {said}");
    assert_eq!(fs::read_to_string(&hook).unwrap(), "#!/bin/sh\nmake lint\ncargo xtask hooks pre-commit\n");
}

#[test]
fn without_a_repository_there_is_no_hook() {
    let folder = TempDir::new().unwrap();
    let (code, said) = install(folder.path());
    assert!(code == Some(2) && said.contains("is no git repository"), "{said}");
}

/// The checks themselves find no workspace here. That the hook goes on where they pass is shown where a package is made.
#[test]
fn what_is_staged_otherwise_than_it_is_in_the_folder_is_named() {
    let repository = repository();
    let folder = repository.path();
    let warning = || {
        let (_, said) = hooks(folder, "pre-commit");
        let warnings: Vec<&str> = said.lines().filter(|line| line.starts_with("warning: ")).collect();
        warnings.join("\n")
    };
    let write = |file: &str, text: &str| fs::write(folder.join(file), text).unwrap();
    for file in ["as-staged", "kept", "not-staged", "removed"] {
        write(file, "first\n");
    }
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "first"]);
    assert_eq!(warning(), "");

    write("as-staged", "second\n");
    git(folder, &["add", "as-staged"]);
    git(folder, &["rm", "--quiet", "removed"]);
    write("not-staged", "second\n");
    write("unknown", "first\n");
    assert_eq!(warning(), "", "nothing of what is staged is otherwise in the folder");

    git(folder, &["rm", "--quiet", "--cached", "kept"]);
    let told = |files: &str| {
        format!("warning: what was checked is the folder; what is committed differs from it in {files}: see `git diff`")
    };
    assert_eq!(warning(), told("kept"));

    write("a new one", "first\n");
    git(folder, &["add", "a new one"]);
    fs::remove_file(folder.join("a new one")).unwrap();
    write("as-staged", "third\n");
    assert_eq!(warning(), told("a new one, as-staged, kept"));
    for file in ["x", "y"] {
        write(file, "first\n");
        git(folder, &["add", file]);
        write(file, "second\n");
    }
    assert_eq!(warning(), told("a new one, as-staged, kept and 2 more"));
}
