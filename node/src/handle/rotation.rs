//! New epochs: on demand, on a schedule, and after somebody was expelled.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use linli_core::authority::{Owner, Right};
use linli_core::engine::Outline;
use linli_replica::certificate::{Act, Subject};
use linli_replica::id::{NodeId, PartyId, SpaceTag, Timestamp};
use linli_replica::limits::CLOCK_SKEW_MS_MAX;
use linli_replica::replica::Save;

use super::{Outcome, elders, invalid, spaces};
use crate::api::ApiError;
use crate::api::grants::{KeysRotate, RotateAnswer};
use crate::node::{Node, now, world};

/// Spaces looked at by one request: they share letters, and an alert waits for no longer turn of the
/// driver.
const SPACES_AT_ONCE: u64 = 32;

/// What is due in a space.
#[derive(Debug, Default, PartialEq, Eq)]
struct Due {
    /// Members that were expelled.
    expelled: BTreeSet<PartyId>,
    /// Whether the epoch is to be a new one in any case.
    epoch: bool,
}

/// Why a space is looked at.
enum Reason {
    /// Somebody asked for it: epochs that are not younger than this are replaced.
    Asked(Timestamp),
    /// Somebody was expelled.
    Expelled,
}

/// What was done.
#[derive(Debug, Default)]
struct Done {
    rotated: u64,
    revoked: u64,
    failed: u64,
    saves: BTreeSet<Save>,
}

pub(crate) fn rotate(node: &mut Node, request: KeysRotate) -> Outcome<RotateAnswer> {
    node.people.acting(&node.pepper, request.acting.as_ref())?;
    let since = Timestamp(request.since_ms.unwrap_or(now().0));
    let after = match &request.after {
        None => Bound::Unbounded,
        Some(tag) => {
            Bound::Excluded(tag.parse::<SpaceTag>().map_err(|_| invalid("error-after-space"))?)
        }
    };
    let mut all: BTreeSet<SpaceTag> = match &request.elder {
        None => node.core.spaces().collect(),
        Some(elder) => {
            let elder = elders::find(node, elder)?;
            spaces::about(node, elder)?.into_iter().map(|(space, _)| space).collect()
        }
    };
    if let Some(scope) = &request.scope {
        let mut fitting = BTreeSet::new();
        for space in all {
            if spaces::kind_of(node, space)? == *scope {
                fitting.insert(space);
            }
        }
        all = fitting;
    }
    let limit = usize::try_from(request.limit.clamp(1, SPACES_AT_ONCE)).unwrap_or(usize::MAX);
    let page: Vec<SpaceTag> = all.range((after, Bound::Unbounded)).take(limit).copied().collect();
    let reason = if request.expelled { Reason::Expelled } else { Reason::Asked(since) };
    let out = Out::of(node);
    let mut wanted = BTreeMap::new();
    for space in &page {
        let outline = node.core.outline(world(&node.replica, &node.store), *space)?;
        wanted.insert(*space, due(&outline, &reason, &out, now()));
    }
    let done = renew(node, wanted)?;
    let next = page.last().filter(|last| all.last() != Some(last)).map(ToString::to_string);
    let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let answer = RotateAnswer {
        since_ms: since.0,
        total: count(all.len()),
        seen: count(page.len()),
        rotated: done.rotated,
        revoked: done.revoked,
        failed: done.failed,
        next,
    };
    Ok((answer, done.saves))
}

/// Who was expelled, as the directory says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Out {
    parties: BTreeSet<PartyId>,
    /// Parties of which nodes were expelled and others stay.
    nodes: BTreeMap<PartyId, Gone>,
}

/// The nodes of a party that were expelled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Gone {
    nodes: BTreeSet<NodeId>,
    /// When the last one was.
    at: Timestamp,
}

