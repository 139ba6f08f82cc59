//! Names as numbers: a file and a package each say every distinct name once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A name's number in the [`Names`] that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub u32);

/// Distinct names in the order in which they were first said. A table of its own, because it keeps the hashes: a name of
/// a file is hashed once, and not again when the table grows or when the package asks for it.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    list: Vec<(&'a str, u32)>,
    /// At or after the place that its hash says, 1 + the number of a name; 0 is empty. At most half of it is in use.
    slots: Vec<u32>,
}

impl<'a> Names<'a> {
    /// With room for about as many names as will come.
    pub fn with_room(names: usize) -> Self {
        Self { list: Vec::with_capacity(names), slots: vec![0; (2 * names).next_power_of_two()] }
    }

    pub fn name(&mut self, text: &'a str) -> Name {
        self.hashed(text, hash(text.as_bytes()))
    }

    fn hashed(&mut self, text: &'a str, hash: u32) -> Name {
        if 2 * self.list.len() >= self.slots.len() {
            self.grow();
        }
        let mut slot = self.slot(hash);
        while let Some(number) = self.slots[slot].checked_sub(1) {
            if self.list[number as usize] == (text, hash) {
                return Name(number);
            }
            slot = self.slot(slot as u32 + 1);
        }
        self.list.push((text, hash));
        self.slots[slot] = self.list.len() as u32;
        Name(self.list.len() as u32 - 1)
    }

    fn slot(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        self.slots = vec![0; (2 * self.slots.len()).max(64)];
        for index in 0..self.list.len() {
            let mut slot = self.slot(self.list[index].1);
            while self.slots[slot] != 0 {
                slot = self.slot(slot as u32 + 1);
            }
            self.slots[slot] = index as u32 + 1;
        }
    }

    /// How many distinct names were said.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn text(&self, name: Name) -> &'a str {
        self.list[name.0 as usize].0
    }

    /// The numbers here of all names of a file.
    pub fn all(&mut self, texts: &'a Texts) -> Vec<Name> {
        (0..texts.len() as u32)
            .map(|index| self.hashed(texts.text(Name(index)), texts.ends[index as usize].1))
            .collect()
    }

    pub fn into_texts(self) -> Texts {
        let mut texts = Texts { text: String::new(), ends: Vec::with_capacity(self.list.len()) };
        for (text, hash) in self.list {
            texts.text.push_str(text);
            texts.ends.push((texts.text.len() as u32, hash));
        }
        texts
    }
}

/// The texts of names, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    text: String,
    /// Where each ends, and its hash.
    ends: Vec<(u32, u32)>,
}

impl Texts {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn text(&self, name: Name) -> &str {
        let index = name.0 as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1].0 };
        &self.text[start as usize..self.ends[index].0 as usize]
    }
}

/// Eight bytes at a time, of which the last may be read twice.
fn hash(text: &[u8]) -> u32 {
    let mut hasher = FastHasher(text.len() as u64);
    let (words, _) = text.as_chunks::<8>();
    for word in words {
        hasher.add(u64::from_le_bytes(*word));
    }
    if let Some(last) = text.last_chunk::<8>() {
        hasher.add(u64::from_le_bytes(*last));
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        hasher.add(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)));
    } else {
        let byte = |index: usize| text.get(index).map_or(0, |&byte| u64::from(byte));
        hasher.add(byte(0) << 16 | byte(1) << 8 | byte(2));
    }
    hasher.0 as u32
}

/// A map for short keys that nobody chooses in order to make it slow: a source file can only slow down its own reading.
pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;

/// Multiplies eight bytes at a time and folds the two halves of the product.
#[derive(Debug, Default)]
pub(crate) struct FastHasher(u64);

impl FastHasher {
    fn add(&mut self, word: u64) {
        let wide = u128::from(self.0 ^ word ^ 0x2d35_8dcc_aa6c_78a5) * 0x9e37_79b9_7f4a_7c15_u128;
        self.0 = wide as u64 ^ (wide >> 64) as u64;
    }
}

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.add(chunk.try_into().map_or(0, u64::from_le_bytes));
        }
        let rest = chunks.remainder();
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        self.add(u64::from_le_bytes(word) ^ (rest.len() as u64) << 56);
    }

    /// Ends a text, whose length is in its hash already; no key has a byte of its own.
    fn write_u8(&mut self, _: u8) {}

    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
