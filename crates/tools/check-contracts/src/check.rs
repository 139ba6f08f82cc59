use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use kernel::Contract;

use crate::{
    Change, CheckError, Finding, Obstacle, Outdated, Report, Rule, Summary, What, changes,
    document::{Document, Part},
};

/// What is compared, and what is done then.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of the committed files.
    pub folder: PathBuf,
    /// Write what is new and what is compatible. A message with a finding keeps its file.
    pub update: bool,
}

/// Compares the messages of the code with the committed files.
///
/// # Errors
/// Something cannot be compared: a file is missing or cannot be read, or a schema has something that is not known. All of it at
/// once; nothing is written then.
pub fn check(contracts: &[Contract], options: &Options) -> Result<Report, CheckError> {
    let mut check =
        Check { folder: &options.folder, findings: Vec::new(), obstacles: Vec::new(), outdated: Vec::new() };
    let mut files = 0;
    let documents: BTreeMap<String, Document> =
        contracts.iter().map(Document::of).map(|document| (document.file(), document)).collect();
    if contracts.is_empty() {
        check.obstacle(
            &options.folder,
            "no crate declares a message",
            "list the crates in check-contracts/src/declared.rs",
        );
    }
    check.names(contracts);
    if let Some(committed) = check.committed(options.update) {
        files = committed.len();
        check.messages(contracts, &documents, &committed, options.update);
    }
    if !check.obstacles.is_empty() {
        return Err(CheckError { errors: check.obstacles, findings: check.findings });
    }
    let written = if options.update { check.write(&documents)? } else { Vec::new() };
    let summary = Summary { messages: contracts.len(), files };
    Ok(Report { findings: check.findings, outdated: check.outdated, written, summary })
}

struct Check<'a> {
    folder: &'a Path,
    findings: Vec<Finding>,
    obstacles: Vec<Obstacle>,
    outdated: Vec<Outdated>,
}

/// A committed file.
struct Promised {
    document: Document,
    text: String,
}

