//! Sources are read without a panic, and twice as much of them takes about twice as long.
#![no_main]

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use boundaries::fuzzing::sources;
use cpu_time::ThreadTime;

/// Time is taken for one input in so many: it needs texts that are large enough to tell 4 from 16.
const TIMED: u64 = 16;

/// Bytes of the smaller of the two texts that are compared.
const SMALL: usize = 16 * 1024;

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    sources(content);
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(content);
    if hash % TIMED == 0 && !content.is_empty() {
        let copies = SMALL.div_ceil(content.len());
        let (small, large) = (seconds(content, copies), seconds(content, 4 * copies));
        assert!(large < small * 9.0 + 0.02, "{copies} copies take {small} s, four times as many {large} s");
    }
});

/// The CPU time of the fastest of three readings.
fn seconds(content: &[u8], copies: usize) -> f64 {
    let text = content.repeat(copies);
    let readings = (0..3).map(|_| {
        let begin = ThreadTime::now();
        sources(&text);
        begin.elapsed().as_secs_f64()
    });
    readings.fold(f64::INFINITY, f64::min)
}
