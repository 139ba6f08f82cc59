//! The memory of a process and of all that it starts, at one time.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

const PAUSE: Duration = Duration::from_millis(2);

/// Waits for a process and answers what waiting did, and the most bytes that its tree was seen to have in memory: 0 where the
/// system has no `/proc`. A page that two processes share counts twice.
pub fn peak_while<T>(process: u32, wait: impl FnOnce() -> T) -> (T, u64) {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(resident(Path::new("/proc"), process));
                thread::sleep(PAUSE);
            }
            peak
        });
        let waited = wait();
        ended.store(true, Ordering::Relaxed);
        (waited, watch.join().expect("reading numbers does not panic"))
    })
}

/// Bytes that this process and all that it started have in memory now: 0 where the system has no `/proc`.
pub fn now(process: u32) -> u64 {
    resident(Path::new("/proc"), process)
}

/// A process that ends meanwhile has no memory.
fn resident(all: &Path, process: u32) -> u64 {
    let folder = all.join(process.to_string());
    let tasks = fs::read_dir(folder.join("task")).into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let below: u64 = children
        .flat_map(|list| list.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<u32>>())
        .map(|child| resident(all, child))
        .sum();
    below + fs::read_to_string(folder.join("status")).ok().and_then(|status| bytes(&status)).unwrap_or(0)
}

fn bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_and_theirs_count() {
        let all = tempfile::tempdir().unwrap();
        let process = |id: &str, kilobytes: &str, children: [&str; 2]| {
            let folder = all.path().join(id);
            for (thread, children) in children.into_iter().enumerate() {
                let task = folder.join("task").join(thread.to_string());
                fs::create_dir_all(&task).unwrap();
                fs::write(task.join("children"), children).unwrap();
            }
            fs::write(folder.join("status"), format!("Name:\tx\nVmRSS:\t  {kilobytes} kB\nThreads:\t2\n")).unwrap();
        };
        process("10", "100", ["11 ", "12 13 "]);
        process("11", "20", ["", ""]);
        process("12", "3", ["14 ", ""]);
        process("14", "4", ["", ""]);
        assert_eq!(resident(all.path(), 10), 127 * 1024);
        assert_eq!(resident(all.path(), 13), 0);
    }

    #[test]
    fn the_wait_is_answered() {
        assert_eq!(peak_while(std::process::id(), || 7).0, 7);
    }
}
