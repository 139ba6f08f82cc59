use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use kernel::{Error, ErrorKind};
use notifications::{Mail, MemoryMail, Message};

/// The post, which takes nothing for a mailbox that is full.
#[derive(Debug, Default)]
pub struct Post {
    delivered: MemoryMail,
    full: Mutex<BTreeSet<String>>,
}

impl Post {
    /// All that was delivered, in order.
    pub fn sent(&self) -> Vec<Message> {
        self.delivered.sent()
    }

    /// Nothing goes to this address until its mailbox is [emptied](Self::empty).
    pub fn fill(&self, address: &str) {
        self.full().insert(address.to_owned());
    }

    pub fn empty(&self, address: &str) {
        self.full().remove(address);
    }

    fn full(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // Nothing that is done with it can stop half way.
        self.full.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mail for Post {
    async fn send(&self, message: Message) -> Result<(), Error> {
        if self.full().contains(&message.to) {
            let full = format!("the mailbox of {} is full: have it emptied", message.to);
            return Err(Error::new(ErrorKind::Unavailable, full));
        }
        self.delivered.send(message).await
    }
}
