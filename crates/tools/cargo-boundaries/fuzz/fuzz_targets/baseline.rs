#![no_main]

libfuzzer_sys::fuzz_target!(|content: &[u8]| boundaries::fuzzing::baseline(content));