impl Out {
    pub(crate) fn of(node: &Node) -> Self {
        let directory = node.replica.directory();
        let parties: BTreeSet<PartyId> =
            directory.parties().filter(|(_, party)| party.expelled).map(|(id, _)| *id).collect();
        let mut nodes: BTreeMap<PartyId, Gone> = BTreeMap::new();
        for certificate in directory.certificates() {
            let Act::Expel { subject: Subject::Node(id), .. } = &certificate.body().act else {
                continue;
            };
            let Some(member) = directory.node(id).filter(|member| member.expelled) else {
                continue;
            };
            if !parties.contains(&member.party) {
                let gone = nodes.entry(member.party).or_default();
                gone.nodes.insert(*id);
                gone.at = gone.at.max(certificate.body().at);
            }
        }
        Self { parties, nodes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parties.is_empty() && self.nodes.is_empty()
    }
}

fn due(outline: &Outline, reason: &Reason, out: &Out, at: Timestamp) -> Due {
    let members = &outline.members;
    let mut due = Due::default();
    match reason {
        Reason::Asked(since) => due.epoch = epoch_at(outline, at).is_none_or(|at| at < *since),
        Reason::Expelled => {
            let here =
                |party: &&PartyId| members.contains(*party) || outline.uncut.contains(*party);
            due.expelled = out.parties.iter().filter(here).copied().collect();
            due.epoch = out.nodes.iter().any(|(party, gone)| {
                let read = |(by, begun): &(NodeId, Timestamp)| {
                    gone.nodes.contains(by) || *begun <= gone.at || !is_past(*begun, at)
                };
                members.contains(party)
                    && (outline.epochs.is_empty() || outline.epochs.iter().any(read))
            });
        }
    }
    due
}

/// When the newest of the epochs that are written under was begun. One from the future says nothing
/// about its age: a clock is wrong, or somebody wants it never to be followed.
fn epoch_at(outline: &Outline, at: Timestamp) -> Option<Timestamp> {
    outline.epochs.iter().map(|(_, begun)| *begun).filter(|begun| is_past(*begun, at)).max()
}

fn is_past(begun: Timestamp, at: Timestamp) -> bool {
    begun <= at.plus_ms(CLOCK_SKEW_MS_MAX)
}

/// Does what is due. A space that cannot be rotated is counted and hinders none.
fn renew(node: &mut Node, due: BTreeMap<SpaceTag, Due>) -> Result<Done, ApiError> {
    let own = node.core.party();
    let mut wanted = BTreeMap::new();
    let mut done = Done::default();
    for (space, mut due) in due {
        due.expelled.remove(&own);
        if due == Due::default() {
            continue;
        }
        let at = world(&node.replica, &node.store);
        let state = node.core.space(at, space)?.state();
        let right = state.right(&own, at.now);
        // Nobody removes the owner: officers hand over what is its.
        due.expelled.retain(|party| state.owner != Some(Owner::Party(*party)));
        if right < Some(Right::Steward) && !due.expelled.is_empty() {
            done.failed += 1;
            due.expelled.clear();
        }
        // Where this party only reads, others rotate.
        if !due.expelled.is_empty() || (due.epoch && right >= Some(Right::Write)) {
            wanted.insert(space, due.expelled);
        }
    }
    if wanted.is_empty() {
        return Ok(done);
    }
    let renewed = node.core.renew(world(&node.replica, &node.store), &mut node.rng, &wanted)?;
    for (space, expelled) in &wanted {
        if let Some(error) = renewed.failed.get(space) {
            tracing::warn!(%error, ?space, "a space could not be rotated");
            done.failed += 1;
        } else {
            done.rotated += 1;
            done.revoked += u64::try_from(expelled.len()).unwrap_or(u64::MAX);
        }
    }
    if done.rotated > 0 {
        done.saves.insert(node.author(renewed.authored));
    }
    Ok(done)
}

/// Spaces looked at in one turn of the background, and rotated at most.
const LOOKED_AT: usize = 32;
const DONE_AT: usize = 8;
/// How often all spaces are looked through.
const SWEEP_MS: u64 = 60 * 60 * 1_000;
/// What others wait for whoever is first to do it.
const GRACE_MS: u64 = 24 * 60 * 60 * 1_000;

/// Where the background is on its way through the spaces.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    after: Option<SpaceTag>,
    under_way: bool,
    next: Timestamp,
    out: Out,
    /// How old an epoch may become; none where there is no schedule.
    pub(crate) rotate_ms: Option<u64>,
}

/// Goes on through the spaces, some at a time: takes the rights of who was expelled, rotates what could
/// be read by an expelled node, and what the schedule says. Others than the first to do it wait a day.
pub(crate) fn sweep(node: &mut Node) {
    let at = now();
    let out = Out::of(node);
    if !node.sweep.under_way {
        let idle = out.is_empty() && node.sweep.rotate_ms.is_none();
        if idle || (at < node.sweep.next && out == node.sweep.out) {
            return;
        }
        node.sweep.under_way = true;
        node.sweep.after = None;
        node.sweep.out = out.clone();
    }
    let after = node.sweep.after.map_or(Bound::Unbounded, Bound::Excluded);
    let page: Vec<SpaceTag> = node.core.spaces_from(after).take(LOOKED_AT).collect();
    let mut whole = page.len() < LOOKED_AT;
    let mut wanted = BTreeMap::new();
    for space in page {
        if wanted.len() == DONE_AT {
            whole = false;
            break;
        }
        match in_background(node, space, &out, at) {
            Ok(due) if due == Due::default() => {}
            Ok(due) => {
                wanted.insert(space, due);
            }
            Err(error) => {
                tracing::warn!(%error, ?space, "a space could not be looked at for rotation");
            }
        }
        node.sweep.after = Some(space);
    }
    if let Err(error) = renew(node, wanted) {
        tracing::warn!(%error, "spaces could not be rotated");
    }
    if whole {
        node.sweep.under_way = false;
        node.sweep.next = at.plus_ms(SWEEP_MS);
    }
}

