//! What the certificates of a space amount to, and the questions asked of it.

use std::collections::{BTreeMap, BTreeSet};

use linli_replica::certificate::{Act as CommunityAct, OfficerSet};
use linli_replica::directory::Directory;
use linli_replica::id::{
    CertificateId, DocTag, EntryId, EpochId, LogKey, NodeId, PartyId, Timestamp,
};
use linli_replica::limits::CLOCK_SKEW_MS_MAX;

use super::certificate::{CutPoint, Genesis, Owner, Right, SpaceId, Under};
use super::epoch::Epoch;
use super::prune::{Agreement, Prune};
use super::set::SpaceCertificates;

/// What the rules of a space ask of the community.
pub trait Community {
    /// Returns the party whose node this is, expelled ones too.
    fn party_of(&self, node: &NodeId) -> Option<PartyId>;

    /// Returns the officers that a certificate named, where it stands or stood.
    fn officers(&self, set: &CertificateId) -> Option<&OfficerSet>;

    /// Says whether a party was expelled for good.
    fn is_expelled(&self, party: &PartyId) -> bool;
}

impl Community for Directory {
    fn party_of(&self, node: &NodeId) -> Option<PartyId> {
        self.node(node).map(|node| node.party)
    }

    fn officers(&self, set: &CertificateId) -> Option<&OfficerSet> {
        if self.refused().contains_key(set) {
            return None;
        }
        match &self.certificate(set)?.body().act {
            CommunityAct::Genesis { officers, .. } | CommunityAct::Officers { officers, .. } => {
                Some(officers)
            }
            CommunityAct::Enrol { .. }
            | CommunityAct::Expel { .. }
            | CommunityAct::Node { .. }
            | CommunityAct::Extend { .. }
            | CommunityAct::Notice { .. } => None,
        }
    }

    fn is_expelled(&self, party: &PartyId) -> bool {
        self.party(party).is_some_and(|party| party.expelled)
    }
}

/// Why a certificate does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// Another space's.
    #[error("it belongs to another space")]
    OtherSpace,
    /// The genesis is refused, and with it everything that rests on it.
    #[error("the genesis of its space does not count")]
    NoGenesis,
    /// An act of a later version.
    #[error("it does something that this version does not know; update this node")]
    UnknownAct,
    /// No certificate of the community names its node.
    #[error("its node is not known here yet; it may count once the directory is complete")]
    UnknownNode,
    /// Its node belongs to another party than it says.
    #[error("its node does not belong to the party it speaks for")]
    WrongParty,
    /// It claims the owner's authority without having it, or after having handed it over.
    #[error("its signer is not the owner of the space")]
    NotOwner,
    /// Its authority is a grant to somebody else.
    #[error("it rests on a right that was given to somebody else")]
    NotYours,
    /// It rests on, or revokes, a grant that is not among its ancestors or does not count.
    #[error("it names a grant that its signer cannot have known or that does not count")]
    UnknownGrant,
    /// Its signer had been removed, and knew.
    #[error("its signer had been removed before")]
    Removed,
    /// Signed after the signer's end date, clock differences forgiven.
    #[error("its signer's right had ended when it was signed")]
    Ended,
    /// The signer's right does not reach so far.
    #[error("its signer lacks the right to {0:?}")]
    Lacks(Right),
    /// The grant would open history that its signer was not given.
    #[error("it opens history that was not opened to its signer")]
    Exceeds,
    /// Delegated too often.
    #[error("the right was passed on too often; ask a steward nearer to the owner")]
    TooDeep,
    /// Nobody removes the owner.
    #[error("the owner cannot be removed; ownership can be handed over")]
    OwnerStays,
    /// A cut of a party that was not removed.
    #[error("it cuts the logs of a party that was not removed")]
    NotRemoved,
    /// A hand-over by the owner alone.
    #[error("a hand-over counts only with the officers' signatures")]
    Unconfirmed,
    /// The officer set does not stand.
    #[error("it names a set of officers that does not stand")]
    UnknownOfficers,
    /// More officers must sign.
    #[error("{signed} of {needed} officers have signed; ask the others to sign")]
    Pending {
        /// How many officers have signed.
        signed: usize,
        /// How many must.
        needed: usize,
    },
}

/// What ended a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Death {
    /// The removal, the one of lowest id where there are several.
    pub removal: CertificateId,
    /// The grant it hit: this one, or the one nearest to it that this one was made under.
    pub link: CertificateId,
}

