use std::{error::Error, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use event_bus::{BusOptions, Drain, EventBus, Ports, scheduled};
use event_sourcing::{MemoryBlobs, MemoryStore, Store};
use kernel::{
    AuthenticationError, Authenticator, Claims, Clock, Context, CorrelationId, ErrorKind, Ids, ManualClock, Principal,
    SequentialIds,
};
use module::{Application, Grants, Infrastructure};
use therapy_contracts::{User, UserId};
use tokio::time::{Instant, sleep};
use users::MemoryRecords;

use crate::{Line, Outside, Post, application, grants};

/// A practice with four people in its directory, on a store in memory and a clock that is moved by hand.
pub struct Practice {
    pub application: Application,
    pub store: Arc<dyn Store>,
    pub clock: Arc<ManualClock>,
    pub directory: Arc<Line>,
    pub mail: Arc<Post>,
    pub bus: EventBus,
    ids: Arc<dyn Ids>,
}

impl Practice {
    /// The patient.
    pub const ADA: UserId = UserId::new(1);
    /// Her therapist.
    pub const INES: UserId = UserId::new(2);
    /// A therapist who has left.
    pub const RUDI: UserId = UserId::new(3);
    /// Another patient.
    pub const CLEO: UserId = UserId::new(4);

    /// Puts the modules together and starts them, then the subscribers.
    ///
    /// # Errors
    /// Modules that do not fit together.
    pub async fn open() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (directory, mail) = (Arc::new(Line::new(people())), Arc::new(Post::default()));
        let clock = Arc::new(ManualClock::starting_at(morning()));
        let (store, ids) = (Arc::new(MemoryStore::default()), Arc::new(SequentialIds::default()));
        let (store, ids): (Arc<dyn Store>, Arc<dyn Ids>) = (store, ids);
        let time: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let infrastructure = Infrastructure {
            store: Arc::clone(&store),
            blobs: Arc::new(MemoryBlobs::default()),
            clock: Arc::clone(&time),
            ids: Arc::clone(&ids),
        };
        let outside = Outside { records: Arc::<Line>::clone(&directory), mail: Arc::<Post>::clone(&mail) };
        let mut application = application(infrastructure, outside).await?;
        application.start().await?;
        let subscriptions = std::mem::take(&mut application.subscriptions);
        let ports = Ports { store: Some(Arc::clone(&store)), clock: time, ids: Arc::clone(&ids) };
        let bus = EventBus::start(subscriptions, ports, BusOptions::default()).await?;
        Ok(Self { application, store, clock, directory, mail, bus, ids })
    }

    /// The start of a piece of work by one of those who are granted something.
    ///
    /// # Errors
    /// Anybody else.
    pub fn work_of(&self, user: &str) -> Result<Context, AuthenticationError> {
        let principal = Principal::authenticate(&Door(&grants()), user)?;
        Ok(Context::new(Arc::new(principal), CorrelationId::new(self.ids.next())))
    }

    /// Moves the clock, and waits until what is due then is published and handled.
    ///
    /// # Errors
    /// It is not within a minute.
    pub async fn wait(&mut self, time: TimeDelta) -> Result<(), kernel::Error> {
        self.clock.advance(time);
        let until = Instant::now() + Duration::from_secs(60);
        while scheduled(&*self.store, None, 1).await?.iter().any(|found| found.value.at <= self.clock.now()) {
            if Instant::now() > until {
                return Err(kernel::Error::new(ErrorKind::Deadline, "what is due is not published: wait longer"));
            }
            sleep(Duration::from_millis(50)).await;
        }
        self.settle().await
    }

    /// Waits until the subscribers have handled all that has happened.
    ///
    /// # Errors
    /// They have not within a minute.
    pub async fn settle(&mut self) -> Result<(), kernel::Error> {
        match self.bus.drain(Duration::from_secs(60)).await? {
            Drain::Complete => Ok(()),
            Drain::Incomplete => {
                Err(kernel::Error::new(ErrorKind::Deadline, "the subscribers are behind: wait longer"))
            }
        }
    }
}

/// Lets in by name: the practice is a play, and nobody has a password.
struct Door<'a>(&'a Grants);

impl Authenticator for Door<'_> {
    type Credentials = str;

    fn verify(&self, user: &str) -> Result<Claims, AuthenticationError> {
        match self.0.get(user) {
            Some(permissions) => Ok(Claims::new(user, permissions.iter().cloned())),
            None => Err(AuthenticationError(format!("nothing is granted to `{user}`"))),
        }
    }
}

/// Who there is.
pub fn people() -> MemoryRecords {
    let user =
        |user_id, name: &str, email: &str, active| User { user_id, name: name.into(), email: email.into(), active };
    let people = [
        user(Practice::ADA, "Ada Byron", "ada@example.org", true),
        user(Practice::INES, "Ines Sand", "ines@example.org", true),
        user(Practice::RUDI, "Rudi Leave", "rudi@example.org", false),
        user(Practice::CLEO, "Cleo Winter", "cleo@example.org", true),
    ];
    people.into_iter().collect()
}

/// When the practice opens.
fn morning() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 8, 0, 0).single().expect("there was such a morning")
}
