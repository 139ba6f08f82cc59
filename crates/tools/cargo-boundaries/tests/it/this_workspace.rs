//! The workspace this crate belongs to, and copies of it in which somebody breaks a rule.

use std::fs;
use std::path::{Path, PathBuf};

use boundaries::{Kind, Report, Rule};
use cargo_metadata::MetadataCommand;
use tempfile::TempDir;

use crate::fixture::{outcome, plain, write};

fn root() -> PathBuf {
    Path::new("../../..").canonicalize().expect("this crate lies three folders below the root of its workspace")
}

/// The manifests, the rules and the sources.
fn copy() -> TempDir {
    let (root, copy) = (root(), tempfile::tempdir().expect("a temporary directory can be made"));
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec();
    let packages = metadata.expect("this workspace has readable manifests").packages;
    let inside = |path: &Path| path.strip_prefix(&root).expect("a member lies in the workspace").display().to_string();
    let manifests = packages.iter().map(|package| inside(package.manifest_path.as_std_path()));
    for file in manifests.chain(["Cargo.toml", "boundaries.toml"].map(str::to_owned)) {
        write(copy.path(), &file, &fs::read_to_string(root.join(&file)).expect("the file can be read"));
    }
    for target in packages.iter().flat_map(|package| &package.targets) {
        write(copy.path(), &inside(target.src_path.as_std_path()), "");
    }
    for package in &packages {
        let dir = package.manifest_path.parent().expect("a manifest lies in a folder").as_std_path();
        for folder in ["src", "tests", "examples", "benches"].into_iter().filter(|folder| dir.join(folder).is_dir()) {
            copy_sources(&dir.join(folder), &copy.path().join(inside(dir)).join(folder));
        }
    }
    copy
}

fn copy_sources(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("the folder can be listed") {
        let path = entry.expect("the folder can be listed").path();
        let copy = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_sources(&path, &copy);
        } else {
            fs::copy(&path, &copy).expect("the file can be copied");
        }
    }
}

/// Puts a line into a table of a manifest and answers the line's number.
fn declare(copy: &TempDir, manifest: &str, table: &str, line: &str) -> usize {
    let path = copy.path().join(manifest);
    let text = fs::read_to_string(&path).expect("the copy has the manifest");
    let header = format!("[{table}]\n");
    let text = if text.contains(&header) { text } else { format!("{text}\n{header}") };
    let changed = text.replacen(&header, &format!("{header}{line}\n"), 1);
    fs::write(&path, &changed).expect("the manifest can be written");
    changed.lines().position(|found| found == line).expect("the line was put there") + 1
}

fn report(root: &Path) -> Report {
    outcome(root).unwrap_or_else(|error| panic!("{}", plain(&error.text(), root)))
}

#[test]
fn is_clean() {
    let report = report(&root());
    assert!(report.violations.is_empty(), "{}", plain(&report.text(), &root()));
}

/// One planted violation per row: manifest, table, line, rule.
#[test]
fn breaks_where_somebody_breaks_it() {
    let quality = "crates/data/data-quality/Cargo.toml";
    let neighbour = "anomaly-detection.workspace = true";
    let rows = [
        (quality, "dependencies", neighbour, Rule::Independent, Kind::Normal),
        (quality, "dev-dependencies", neighbour, Rule::Independent, Kind::Dev),
        (quality, "build-dependencies", neighbour, Rule::Independent, Kind::Build),
        (quality, "dependencies", "machine-learning.workspace = true", Rule::Independent, Kind::Normal),
        (quality, "dependencies", "storage-sqlite.workspace = true", Rule::MayUse, Kind::Normal),
        (quality, "dependencies", "testing.workspace = true", Rule::DevOnly, Kind::Normal),
        (quality, "dependencies", "rusqlite.workspace = true", Rule::ExternalDeny, Kind::Normal),
        (
            "crates/shared/kernel/Cargo.toml",
            "dependencies",
            "interfaces-data.workspace = true",
            Rule::MayUse,
            Kind::Normal,
        ),
        ("crates/shared/kernel/Cargo.toml", "dependencies", "settings.workspace = true", Rule::SameLayer, Kind::Normal),
        ("crates/shared/kernel/Cargo.toml", "dependencies", "arrow.workspace = true", Rule::ExternalOnly, Kind::Normal),
        (
            "crates/interfaces/interfaces-data/Cargo.toml",
            "dependencies",
            "tokio.workspace = true",
            Rule::ExternalAllow,
            Kind::Normal,
        ),
        (
            "crates/interfaces/interfaces-data/Cargo.toml",
            "dependencies",
            "request.workspace = true",
            Rule::MayUse,
            Kind::Normal,
        ),
        (
            "crates/configurations/Cargo.toml",
            "dependencies",
            "cargo-boundaries.workspace = true",
            Rule::MayUse,
            Kind::Normal,
        ),
        (quality, "dependencies", "container.workspace = true", Rule::Visibility, Kind::Normal),
        ("xtask/Cargo.toml", "dependencies", "kernel.workspace = true", Rule::MayUse, Kind::Normal),
    ];
    for (manifest, table, line, rule, kind) in rows {
        let copy = copy();
        let number = declare(&copy, manifest, table, line);
        let report = report(copy.path());
        // An edge upwards may close a cycle too, and no source names the crate.
        let besides = [Rule::Cycle, Rule::UsedDependencies];
        let broken: Vec<_> = report.violations.iter().filter(|violation| !besides.contains(&violation.rule)).collect();
        let [violation] = broken[..] else { panic!("{line}: {}", plain(&report.text(), copy.path())) };
        let site = &violation.site;
        let found = (site.file.as_str(), site.line, site.column, site.text.as_str(), violation.rule, violation.kind);
        assert_eq!(found, (manifest, number, 1, line, rule, Some(kind)));
    }
}

#[test]
fn breaks_where_a_domain_names_its_api() {
    let copy = copy();
    let file = "crates/ai/mlops/src/domain.rs";
    let text = fs::read_to_string(copy.path().join(file)).expect("the copy has the source");
    write(copy.path(), file, &format!("{text}\nuse crate::api;\n"));
    let report = report(copy.path());
    let [violation] = &report.violations[..] else { panic!("{}", plain(&report.text(), copy.path())) };
    let site = &violation.site;
    let found = (site.file.as_str(), site.text.as_str(), violation.rule, violation.to.as_deref());
    assert_eq!(found, (file, "use crate::api;", Rule::ModuleOrder, Some("crates/ai/mlops::api")));
}
