use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use kernel::Error;

use crate::{application::Mail, domain::Message};

/// Mail that stays in memory.
#[derive(Debug, Default)]
pub struct MemoryMail(Mutex<Vec<Message>>);

impl MemoryMail {
    /// All that was sent, in order.
    pub fn sent(&self) -> Vec<Message> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Mail for MemoryMail {
    async fn send(&self, message: Message) -> Result<(), Error> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.iter().all(|earlier| earlier.id != message.id) {
            sent.push(message);
        }
        Ok(())
    }
}
