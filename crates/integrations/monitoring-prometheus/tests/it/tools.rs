//! Programs of Debian's package `prometheus`, which these tests run.

use std::{
    env,
    path::{Path, PathBuf},
};

/// In `BOROUGH_PROMETHEUS`, where `cargo xtask test` puts it, or wherever the shell finds it.
///
/// # Panics
/// It is not there: a test that is left out in silence shows nothing.
pub fn program(name: &str) -> PathBuf {
    let fetched = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools").join("prometheus/usr/bin");
    let folders = env::var_os("BOROUGH_PROMETHEUS").map(PathBuf::from).into_iter().chain([fetched]);
    let path = env::var_os("PATH").unwrap_or_default();
    let programs = folders.chain(env::split_paths(&path)).map(|folder| folder.join(name));
    let found = programs.into_iter().find(|program| program.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "`{name}` is not here: run `cargo xtask tools`, which fetches Debian's package `prometheus` into the target \
             folder, or install it and set BOROUGH_PROMETHEUS to the folder of `prometheus` and `promtool`"
        )
    })
}
