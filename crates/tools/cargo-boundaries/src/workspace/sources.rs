//! Where the sources of a package begin.

use std::collections::BTreeMap;

use cargo_metadata::{Package, TargetKind};
use source_graph::{Edition, PackageSources, Root, RootKind};

use super::Target;

/// The roots of all targets; `externs` is what the dependencies are called in them.
pub(super) fn sources(package: &Package, externs: &BTreeMap<String, Target>) -> PackageSources {
    let roots = package.targets.iter().map(|target| {
        let edition = match target.edition {
            cargo_metadata::Edition::E2015 => Edition::E2015,
            _ => Edition::E2018,
        };
        Root { kind: kind(target), path: target.src_path.clone().into_std_path_buf(), edition }
    });
    PackageSources {
        roots: roots.collect(),
        externs: externs.keys().cloned().collect(),
        library: library(package),
        folder: package.manifest_path.parent().map(|folder| folder.as_std_path().to_owned()),
    }
}

/// The name of its library.
pub(super) fn library(package: &Package) -> Option<String> {
    let libraries = [RootKind::Library, RootKind::ProcMacro];
    let library = package.targets.iter().find(|target| libraries.contains(&kind(target)));
    library.map(|target| target.name.clone())
}

/// A kind of a future Cargo counts as a library: all rules hold for it.
fn kind(target: &cargo_metadata::Target) -> RootKind {
    let is = |kind: TargetKind| target.kind.contains(&kind);
    match () {
        () if is(TargetKind::ProcMacro) => RootKind::ProcMacro,
        () if is(TargetKind::Bin) => RootKind::Binary,
        () if is(TargetKind::Example) => RootKind::Example,
        () if is(TargetKind::Test) => RootKind::Test,
        () if is(TargetKind::Bench) => RootKind::Bench,
        () if is(TargetKind::CustomBuild) => RootKind::BuildScript,
        () => RootKind::Library,
    }
}
