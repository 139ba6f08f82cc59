use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use serde::Deserialize;
use settings::{Settings, SettingsFile, Sources};

use crate::world::{World, bare};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Store {
    path: String,
    readers: usize,
    sync: bool,
    cache_mb: f64,
    hosts: Vec<String>,
    retry: Retry,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retry {
    limit: u32,
}

/// Every setting with where it came from.
fn check(world: World<'_>, expected: Expect) {
    let settings = world.load().unwrap();
    let title: String = settings.section("title").unwrap();
    let Store { path, readers, sync, cache_mb, hosts, retry } = settings.section("store").unwrap();
    let rows = [
        ("title", title),
        ("store.path", path),
        ("store.readers", readers.to_string()),
        ("store.sync", sync.to_string()),
        ("store.cache_mb", cache_mb.to_string()),
        ("store.hosts", hosts.join(" ")),
        ("store.retry.limit", retry.limit.to_string()),
    ];
    let grants: BTreeMap<String, Vec<String>> = settings.section("access.grants").unwrap();
    let grants = grants.into_iter().map(|(user, verbs)| (format!("access.grants.{user}"), verbs.join(" ")));
    let rows = rows.map(|(key, value)| (key.to_owned(), value)).into_iter().chain(grants);
    let lines = rows.map(|(key, value)| format!("{key} = {value} <- {}\n", settings.origin(&key).unwrap()));
    expected.assert_eq(&bare(&lines.collect::<String>()));
}

#[test]
fn defaults_alone() {
    check(
        World::default(),
        expect![[r#"
            title = Borough <- defaults:1:1
            store.path = borough.db <- defaults:4:1
            store.readers = 4 <- defaults:5:1
            store.sync = true <- defaults:6:1
            store.cache_mb = 64 <- defaults:7:1
            store.hosts = a b <- defaults:8:1
            store.retry.limit = 5 <- defaults:11:1
            access.grants.admin = * <- defaults:14:1
        "#]],
    );
}

#[test]
fn file_over_defaults() {
    let file = "\
store.retry.limit = 9
store.hosts = ['c']
access = { grants = { guest = ['read'] } }
";
    check(
        World { file: Some(file), ..World::default() },
        expect![[r#"
            title = Borough <- defaults:1:1
            store.path = borough.db <- defaults:4:1
            store.readers = 4 <- defaults:5:1
            store.sync = true <- defaults:6:1
            store.cache_mb = 64 <- defaults:7:1
            store.hosts = c <- borough.toml:2:7
            store.retry.limit = 9 <- borough.toml:1:13
            access.grants.admin = * <- defaults:14:1
            access.grants.guest = read <- borough.toml:3:23
        "#]],
    );
}

#[test]
fn environment_over_file() {
    let file = "[store]\npath = 'of-the-file.db'\nreaders = 8\n";
    let environment = [
        ("BOROUGH__STORE__READERS", "16"),
        ("BOROUGH__Store__Retry__LIMIT", "7"),
        ("BOROUGH__STORE__SYNC", "false"),
        ("BOROUGH__STORE__CACHE_MB", "32"),
        ("BOROUGH__STORE__HOSTS", "['x', 'y']"),
        ("BOROUGH__TITLE", "42"),
        ("BOROUGH__ACCESS__GRANTS__ALICE", "['read']"),
        // None of these is ours.
        ("BOROUGH_STORE__PATH", "one-underscore.db"),
        ("borough__store__path", "lower-case-prefix.db"),
        ("STORE__PATH", "no-prefix.db"),
    ];
    check(
        World { file: Some(file), environment: &environment, ..World::default() },
        expect![[r#"
            title = 42 <- environment variable BOROUGH__TITLE
            store.path = of-the-file.db <- borough.toml:2:1
            store.readers = 16 <- environment variable BOROUGH__STORE__READERS
            store.sync = false <- environment variable BOROUGH__STORE__SYNC
            store.cache_mb = 32 <- environment variable BOROUGH__STORE__CACHE_MB
            store.hosts = x y <- environment variable BOROUGH__STORE__HOSTS
            store.retry.limit = 7 <- environment variable BOROUGH__Store__Retry__LIMIT
            access.grants.admin = * <- defaults:14:1
            access.grants.alice = read <- environment variable BOROUGH__ACCESS__GRANTS__ALICE
        "#]],
    );
}

#[test]
fn flags_over_environment_and_the_last_one_wins() {
    let world = World {
        file: Some("store.path = 'of-the-file.db'"),
        environment: &[("BOROUGH__STORE__PATH", "of-the-environment.db"), ("BOROUGH__STORE__READERS", "2")],
        flags: &[
            ("store.path", "first.db"),
            ("store.path", "[brackets].db"),
            ("store.cache_mb", "1.5"),
            ("access.grants.bob", "['read', 'write']"),
        ],
    };
    check(
        world,
        expect![[r#"
            title = Borough <- defaults:1:1
            store.path = [brackets].db <- flag store.path
            store.readers = 2 <- environment variable BOROUGH__STORE__READERS
            store.sync = true <- defaults:6:1
            store.cache_mb = 1.5 <- flag store.cache_mb
            store.hosts = a b <- defaults:8:1
            store.retry.limit = 5 <- defaults:11:1
            access.grants.admin = * <- defaults:14:1
            access.grants.bob = read write <- flag access.grants.bob
        "#]],
    );
}

#[test]
fn named_file_is_read_like_the_default_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.toml");
    std::fs::write(&path, "port = 2").unwrap();
    let sources =
        Sources { defaults: "port = 1", file: Some(path).into(), environment: vec![], flags: vec![], open: &[] };
    let settings = Settings::load(sources).unwrap();
    assert_eq!(settings.section::<u16>("port").unwrap(), 2);
    assert_eq!(bare(&settings.origin("port").unwrap().to_string()), "other.toml:1:1");
    assert_eq!(SettingsFile::from(None), SettingsFile::IfPresent("borough.toml".into()));
}

/// TOML writes numbers in more than one way; what arrives is the number.
#[test]
fn numbers_and_times() {
    let defaults = "\
hex = 0xff_ff
negative = -1_000
exponent = -1.5e-3
infinite = -inf
day = 2026-11-21
";
    let file = SettingsFile::IfPresent("no-such-file.toml".into());
    let flags = vec![("hex".into(), "0b101".into()), ("day".into(), "2027-01-01".into())];
    let settings = Settings::load(Sources { defaults, file, environment: vec![], flags, open: &[] }).unwrap();
    assert_eq!(settings.section::<u8>("hex").unwrap(), 5);
    assert_eq!(settings.section::<i16>("negative").unwrap(), -1000);
    assert_eq!(settings.section::<f64>("exponent").unwrap(), -0.0015);
    assert_eq!(settings.section::<f64>("infinite").unwrap(), f64::NEG_INFINITY);
    assert_eq!(settings.section::<toml::value::Datetime>("day").unwrap().to_string(), "2027-01-01");
}

#[test]
fn origin_of_a_table_is_the_lowest_layer_that_has_it() {
    let world = World { flags: &[("access.grants.bob", "[]")], ..World::default() };
    let settings = world.load().unwrap();
    let origins = ["store", "store.hosts", "access.grants", "access.grants.bob", "nothing"];
    let origins = origins.map(|key| format!("{key}: {:?}\n", settings.origin(key).map(ToString::to_string)));
    expect![[r#"
        store: Some("defaults:3:2")
        store.hosts: Some("defaults:8:1")
        access.grants: Some("defaults:13:9")
        access.grants.bob: Some("flag access.grants.bob")
        nothing: None
    "#]]
    .assert_eq(&origins.concat());
}

#[test]
fn every_key_is_listed_with_its_sections() {
    let mut keys = World { file: Some("[access.grants]\nguest = ['read']"), ..World::default() }.load().unwrap().keys();
    keys.retain(|key| key.contains("retry") || key.starts_with("access"));
    let listed =
        ["access", "access.grants", "access.grants.admin", "access.grants.guest", "store.retry", "store.retry.limit"];
    assert_eq!(keys, listed);
}
