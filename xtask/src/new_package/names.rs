use std::{fs, path::Path};

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
const TAKEN: [&str; 54] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "use", "where", "while", "std", "core", "alloc", "test", "serde", "tokio",
];

impl Names {
    pub fn of(domain: &str, name: &str) -> Result<Self, String> {
        let word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if !name.split('-').all(word) {
            let hint = "lower case words of letters and digits, joined by hyphens, such as `sales-forecast`";
            return Err(format!("`{name}` cannot be the name of a package: take {hint}"));
        }
        if TAKEN.contains(&name) {
            return Err(format!("`{name}` is a word of Rust or a crate that packages use: take another name"));
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

    /// What else is called so, or would be the same library: cargo tells neither two packages apart by a name that both have, nor
    /// two dependencies.
    pub fn used(&self, root: &Path) -> Result<Option<&'static str>, String> {
        let read =
            |file: &str| fs::read_to_string(root.join(file)).map_err(|error| format!("{file} cannot be read: {error}"));
        let is_this = |name: &str| name.trim().trim_matches('"').replace('-', "_") == self.snake;
        let (manifest, lock) = (read("Cargo.toml")?, read("Cargo.lock")?);
        let settings = read("crates/configurations/src/defaults.toml")?;
        let mut dependencies = manifest
            .lines()
            .skip_while(|line| *line != "[workspace.dependencies]")
            .skip(1)
            .take_while(|line| !line.starts_with('['));
        Ok(if lock.lines().filter_map(|line| line.strip_prefix("name = ")).any(is_this) {
            Some("a package that this workspace has or uses")
        } else if dependencies.any(|line| line.split_once(['=', '.']).is_some_and(|(name, _)| is_this(name))) {
            Some("a dependency of this workspace")
        } else if settings.lines().filter_map(|line| line.strip_prefix('[')?.split([']', '.']).next()).any(is_this) {
            Some("a section of the settings")
        } else {
            None
        })
    }

    /// A template with the names in their places.
    pub fn fill(&self, template: &str) -> String {
        let Self { domain, kebab, snake, camel, upper } = self;
        let places =
            [("@domain@", domain), ("@kebab@", kebab), ("@snake@", snake), ("@Camel@", camel), ("@UPPER@", upper)];
        places.iter().fold(template.to_owned(), |text, (place, name)| text.replace(place, name))
    }
}
