//! What operators do with the store. Verbs that only read work beside a process that writes it.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufRead, BufReader, BufWriter},
    path::Path,
};

use event_sourcing::StoreError;
use indicatif::{ProgressBar, ProgressStyle};
use kernel::{Clock as _, SystemClock};
use storage_sqlite::{Counts, Options, Progress, Stats};

use crate::{
    cli::{Db, DbBackup, DbExport, DbImport, DbStats, DbVerb, DbVerify, Global},
    composition::{Config, is_somewhere, no_store},
    exit::Failure,
    report::figures::{bytes, count, plural, visible},
    verbs::{no_store_yet, print, print_json},
};

pub fn db(global: &Global, args: &Db) -> Result<(), Failure> {
    let config = Config::load(global, Vec::new())?;
    let store = &config.store.path;
    is_somewhere(store)?;
    match &args.verb {
        DbVerb::Stats(args) => stats(store, args),
        DbVerb::Verify(args) => verify(store, args),
        DbVerb::Backup(args) => backup(store, args),
        DbVerb::Export(args) => export(store, args),
        DbVerb::Import(args) => import(&config, args),
    }
}

fn stats(store: &Path, args: &DbStats) -> Result<(), Failure> {
    let stats = storage_sqlite::stats(store)?;
    match &stats {
        _ if args.json => print_json(&stats),
        Some(stats) => print(&render(store, stats)),
        None => {
            no_store_yet(store);
            Ok(())
        }
    }
}

fn render(store: &Path, stats: &Stats) -> String {
    let mut text = String::new();
    write_stats(&mut text, store, stats).expect("a String takes every write");
    text
}

fn write_stats(text: &mut String, store: &Path, stats: &Stats) -> std::fmt::Result {
    let Stats { schema, file_bytes, log_bytes, free_bytes, head, events, streams, .. } = stats;
    writeln!(text, "{}, schema {schema}", store.display())?;
    writeln!(text, "  {} in {}, log at {head}", plural(*events, "event"), plural(*streams, "stream"))?;
    let sizes = [*file_bytes, *log_bytes, *free_bytes].map(bytes);
    writeln!(text, "  file {}, its log {}, free {}", sizes[0], sizes[1], sizes[2])?;
    writeln!(text, "collections")?;
    for (name, collection) in &stats.collections {
        let indexes = collection.indexes.join(", ");
        let indexes = if indexes.is_empty() { indexes } else { format!(", found by {indexes}") };
        let version = collection.version.map(|version| format!(", version {version}")).unwrap_or_default();
        writeln!(text, "  {:<32} {:>10}{version}{indexes}", visible(name), count(collection.documents))?;
    }
    writeln!(text, "checkpoints")?;
    for (subscriber, checkpoint) in &stats.checkpoints {
        let (position, behind) = (checkpoint.position, count(checkpoint.behind));
        writeln!(text, "  {:<32} {position:>10}, {behind} behind", visible(subscriber))?;
    }
    writeln!(text, "tables and indexes")?;
    stats.bytes.iter().try_for_each(|(name, size)| writeln!(text, "  {:<32} {:>10}", visible(name), bytes(*size)))
}

fn verify(store: &Path, args: &DbVerify) -> Result<(), Failure> {
    let findings = with_bar(|progress| storage_sqlite::verify(store, progress))?;
    // What is not there has no fault, and nobody who asks wants to hear that.
    if findings.is_empty() && !store.metadata().is_ok_and(|file| file.is_file() && file.len() > 0) {
        return Err(no_store(store, "verify"));
    }
    if args.json {
        print_json(&findings)?;
    } else {
        findings.iter().try_for_each(|finding| print(&visible(&finding.to_string())))?;
    }
    let shown = store.display();
    match findings.len() as u64 {
        0 if args.json => Ok(()),
        0 => print(&format!("{shown} is sound")),
        n => Err(Failure::Rejected(format!("{shown} is not sound: {}", plural(n, "finding")))),
    }
}

fn backup(store: &Path, args: &DbBackup) -> Result<(), Failure> {
    let copied = with_bar(|progress| storage_sqlite::backup(store, &args.file, &by("borough db backup"), progress))?;
    let copied = copied.ok_or_else(|| no_store(store, "back up"))?;
    if args.json {
        return print_json(&copied);
    }
    print(&format!("{}: {}, {}, verified", args.file.display(), told(copied.counts), bytes(copied.bytes)))
}

fn export(store: &Path, args: &DbExport) -> Result<(), Failure> {
    let Some(path) = args.file.as_ref().filter(|file| file.as_os_str() != "-") else {
        // Whoever takes it for whole although its reader has gone before the end loses the rest: that is a failure here.
        let mut out = BufWriter::new(io::stdout().lock());
        let exported = with_bar(|progress| storage_sqlite::export(store, &mut out, progress))?;
        return exported.map(drop).ok_or_else(|| no_store(store, "export"));
    };
    let exported = with_bar(|progress| storage_sqlite::export_file(store, path, &by("borough db export"), progress))?;
    let counts = exported.ok_or_else(|| no_store(store, "export"))?;
    print(&format!("{}: {}", path.display(), told(counts)))
}

fn import(config: &Config, args: &DbImport) -> Result<(), Failure> {
    let store = &config.store.path;
    let mut reader: Box<dyn BufRead> = if args.file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        let cannot =
            |cause| Failure::impossible(format!("`{}` cannot be read ({cause}): check the path", args.file.display()));
        Box::new(BufReader::new(File::open(&args.file).map_err(cannot)?))
    };
    let options = config.writing("borough db import", &SystemClock);
    let counts = with_bar(|progress| storage_sqlite::import(store, &options, &mut *reader, progress))?;
    if args.json {
        return print_json(&counts);
    }
    print(&format!("{}: {}", store.display(), told(counts)))
}

/// Who makes a copy, which may become as large as the disk allows.
fn by(verb: &str) -> Options {
    Options::new(verb, SystemClock.now())
}

fn told(Counts { events, documents, checkpoints }: Counts) -> String {
    [plural(events, "event"), plural(documents, "document"), plural(checkpoints, "checkpoint")].join(", ")
}

/// Shows on a terminal how far it is.
fn with_bar<T>(work: impl FnOnce(&mut dyn FnMut(Progress)) -> Result<T, StoreError>) -> Result<T, Failure> {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    let done = work(&mut |Progress { done, all }| {
        bar.set_length(all.max(done));
        bar.set_position(done);
    });
    bar.finish_and_clear();
    Ok(done?)
}
