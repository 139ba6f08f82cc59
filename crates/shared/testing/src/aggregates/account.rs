//! An account: the aggregate that suites are about.

use event_sourcing::{Aggregate, Document, Snapshotted, event_set};
use kernel::{Error, ErrorKind, Event, Json, UpcastError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Opened {
    pub account: String,
    pub owner: String,
}

impl Event for Opened {
    const NAME: &'static str = "testing.account_opened";

    fn key(&self) -> String {
        self.account.clone()
    }
}

/// Of the third version. The second had no reason, the first counted euros.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Moved {
    pub account: String,
    pub cents: i64,
    pub reason: String,
}

impl Event for Moved {
    const NAME: &'static str = "testing.account_moved";
    const VERSION: u32 = 3;

    fn key(&self) -> String {
        self.account.clone()
    }

    fn upcast(from: u32, data: &Json) -> Result<Json, UpcastError> {
        match from {
            1 => {
                let MovedEuros { account, euros } = data.read()?;
                Ok(Json::of(&MovedCents { account, cents: euros * 100 })?)
            }
            2 => {
                let MovedCents { account, cents } = data.read()?;
                Ok(Json::of(&Moved { account, cents, reason: "not said".into() })?)
            }
            _ => Err(UpcastError::Unknown),
        }
    }
}

/// Declares what an earlier, or later, program publishes.
macro_rules! moved {
    ($name:ident: $version:literal { $($field:ident: $type:ty),* }) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            $(pub $field: $type,)*
        }

        impl Event for $name {
            const NAME: &'static str = Moved::NAME;
            const VERSION: u32 = $version;

            fn key(&self) -> String {
                self.account.clone()
            }
        }
    };
}

moved!(MovedEuros: 1 { account: String, euros: i64 });
moved!(MovedCents: 2 { account: String, cents: i64 });
moved!(MovedLater: 4 { account: String, units: i64 });

event_set! {
    #[derive(Debug, Clone, PartialEq)]
    pub enum AccountEvent {
        Opened(Opened),
        Moved(Moved),
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    /// Nobody's until it is opened.
    pub owner: Option<String>,
    pub cents: i64,
    /// Of all moves, in their order.
    pub reasons: Vec<String>,
}

impl Aggregate for Account {
    type Id = String;
    type Event = AccountEvent;
    const STREAM: &'static str = "account";

    fn apply(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::Opened(opened) => self.owner = Some(opened.owner),
            AccountEvent::Moved(moved) => {
                self.cents += moved.cents;
                self.reasons.push(moved.reason);
            }
        }
    }
}

impl Snapshotted for Account {
    const COLLECTION: &'static str = "testing.account_snapshots";
    const STATE_VERSION: u32 = 2;
}

/// What an account says no with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("account `{0}` is open already")]
    Open(String),
    #[error("there is no account: open it first")]
    NotOpen,
    #[error("{missing} cents are missing")]
    Overdrawn { missing: i64 },
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(ErrorKind::Rejected, refusal.to_string())
    }
}

impl Account {
    pub fn open(&self, account: &str, owner: &str) -> Result<AccountEvent, Refusal> {
        match self.owner {
            Some(_) => Err(Refusal::Open(account.into())),
            None => Ok(Opened { account: account.into(), owner: owner.into() }.into()),
        }
    }

    /// Nothing is no event.
    pub fn pay_in(&self, account: &str, cents: i64, reason: &str) -> Result<Option<AccountEvent>, Refusal> {
        self.owner.as_ref().ok_or(Refusal::NotOpen)?;
        let missing = -(self.cents + cents);
        if missing > 0 {
            return Err(Refusal::Overdrawn { missing });
        }
        Ok((cents != 0).then(|| moved(account, cents, reason)))
    }
}

pub fn moved(account: &str, cents: i64, reason: &str) -> AccountEvent {
    Moved { account: account.into(), cents, reason: reason.into() }.into()
}

/// Whatever somebody puts where the snapshots are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Forged(pub serde_json::Value);

impl Document for Forged {
    const COLLECTION: &'static str = <Account as Snapshotted>::COLLECTION;
}
