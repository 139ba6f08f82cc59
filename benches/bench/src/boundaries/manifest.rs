//! The manifest of a package of the registry, and what it becomes as a member of a workspace.

use toml::{Table, Value};

use super::{layers::Layers, registry::Package};

/// The tables of dependencies that are linked into a package or its build script.
pub const SHIPPED: [&str; 2] = ["dependencies", "build-dependencies"];

const KINDS: [&str; 3] = [SHIPPED[0], SHIPPED[1], "dev-dependencies"];

/// The manifest as it was published, without what is not below `src`; what is a member is one.
pub fn manifest(package: &Package, layers: &Layers<'_>) -> Table {
    let published = &package.manifest;
    let picked = |table: &Table, keys: &[&str]| -> Table {
        keys.iter().filter_map(|key| Some(((*key).to_owned(), table.get(*key)?.clone()))).collect()
    };
    let mut manifest = picked(published, &["lib", "features"]);
    if let Some(about) = published.get("package").and_then(Value::as_table) {
        manifest.insert("package".into(), picked(about, &["name", "version", "edition", "autobins"]).into());
    }
    let binaries = published.get("bin").and_then(Value::as_array).into_iter().flatten();
    let inside =
        |binary: &&Value| binary.get("path").and_then(Value::as_str).is_none_or(|path| path.starts_with("src/"));
    let binaries: Vec<_> = binaries.filter(inside).cloned().collect();
    if !binaries.is_empty() {
        manifest.insert("bin".into(), binaries.into());
    }
    manifest.extend(joined(published, package, layers));
    let targets: Table =
        platforms(published).map(|(name, table)| (name.clone(), joined(table, package, layers).into())).collect();
    manifest.insert("target".into(), targets.into());
    manifest
}

/// The dependencies that stand in one table of a package's manifest, those on members as such.
fn joined(table: &Table, package: &Package, layers: &Layers<'_>) -> Table {
    // Cargo takes one name in two kinds only for one source.
    let same =
        |key: &str, to: &str| dependencies(&package.manifest, &KINDS).all(|(other, its)| other != key || its == to);
    let join = |(key, dependency): (&String, &Value)| {
        let to = package_of(key, dependency);
        let folder = layers.folder(to).filter(|_| layers.joins(&package.name, to) && same(key, to));
        let dependency = folder.map_or_else(
            || dependency.clone(),
            |folder| {
                let mut details = dependency.as_table().cloned().unwrap_or_default();
                details.remove("version");
                details.insert("path".into(), format!("../../../{folder}").into());
                details.into()
            },
        );
        (key.clone(), dependency)
    };
    let lists = KINDS.iter().filter_map(|kind| Some((*kind, table.get(*kind)?.as_table()?)));
    lists.map(|(kind, list)| (kind.into(), list.iter().map(join).collect::<Table>().into())).collect()
}

/// The tables of a manifest for some platforms only, each with its name.
fn platforms(manifest: &Table) -> impl Iterator<Item = (&String, &Table)> {
    let targets = manifest.get("target").and_then(|targets| targets.as_table());
    targets.into_iter().flatten().filter_map(|(name, target)| Some((name, target.as_table()?)))
}

/// The package that a dependency called `key` is.
fn package_of<'a>(key: &'a str, dependency: &'a Value) -> &'a str {
    dependency.get("package").and_then(|package| package.as_str()).unwrap_or(key)
}

/// Every dependency of these kinds, for whatever platform: its name in the manifest, and the package's.
pub fn dependencies<'a>(manifest: &'a Table, kinds: &[&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let tables = platforms(manifest).map(|(_, target)| target).chain([manifest]);
    let lists = tables.flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()));
    lists.flatten().map(|(key, dependency)| (key.as_str(), package_of(key, dependency)))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn members_are_joined_by_paths_and_the_rest_stays_as_published() {
        let published = r#"
            [lib]
            path = "src/lib.rs"
            [[bin]]
            name = "inside"
            path = "src/main.rs"
            [[bin]]
            name = "outside"
            path = "fuzz/main.rs"
            [dependencies]
            renamed = { package = "low", version = "1", optional = true, features = ["std"] }
            serde = { package = "serde_core", version = "1" }
            toml = "1"
            [dev-dependencies]
            low = "1"
            serde = "1"
            [target.'cfg(unix)'.dependencies]
            low = "1"
        "#;
        let packages =
            [Package::declaring("low", ""), Package::declaring("serde", ""), Package::declaring("top", published)];
        let manifest = manifest(&packages[2], &Layers::of(&packages));
        expect![[r#"
            [[bin]]
            name = "inside"
            path = "src/main.rs"

            [dependencies]
            toml = "1"

            [dependencies.renamed]
            features = ["std"]
            optional = true
            package = "low"
            path = "../../../crates/level-0/low"

            [dependencies.serde]
            package = "serde_core"
            version = "1"

            [dev-dependencies]
            serde = "1"

            [dev-dependencies.low]
            path = "../../../crates/level-0/low"

            [lib]
            path = "src/lib.rs"

            [package]
            name = "top"
            version = "1.0.0"

            [target."cfg(unix)".dependencies.low]
            path = "../../../crates/level-0/low"
        "#]]
        .assert_eq(&toml::to_string(&manifest).unwrap());
    }
}
