//! Names as numbers: a file and a package each say every distinct name once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A name's number in the [`Names`] that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub u32);

/// Distinct names in the order in which they were first said.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    numbers: FastMap<&'a str, Name>,
    list: Vec<&'a str>,
}

impl<'a> Names<'a> {
    /// With room for about as many names as will come.
    pub fn with_room(names: usize) -> Self {
        let numbers = FastMap::with_capacity_and_hasher(names, BuildHasherDefault::default());
        Self { numbers, list: Vec::with_capacity(names) }
    }

    pub fn name(&mut self, text: &'a str) -> Name {
        let next = Name(self.list.len() as u32);
        let name = *self.numbers.entry(text).or_insert(next);
        if name == next {
            self.list.push(text);
        }
        name
    }

    /// How many distinct names were said.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn text(&self, name: Name) -> &'a str {
        self.list[name.0 as usize]
    }

    pub fn into_texts(self) -> Texts {
        let mut texts = Texts { text: String::new(), ends: Vec::with_capacity(self.list.len()) };
        for text in self.list {
            texts.text.push_str(text);
            texts.ends.push(texts.text.len() as u32);
        }
        texts
    }
}

/// The texts of names, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    text: String,
    ends: Vec<u32>,
}

impl Texts {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn text(&self, name: Name) -> &str {
        let index = name.0 as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start as usize..self.ends[index] as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len() as u32).map(|index| self.text(Name(index)))
    }
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

    fn write_u8(&mut self, byte: u8) {
        self.add(u64::from(byte));
    }

    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
