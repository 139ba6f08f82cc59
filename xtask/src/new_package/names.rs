use std::{fs, io, iter, path::Path};

use super::DOMAINS;

/// One name in all the ways in which files spell it.
pub struct Names {
    pub domain: String,
    /// `sales-forecast`, of the crate, the module and its requests.
    pub kebab: String,
    /// `sales_forecast`, of the library, its events and collections.
    pub snake: String,
    camel: String,
    upper: String,
}

/// Words that cannot name a Rust module, and crates that every package uses: a library of that name would hide them.
const TAKEN: [&str; 57] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "std", "core", "alloc",
    "test", "serde", "tokio",
];

/// What files and folders are called that are something else: a program to cargo, what was built to the tests of this repository,
/// a device to Windows.
const FILES: [&str; 6] = ["main", "target", "aux", "con", "nul", "prn"];

/// Characters, as on crates.io. Files are called by the name and more.
const LONGEST: usize = 64;

const MESSAGES: &str = "docs/contracts";
const SAMPLES: &str = "samples";

impl Names {
    pub fn of(domain: &str, name: &str) -> Result<Self, String> {
        let word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if !name.split('-').all(word) || name.len() > LONGEST {
            let hint = "lower case words of letters and digits, joined by hyphens, such as `sales-forecast`";
            return Err(format!(
                "`{name}` cannot be the name of a package: take {hint}, of {LONGEST} characters at most"
            ));
        }
        if TAKEN.contains(&name) {
            return Err(format!("`{name}` is a word of Rust or a crate that packages use: take another name"));
        }
        let port = name.strip_prefix("com").or_else(|| name.strip_prefix("lpt"));
        if FILES.contains(&name) || port.is_some_and(|number| matches!(number.as_bytes(), [b'0'..=b'9'])) {
            return Err(format!("a file or folder `{name}` is something else to cargo or Windows: take another name"));
        }
        let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        Ok(Self {
            domain: domain.into(),
            kebab: name.into(),
            snake: name.replace('-', "_"),
            camel: name.split('-').map(capital).collect(),
            upper: name.replace('-', "_").to_ascii_uppercase(),
        })
    }

    /// What stands in the way of the name: what else is called so, or has a name that would be made of it. `contracts` is the source
    /// that the contracts crate of the domain gets.
    pub fn used(&self, root: &Path, contracts: &str) -> Result<Option<String>, String> {
        if let Some(what) = self.called_so(root)? {
            return Ok(Some(format!("is {what}")));
        }
        match self.exported(root, contracts)? {
            None => promised(root, contracts),
            exported => Ok(exported),
        }
    }

