//! Carries out what follows from the leases.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use event_sourcing::{CommitError, Document, Expected, Found, Store, StoreError, StoreExt};
use tokio::time::timeout;

use super::{
    Claim, Lease, Member, Node,
    decision::{Late, Me, Move, Seen, SeenClaim, decide},
    expected,
    fence::Fence,
};
use crate::{
    bus::{STOP, Shared, stop},
    follower::PATIENCE,
    running::{Post, Running},
};

/// Documents read from the store at once.
const PAGE: usize = 256;

/// A post and the subscriber that it belongs to.
type Place = (Arc<Running>, Arc<Post>);

/// Has this process work on the slots that it holds, and on no others.
///
/// It looks at the documents every second, or every third of a lease if that is shorter, and writes one document in a third of a
/// lease for all that it holds; besides, one unit for each slot that it takes or gives back, and one for each member that is
/// gone.
pub(crate) struct Keeper {
    node: Node,
    /// Under which it is a member. Another one after each start: nobody takes up what an earlier process of the same node holds
    /// before its lease has ended.
    session: String,
    /// One look at a time.
    looking: tokio::sync::Mutex<()>,
    /// At the latest look.
    seen: Mutex<Seen>,
}

impl Keeper {
    /// Becomes a member, of which nobody expects anything yet.
    pub async fn join(node: Node, shared: &Shared) -> Result<Self, StoreError> {
        let owners: BTreeSet<String> =
            read(&*shared.store).await?.claims.into_values().filter_map(|claim| claim.owner).collect();
        loop {
            let session = format!("{}/{}", node.id, shared.ids.next());
            // Ids that count begin anew with each process.
            if owners.contains(&session) {
                continue;
            }
            let until = shared.clock.now() + node.lease();
            let lease_ms = node.lease().num_milliseconds();
            let member = Member { node: node.id.clone(), until, lease_ms, groups: Default::default() };
            let mut unit = shared.own_unit();
            unit.put(session.as_str(), &member, Expected::Absent);
            match shared.store.commit(unit).await {
                Ok(_) => return Ok(Self { node, session, looking: Default::default(), seen: Mutex::default() }),
                Err(CommitError::Conflict(_) | CommitError::Late { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error),
                Err(CommitError::Unwritable(message)) => return Err(StoreError::unwritable(message)),
            }
        }
    }

    /// How long to wait between two looks.
    pub fn pause(&self) -> Duration {
        PATIENCE.min(self.node.lease / 3)
    }

    /// Who has a slot, as of the latest look.
    pub fn holder(&self, slot: &str) -> Option<Lease> {
        let seen = self.seen();
        let SeenClaim { owner, revision } = seen.claims.get(slot)?;
        let owner = owner.as_ref()?;
        let member = seen.members.get(owner).map(|(member, _)| member);
        let node = owner.rsplit_once('/').map_or(owner.as_str(), |(node, _)| node);
        Some(Lease {
            node: node.to_owned(),
            here: *owner == self.session,
            token: *revision,
            until: member.map(|member| member.until),
        })
    }

    /// Changes whenever whoever holds the slot says that he lives, or somebody else takes it.
    pub fn sign_of_life(&self, slot: &str) -> Option<(String, u64)> {
        let seen = self.seen();
        let owner = seen.claims.get(slot)?.owner.clone()?;
        let revision = seen.members.get(&owner).map_or(0, |(_, revision)| *revision);
        Some((owner, revision))
    }

    /// Reads the documents and does what follows from them.
    ///
    /// # Cancel safety
    /// Dropped, a slot may be this process's own on which nobody works: the next look finds it.
    pub async fn look(&self, shared: &Shared) -> Result<(), StoreError> {
        let _looking = self.looking.lock().await;
        let places: Vec<Place> = shared.durable();
        let me = self.me(&places);
        let seen = read(&*shared.store).await?;
        let now = shared.clock.now();
        let moves = decide(&seen, &me, now);
        let is_quiet = moves.is_empty();
        *self.seen() = seen;
        for (_, post) in &places {
            let leaves = |step: &Move| matches!(step, Move::Release { slot, .. } if *slot == post.place);
            post.leave(moves.iter().any(leaves));
        }
        let late = now + self.node.lease() / 3;
        for step in moves {
            // To live is renewed before more is taken on.
            if !self.carry_out(shared, &places, &me, step).await? || shared.clock.now() >= late {
                break;
            }
        }
        if !is_quiet {
            *self.seen() = read(&*shared.store).await?;
        }
        Ok(())
    }

    /// Gives back the slots of a subscriber that is no longer there. What takes longer, the next look does.
    pub async fn give_up(&self, shared: &Shared, held: Vec<(String, u64)>) {
        let giving = async {
            let _looking = self.looking.lock().await;
            self.release(shared, held, false).await;
        };
        let _late = timeout(PATIENCE, giving).await;
    }

    /// Gives everything back, and is no member any more.
    pub async fn resign(&self, shared: &Shared, running: &[Arc<Running>]) {
        let _looking = self.looking.lock().await;
        let held = running.iter().flat_map(|running| running.held()).collect();
        stop(running).await;
        self.release(shared, held, true).await;
    }

    /// All in one unit; one by one where somebody has taken one of them.
    async fn release(&self, shared: &Shared, held: Vec<(String, u64)>, farewell: bool) {
        let give_back = |held: &[(String, u64)], farewell: bool| {
            let mut unit = shared.own_unit();
            for (slot, claim) in held {
                unit.put(slot.as_str(), &Claim { owner: None }, Expected::Exact(*claim));
            }
            if farewell {
                unit.delete::<Member>(self.session.as_str(), Expected::Any);
            }
            shared.store.commit(unit)
        };
        let together = give_back(&held, farewell).await;
        let answer = match together {
            Err(CommitError::Conflict(_)) => {
                for one in &held {
                    // Whoever has taken it keeps it; what cannot be given back ends with the lease.
                    let _taken = give_back(std::slice::from_ref(one), false).await;
                }
                give_back(&[], farewell).await
            }
            answer => answer,
        };
        if let Err(error) = answer {
            tracing::warn!(node = self.node.id, "what it holds is free when its lease ends: {error}");
        }
    }

    fn me(&self, places: &[Place]) -> Me {
        let subscriptions = places.iter().map(|(running, _)| &running.subscription);
        Me {
            session: self.session.clone(),
            lease: self.node.lease(),
            groups: subscriptions.map(|subscription| (subscription.name.to_owned(), subscription.slots)).collect(),
            working: places.iter().filter_map(|(_, post)| Some((post.place.clone(), post.claim()?))).collect(),
        }
    }

    /// Whether to go on with the next one.
    async fn carry_out(&self, shared: &Shared, places: &[Place], me: &Me, step: Move) -> Result<bool, StoreError> {
        let place = |slot: &str| places.iter().find(|(_, post)| post.place == slot);
        match step {
            Move::Announce { revision } => {
                let until = shared.clock.now() + self.node.lease();
                let lease_ms = self.node.lease().num_milliseconds();
                let member = Member { node: self.node.id.clone(), until, lease_ms, groups: me.groups.clone() };
                let mut unit = shared.own_unit();
                unit.put(self.session.as_str(), &member, expected(revision));
                return done(shared.store.commit(unit).await);
            }
            Move::Lose { slot } => {
                if let Some((running, post)) = place(&slot) {
                    tracing::warn!(slot, node = self.node.id, "lost: it is worked on elsewhere");
                    running.meters.lost_slots.increment(1);
                    post.abandon();
                }
            }
            Move::Resume { slot, claim } => self.begin(shared, place(&slot), claim).await?,
            Move::Take { slot, claim, from } => {
                let mut unit = shared.own_unit();
                unit.put(slot.as_str(), &Claim { owner: Some(self.session.clone()) }, expected(claim));
                if let Some(Late { session, revision }) = &from {
                    unit.require::<Member>(session.as_str(), expected(*revision));
                }
                if done(shared.store.commit(unit).await)? {
                    if let (Some(from), Some((running, _))) = (from, place(&slot)) {
                        tracing::info!(slot, node = self.node.id, "taken over from `{}`", from.session);
                        running.meters.takeovers.increment(1);
                    }
                    self.begin(shared, place(&slot), claim + 1).await?;
                }
            }
            Move::Release { slot, claim } => {
                if let Some((_, post)) = place(&slot) {
                    if !post.has_left() {
                        return Ok(true);
                    }
                    post.stop(STOP.min(self.node.lease / 3)).await;
                }
                self.release(shared, vec![(slot, claim)], false).await;
            }
            Move::Forget { session, revision } => {
                let mut unit = shared.own_unit();
                unit.delete::<Member>(session, expected(revision));
                done(shared.store.commit(unit).await)?;
            }
        }
        Ok(true)
    }

    async fn begin(&self, shared: &Shared, place: Option<&Place>, claim: u64) -> Result<(), StoreError> {
        let Some((running, post)) = place else { return Ok(()) };
        post.abandon();
        let fence = Fence::new(Arc::clone(&shared.store), post.place.clone(), claim);
        shared.begin(post, Some(Arc::new(fence))).await?;
        // It may have been removed since the look began.
        if running.is_removed() {
            post.abandon();
        }
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // It is replaced as a whole.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the unit was written. If not, somebody was faster, and the next look shows what they did.
fn done(answer: Result<event_sourcing::Receipt, CommitError>) -> Result<bool, StoreError> {
    match answer {
        Ok(_) => Ok(true),
        Err(CommitError::Conflict(_) | CommitError::Late { .. }) => Ok(false),
        Err(CommitError::Store(error)) => Err(error),
        Err(CommitError::Unwritable(message)) => Err(StoreError::unwritable(message)),
    }
}

async fn read(store: &dyn Store) -> Result<Seen, StoreError> {
    // In this order an owner that has just joined is not taken for one that is gone.
    let claims = all::<Claim>(store).await?.into_iter();
    let claims = claims.map(|Found { key, value: Claim { owner }, revision }| (key, SeenClaim { owner, revision }));
    let claims = claims.collect();
    let members = all::<Member>(store).await?.into_iter();
    let members = members.map(|Found { key, value, revision }| (key, (value, revision))).collect();
    Ok(Seen { claims, members })
}

async fn all<D: Document>(store: &dyn Store) -> Result<Vec<Found<D>>, StoreError> {
    let mut all: Vec<Found<D>> = Vec::new();
    loop {
        let page = store.list::<D>(all.last().map(|last| last.key.as_str()), PAGE).await?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}
