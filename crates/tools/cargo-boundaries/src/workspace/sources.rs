//! Where the sources begin that are built for users.

use cargo_metadata::{Package, Target, TargetKind};
use source_graph::{Edition, PackageSources, Root, RootKind};

/// The roots of the library and of the binaries: tests, examples, benches and build scripts are left out.
pub(super) fn sources(package: &Package) -> PackageSources {
    let roots = package.targets.iter().filter_map(|target| {
        let edition = match target.edition {
            cargo_metadata::Edition::E2015 => Edition::E2015,
            _ => Edition::E2018,
        };
        Some(Root { kind: kind(target)?, path: target.src_path.clone().into_std_path_buf(), edition })
    });
    let library = package.targets.iter().find(|target| is_library(target));
    let names = package.dependencies.iter().map(|dependency| dependency.rename.as_ref().unwrap_or(&dependency.name));
    PackageSources {
        roots: roots.collect(),
        externs: names.cloned().collect(),
        library: library.map(|target| target.name.clone()),
    }
}

fn kind(target: &Target) -> Option<RootKind> {
    match () {
        () if target.is_proc_macro() => Some(RootKind::ProcMacro),
        () if is_library(target) => Some(RootKind::Library),
        () if target.is_bin() => Some(RootKind::Binary),
        () => None,
    }
}

fn is_library(target: &Target) -> bool {
    let kinds = [
        TargetKind::Lib,
        TargetKind::RLib,
        TargetKind::DyLib,
        TargetKind::CDyLib,
        TargetKind::StaticLib,
        TargetKind::ProcMacro,
    ];
    target.kind.iter().any(|kind| kinds.contains(kind))
}
