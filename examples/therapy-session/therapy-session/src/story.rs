//! What happens in the practice, told chapter by chapter.

use std::{collections::HashMap, error::Error, io::Write};

use chrono::{DateTime, TimeDelta, Utc};
use event_bus::{DeadLetter, DeadLetters, Discarded, LetterFilter, Retried, scheduled};
use event_sourcing::{Aggregate, Found, LogQuery, Position, StoreExt, StreamQuery};
use kernel::{Clock, Context, CorrelationId, Envelope, Event, Request};
use mental_health::TherapySession;
use request::ModuleState;
use resilience::{BreakerChange, BreakerState};
use therapy_contracts::{
    CancelSession, CompleteSession, GetSession, GetSessionCharge, IsUserActive, NotificationSent, Person,
    ScheduleSession, Session, SessionChargeCancelled, SessionCharged, SessionStatus, SessionType, SessionView,
    StartSession, TherapySessionScheduled, UserId,
};
use tokio::sync::broadcast;

use crate::Practice;

/// Who writes about new sessions.
const MESSAGES: &str = "notifications.session-messages";

type Told<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Plays the whole story in a practice that has just opened, and writes it down.
///
/// # Errors
/// It cannot be written, or what must go well does not.
pub async fn tell(practice: &mut Practice, out: &mut impl Write) -> Told {
    let changes = practice.application.requests.breakers().changes();
    let mut story = Story { practice, out, changes };
    let session = story.all_is_well().await?;
    story.two_objections_at_once().await?;
    story.a_hiccup().await?;
    story.the_line_is_cut(&session).await?;
    story.the_line_is_mended(&session).await?;
    story.the_module_is_stopped().await?;
    story.a_mailbox_is_full().await?;
    story.the_mailbox_is_emptied().await?;
    story.the_day_before().await?;
    story.a_session_is_held().await?;
    story.the_end().await
}

struct Story<'a, W> {
    practice: &'a mut Practice,
    out: &'a mut W,
    changes: broadcast::Receiver<BreakerChange>,
}