/// A grant, with what it inherits from those it was made under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingGrant {
    /// The grant; the genesis for the owner and the steward it names.
    pub id: CertificateId,
    /// What it lets the party do.
    pub right: Right,
    /// What for; empty for the owner and the first steward.
    pub purpose: String,
    /// The consent it rests on.
    pub consent: Option<String>,
    /// The earliest end date on its way from the owner.
    pub ends: Option<Timestamp>,
    /// Whether it opens what was written before.
    pub history: bool,
    /// Steps from the owner, who has 0.
    pub depth: u8,
    /// The party that gave it.
    pub by: PartyId,
}

/// The grants of one party; at least one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Member {
    /// In order of id.
    pub grants: Vec<StandingGrant>,
}

impl StandingGrant {
    fn stands(&self, now: Timestamp) -> bool {
        self.ends.is_none_or(|ends| now <= ends)
    }
}

impl Member {
    /// Returns the right that stands at `now`, none where every grant has ended.
    #[must_use]
    pub fn right(&self, now: Timestamp) -> Option<Right> {
        self.grants.iter().filter(|grant| grant.stands(now)).map(|grant| grant.right).max()
    }

    /// Returns the right of whoever signed at `at`, the difference of clocks forgiven.
    #[must_use]
    pub fn right_when_signed(&self, at: Timestamp) -> Option<Right> {
        self.right(Timestamp(at.0.saturating_sub(CLOCK_SKEW_MS_MAX)))
    }

    /// Says whether the party may read what was written before its grant.
    #[must_use]
    pub fn reads_history(&self, now: Timestamp) -> bool {
        self.grants.iter().any(|g| g.stands(now) && g.right >= Right::Read && g.history)
    }

    /// Lists what the party is in the space for.
    #[must_use]
    pub fn purposes(&self, now: Timestamp) -> BTreeSet<&str> {
        let standing = self.grants.iter().filter(|grant| grant.stands(now));
        standing.map(|grant| grant.purpose.as_str()).filter(|purpose| !purpose.is_empty()).collect()
    }
}

/// How far a removed party's logs count, by one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The certificate.
    pub id: CertificateId,
    /// The logs that count, and how far.
    pub logs: BTreeMap<(LogKey, DocTag), CutPoint>,
    /// Entries that count in spite of this cut.
    pub admitted: BTreeSet<EntryId>,
    /// Whether the party holds a grant that the cut's signer did not know: the cut holds for the logs
    /// it lists only.
    pub reopened: bool,
    /// Logs that a later cut of the party lists, whose signer knew of this one: the party was granted
    /// again in between, and how far they count is that cut's to say.
    pub later: BTreeSet<(LogKey, DocTag)>,
}

/// An epoch that may be written under, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochState {
    /// What its certificate says.
    pub epoch: Epoch,
    /// The party that began it.
    pub by: PartyId,
    /// Whether whoever began it knew of every removal that counts, and of a grant to each member that
    /// reads from now on.
    pub covers: bool,
    /// Covering epochs that whoever began it knew.
    pub after: BTreeSet<EpochId>,
}

/// A space as its certificates make it: a pure function of their set and of the community's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceState {
    /// The space.
    pub space: SpaceId,
    /// Its genesis, where it has come and counts.
    pub genesis: Option<Genesis>,
    /// Whose it is, once the genesis has come.
    pub owner: Option<Owner>,
    /// The hand-overs that stand, each with what made the space the former owner's: the genesis or
    /// another hand-over.
    pub hand_overs: BTreeMap<CertificateId, CertificateId>,
    /// Who holds a right that no removal ended.
    pub members: BTreeMap<PartyId, Member>,
    /// The grants that removals ended, by party.
    pub former: BTreeMap<PartyId, Member>,
    /// What a certificate signed here must cite.
    pub heads: Vec<CertificateId>,
    /// The epochs that count.
    pub epochs: BTreeMap<EpochId, EpochState>,
    /// The removals that count.
    pub removals: BTreeSet<CertificateId>,
    /// Cuts that count, by party.
    pub cuts: BTreeMap<PartyId, Vec<Cut>>,
    /// Entries that a steward let count; past a cut only where [`Cut::admitted`] says so too.
    pub admitted: BTreeSet<EntryId>,
    /// Entries of which a steward said that they stay held back, and none let count.
    pub refused_entries: BTreeSet<EntryId>,
    /// The checkpoints that anybody signed for, with those whose signature stands.
    pub agreements: BTreeMap<Prune, Agreement>,
    /// Who was a steward at any time, the owners too.
    pub ever_stewards: BTreeSet<PartyId>,
    /// Certificates that do not count, with the reason.
    pub refused: BTreeMap<CertificateId, Refusal>,
    /// Certificates that cite others which are not here yet, with those.
    pub waiting: BTreeMap<CertificateId, Vec<CertificateId>>,
    /// Grants that counted and were ended.
    pub dead: BTreeMap<CertificateId, Death>,
    /// Removals, cuts, admissions and refusals of stewards whom the owner removed meanwhile, and cuts
    /// that follow only such removals; each with the owner's removal. The same of whoever had been
    /// the owner until a hand-over, and hand-overs that another outranks; each with the hand-over. Signatures for
    /// checkpoints and against them of whomever somebody removed who had not seen them, with the removal.
    pub void: BTreeMap<CertificateId, CertificateId>,
}

