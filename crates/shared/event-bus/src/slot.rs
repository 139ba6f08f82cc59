//! How the keys of a subscriber are divided.

/// One part of the keys of a subscriber, with a checkpoint of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// From 0.
    pub index: u32,
    /// Into how many parts they are divided.
    pub of: u32,
}

impl Slot {
    /// All keys.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
    /// Slots that a subscriber has at most. Each is a task, a checkpoint and a claim.
    pub const MOST: u32 = 256;

    pub fn has(self, key: &str) -> bool {
        self.of == 1 || slot_of(key, self.of) == self.index
    }

    /// What its checkpoint, its marks and its claim are stored under.
    pub fn stored_name(self, subscriber: &str) -> String {
        match self.of {
            1 => subscriber.to_owned(),
            _ => format!("{subscriber}#{}", self.index),
        }
    }
}

/// In which of so many slots, counted from 0, the events of a key are handled: the 64 bits of FNV-1a of its UTF-8, modulo the
/// slots. What is stored rests on it, so it never changes.
///
/// # Panics
/// If there are no slots.
pub fn slot_of(key: &str, slots: u32) -> u32 {
    // Fowler, Noll and Vo: offset basis and prime of the variant of 64 bits.
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    u32::try_from(hash % u64::from(slots)).expect("it is less than the slots, which are 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checkpoints are stored by it: whoever changes one of these numbers loses events of those who have them.
    #[test]
    fn the_slot_of_a_key_is_a_stored_contract() {
        let keys = ["", "a", "foobar", "order-4711", "Zürich", "a\u{0}b"];
        assert_eq!(keys.map(|key| slot_of(key, 1)), [0; 6]);
        assert_eq!(
            keys.map(|key| slot_of(key, u32::MAX)),
            [1343537162, 895863001, 2093853018, 3754144934, 2120236825, 3925409739]
        );
        assert_eq!(keys.map(|key| slot_of(key, 8)), [5, 4, 0, 5, 0, 2]);
    }

    #[test]
    fn keys_are_spread() {
        let mut sizes = [0_u32; 8];
        (0..8_000).for_each(|n| sizes[slot_of(&format!("customer-{n}"), 8) as usize] += 1);
        assert!(sizes.iter().all(|size| (800..1_200).contains(size)), "{sizes:?}");
    }

    #[test]
    fn each_key_is_in_one_slot() {
        for key in ["a", "b", "c"] {
            let having = (0..5).filter(|index| Slot { index: *index, of: 5 }.has(key));
            assert_eq!(having.collect::<Vec<_>>(), [slot_of(key, 5)]);
        }
        let name = |index, of| Slot { index, of }.stored_name("ledger");
        assert_eq!((name(0, 1).as_str(), name(0, 2).as_str(), name(1, 2).as_str()), ("ledger", "ledger#0", "ledger#1"));
    }
}
