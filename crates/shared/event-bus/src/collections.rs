use event_sourcing::Collection;

use crate::{
    DeadLetter, DeliveryRecord, Discarded, Pause, RefusedPublish, Scheduled,
    control::Resumption,
    lease::{Claim, Group, Member},
    passage::Passage,
    progress::Mark,
    publisher::Attempted,
};

/// What the bus and its publishers keep: to be declared to the store at the start, by whoever assembles the modules, so that what a
/// later version has written is refused before anything runs, and not by one subscriber after another.
pub fn collections() -> [Collection; 13] {
    [
        Collection::of::<Attempted>(),
        Collection::of::<Claim>(),
        Collection::of::<DeadLetter>(),
        Collection::of::<DeliveryRecord>(),
        Collection::of::<Discarded>(),
        Collection::of::<Group>(),
        Collection::of::<Mark>(),
        Collection::of::<Member>(),
        Collection::of::<Passage>(),
        Collection::of::<Pause>(),
        Collection::of::<RefusedPublish>(),
        Collection::of::<Resumption>(),
        Collection::of::<Scheduled>(),
    ]
}
