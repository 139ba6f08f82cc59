use std::sync::{Mutex, MutexGuard, PoisonError};

/// What happened, line by line.
#[derive(Default)]
pub(super) struct Trace(Mutex<Vec<String>>);

impl Trace {
    pub fn add(&self, line: String) {
        self.lines().push(line);
    }

    pub fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// FNV-1a: Fowler, Noll and Vo. The same in every process, unlike the hashes of the standard library.
pub(super) fn hash(lines: &[String]) -> u64 {
    let bytes = lines.iter().flat_map(|line| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_its_inventors() {
        assert_eq!(hash(&[]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(&["foobar".into()]), (0x8594_4171_f739_67e8_u64 ^ 10).wrapping_mul(0x0100_0000_01b3));
    }
}
