//! Where the user said what a refused request carried: a flag, a line of a file, the settings.

use std::path::PathBuf;

use kernel::{Error, FieldError};
use toml::de::{DeTable, DeValue};

use crate::{cli::Run, sidecar::line_and_column};

/// The file that something was read from, as it was then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub file: PathBuf,
    pub text: String,
}

/// What a run was asked for with, before its parts were put together.
pub struct Origins {
    flags: Vec<(&'static str, &'static str)>,
    sidecar: Option<Source>,
    /// Of `--checks`.
    checks: Option<Source>,
}

/// Fields that neither a flag nor a file gave.
const SETTINGS: [&str; 3] = ["min_score", "folds", "top_anomalies"];

impl Origins {
    pub fn new(args: &Run, sidecar: Option<Source>, checks: Option<Source>) -> Self {
        let given = [
            ("target", "--target", args.target.is_some()),
            ("exclude", "--exclude", args.exclude.is_some()),
            ("min_score", "--min-score", args.min_score.is_some()),
            ("model_name", "--model-name", args.model_name.is_some()),
        ];
        let flags = given.into_iter().filter(|(.., given)| *given).map(|(field, flag, _)| (field, flag)).collect();
        Self { flags, sidecar, checks }
    }

    /// Has an error tell each field that it refuses at the place where the user can mend it.
    pub fn explain(&self, error: &mut Error) {
        if !error.fields.is_empty() {
            error.message = self.sentence(&error.fields);
        }
    }

    fn sentence(&self, fields: &[FieldError]) -> String {
        let told = fields.iter().map(|field| match self.place(&field.pointer) {
            Some(place) => format!("{place}: {}", field.message),
            None => field.to_string(),
        });
        told.collect::<Vec<_>>().join("; ")
    }

    fn place(&self, pointer: &str) -> Option<String> {
        let path = pointer.strip_prefix("/options").unwrap_or(pointer);
        let path: Vec<&str> = path.split('/').skip(1).collect();
        let field = *path.first()?;
        if let Some((_, flag)) = self.flags.iter().find(|(name, _)| *name == field) {
            return Some((*flag).into());
        }
        let source =
            if field == "checks" { self.checks.as_ref().or(self.sidecar.as_ref()) } else { self.sidecar.as_ref() };
        let in_file = source.and_then(|source| source.place(&path));
        in_file.or_else(|| SETTINGS.contains(&field).then(|| format!("setting `pipeline.{field}`")))
    }
}

impl Source {
    /// `file:line:column` of what a path into the request names, or of the innermost thing around it.
    fn place(&self, path: &[&str]) -> Option<String> {
        let table = DeTable::parse(&self.text).ok()?;
        // The request has a list of checks, the file has tables of which each is a check.
        let key = if path[0] == "checks" { "check" } else { path[0] };
        let mut found = table.get_ref().get(key)?;
        for part in &path[1..] {
            let inner = match found.get_ref() {
                DeValue::Table(table) => table.get(*part),
                DeValue::Array(items) => part.parse().ok().and_then(|index: usize| items.get(index)),
                _ => None,
            };
            let Some(inner) = inner else { break };
            found = inner;
        }
        let (line, column) = line_and_column(&self.text, found.span().start);
        Some(format!("{}:{line}:{column}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use expect_test::expect;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        run: Run,
    }

    fn sentence(line: &[&str], checks: Option<&str>, pointers: &[&str]) -> String {
        let source = |file: &str, text: &str| Source { file: file.into(), text: text.into() };
        let text = "exclude = [\"a\",\n  \"b\"]\n[[check]]\nrule = \"range\"\n[[check]]\nrule = \"one-of\"\nvalues = [1,\n 2]\n";
        let args = Line::parse_from([&["run", "x.csv"], line].concat()).run;
        let origins = Origins::new(&args, Some(source("x.toml", text)), checks.map(|text| source("c.toml", text)));
        let field = |pointer: &&str| FieldError { pointer: (*pointer).into(), message: "no".into() };
        origins.sentence(&pointers.iter().map(field).collect::<Vec<_>>())
    }

    #[test]
    fn a_field_is_told_where_the_user_wrote_it() {
        let pointers = ["/exclude/1", "/checks/1/values/1", "/checks/0/min", "/options/min_score", "/target"];
        expect!["x.toml:2:3: no; x.toml:8:2: no; x.toml:3:1: no; setting `pipeline.min_score`: no; /target: no"]
            .assert_eq(&sentence(&[], None, &pointers));
        let line = ["--exclude", "a", "--min-score", "7", "--target", "t"];
        expect!["--exclude: no; c.toml:2:1: no; c.toml:2:1: no; --min-score: no; --target: no"].assert_eq(&sentence(
            &line,
            Some("\n[[check]]\nrule = \"unique\"\n"),
            &["/exclude/1", "/checks/0/values", "/checks/0", "/options/min_score", "/target"],
        ));
    }
}
