use std::{
    fs,
    path::{Path, PathBuf},
};

use super::names::Names;

/// Lines that go into a file that is there.
pub struct Edit {
    file: String,
    place: Place,
    text: String,
}

/// Where. Each place is looked for as text, so that a file keeps the form that people gave it.
enum Place {
    /// Before the first line that begins so.
    BeforeLine(&'static str),
    /// Behind the first line that begins so.
    AfterLine(&'static str),
    /// Right behind the first text of this kind.
    After(&'static str),
    /// Before the first text of the second kind that follows the first one of the first kind.
    Within(&'static str, &'static str),
    /// Before the last text of this kind.
    BeforeLast(&'static str),
    /// In the place of every text of this kind.
    Everywhere(&'static str),
    End,
}

use Place::{After, AfterLine, BeforeLast, BeforeLine, End, Everywhere, Within};

const COMPOSITION: &str = "crates/configurations/src/composition.rs";
const DEFAULTS: &str = "crates/configurations/src/defaults.toml";
const MESSAGES: &str = "@Camel@Recorded, Get@Camel@, Record@Camel@, ";
const EXPORTS: &str =
    "pub use @snake@::{@Camel@Facts, @Camel@Recorded, Get@Camel@, READ_@UPPER@, RECORD_@UPPER@, Record@Camel@};\n";
const CONTRACTS: &str = "\
        Contract::of_request::<Record@Camel@>(),
        Contract::of_request::<Get@Camel@>(),
        Contract::of_event::<@Camel@Recorded>(),
";
const SETTINGS: &str = "[@snake@]\n# Characters that a fact may have.\nlongest_text = 280\n\n";
const REFUSALS: &str = include_str!("template/requests.json.txt");

impl Edit {
    /// Every place that names all packages or all messages.
    pub fn of_package(names: &Names) -> Vec<Self> {
        let edits = [
            ("Cargo.toml", BeforeLine("storage-sqlite = "), "@kebab@ = { path = \"crates/@domain@/@kebab@\" }\n"),
            ("crates/interfaces/interfaces-@domain@/src/lib.rs", BeforeLine("mod "), "mod @snake@;\n"),
            ("crates/interfaces/interfaces-@domain@/src/lib.rs", End, EXPORTS),
            ("crates/interfaces/interfaces-@domain@/src/contracts.rs", After("use crate::{"), MESSAGES),
            ("crates/interfaces/interfaces-@domain@/src/contracts.rs", BeforeLast("    ]\n"), CONTRACTS),
            ("crates/configurations/Cargo.toml", BeforeLine("storage-sqlite.workspace"), "@kebab@.workspace = true\n"),
            (COMPOSITION, Within("pub fn modules()", "mlops::module()"), "@snake@::module(), "),
            (COMPOSITION, AfterLine("pub const LOGGED"), "    \"@snake@\",\n"),
            (DEFAULTS, BeforeLine("# Who may do what"), SETTINGS),
            (DEFAULTS, AfterLine("local = ["), "    \"@kebab@:read\",\n    \"@kebab@:record\",\n"),
            ("crates/configurations/tests/it/requests.json", BeforeLast("\n]"), REFUSALS.trim_end()),
        ];
        edits.into_iter().map(|edit| Self::of(names, edit)).collect()
    }

    /// Every place that names all domains, where the contracts crate is made anew.
    pub fn of_domain(names: &Names) -> Vec<Self> {
        let edits = [
            ("Cargo.toml", BeforeLine("    \"crates/integrations/*\""), "    \"crates/@domain@/*\",\n"),
            (
                "Cargo.toml",
                BeforeLine("interfaces-ai = "),
                "interfaces-@domain@ = { path = \"crates/interfaces/interfaces-@domain@\" }\n",
            ),
            ("boundaries.toml", Everywhere("{ai,data}"), "{ai,data,@domain@}"),
            (
                "crates/tools/check-contracts/Cargo.toml",
                BeforeLine("kernel.workspace"),
                "interfaces-@domain@.workspace = true\n",
            ),
            (
                "crates/tools/check-contracts/src/declared.rs",
                After("let domains = ["),
                "interfaces_@domain@::contracts(), ",
            ),
        ];
        edits.into_iter().map(|edit| Self::of(names, edit)).collect()
    }

    fn of(names: &Names, (file, place, text): (&str, Place, &str)) -> Self {
        Self { file: names.fill(file), place, text: names.fill(text) }
    }

    /// Adds the edited files to those that are to be written, each once, and answers their names.
    pub fn apply(root: &Path, edits: Vec<Self>, files: &mut Vec<(PathBuf, String)>) -> Result<Vec<String>, String> {
        let mut edited: Vec<String> = Vec::new();
        for Self { file, place, text } in edits {
            let path = root.join(&file);
            if let Some((_, before)) = files.iter_mut().find(|(known, _)| *known == path) {
                // A file that is made here is complete; one that was edited before is edited again.
                if edited.contains(&file) {
                    *before = place.put(before, &text).ok_or_else(|| missing(&file, &text))?;
                }
                continue;
            }
            let before = fs::read_to_string(&path).map_err(|error| format!("{file} cannot be read: {error}"))?;
            files.push((path, place.put(&before, &text).ok_or_else(|| missing(&file, &text))?));
            edited.push(file);
        }
        Ok(edited)
    }
}

fn missing(file: &str, text: &str) -> String {
    format!("{file} has no longer the form that this verb knows: put this there by hand, and mend the verb:\n{text}")
}

impl Place {
    /// The file with the text in its place.
    fn put(&self, file: &str, text: &str) -> Option<String> {
        let line = |start: &str| match file.starts_with(start) {
            true => Some(0),
            false => file.find(&format!("\n{start}")).map(|end| end + 1),
        };
        let at = match self {
            BeforeLine(start) => line(start)?,
            AfterLine(start) => {
                let begin = line(start)?;
                begin + file[begin..].find('\n')? + 1
            }
            After(what) => file.find(what)? + what.len(),
            Within(first, second) => {
                let begin = file.find(first)?;
                begin + file[begin..].find(second)?
            }
            BeforeLast(what) => file.rfind(what)?,
            Everywhere(what) => return file.contains(what).then(|| file.replace(what, text)),
            End => file.len(),
        };
        let (before, after) = file.split_at(at);
        Some(format!("{before}{text}{after}"))
    }
}
