use std::sync::Arc;

use chrono::NaiveDate;
use event_sourcing::{Applies, Events, Projected, Projection, ReadModel, Store, Unit, View};
use kernel::{Context, Envelope, Error};
use request::Service;
use serde::{Deserialize, Serialize};
use therapy_contracts::{Appointment, GetDay, TherapySessionCancelled, TherapySessionScheduled, UserId};

/// What each therapist has to do on each day, as sessions are arranged and called off.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calendar;

/// A day of a therapist who has something to do, under both of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// By time.
    pub appointments: Vec<Appointment>,
}

impl Projected for Day {
    type By = Calendar;
    const COLLECTION: &'static str = "mental_health.days";
}

impl Projection for Calendar {
    const NAME: &'static str = "mental_health.calendar";
    const VERSION: u32 = 1;
    const COLLECTIONS: &'static [&'static str] = &[Day::COLLECTION];

    fn events() -> Events<Self> {
        Events::default().of::<TherapySessionScheduled>().of::<TherapySessionCancelled>()
    }
}

impl Applies<TherapySessionScheduled> for Calendar {
    async fn apply(
        &self,
        event: &TherapySessionScheduled,
        _: &Envelope,
        view: &mut View<'_, Self>,
    ) -> Result<(), Error> {
        let TherapySessionScheduled { session_id, patient_id, therapist_id, scheduled_at, .. } = *event;
        let key = key(therapist_id, scheduled_at.date_naive());
        let mut day = view.get::<Day>(&key).await?.unwrap_or_default();
        let appointment = Appointment { scheduled_at, session_id, patient_id };
        let place = day.appointments.partition_point(|earlier| *earlier < appointment);
        day.appointments.insert(place, appointment);
        view.put(key, &day);
        Ok(())
    }
}

impl Applies<TherapySessionCancelled> for Calendar {
    async fn apply(
        &self,
        event: &TherapySessionCancelled,
        _: &Envelope,
        view: &mut View<'_, Self>,
    ) -> Result<(), Error> {
        let key = key(event.therapist_id, event.scheduled_at.date_naive());
        let mut day = view.get::<Day>(&key).await?.unwrap_or_default();
        day.appointments.retain(|appointment| appointment.session_id != event.session_id);
        if day.appointments.is_empty() {
            view.delete::<Day>(key);
        } else {
            view.put(key, &day);
        }
        Ok(())
    }
}

fn key(therapist: UserId, day: NaiveDate) -> String {
    format!("{therapist}/{day}")
}

/// Shows days.
pub struct Days(ReadModel<Calendar>);

impl Days {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(ReadModel::new(store))
    }
}

impl Service<GetDay> for Days {
    async fn execute(&self, _: &Context, _: &mut Unit, request: GetDay) -> Result<Vec<Appointment>, Error> {
        let found = self.0.get::<Day>(&key(request.therapist_id, request.day)).await?;
        Ok(found.map(|day| day.value.appointments).unwrap_or_default())
    }
}