impl SpaceState {
    /// Judges a set of certificates; those of other spaces in it are refused.
    #[must_use]
    pub fn evaluate(
        space: SpaceId,
        certificates: &SpaceCertificates,
        community: &impl Community,
    ) -> Self {
        super::evaluate::evaluate(space, certificates, community)
    }

    /// Returns the right of a party at `now`.
    #[must_use]
    pub fn right(&self, party: &PartyId, now: Timestamp) -> Option<Right> {
        self.members.get(party)?.right(now)
    }

    /// Returns by what authority a node of `party` signs what takes `right`: the nearest to the owner.
    #[must_use]
    pub fn authority(&self, party: &PartyId, right: Right, now: Timestamp) -> Option<Under> {
        let grants = self.members.get(party)?.grants.iter();
        let able = grants.filter(|grant| grant.right >= right && grant.stands(now));
        let nearest = able.min_by_key(|grant| (grant.depth, !grant.history, grant.id))?;
        Some(if nearest.id.0 == self.space.0 {
            Under::Genesis
        } else if self.hand_overs.contains_key(&nearest.id) {
            Under::HandOver(nearest.id)
        } else {
            Under::Grant(nearest.id)
        })
    }

    /// Returns what makes the space its owner's: the genesis, or the last hand-over that stands.
    #[must_use]
    pub fn title(&self) -> CertificateId {
        let mut title = CertificateId(self.space.0);
        while let Some(next) = self.handed_over_by(&title) {
            title = next;
        }
        title
    }

    /// Returns the hand-over that ended somebody's ownership; `title` is what had made it so.
    #[must_use]
    pub fn handed_over_by(&self, title: &CertificateId) -> Option<CertificateId> {
        let mut hand_overs = self.hand_overs.iter();
        hand_overs.find(|(_, former)| *former == title).map(|(id, _)| *id)
    }

    /// Lists the members whose every grant has ended at `now`.
    #[must_use]
    pub fn ended(&self, now: Timestamp) -> BTreeSet<PartyId> {
        let ended = self.members.iter().filter(|(_, member)| member.right(now).is_none());
        ended.map(|(party, _)| *party).collect()
    }

    /// Returns the epoch to write under: of those that cover every removal and were not given to
    /// `out`, one that no other of them follows, the lowest id where there are several.
    ///
    /// `out`: members that are not to read on, being expelled or [`Self::ended`]; others are ignored.
    /// A clock enters through `out` only, and only to exclude.
    #[must_use]
    pub fn writable_epoch(&self, out: &BTreeSet<PartyId>) -> Option<EpochId> {
        let out: Vec<_> = out.iter().filter(|party| self.members.contains_key(party)).collect();
        let fit = |state: &EpochState| {
            state.covers && out.iter().all(|party| state.epoch.excludes.contains(party))
        };
        let fitting: Vec<_> = self.epochs.iter().filter(|(_, state)| fit(state)).collect();
        let followed: BTreeSet<EpochId> =
            fitting.iter().flat_map(|(_, state)| state.after.iter().copied()).collect();
        fitting.iter().map(|(id, _)| **id).find(|id| !followed.contains(id))
    }

    /// Says whether a writer must begin an epoch before it writes.
    #[must_use]
    pub fn needs_new_epoch(&self, out: &BTreeSet<PartyId>) -> bool {
        self.writable_epoch(out).is_none()
    }
}
