use std::{collections::BTreeMap, ffi::OsString};

use expect_test::{Expect, expect};
use serde::Deserialize;
use settings::{Settings, SettingsError, SettingsFile, Sources};

use crate::world::{World, bare, chain};

fn check_load(world: World<'_>, expected: Expect) {
    expected.assert_eq(&chain(&world.load().unwrap_err()));
}

fn in_file(text: &str) -> World<'_> {
    World { file: Some(text), ..World::default() }
}

fn in_environment<'a>(variable: &'a [(&'a str, &'a str)]) -> World<'a> {
    World { environment: variable, ..World::default() }
}

fn in_flags<'a>(flag: &'a [(&'a str, &'a str)]) -> World<'a> {
    World { flags: flag, ..World::default() }
}

#[test]
fn unknown_key_in_each_layer() {
    check_load(
        in_file("[store]\nreaders = 1\n  pth = 'x'"),
        expect!["borough.toml:3:3: unknown key `store.pth`; did you mean `store.path`?"],
    );
    check_load(in_file("[stor]\npath = 'x'"), expect!["borough.toml:1:2: unknown key `stor`; did you mean `store`?"]);
    check_load(
        in_file("store = { retry = { limits = 1 } }"),
        expect!["borough.toml:1:21: unknown key `store.retry.limits`; did you mean `store.retry.limit`?"],
    );
    check_load(
        in_environment(&[("BOROUGH__STORE__RAEDERS", "1")]),
        expect![
            "environment variable BOROUGH__STORE__RAEDERS: unknown key `store.raeders`; did you mean `store.readers`?"
        ],
    );
    check_load(
        in_environment(&[("BOROUGH__STOR__PATH", "x")]),
        expect!["environment variable BOROUGH__STOR__PATH: unknown key `stor.path`; did you mean `store.path`?"],
    );
    check_load(
        in_environment(&[("BOROUGH__", "x")]),
        expect!["environment variable BOROUGH__: unknown key ``; there are `access`, `store`, `title`"],
    );
    check_load(
        in_flags(&[("store.retry.limt", "1")]),
        expect!["flag store.retry.limt: unknown key `store.retry.limt`; did you mean `store.retry.limit`?"],
    );
    check_load(
        in_flags(&[("readers", "1")]),
        expect!["flag readers: unknown key `readers`; did you mean `store.readers`?"],
    );
    check_load(
        in_flags(&[("something.else", "1")]),
        expect!["flag something.else: unknown key `something.else`; there are `access`, `store`, `title`"],
    );
    check_load(
        in_flags(&[("Store.path", "x")]),
        expect!["flag Store.path: unknown key `Store.path`; did you mean `store.path`?"],
    );
    // Open is the table, not its neighbours.
    check_load(
        in_flags(&[("access.grantsman", "1")]),
        expect!["flag access.grantsman: unknown key `access.grantsman`; did you mean `access.grants`?"],
    );
}

/// A section of a long name made every key in it look like every other.
#[test]
fn keys_that_nothing_comes_near_are_answered_with_those_there_are() {
    check_load(
        in_flags(&[("store.listen", "x")]),
        expect![
            "flag store.listen: unknown key `store.listen`; there are `store.cache_mb`, `store.hosts`, `store.path`, `store.readers`, `store.retry`, `store.sync`"
        ],
    );
    check_load(
        in_file("[store.retry]\ncount = 1"),
        expect!["borough.toml:2:1: unknown key `store.retry.count`; there is `store.retry.limit`"],
    );
    check_load(
        in_file("[store.cache]\nsize = 1"),
        expect!["borough.toml:1:8: unknown key `store.cache`; did you mean `store.cache_mb`?"],
    );
    check_load(
        in_flags(&[("store.retry.backoff.first", "1")]),
        expect![
            "flag store.retry.backoff.first: unknown key `store.retry.backoff.first`; there is `store.retry.limit`"
        ],
    );
}

#[test]
fn value_where_a_table_belongs_and_the_reverse() {
    check_load(
        in_file("store = 'borough.db'"),
        expect!["borough.toml:1:1: `store`: invalid type: a string, expected a table"],
    );
    check_load(
        in_file("[store.path]\nname = 'x'"),
        expect!["borough.toml:1:8: `store.path`: invalid type: a table, expected a string"],
    );
    check_load(
        in_environment(&[("BOROUGH__STORE", "3")]),
        expect!["environment variable BOROUGH__STORE: `store`: invalid type: an integer, expected a table"],
    );
    check_load(
        in_flags(&[("store.hosts.first", "x")]),
        expect!["flag store.hosts.first: `store.hosts`: invalid type: a table, expected a list"],
    );
}

#[test]
fn unparsable_file() {
    check_load(in_file("[store]\npath = 'x"), expect!["borough.toml:2:10: invalid literal string, expected `'`"]);
    check_load(
        in_file("[store]\nné = 1 2"),
        expect!["borough.toml:2:2: invalid unquoted key, expected letters, numbers, `-`, `_`"],
    );
    check_load(in_file("[store]\nreaders = 1\nreaders = 2"), expect!["borough.toml:3:1: duplicate key"]);
    check_load(
        in_file("[store]\nreaders = 99999999999999999999"),
        expect!["borough.toml:2:11: the number 99999999999999999999 does not fit 64 bits"],
    );
    check_load(
        in_file("store.cache_mb = [1.0, 1e999]"),
        expect!["borough.toml:1:24: the number 1e999 does not fit 64 bits"],
    );
}

