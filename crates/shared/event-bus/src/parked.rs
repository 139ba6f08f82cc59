//! Which keys are parked.

use std::collections::BTreeSet;

/// The keys whose later events are put behind their letters, as far as the follower knows. It is the only one that parks; letters
/// may also be taken away by others, so it looks at them again and again, and goes on parking meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Parked {
    keys: BTreeSet<String>,
    /// Since the look that is under way began: it may have come to their places before there was a letter.
    since: BTreeSet<String>,
}

impl Parked {
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether an event of this key is put behind its letters.
    pub fn holds(&self, key: &str) -> bool {
        // Mutant `parked_key_flows`: events of a parked key are handled before those of it that are parked.
        self.keys.contains(key) && !cfg!(mutant = "parked_key_flows")
    }

    /// One of its events has become a letter. Whether it is the first, as far as it is known.
    pub fn park(&mut self, key: &str) -> bool {
        self.since.insert(key.to_owned());
        self.keys.insert(key.to_owned())
    }

    /// The letters are read from their beginning.
    pub fn look(&mut self) {
        self.since.clear();
    }

    /// The letters were of these keys; the next look begins. Whether others were parked meanwhile.
    pub fn looked(&mut self, keys: impl IntoIterator<Item = String>) -> bool {
        self.keys = keys.into_iter().collect();
        let seen = self.keys.len();
        self.keys.append(&mut self.since);
        self.keys.len() > seen
    }
}
