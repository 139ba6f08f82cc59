//! The crates that cargo has unpacked on this machine.

use std::path::{Path, PathBuf};

use source_graph::{Edition, PackageSources, Root, RootKind};

/// A package of the registry.
pub struct Package {
    pub sources: PackageSources,
    /// The size of the Rust sources in its folder.
    pub bytes: u64,
}

/// Every unpacked package with a readable manifest, sorted; without a registry, this crate alone.
pub fn packages() -> Vec<Package> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let registries = home.map(|home| folders(&home.join("registry/src"))).unwrap_or_default();
    let mut packages: Vec<_> =
        registries.iter().flat_map(|registry| folders(registry)).filter_map(|folder| package(&folder)).collect();
    if packages.is_empty() {
        let own = Root {
            kind: RootKind::Library,
            path: Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"),
            edition: Edition::E2018,
        };
        let externs = ["rayon", "thiserror", "ra_ap_rustc_lexer"].map(str::to_owned).to_vec();
        let sources = PackageSources { roots: vec![own], externs, ..PackageSources::default() };
        packages.push(Package { sources, bytes: bytes(Path::new(env!("CARGO_MANIFEST_DIR"))) });
    }
    packages
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn package(folder: &Path) -> Option<Package> {
    let manifest: toml::Table = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?.parse().ok()?;
    let about = manifest.get("package")?;
    let edition = match about.get("edition").and_then(toml::Value::as_str) {
        None | Some("2015") => Edition::E2015,
        Some(_) => Edition::E2018,
    };
    let mut roots = Vec::new();
    let mut add = |kind, path: Option<&str>| {
        let path = path.map(|path| folder.join(path)).filter(|path| path.is_file());
        roots.extend(path.map(|path| Root { kind, path, edition }));
    };
    let library = manifest.get("lib");
    add(RootKind::Library, library.and_then(|library| library.get("path")?.as_str()).or(Some("src/lib.rs")));
    add(RootKind::BuildScript, about.get("build").and_then(toml::Value::as_str));
    let lists = [("bin", RootKind::Binary), ("example", RootKind::Example), ("test", RootKind::Test)];
    for (key, kind) in lists.into_iter().chain([("bench", RootKind::Bench)]) {
        for target in manifest.get(key).and_then(toml::Value::as_array).into_iter().flatten() {
            add(kind, target.get("path").and_then(toml::Value::as_str));
        }
    }
    let name = library.and_then(|library| library.get("name")).or_else(|| about.get("name"))?.as_str()?;
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
    let tables = targets.filter_map(|(_, target)| target.as_table()).chain([&manifest]);
    let mut externs: Vec<String> = tables.flat_map(dependencies).collect();
    externs.sort();
    externs.dedup();
    let sources =
        PackageSources { roots, externs, library: Some(name.replace('-', "_")), folder: Some(folder.to_owned()) };
    Some(Package { sources, bytes: bytes(folder) })
}

fn dependencies(table: &toml::Table) -> Vec<String> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = kinds.into_iter().filter_map(|kind| table.get(kind)?.as_table());
    tables.flat_map(|table| table.keys().map(|key| key.replace('-', "_"))).collect()
}

fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes(&entry.path()),
        Ok(_) if entry.path().extension().is_some_and(|extension| extension == "rs") => {
            entry.metadata().map_or(0, |about| about.len())
        }
        _ => 0,
    });
    sizes.sum()
}
