use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The columns of all CSV files in a folder.
pub fn of_samples(folder: &Path) -> Vec<String> {
    let mut columns = BTreeSet::new();
    for path in files(folder, "csv") {
        let text = fs::read_to_string(path).unwrap();
        columns.extend(text.lines().next().unwrap_or_default().split(',').map(str::to_owned));
    }
    columns.into_iter().collect()
}

/// The Rust files below every `src`, without modules that exist in tests only.
pub fn product_sources(crates: &Path) -> Vec<PathBuf> {
    let mut sources = files(crates, "rs");
    let below = |path: &Path| path.strip_prefix(crates).unwrap().to_owned();
    sources.retain(|path| below(path).components().any(|part| part.as_os_str() == "src"));
    let test_modules: Vec<_> = sources.iter().flat_map(|path| test_modules(path)).collect();
    sources.retain(|path| {
        !test_modules.iter().any(|module| path.starts_with(module) || path.with_extension("") == *module)
    });
    sources
}

/// The modules that a source declares as `#[cfg(test)] mod name;`: their files without the extension.
fn test_modules(path: &Path) -> Vec<PathBuf> {
    let source = fs::read_to_string(path).unwrap();
    let is_root = path.file_stem().is_some_and(|stem| stem == "lib" || stem == "main");
    let folder = if is_root { path.parent().unwrap().to_owned() } else { path.with_extension("") };
    let after_cfg = source.split("#[cfg(test)]\n").skip(1).filter_map(|rest| rest.lines().next());
    let names = after_cfg.filter_map(|line| line.strip_suffix(';')?.rsplit_once("mod "));
    names.map(|(_, name)| folder.join(name)).collect()
}

/// Lines of a source that name a column, tests inside it apart.
///
/// A name with an underscore is looked for as a word anywhere, comments included. Other names are words of any program
/// (`day`, `origin`, `distance`): of these, only a text that is nothing but the name counts.
pub fn named<'a>(source: &str, columns: &'a [String]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for (number, line) in outside_tests(source) {
        let words: BTreeSet<_> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for column in columns {
            let named = if column.contains('_') {
                words.contains(column.as_str())
            } else {
                line.contains(&format!("\"{column}\""))
            };
            if named {
                found.push((number, column.as_str()));
            }
        }
    }
    found
}

/// Numbered lines, without those of a `#[cfg(test)] mod … { … }`, which rustfmt ends with a brace in the first column.
fn outside_tests(source: &str) -> Vec<(usize, &str)> {
    let lines: Vec<_> = source.lines().enumerate().map(|(index, line)| (index + 1, line)).collect();
    let mut rest = lines.as_slice();
    let mut outside = Vec::new();
    while let Some(start) = rest
        .windows(2)
        .position(|pair| pair[0].1 == "#[cfg(test)]" && pair[1].1.starts_with("mod ") && pair[1].1.ends_with('{'))
    {
        outside.extend_from_slice(&rest[..start]);
        let end = rest[start..].iter().position(|(_, line)| *line == "}").unwrap_or(rest.len() - start - 1);
        rest = &rest[start + end + 1..];
    }
    outside.extend_from_slice(rest);
    outside
}

pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|has| has == extension) {
            found.push(path);
        }
    }
    found
}

#[test]
fn names_are_found_where_the_product_would_know_them() {
    let columns = ["air_time".to_owned(), "day".to_owned()];
    let source = "\
// drops air_time
let chair_time = day;
let text = \"day\";
#[cfg(test)]
mod tests {
    fn air_time() {}
}
let x = row.air_time;
";
    assert_eq!(named(source, &columns), [(1, "air_time"), (3, "day"), (8, "air_time")]);
}