    /// What is called so, or would be the same library: cargo tells neither two packages apart by a name that both have, nor two
    /// dependencies.
    fn called_so(&self, root: &Path) -> Result<Option<&'static str>, String> {
        let is_this = |name: &str| name.trim().trim_matches('"').replace('-', "_") == self.snake;
        let (manifest, lock) = (read(root, "Cargo.toml")?, read(root, "Cargo.lock")?);
        let settings = read(root, "crates/configurations/src/defaults.toml")?;
        let boundaries = read(root, "boundaries.toml")?;
        let domain = self.kebab.strip_prefix("interfaces-");
        let mut dependencies = manifest
            .lines()
            .skip_while(|line| *line != "[workspace.dependencies]")
            .skip(1)
            .take_while(|line| !line.starts_with('['));
        let mut absent = boundaries.lines().filter(|line| line.contains("may-be-absent"));
        Ok(if lock.lines().filter_map(|line| line.strip_prefix("name = ")).any(is_this) {
            Some("a package that this workspace has or uses")
        } else if dependencies.any(|line| line.split_once(['=', '.']).is_some_and(|(name, _)| is_this(name))) {
            Some("a dependency of this workspace")
        } else if settings.lines().filter_map(|line| line.strip_prefix('[')?.split([']', '.']).next()).any(is_this) {
            Some("a section of the settings")
        } else if domain.is_some_and(|domain| DOMAINS.contains(&domain)) {
            Some("what the contracts crate of a domain is called")
        } else if absent.any(|line| line.split('"').skip(1).step_by(2).any(is_this)) {
            Some("a crate of others that boundaries.toml has a rule about")
        } else if columns(root)?.iter().any(|column| is_this(column)) {
            Some("a column of a sample, which no source of the product may name")
        } else {
            None
        })
    }

    /// What the contracts crate of the domain has already of what it would get: the module, and what that declares, which `lib.rs`
    /// exports name by name.
    fn exported(&self, root: &Path, contracts: &str) -> Result<Option<String>, String> {
        let package = format!("interfaces-{}", self.domain);
        let sources = format!("crates/interfaces/{package}/src");
        if !root.join(&sources).exists() {
            return Ok(None);
        }
        let lib = read(root, &format!("{sources}/lib.rs"))?;
        let code = lib.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split("//").next());
        let words: Vec<&str> = code.flat_map(|line| line.split(|c: char| !is_of_word(c))).collect();
        let mut added = iter::once(self.snake.as_str()).chain(declared(contracts));
        let Some(name) = added.find(|name| words.contains(name)) else { return Ok(None) };
        let mut place = format!("{sources}/lib.rs");
        for file in files(root, &sources)?.into_iter().filter(|file| file.ends_with(".rs")) {
            if declared(&read(root, &file)?).any(|declared| declared == name) {
                place = file;
            }
        }
        Ok(Some(format!("adds `{name}` to {package}, which has one in {place}")))
    }

    /// A template with the names in their places.
    pub fn fill(&self, template: &str) -> String {
        let Self { domain, kebab, snake, camel, upper } = self;
        let places =
            [("@domain@", domain), ("@kebab@", kebab), ("@snake@", snake), ("@Camel@", camel), ("@UPPER@", upper)];
        places.iter().fold(template.to_owned(), |text, (place, name)| text.replace(place, name))
    }
}

/// A message that would be added and is promised already, by whichever crate.
fn promised(root: &Path, contracts: &str) -> Result<Option<String>, String> {
    let files = files(root, MESSAGES)?;
    let is_of = |file: &str, message: &str| {
        let version = file.strip_prefix(MESSAGES)?.strip_prefix('/')?.strip_prefix(message)?.strip_suffix(".json")?;
        Some(version.is_empty() || version.starts_with(".v"))
    };
    Ok(messages(contracts).find_map(|message| {
        let file = files.iter().find(|file| is_of(file, message) == Some(true))?;
        Some(format!("adds the message `{message}`, which {file} promises already"))
    }))
}

/// What a source declares for others: the word behind `pub struct`, `pub const` and so on.
fn declared(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| line.strip_prefix("pub ")?.split(|c| !is_of_word(c)).nth(1))
}

/// Wire names of the requests and events that a source declares.
fn messages(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| line.trim().strip_prefix("const NAME: &'static str = \"")?.strip_suffix("\";"))
}

/// The columns of all samples.
fn columns(root: &Path) -> Result<Vec<String>, String> {
    let mut columns = Vec::new();
    for file in files(root, SAMPLES)?.into_iter().filter(|file| file.ends_with(".csv")) {
        let sample = read(root, &file)?;
        columns.extend(sample.lines().next().unwrap_or_default().split(',').map(str::to_owned));
    }
    Ok(columns)
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn read(root: &Path, file: &str) -> Result<String, String> {
    fs::read_to_string(root.join(file)).map_err(|error| cannot_read(file, &error))
}

/// What is in a folder, in order.
fn files(root: &Path, folder: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(root.join(folder)).and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
    let entries = entries.map_err(|error| cannot_read(folder, &error))?;
    let mut files: Vec<String> =
        entries.iter().map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy())).collect();
    files.sort();
    Ok(files)
}

fn cannot_read(file: &str, error: &io::Error) -> String {
    format!("{file} cannot be read: {error}")
}
