//! What a process does next about the slots: a function of what it has read, what it works on, and the time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::Member;
use crate::slot::Slot;

/// The documents, as they were read one after another: each move names the revisions that it rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    /// By slot.
    pub claims: BTreeMap<String, SeenClaim>,
    /// By session, with their revisions.
    pub members: BTreeMap<String, (Member, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SeenClaim {
    pub owner: Option<String>,
    pub revision: u64,
}

/// The process that decides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Me {
    /// Under which it is a member.
    pub session: String,
    pub lease: TimeDelta,
    /// What it can work on, and in how many slots.
    pub groups: BTreeMap<String, u32>,
    /// The slots that it works on, with the revisions of their claims.
    pub working: BTreeMap<String, u64>,
}

/// Revision 0 stands for a document that there is not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Move {
    /// Say that this process lives: in place of this revision of what it last said.
    Announce { revision: u64 },
    /// Work no more on a slot that is somebody else's.
    Lose { slot: String },
    /// Work on a slot that is this process's own already: whoever took it did not hear of it.
    Resume { slot: String, claim: u64 },
    /// Take this revision of a claim, and work on its slot.
    Take { slot: String, claim: u64, from: Option<Late> },
    /// End what is under way, and then give the slot back.
    Release { slot: String, claim: u64 },
    /// A process that is gone and holds nothing.
    Forget { session: String, revision: u64 },
}

/// An owner whose lease has ended, and the revision of what it last said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Late {
    pub session: String,
    pub revision: u64,
}

/// What to do now, in this order. Nothing is given back before what is this process's own is safe, and nothing is taken before
/// it has said that it lives.
pub(crate) fn decide(seen: &Seen, me: &Me, now: DateTime<Utc>) -> Vec<Move> {
    let mut moves = Vec::new();
    moves.extend(announce(seen, me, now));
    for (slot, claim) in &me.working {
        let is_mine = seen.claims.get(slot).is_some_and(|seen| seen.revision == *claim && is_of(seen, me));
        if !is_mine {
            moves.push(Move::Lose { slot: slot.clone() });
        }
    }
    let mut known = BTreeSet::new();
    for (candidates, slots) in parts(seen, me, now) {
        known.extend(slots.iter().cloned());
        share(seen, me, now, &candidates, &slots, &mut moves);
    }
    for (slot, claim) in &seen.claims {
        if is_of(claim, me) && !known.contains(slot) {
            moves.push(Move::Release { slot: slot.clone(), claim: claim.revision });
        }
    }
    let owners: BTreeSet<&String> = seen.claims.values().filter_map(|claim| claim.owner.as_ref()).collect();
    for (session, (member, revision)) in &seen.members {
        if *session != me.session && is_over(member, now) && !owners.contains(session) {
            moves.push(Move::Forget { session: session.clone(), revision: *revision });
        }
    }
    moves
}

/// A third of the lease is over, others can be worked on than was said, or the clock was set back.
fn announce(seen: &Seen, me: &Me, now: DateTime<Utc>) -> Option<Move> {
    let Some((member, revision)) = seen.members.get(&me.session) else { return Some(Move::Announce { revision: 0 }) };
    let left = member.until - now;
    let is_due = left <= me.lease - me.lease / 3 || left > me.lease || member.groups != me.groups;
    is_due.then_some(Move::Announce { revision: *revision })
}

/// The slots that this process can work on, by the processes that live and can do so as well.
fn parts(seen: &Seen, me: &Me, now: DateTime<Utc>) -> BTreeMap<BTreeSet<String>, Vec<String>> {
    let mut parts: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
    for (group, slots) in &me.groups {
        let others = seen.members.iter().filter(|(_, (member, _))| !is_over(member, now));
        let others = others.filter(|(_, (member, _))| member.groups.contains_key(group));
        let mut candidates: BTreeSet<String> = others.map(|(session, _)| session.clone()).collect();
        candidates.insert(me.session.clone());
        let names = (0..*slots).map(|index| Slot { index, of: *slots }.stored_name(group));
        parts.entry(candidates).or_default().extend(names);
    }
    parts
}

/// Slots that the same processes can work on: each has its share, rounded up. So there is always one with room for a slot that
/// nobody has.
fn share(
    seen: &Seen,
    me: &Me,
    now: DateTime<Utc>,
    candidates: &BTreeSet<String>,
    slots: &[String],
    moves: &mut Vec<Move>,
) {
    let share = slots.len().div_ceil(candidates.len());
    let is_mine = |slot: &String| seen.claims.get(slot).is_some_and(|claim| is_of(claim, me));
    let mine: Vec<&String> = slots.iter().filter(|slot| is_mine(slot)).collect();
    for (index, slot) in mine.iter().enumerate() {
        let claim = seen.claims[*slot].revision;
        if index >= share {
            moves.push(Move::Release { slot: (*slot).clone(), claim });
        } else if !me.working.contains_key(*slot) {
            moves.push(Move::Resume { slot: (*slot).clone(), claim });
        }
    }
    // Each begins elsewhere, so that those who start together do not all want the same.
    let rank = candidates.iter().position(|candidate| *candidate == me.session).unwrap_or_default();
    let from_mine_on = slots.iter().cycle().skip(rank * share % slots.len()).take(slots.len());
    let free = from_mine_on.filter(|slot| !is_mine(slot)).filter_map(|slot| free(seen, slot, now));
    moves.extend(free.take(share.saturating_sub(mine.len())));
}

/// How a slot can be taken, if it can.
fn free(seen: &Seen, slot: &str, now: DateTime<Utc>) -> Option<Move> {
    let take = |claim, from| Some(Move::Take { slot: slot.to_owned(), claim, from });
    let Some(SeenClaim { owner, revision: claim }) = seen.claims.get(slot) else { return take(0, None) };
    let Some(session) = owner.clone() else { return take(*claim, None) };
    match seen.members.get(&session) {
        // Mutant `lease_taken_early`: a slot is taken from one whose lease has not ended.
        Some((member, _)) if !is_over(member, now) && !cfg!(mutant = "lease_taken_early") => None,
        found => {
            let revision = found.map_or(0, |(_, revision)| *revision);
            take(*claim, Some(Late { session, revision }))
        }
    }
}

fn is_of(claim: &SeenClaim, me: &Me) -> bool {
    claim.owner.as_ref() == Some(&me.session)
}

/// A lease that ends more than a day after it could was given by a clock that was ahead, and nobody waits until then.
fn is_over(member: &Member, now: DateTime<Utc>) -> bool {
    // Mutant `leases_from_the_future`: whoever has died with a clock that was ahead holds his slots until that time.
    let is_far_ahead = member.until - now > TimeDelta::milliseconds(member.lease_ms) + TimeDelta::days(1);
    member.until <= now || (is_far_ahead && !cfg!(mutant = "leases_from_the_future"))
}
