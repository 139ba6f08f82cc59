//! Where a manifest says what `cargo metadata` reports.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::Kind;

type Key<'a> = Spanned<DeString<'a>>;

/// Where a manifest declares a dependency.
pub(super) struct Place {
    /// Its key.
    pub span: Range<usize>,
    /// `workspace = true`.
    pub inherited: bool,
}

/// The place of a dependency; `platform` as Cargo prints it, `key` as the manifest has it.
pub(super) fn locate(manifest: &DeTable<'_>, kind: Kind, platform: Option<&str>, key: &str) -> Option<Place> {
    let Some(platform) = platform else {
        return dependency(manifest, kind, key);
    };
    // Cargo prints `cfg(..)` in a form of its own: compare without white space, and take another platform's table
    // rather than none.
    let platform = without_space(platform);
    let tables = table(manifest, "target")?.iter();
    let found = tables.filter_map(|(name, body)| {
        let place = dependency(body.as_ref().as_table()?, kind, key)?;
        Some((without_space(name.as_ref()) == platform, place))
    });
    found.max_by_key(|(same, _)| *same).map(|(_, place)| place)
}

/// The place of `name` in `[package]`.
pub(super) fn package_name_span(manifest: &DeTable<'_>) -> Option<Range<usize>> {
    table(manifest, "package")?.get("name").map(Spanned::span)
}

/// `[lints] workspace = true`.
pub(super) fn shares_lints(manifest: &DeTable<'_>) -> bool {
    flag(table(manifest, "lints"), "workspace")
}

/// `workspace.exclude`, without the `./` and `/` around them.
pub(super) fn excluded(root: &DeTable<'_>) -> Vec<String> {
    let list = table(root, "workspace").and_then(|workspace| workspace.get("exclude")?.as_ref().as_array());
    let paths = list.into_iter().flat_map(|list| list.iter()).filter_map(|path| path.as_ref().as_str());
    paths.map(|path| path.trim_start_matches("./").trim_end_matches('/').to_owned()).collect()
}

/// Package names in `[workspace.dependencies]`, those with a path excepted.
pub(super) fn shared_external_names(root: &DeTable<'_>) -> Vec<String> {
    let shared = table(root, "workspace").and_then(|workspace| table(workspace, "dependencies"));
    let external = shared.into_iter().flatten().filter(|(_, value)| text(value, "path").is_none());
    external.map(|(key, value)| package_name(key, value)).collect()
}

/// Package name and path of every `[patch]` entry that has a path.
pub(super) fn patches(root: &DeTable<'_>) -> impl Iterator<Item = (String, PathBuf)> {
    let registries = table(root, "patch").into_iter().flatten();
    let entries = registries.filter_map(|(_, entries)| entries.as_ref().as_table()).flatten();
    entries.filter_map(|(key, value)| Some((package_name(key, value), PathBuf::from(text(value, "path")?))))
}

fn dependency(owner: &DeTable<'_>, kind: Kind, key: &str) -> Option<Place> {
    let tables: &[&str] = match kind {
        Kind::Normal => &["dependencies"],
        // With an underscore until edition 2024.
        Kind::Build => &["build-dependencies", "build_dependencies"],
        Kind::Dev => &["dev-dependencies", "dev_dependencies"],
    };
    let found = tables.iter().find_map(|name| table(owner, name)?.get_key_value(key));
    found.map(|(key, value)| Place { span: key.span(), inherited: flag(value.as_ref().as_table(), "workspace") })
}

fn table<'a, 'i>(owner: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    owner.get(key)?.as_ref().as_table()
}

fn text<'a>(owner: &'a Spanned<DeValue<'_>>, key: &str) -> Option<&'a str> {
    owner.as_ref().as_table()?.get(key)?.as_ref().as_str()
}

fn flag(owner: Option<&DeTable<'_>>, key: &str) -> bool {
    owner.and_then(|owner| owner.get(key)?.as_ref().as_bool()).unwrap_or(false)
}

fn package_name(key: &Key<'_>, value: &Spanned<DeValue<'_>>) -> String {
    text(value, "package").unwrap_or(key.as_ref()).to_owned()
}

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}
