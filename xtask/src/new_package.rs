mod edit;
mod names;

use std::{
    cmp::Reverse,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use edit::Edit;
use names::Names;

use crate::step;

/// Make a package: contracts, a service, a subscriber, settings, a health check, their tests, and every place that names it
#[derive(clap::Args)]
#[command(after_help = "Example:\n  \
    cargo xtask new-package data weather    crates/data/weather and what it says to others, in interfaces-data")]
pub struct Args {
    /// The domain: a folder below crates/
    #[arg(value_parser = DOMAINS)]
    domain: String,
    /// Name of the package and of its module: lower case words joined by hyphens
    name: String,
}

/// Those that hold packages with modules. An adapter of `integrations` has a port to serve instead, and no two are alike.
const DOMAINS: [&str; 3] = ["ai", "data", "enterprise"];

/// What goes into the new package, by its path in it.
const PACKAGE: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("new_package/template/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("new_package/template/lib.rs.txt")),
    ("src/domain.rs", include_str!("new_package/template/domain.rs.txt")),
    ("src/application.rs", include_str!("new_package/template/application.rs.txt")),
    ("src/api.rs", include_str!("new_package/template/api.rs.txt")),
    ("tests/it/main.rs", include_str!("new_package/template/tests.rs.txt")),
];

/// What goes into a contracts crate that is not there yet.
const CONTRACTS_CRATE: [(&str, &str); 3] = [
    ("Cargo.toml", include_str!("new_package/template/contracts-Cargo.toml.txt")),
    ("src/lib.rs", include_str!("new_package/template/contracts-lib.rs.txt")),
    ("src/contracts.rs", include_str!("new_package/template/contracts-list.rs.txt")),
];

const CONTRACTS: &str = include_str!("new_package/template/contracts.rs.txt");

pub fn run(args: &Args) -> ExitCode {
    match make(&step::root(), args) {
        Ok(made) => {
            println!("made {}", made.join(", "));
            finish(&args.name, &args.domain)
        }
        Err(error) => {
            eprintln!("error: {error}");
            2.into()
        }
    }
}

/// Puts the changed files in form and writes down the new messages.
fn finish(package: &str, domain: &str) -> ExitCode {
    let contracts = format!("interfaces-{domain}");
    let mut steps = [
        step::cargo(["fmt", "-p", package, "-p", &contracts, "-p", "configurations", "-p", "check-contracts"]),
        step::cargo(["xtask", "check-contracts", "--update"]),
        step::cargo(["xtask", "check-boundaries"]),
    ];
    for index in 0..steps.len() {
        let code = step::run(&mut steps[index]);
        if code != 0 {
            let left: Vec<String> = steps[index..].iter().map(|step| format!("    {}", step::shown(step))).collect();
            eprintln!(
                "error: the package is made, as said above. What is left, once that is mended:\n{}",
                left.join("\n")
            );
            return code.into();
        }
    }
    0.into()
}

/// Everything is looked at before the first file is written, so that a place that cannot be found leaves nothing half made.
fn make(root: &Path, args: &Args) -> Result<Vec<String>, String> {
    let names = Names::of(&args.domain, &args.name)?;
    let package = root.join("crates").join(&args.domain).join(&args.name);
    if let Some(taken) = taken(root, &args.name)? {
        return Err(format!("{} is there already: choose another name", taken.display()));
    }
    let messages = names.fill(CONTRACTS);
    if let Some(used) = names.used(root, &messages)? {
        return Err(format!("`{}` {used}: take another name", args.name));
    }
    let contracts = format!("crates/interfaces/interfaces-{}", args.domain);
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    let mut add = |folder: &Path, templates: &[(&str, &str)]| {
        files.extend(templates.iter().map(|(path, template)| (folder.join(path), names.fill(template))));
    };
    add(&package, &PACKAGE);
    let is_new_domain = !root.join(&contracts).exists();
    if is_new_domain {
        add(&root.join(&contracts), &CONTRACTS_CRATE);
    }
    files.push((root.join(&contracts).join(format!("src/{}.rs", names.snake)), messages));
    for (index, (path, _)) in files.iter().enumerate() {
        if path.exists() || files[..index].iter().any(|(before, _)| before == path) {
            return Err(format!("{} is a file of something else: take another name", path.display()));
        }
    }
    let mut edits = Edit::of_package(&names);
    if is_new_domain {
        edits.extend(Edit::of_domain(&names));
    }
    let edited = Edit::apply(root, edits, &mut files)?;
    write_all(&files)?;
    let mut made = vec![format!("crates/{}/{}", args.domain, args.name)];
    made.extend(is_new_domain.then(|| contracts.clone()));
    made.extend(edited);
    Ok(made)
}

/// A folder of this name, in whatever domain.
fn taken(root: &Path, name: &str) -> Result<Option<PathBuf>, String> {
    let crates = root.join("crates");
    let cannot = |error: io::Error| format!("{} cannot be read: {error}", crates.display());
    for domain in fs::read_dir(&crates).map_err(cannot)? {
        let package = domain.map_err(cannot)?.path().join(name);
        if package.exists() {
            return Ok(Some(package));
        }
    }
    Ok(None)
}

/// All of them, or what was there before.
fn write_all(files: &[(PathBuf, String)]) -> Result<(), String> {
    let mut before: Vec<(&Path, Option<String>)> = Vec::new();
    let mut folders: Vec<&Path> = Vec::new();
    for (path, text) in files {
        before.push((path, fs::read_to_string(path).ok()));
        folders.extend(path.ancestors().skip(1).take_while(|folder| !folder.exists()));
        if let Err(error) = write(path, text) {
            // Whatever kept this file from being written may keep others from being as they were: that stands in git.
            for (path, text) in before {
                match text {
                    Some(text) => _ = fs::write(path, text),
                    // A link that leads nowhere was there before.
                    None if path.is_symlink() => {}
                    None => _ = fs::remove_file(path),
                }
            }
            folders.sort_by_key(|folder| Reverse(folder.components().count()));
            folders.into_iter().for_each(|folder| _ = fs::remove_dir(folder));
            return Err(format!("{} cannot be written, and nothing was changed: {error}", path.display()));
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
