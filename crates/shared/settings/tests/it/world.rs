//! What surrounds a program when it reads its settings, as data.

use std::{error::Error, fs};

use settings::{Settings, SettingsError, SettingsFile, Sources};

pub const DEFAULTS: &str = "\
title = 'Borough'

[store]
path = 'borough.db'
readers = 4
sync = true
cache_mb = 64.0
hosts = ['a', 'b']

[store.retry]
limit = 5

[access.grants]
admin = ['*']
";

/// The layers above the defaults.
#[derive(Default)]
pub struct World<'a> {
    pub file: Option<&'a str>,
    pub environment: &'a [(&'a str, &'a str)],
    pub flags: &'a [(&'a str, &'a str)],
}

impl World<'_> {
    pub fn load(&self) -> Result<Settings, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("borough.toml");
        if let Some(text) = self.file {
            fs::write(&path, text).unwrap();
        }
        Settings::load(Sources {
            defaults: DEFAULTS,
            file: SettingsFile::IfPresent(path),
            environment: self.environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            flags: self.flags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            open: &["access.grants"],
        })
    }
}

/// The error and its sources, with paths as the file's name alone.
pub fn chain(error: &SettingsError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    bare(&text)
}

/// `/tmp/.tmpX/borough.toml:1:2` -> `borough.toml:1:2`.
pub fn bare(text: &str) -> String {
    let words = text.split(' ').map(|word| word.rsplit(['/', '\\']).next().unwrap());
    words.collect::<Vec<_>>().join(" ")
}