impl Check<'_> {
    fn obstacle(&mut self, file: &Path, message: impl Into<String>, help: impl Into<String>) {
        self.obstacles.push(Obstacle { file: shown(file), message: message.into(), help: help.into() });
    }

    fn shown(&self, file: &str) -> String {
        shown(&self.folder.join(file))
    }

    /// A wire name tells messages apart, and is the name of a file.
    fn names(&mut self, contracts: &[Contract]) {
        let mut seen: BTreeMap<&str, &Contract> = BTreeMap::new();
        for contract in contracts {
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
            if contract.name.is_empty() || !contract.name.chars().all(is_plain) {
                let message = format!("cannot have a file for `{}` of `{}`", contract.name, contract.type_name);
                self.obstacle(self.folder, message, "make wire names of a-z, 0-9, `.`, `-` and `_`");
            }
            if let Some(first) = seen.insert(contract.name, contract) {
                self.findings.push(Finding {
                    rule: Rule::OneName,
                    message: contract.name.to_owned(),
                    version: None,
                    part: None,
                    pointer: None,
                    file: shown(self.folder),
                    what: format!("is the name of two types: `{}` and `{}`", first.type_name, contract.type_name),
                    why: "whoever receives one cannot tell which it is".to_owned(),
                    help: "rename the one that is newer, or list it once".to_owned(),
                });
            }
        }
    }

    /// Every file in the folder, by its name; nothing if it cannot be read.
    fn committed(&mut self, update: bool) -> Option<BTreeMap<String, Promised>> {
        let mut committed = BTreeMap::new();
        let names = match names(self.folder) {
            Ok(names) => names,
            Err(error) if update && error.kind() == io::ErrorKind::NotFound => return Some(committed),
            Err(error) => {
                let help = "name the folder with --folder, or make it with --update";
                self.obstacle(self.folder, format!("cannot be read: {error}"), help);
                return None;
            }
        };
        for name in names {
            let path = self.folder.join(&name);
            let read = fs::read_to_string(&path).map_err(|error| error.to_string());
            let parsed = read.and_then(|text| {
                let document: Document = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                Ok(Promised { document, text })
            });
            match parsed {
                Ok(promised) if promised.document.file() == name => _ = committed.insert(name, promised),
                Ok(promised) => {
                    let message = format!("has what belongs into `{}`", promised.document.file());
                    self.obstacle(&path, message, "restore it: `git checkout` brings back what is committed");
                }
                Err(error) => {
                    let help = "restore it: `git checkout` brings back what is committed";
                    self.obstacle(&path, format!("cannot be read: {error}"), help);
                }
            }
        }
        Some(committed)
    }

    fn messages(
        &mut self,
        contracts: &[Contract],
        documents: &BTreeMap<String, Document>,
        committed: &BTreeMap<String, Promised>,
        update: bool,
    ) {
        let twice: BTreeSet<String> = self.findings.iter().map(|finding| finding.message.clone()).collect();
        for (file, document) in documents.iter().filter(|(_, document)| !twice.contains(document.message())) {
            self.message(file, document, committed, update);
        }
        let known: BTreeSet<&str> = contracts.iter().map(|contract| contract.name).collect();
        for (file, promised) in committed.iter().filter(|(_, promised)| !known.contains(promised.document.message())) {
            self.removed(file, &promised.document);
        }
        for contract in contracts.iter().filter(|contract| !twice.contains(contract.name)) {
            self.unread(contract, committed);
        }
    }

    /// What was promised of an earlier version is stored: there must be a way from it to the present one.
    fn unread(&mut self, contract: &Contract, committed: &BTreeMap<String, Promised>) {
        let of_event = committed.iter().filter(|(_, promised)| promised.document.message() == contract.name);
        for (file, promised) in of_event {
            let version = promised.document.version();
            if let Some(from) = version.filter(|version| contract.unread.contains(version)) {
                let what = format!("has no upcaster to version {}", from + 1);
                let help = format!(
                    "add the step from version {from} to its `upcast`; where no store has that version, delete the file in \
                     the same commit"
                );
                let why = "events that are stored would not be read";
                self.finding(file, &promised.document, Rule::NoUpcaster, what, (why, help));
                // The present version is not promised either.
                let present = self.shown(&Document::of(contract).file());
                self.outdated.retain(|outdated| outdated.file != present);
            }
        }
    }

    fn message(&mut self, file: &str, document: &Document, committed: &BTreeMap<String, Promised>, update: bool) {
        let of_message = committed.values().filter(|promised| promised.document.message() == document.message());
        let latest = of_message.max_by_key(|promised| promised.document.version());
        match (committed.get(file), latest) {
            (_, Some(latest)) if latest.document.version() > document.version() && document.version().is_some() => {
                self.lowered(file, document, &latest.document);
            }
            (None, Some(latest)) if latest.document.version().is_some() != document.version().is_some() => {
                self.other_kind(&latest.document.file(), document, &latest.document);
            }
            (Some(promised), _) if promised.document.kind() != document.kind() => {
                self.other_kind(file, document, &promised.document);
            }
            (Some(promised), _) => self.compare(file, document, promised),
            // It is there and could not be read, which has been said.
            (None, _) if self.folder.join(file).exists() => {}
            (None, _) if update => {
                self.outdated.push(Outdated { file: self.shown(file), what: "is new".to_owned() });
            }
            (None, latest) => {
                let path = self.folder.join(file);
                let message = format!("is not there: nothing says what was promised of `{}`", document.message());
                let help = match latest {
                    Some(_) => "`cargo xtask check-contracts --update` writes it beside that of the version before",
                    None => "is the message new, `cargo xtask check-contracts --update` writes it; else restore it",
                };
                self.obstacle(&path, message, help);
            }
        }
    }

    fn compare(&mut self, file: &str, document: &Document, promised: &Promised) {
        let before = self.findings.len();
        for (now, part) in document.parts().iter().zip(promised.document.parts()) {
            let changes = match changes(part.schema.as_value(), now.schema.as_value()) {
                Ok(changes) => changes,
                Err(unknown) => {
                    let message = format!("cannot be compared: in `{}`, {unknown}", now.name);
                    let help = "write the type in another way, or teach check-contracts/src/schema what it means";
                    return self.obstacle(&self.folder.join(file), message, help);
                }
            };
            for change in changes.into_iter().filter(|change| now.side.is_broken_by(change.effect)) {
                let finding = self.changed(file, document, now, change);
                // Both ends of an event may be broken by the same.
                let said = |said: &Finding| said.pointer == finding.pointer && said.what == finding.what;
                if !self.findings[before..].iter().any(said) {
                    self.findings.push(finding);
                }
            }
        }
        if self.findings.len() == before && document.text() != promised.text {
            let what = "is not what the code has; nobody is broken".to_owned();
            self.outdated.push(Outdated { file: self.shown(file), what });
        }
    }

    fn changed(&self, file: &str, document: &Document, part: &Part<'_>, change: Change) -> Finding {
        Finding {
            rule: Rule::Schema(change.what.name()),
            message: document.message().to_owned(),
            version: document.version(),
            part: Some(part.name),
            what: change.what.to_string(),
            pointer: Some(change.pointer),
            file: self.shown(file),
            why: broken(part).to_owned(),
            help: way_out(document, &change.what),
        }
    }

    fn lowered(&mut self, file: &str, document: &Document, latest: &Document) {
        let promised = latest.version().unwrap_or_default();
        let what = format!("has gone back from version {promised}");
        let help = format!("raise `VERSION` to {}, or to {promised} if that has the form of its file", promised + 1);
        self.finding(file, document, Rule::LoweredVersion, what, ("subscribers would take it for an older one", help));
    }

    fn other_kind(&mut self, file: &str, document: &Document, promised: &Document) {
        let what = format!("was of kind `{}` and is of kind `{}`", promised.kind(), document.kind());
        let why =
            "a query may be repeated by anybody, a command under an idempotency key only, and an event is not answered";
        let help = "leave it as it was, and declare another message under another name".to_owned();
        self.finding(file, document, Rule::Kind, what, (why, help));
    }

    fn removed(&mut self, file: &str, promised: &Document) {
        let (why, help) = match promised.version() {
            Some(_) => (
                "subscribers wait for it, and it is in stores",
                "bring the type back; where nobody subscribes and no store has it, delete its files in the same commit",
            ),
            None => (
                "callers ask it",
                "bring the type back and serve it; where nobody asks it any more, delete its file in the same commit",
            ),
        };
        let what = format!("is in no `contracts()`: the {} was removed or renamed", promised.kind());
        self.finding(file, promised, Rule::RemovedMessage, what, (why, help.to_owned()));
    }

    fn finding(&mut self, file: &str, document: &Document, rule: Rule, what: String, (why, help): (&str, String)) {
        self.findings.push(Finding {
            rule,
            message: document.message().to_owned(),
            version: document.version(),
            part: None,
            pointer: None,
            file: self.shown(file),
            what,
            why: why.to_owned(),
            help,
        });
    }

    /// Writes the files that are not as the code has them; answers which.
    fn write(&mut self, documents: &BTreeMap<String, Document>) -> Result<Vec<String>, CheckError> {
        let mut written = Vec::new();
        for outdated in std::mem::take(&mut self.outdated) {
            let document = documents.iter().find(|(file, _)| self.shown(file) == outdated.file);
            let (file, document) = document.expect("what is outdated is one of these");
            let path = self.folder.join(file);
            let done = fs::create_dir_all(self.folder).and_then(|()| fs::write(&path, document.text()));
            if let Err(error) = done {
                self.obstacle(&path, format!("cannot be written: {error}"), "see who may write there");
                let (errors, findings) = (std::mem::take(&mut self.obstacles), std::mem::take(&mut self.findings));
                return Err(CheckError { errors, findings });
            }
            written.push(outdated.file);
        }
        Ok(written)
    }
}

/// Who goes wrong where this part of a message breaks.
fn broken(part: &Part<'_>) -> &'static str {
    match part.name {
        "request" => "callers who send what they always sent are refused or not heard",
        "response" => "callers who read what they always read go wrong",
        "event" => "subscribers who read what they always read go wrong",
        _ => "events that are stored would not be read, or not as they were meant",
    }
}

fn way_out(document: &Document, what: &What) -> String {
    let out = other_form(document);
    match what {
        What::NewRequiredField | What::RequiredField => {
            format!("give it a default, as `#[serde(default)]` does; or {out}")
        }
        _ => out,
    }
}

fn other_form(document: &Document) -> String {
    match document.version() {
        Some(version) => {
            let next = version + 1;
            format!(
                "raise `VERSION` to {next} and bring version {version} to it in `upcast`; then \
                 `cargo xtask check-contracts --update` writes the file of version {next} beside this one"
            )
        }
        None if document.kind() == "envelope" => "leave it as it was: every stored event has this form".to_owned(),
        None => format!(
            "declare another request, such as `{}-2`, and serve both until nobody asks this one",
            document.message()
        ),
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// With `/`, wherever it is read.
fn shown(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
