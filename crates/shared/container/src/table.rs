use std::{
    any::TypeId,
    hash::{Hash, Hasher},
};

use crate::wire::AnyWire;

/// Wires by type. It never grows after it was made, and three quarters of it are empty: nearly always the first slot
/// that is looked at is the one.
pub struct Table {
    /// As many as a power of two.
    slots: Box<[Option<Slot>]>,
}

pub struct Slot {
    pub id: TypeId,
    pub wire: AnyWire,
    /// The wire's number in the book.
    pub index: usize,
    /// The number of its cell in every scope, or [`NO_CELL`].
    pub cell: usize,
}

/// No scope has as many.
pub const NO_CELL: usize = usize::MAX;

impl Table {
    pub fn new(given: Vec<Slot>) -> Self {
        let mut slots: Vec<Option<Slot>> = Vec::new();
        slots.resize_with((given.len() * 4).next_power_of_two(), || None);
        let last = slots.len() - 1;
        for slot in given {
            let mut at = hash(slot.id) & last;
            while slots[at].is_some() {
                at = (at + 1) & last;
            }
            slots[at] = Some(slot);
        }
        Self { slots: slots.into() }
    }

    #[inline]
    pub fn get(&self, id: TypeId) -> Option<&Slot> {
        let last = self.slots.len() - 1;
        let mut at = hash(id) & last;
        while let Some(slot) = &self.slots[at] {
            if slot.id == id {
                return Some(slot);
            }
            at = (at + 1) & last;
        }
        None
    }
}

#[inline]
fn hash(id: TypeId) -> usize {
    let mut hasher = TypeIdHasher::default();
    id.hash(&mut hasher);
    hasher.0 as usize
}

/// A `TypeId` is a hash already: hashing it again would be most of the cost of a look-up.
#[derive(Default)]
struct TypeIdHasher(u64);

impl Hasher for TypeIdHasher {
    #[inline]
    fn write_u64(&mut self, half_of_the_id: u64) {
        self.0 = half_of_the_id;
    }

    /// How else a `TypeId` may choose to feed itself: any eight of its bytes will do.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 << 8) | u64::from(byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