impl<W: Write> Story<'_, W> {
    async fn all_is_well(&mut self) -> Told<Session> {
        writeln!(
            self.out,
            "1. Patient and therapist are active: the session is arranged, and who has to know hears of it"
        )?;
        let cx = self.practice.work_of("reception")?;
        let session = self.practice.application.requests.ask(&cx, self.session()).await?;
        self.practice.settle().await?;
        self.show(&cx, &session).await?;
        self.new_mail(0)?;
        let request = GetSessionCharge { session_id: session.session_id };
        if let Some(charge) = self.practice.application.requests.ask(&cx, request).await? {
            self.say("charge", format_args!("{}.{:02}", charge.cents / 100, charge.cents % 100))?;
        }
        self.trail(cx.correlation()).await?;
        Ok(session)
    }

    async fn two_objections_at_once(&mut self) -> Told {
        writeln!(self.out, "\n2. Nobody knows the patient, and the therapist has left: both are said at once")?;
        let strangers = ScheduleSession { patient_id: UserId::new(9), therapist_id: Practice::RUDI, ..self.session() };
        self.arrange(strangers).await
    }

    async fn a_hiccup(&mut self) -> Told {
        writeln!(self.out, "\n3. One call to the user directory fails: it is asked again")?;
        self.practice.directory.calls();
        self.practice.directory.fail(1);
        self.arrange(self.session()).await?;
        self.say("directory", format_args!("called {} times instead of 4", self.practice.directory.calls()))
    }

    async fn the_line_is_cut(&mut self, session: &Session) -> Told {
        writeln!(
            self.out,
            "\n4. The line to the directory is cut: no session can be arranged, those there are can be seen"
        )?;
        self.practice.directory.cut();
        self.arrange(self.session()).await?;
        let cx = self.practice.work_of("reception")?;
        self.show(&cx, session).await?;
        // Others ask, too: ten failures are too many.
        for _ in 0..10 {
            let request = IsUserActive { user_id: Practice::ADA };
            _ = self.practice.application.requests.ask(&cx, request).await;
        }
        self.breakers()?;
        self.practice.directory.calls();
        self.arrange(self.session()).await?;
        self.say("directory", format_args!("called {} times", self.practice.directory.calls()))
    }

    async fn the_line_is_mended(&mut self, session: &Session) -> Told {
        writeln!(self.out, "\n5. The line is mended: ten seconds later the directory is tried, and trusted again")?;
        self.practice.directory.mend();
        self.arrange(self.session()).await?;
        self.practice.clock.advance(TimeDelta::seconds(10));
        for _ in 0..2 {
            self.arrange(self.session()).await?;
            self.breakers()?;
        }
        let cx = self.practice.work_of("reception")?;
        self.show(&cx, session).await
    }

    async fn the_module_is_stopped(&mut self) -> Told {
        writeln!(self.out, "\n6. The module `users` is stopped, and started again")?;
        for state in [ModuleState::Stopped, ModuleState::Up] {
            self.practice.application.requests.states().set("users", state);
            self.arrange(self.session()).await?;
        }
        Ok(())
    }

    async fn a_mailbox_is_full(&mut self) -> Told {
        writeln!(
            self.out,
            "\n7. Ada's mailbox is full: what she is to read is put aside in order, and nobody else waits for it"
        )?;
        self.practice.mail.fill("ada@example.org");
        let before = self.practice.mail.sent().len();
        for (week, patient_id) in (1..).zip([Practice::ADA, Practice::ADA, Practice::ADA, Practice::CLEO]) {
            let scheduled_at = self.session().scheduled_at + TimeDelta::weeks(week);
            self.arrange(ScheduleSession { patient_id, scheduled_at, ..self.session() }).await?;
        }
        self.new_mail(before)?;
        let (sessions, charges) =
            (self.count(TherapySessionScheduled::NAME).await?, self.count(SessionCharged::NAME).await?);
        self.say("charged", format_args!("{charges} sessions of {sessions}"))?;
        self.letters().await
    }

    async fn the_mailbox_is_emptied(&mut self) -> Told {
        writeln!(
            self.out,
            "\n8. She is called about one session and makes room: the rest is sent by command, in order"
        )?;
        let before = self.practice.mail.sent().len();
        self.retry().await?;
        let letters = self.parked().await?;
        if let Some(DeadLetter { event, .. }) = letters.last() {
            let last = LetterFilter::one(MESSAGES, Position(event.metadata.position.unwrap_or_default()));
            let cx = self.practice.work_of("reception")?;
            let discarded = self.practice.bus.discard_dead_letters(&last, "Ada was called", &cx).await?;
            self.say("discarded", format_args!("{discarded}"))?;
        }
        for Found { value: Discarded { letter, reason, by, .. }, .. } in
            self.practice.store.list(None, usize::MAX).await?
        {
            let event = letter.event.event_type;
            self.say("record", format_args!("{event}, discarded by {by}: {reason}"))?;
        }
        self.practice.mail.empty("ada@example.org");
        self.retry().await?;
        self.new_mail(before)?;
        if let Some(DeadLetter { event, .. }) = letters.first() {
            self.trail(event.metadata.correlation_id).await?;
        }
        self.letters().await
    }

    async fn the_day_before(&mut self) -> Told {
        writeln!(self.out, "\n9. The day before a session its patient is reminded, unless it was called off")?;
        let before = self.practice.mail.sent().len();
        let soon = self.practice.clock.now() + TimeDelta::days(4);
        let hers = self.practice.work_of("reception")?;
        let request = ScheduleSession { scheduled_at: soon, ..self.session() };
        self.practice.application.requests.ask(&hers, request).await?;
        let cx = self.practice.work_of("reception")?;
        let request = ScheduleSession { patient_id: Practice::CLEO, scheduled_at: soon, ..self.session() };
        let Session { session_id, .. } = self.practice.application.requests.ask(&cx, request).await?;
        self.practice.settle().await?;
        self.reminders().await?;
        let cancelled = self.practice.application.requests.ask(&cx, CancelSession { session_id }).await?;
        self.practice.settle().await?;
        self.say("cancelled", format_args!("user {} on {}", cancelled.patient_id, time(cancelled.scheduled_at)))?;
        self.reminders().await?;
        self.practice.wait(TimeDelta::days(3)).await?;
        self.new_mail(before)?;
        self.trail(hers.correlation()).await
    }

    async fn a_session_is_held(&mut self) -> Told {
        writeln!(self.out, "\n10. A session begins when its hour has come, and is not called off any more")?;
        let cx = self.practice.work_of("reception")?;
        let request = ScheduleSession {
            patient_id: Practice::CLEO,
            scheduled_at: self.practice.clock.now() + TimeDelta::hours(2),
            ..self.session()
        };
        let session = self.practice.application.requests.ask(&cx, request).await?;
        let session_id = session.session_id;
        self.show(&cx, &session).await?;
        self.try_to(&cx, StartSession { session_id }).await?;
        self.practice.wait(TimeDelta::hours(2)).await?;
        self.try_to(&cx, StartSession { session_id }).await?;
        self.try_to(&cx, CancelSession { session_id }).await?;
        self.practice.wait(TimeDelta::minutes(50)).await?;
        self.try_to(&cx, CompleteSession { session_id }).await?;
        self.show(&cx, &session).await?;
        let stream = TherapySession::stream(&session_id);
        for event in self.practice.store.stream(&stream, StreamQuery::after(0, usize::MAX)).await? {
            let time = event.timestamp.format("%H:%M");
            self.say("event", format_args!("{} at {time}", event.event_type))?;
        }
        Ok(())
    }

    /// Asks, and says what came of it.
    async fn try_to<R: Request<Response = Session>>(&mut self, cx: &Context, request: R) -> Told {
        match self.practice.application.requests.ask(cx, request).await {
            Ok(_) => self.say("done", format_args!("{}", R::NAME)),
            Err(error) => self.say("refused", format_args!("{}: {error}", R::NAME)),
        }
    }

    async fn reminders(&mut self) -> Told {
        let reminders = scheduled(&*self.practice.store, None, usize::MAX).await?.len();
        self.say("scheduled", format_args!("{reminders} reminders"))
    }

    async fn the_end(&mut self) -> Told {
        self.practice.settle().await?;
        let sessions = self.count(TherapySessionScheduled::NAME).await?;
        let messages = self.count(NotificationSent::NAME).await?;
        let charges = self.count(SessionCharged::NAME).await?;
        let back = self.count(SessionChargeCancelled::NAME).await?;
        writeln!(self.out, "\n{sessions} sessions, {messages} messages, {charges} charges, {back} taken back")?;
        Ok(())
    }

    async fn count(&self, event: &str) -> Told<usize> {
        let log = self.practice.store.log(LogQuery::after(Position(0), usize::MAX)).await?;
        Ok(log.iter().filter(|envelope| envelope.event_type == event).count())
    }

    /// Ada with Ines, ten days from now.
    fn session(&self) -> ScheduleSession {
        ScheduleSession {
            patient_id: Practice::ADA,
            therapist_id: Practice::INES,
            scheduled_at: self.practice.clock.now() + TimeDelta::days(10) + TimeDelta::hours(1),
            session_type: SessionType::Individual,
        }
    }

    /// Tries to arrange a session, and says what came of it.
    async fn arrange(&mut self, request: ScheduleSession) -> Told {
        let cx = self.practice.work_of("reception")?;
        let error = match self.practice.application.requests.ask(&cx, request).await {
            Ok(session) => {
                self.practice.settle().await?;
                return self.say("arranged", format_args!("for {}", time(session.scheduled_at)));
            }
            Err(error) => error,
        };
        self.say("refused", format_args!("{}", error.code()))?;
        if error.fields.is_empty() {
            self.say("", format_args!("{error}"))?;
        }
        for field in &error.fields {
            self.say("", format_args!("{field}"))?;
        }
        if let Some(after) = error.retry_after {
            self.say("", format_args!("again in {} s", after.as_secs()))?;
        }
        if let Some(detail) = &error.detail {
            self.say("", format_args!("for the log: {detail}"))?;
        }
        Ok(())
    }

    async fn show(&mut self, cx: &Context, session: &Session) -> Told {
        let request = GetSession { session_id: session.session_id };
        let SessionView { session, status, patient, therapist } =
            self.practice.application.requests.ask(cx, request).await?;
        let (time, status) = (
            time(session.scheduled_at),
            match status {
                SessionStatus::Scheduled => "",
                SessionStatus::Started => ", begun",
                SessionStatus::Completed => ", completed",
            },
        );
        self.say("session", format_args!("{} with {}, {time}{status}", name(&patient), name(&therapist)))
    }

    /// All that one piece of work has set off, each event below the one that caused it.
    async fn trail(&mut self, work: CorrelationId) -> Told {
        let query = LogQuery { correlation: Some(work), ..LogQuery::after(Position(0), usize::MAX) };
        let mut depths: HashMap<_, usize> = HashMap::new();
        for envelope in self.practice.store.log(query).await? {
            let Envelope { event_id, event_type, source_module, metadata, .. } = &*envelope;
            let depth = metadata.causation_id.and_then(|cause| depths.get(&cause.uuid())).map_or(0, |depth| depth + 1);
            depths.insert(event_id.uuid(), depth);
            let indent = "  ".repeat(depth);
            self.say("trail", format_args!("{indent}{event_type} of {source_module}"))?;
        }
        Ok(())
    }

    /// What was delivered after so many messages.
    fn new_mail(&mut self, before: usize) -> Told {
        for message in self.practice.mail.sent().into_iter().skip(before) {
            self.say("mail", format_args!("to {}: {}", message.to, message.text))?;
        }
        Ok(())
    }

    async fn parked(&self) -> Told<Vec<DeadLetter>> {
        let letters = DeadLetters::of(&*self.practice.store).list(&LetterFilter::default(), None, usize::MAX).await?;
        Ok(letters.into_iter().map(|letter| letter.value).collect())
    }

    async fn letters(&mut self) -> Told {
        let letters = self.parked().await?;
        if letters.is_empty() {
            return self.say("letters", format_args!("none"));
        }
        for DeadLetter { subscriber, event, error, attempts } in letters {
            let tried = if attempts == 0 { "never tried".to_owned() } else { format!("tried {attempts} times") };
            self.say("letter", format_args!("{} at {subscriber}, {tried}", event.event_type))?;
            self.say("", format_args!("{error}"))?;
        }
        Ok(())
    }

    /// By command, once each.
    async fn retry(&mut self) -> Told {
        let retried = self.practice.bus.retry_dead_letters(&LetterFilter::of(MESSAGES)).await?;
        let Retried { delivered, failed, behind, .. } = retried;
        self.say("retried", format_args!("{delivered} delivered, {failed} failed, {behind} behind it"))
    }

    /// What has changed since this was last asked.
    fn breakers(&mut self) -> Told {
        while let Ok(BreakerChange { target, state, .. }) = self.changes.try_recv() {
            let state = match state {
                BreakerState::Closed => "closed",
                BreakerState::Open => "open",
                BreakerState::HalfOpen => "half open",
            };
            self.say("breaker", format_args!("{target}: {state}"))?;
        }
        Ok(())
    }

    fn say(&mut self, what: &str, text: std::fmt::Arguments<'_>) -> Told {
        writeln!(self.out, "   {what:10} {text}")?;
        Ok(())
    }
}

fn name(person: &Person) -> String {
    person.name.clone().unwrap_or_else(|| format!("user {}", person.user_id))
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%-d %B %Y at %H:%M").to_string()
}