#[test]
fn unparsable_defaults_and_unreadable_files() {
    let folder = tempfile::tempdir().unwrap();
    let load = |defaults, file| {
        let sources = Sources { defaults, file, environment: vec![], flags: vec![], open: &[] };
        Settings::load(sources).map_err(|error| chain(&error)).map(drop)
    };
    let missing = folder.path().join("missing.toml");
    expect!["defaults:1:5: string values must be quoted, expected literal string"]
        .assert_eq(&load("a = ", SettingsFile::IfPresent(missing.clone())).unwrap_err());
    assert_eq!(load("a = 1", SettingsFile::IfPresent(missing.clone())), Ok(()));
    let error = load("a = 1", SettingsFile::Named(missing)).unwrap_err();
    assert!(error.starts_with("cannot read the settings file missing.toml: "), "{error}");
    // A folder is there, so it counts as unreadable and not as missing.
    let error = load("a = 1", SettingsFile::IfPresent(folder.path().into())).unwrap_err();
    assert!(error.starts_with("cannot read the settings file "), "{error}");
}

#[cfg(unix)]
#[test]
fn variable_that_is_not_unicode() {
    use std::os::unix::ffi::OsStringExt;
    let load = |name: &str| {
        let environment = vec![(OsString::from(name), OsString::from_vec(vec![0xff]))];
        let file = SettingsFile::IfPresent("no-such-file.toml".into());
        Settings::load(Sources { defaults: "a = 'x'", file, environment, flags: vec![], open: &[] })
    };
    expect!["environment variable BOROUGH__A: not UTF-8"].assert_eq(&load("BOROUGH__A").unwrap_err().to_string());
    assert!(load("LS_COLORS").is_ok(), "what is not ours is not read");
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read to fail")]
struct Store {
    path: String,
    readers: u8,
    sync: bool,
    cache_mb: f64,
    hosts: Vec<String>,
    retry: BTreeMap<String, u32>,
}

fn check_store(world: World<'_>, expected: Expect) {
    expected.assert_eq(&chain(&world.load().unwrap().section::<Store>("store").unwrap_err()));
}

#[test]
fn wrong_type_in_each_layer() {
    check_store(
        in_file("[store]\n  readers = 'many'"),
        expect![[r#"borough.toml:2:3: `store.readers`: invalid type: string "many", expected u8"#]],
    );
    check_store(
        in_file("[store]\nhosts = ['a', 'b',\n  3]"),
        expect!["borough.toml:3:3: `store.hosts[2]`: invalid type: integer `3`, expected a string"],
    );
    check_store(
        in_file("store.path = 7"),
        expect!["borough.toml:1:7: `store.path`: invalid type: integer `7`, expected a string"],
    );
    check_store(
        in_environment(&[("BOROUGH__STORE__READERS", "many")]),
        expect![[
            r#"environment variable BOROUGH__STORE__READERS: `store.readers`: invalid type: string "many", expected u8"#
        ]],
    );
    check_store(
        in_environment(&[("BOROUGH__STORE__READERS", "300")]),
        expect![
            "environment variable BOROUGH__STORE__READERS: `store.readers`: invalid value: integer `300`, expected u8"
        ],
    );
    check_store(
        in_environment(&[("BOROUGH__STORE__RETRY", "{ limit = -1 }")]),
        expect![
            "environment variable BOROUGH__STORE__RETRY: `store.retry.limit`: invalid value: integer `-1`, expected u32"
        ],
    );
    check_store(
        in_flags(&[("store.sync", "perhaps")]),
        expect![[r#"flag store.sync: `store.sync`: invalid type: string "perhaps", expected a boolean"#]],
    );
}

/// Only the program itself can do this wrong.
#[test]
fn section_and_defaults_disagree() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read to fail")]
    struct Narrow {
        limit: u32,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read to fail")]
    struct Wide {
        limit: u32,
        backoff: u32,
    }
    let settings = in_file("[store.retry]\nlimit = 3").load().unwrap();
    let text = |error: SettingsError| bare(&error.to_string());
    expect!["defaults:7:1: `store.cache_mb`: unknown field `cache_mb`, expected `limit`"]
        .assert_eq(&text(settings.section::<Narrow>("store").unwrap_err()));
    expect!["defaults:10:8: `store.retry`: missing field `backoff`"]
        .assert_eq(&text(settings.section::<Wide>("store.retry").unwrap_err()));
    expect!["no settings are named `stroe`; did you mean `store`?"]
        .assert_eq(&text(settings.section::<Wide>("stroe").unwrap_err()));
    expect!["no settings are named `store.path.limit`; did you mean `store.retry.limit`?"]
        .assert_eq(&text(settings.section::<Wide>("store.path.limit").unwrap_err()));
}
