use std::{
    ops::{Index, Range},
    sync::Arc,
};

use kernel::Envelope;

use crate::memory::Lent;

/// Events that follow one another in the log.
///
/// A store in memory lends them out all together. To count who holds each of them, for every reader, would cost readers on several
/// cores more than it costs to read.
pub struct Excerpt(Kind);

enum Kind {
    Owned(Vec<Arc<Envelope>>),
    Lent(Lent),
}

impl From<Vec<Arc<Envelope>>> for Excerpt {
    fn from(events: Vec<Arc<Envelope>>) -> Self {
        Self(Kind::Owned(events))
    }
}

impl From<Lent> for Excerpt {
    fn from(events: Lent) -> Self {
        Self(Kind::Lent(events))
    }
}

impl Excerpt {
    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Owned(events) => events.len(),
            Kind::Lent(events) => events.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The event at this place in it, from 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&Arc<Envelope>> {
        match &self.0 {
            Kind::Owned(events) => events.get(index),
            Kind::Lent(events) => events.get(index),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Envelope>> {
        self.part(0..self.len())
    }

    /// Those at these places, as far as there are any.
    pub fn part(&self, places: Range<usize>) -> impl Iterator<Item = &Arc<Envelope>> {
        places.map_while(|index| self.get(index))
    }

    /// The last of them.
    pub fn last(&self) -> Option<&Arc<Envelope>> {
        self.get(self.len().checked_sub(1)?)
    }
}

impl Index<usize> for Excerpt {
    type Output = Arc<Envelope>;

    /// # Panics
    /// If there are not as many.
    fn index(&self, index: usize) -> &Self::Output {
        self.get(index).expect("there are as many")
    }
}