/// What is due in a space and for this node to do.
fn in_background(
    node: &mut Node,
    space: SpaceTag,
    out: &Out,
    at: Timestamp,
) -> Result<Due, ApiError> {
    let outline = node.core.outline(world(&node.replica, &node.store), space)?;
    let own = node.core.party();
    let first = outline.owner.is_some_and(|(owner, steward)| match owner {
        Owner::Party(party) => party == own,
        Owner::Community => steward == Some(own),
    });
    let first = first && is_first_node(node, at);
    let waits = if first { 0 } else { GRACE_MS };
    let here = |party: &PartyId| outline.members.contains(party) || outline.uncut.contains(party);
    let expelled = out.parties.iter().any(here);
    // Nobody knows since when a party is out; the others wait from the last epoch on.
    let old_enough = |age: u64| epoch_at(&outline, at).is_none_or(|epoch| at.since_ms(epoch) > age);
    let mut wanted = Due::default();
    if (expelled || !out.nodes.is_empty()) && (first || old_enough(waits)) {
        wanted = due(&outline, &Reason::Expelled, out, at);
    }
    if let Some(rotate_ms) = node.sweep.rotate_ms
        && old_enough(rotate_ms.saturating_add(waits))
    {
        let since = Timestamp(at.0.saturating_sub(rotate_ms));
        wanted.epoch |= due(&outline, &Reason::Asked(since), out, at).epoch;
    }
    Ok(wanted)
}

/// Of a party's nodes the one of lowest id is the first to do what each of them could.
fn is_first_node(node: &Node, at: Timestamp) -> bool {
    let mut nodes = node.replica.directory().nodes_of(node.core.party(), at).map(|(id, _)| *id);
    nodes.all(|id| node.core.node() <= id)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linli_replica::id::LogKey;

    use super::*;

    const STAYS: PartyId = PartyId([1; 32]);
    const GONE: PartyId = PartyId([2; 32]);
    const HONEST: NodeId = NodeId([1; 32]);
    const STOLEN: NodeId = NodeId([2; 32]);
    const NOW: Timestamp = Timestamp(1_000);

    fn stolen_of(party: PartyId, at: u64) -> Out {
        let gone = Gone { nodes: [STOLEN].into(), at: Timestamp(at) };
        Out { parties: BTreeSet::new(), nodes: [(party, gone)].into() }
    }

    fn outline(epoch_at: u64) -> Outline {
        Outline {
            kind: "care".to_owned(),
            log: LogKey([0; 32]),
            owner: None,
            members: Arc::new([STAYS, GONE].into()),
            writers: Arc::new([STAYS, GONE].into()),
            uncut: BTreeSet::new(),
            epochs: vec![(HONEST, Timestamp(epoch_at))],
            may_hold_back: false,
            ends: None,
        }
    }

    #[test]
    fn a_space_is_due_while_its_epoch_is_older_than_the_work() {
        let asked =
            |since, at| due(&outline(at), &Reason::Asked(Timestamp(since)), &Out::default(), NOW);
        assert!(asked(10, 9).epoch);
        assert!(!asked(10, 10).epoch, "rotated since the work began");
        let none = Outline { epochs: Vec::new(), ..outline(0) };
        assert!(due(&none, &Reason::Asked(Timestamp(0)), &Out::default(), NOW).epoch);
        let future = NOW.0 + CLOCK_SKEW_MS_MAX;
        assert!(!asked(10, future).epoch, "a clock that is a little fast");
        assert!(
            asked(10, future + 1).epoch,
            "an epoch from the future does not keep others from it"
        );
    }

    #[test]
    fn whoever_was_expelled_is_due_to_lose_its_rights_and_its_nodes_to_lose_the_key() {
        let other = PartyId([3; 32]);
        let out = Out { parties: [GONE, other].into(), nodes: BTreeMap::new() };
        let found = due(&outline(5), &Reason::Expelled, &out, NOW);
        assert_eq!(found, Due { expelled: [GONE].into(), epoch: false });
        let former = Outline { members: Arc::default(), uncut: [GONE].into(), ..outline(5) };
        assert_eq!(due(&former, &Reason::Expelled, &out, NOW), found, "it owned before");
        let out = stolen_of(STAYS, 7);
        let expelled = |epochs: &[(NodeId, u64)]| {
            let epochs = epochs.iter().map(|(by, at)| (*by, Timestamp(*at))).collect();
            due(&Outline { epochs, ..outline(0) }, &Reason::Expelled, &out, NOW).epoch
        };
        assert!(expelled(&[(HONEST, 7)]));
        assert!(!expelled(&[(HONEST, 8)]), "begun after the expulsion");
        assert!(expelled(&[(HONEST, 8), (HONEST, 7)]), "begun apart by a node that did not know");
        assert!(expelled(&[(STOLEN, 8)]), "begun by the stolen node");
        assert!(expelled(&[(STOLEN, u64::MAX), (HONEST, 8)]));
        assert!(expelled(&[(HONEST, u64::MAX)]), "dated so that it would never be followed");
        let out = Out { parties: [other].into(), ..stolen_of(other, 7) };
        assert_eq!(due(&outline(1), &Reason::Expelled, &out, NOW), Due::default());
    }
}
