//! A centre with the parties that read with it, and what a node holds, in memory.

use ed25519_dalek::SigningKey;
use linli_core::authority::{Grant, Owner, Right};
use linli_core::engine::{Authored, Core, NewSpace, World};
use linli_core::identity::{NodeKeys, draw_signing_key, officer_id, party_id};
use linli_replica::certificate::{Act, Certificate, OfficerSet, PartyKind, Subject};
use linli_replica::directory::Directory;
use linli_replica::entry::{Entry, Suite};
use linli_replica::held::{Held, HeldError};
use linli_replica::id::{CommunityId, DocTag, LogKey, PartyId, SpaceTag, Timestamp};
use linli_replica::index::Index;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

pub(crate) const NOW: Timestamp = Timestamp(1_704_067_200_000);
const ENDS: Timestamp = Timestamp(NOW.0 + 365 * 24 * 3_600_000);

/// A party with its node.
pub(crate) struct Member {
    pub(crate) party: PartyId,
    pub(crate) keys: NodeKeys,
}

pub(crate) struct Town {
    officer: SigningKey,
    pub(crate) directory: Directory,
    pub(crate) members: Vec<Member>,
    pub(crate) rng: ChaCha8Rng,
}

impl Town {
    /// Enrols `members` parties with a node each.
    pub(crate) fn new(members: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let officer = draw_signing_key(&mut rng);
        let officers = OfficerSet { officers: vec![officer_id(&officer)], threshold: 1 };
        let act = Act::Genesis { name: "North".into(), officers, nonce: [7; 32].into() };
        let genesis = Certificate::new(CommunityId::default(), NOW, act).signed(&officer);
        let directory = Directory::new(genesis).unwrap();
        let mut town = Self { officer, directory, members: Vec::new(), rng };
        for _ in 0..members {
            let root = draw_signing_key(&mut town.rng);
            let keys = NodeKeys::draw(&mut town.rng);
            let (party, under) = (party_id(&root), town.directory.officers().0);
            let kind = PartyKind::Centre;
            let enrol = town.certificate(Act::Enrol { under, party, kind, name: None });
            let seal_key = (*keys.seal().public()).into();
            let (node, label) = (keys.id(), "box".into());
            let act = Act::Node { party, node, seal_key, ends: ENDS, label, carrier: false };
            let certified = town.certificate(act).signed(&root);
            let enrolled = enrol.signed(&town.officer);
            town.directory.add([enrolled, certified]);
            town.members.push(Member { party, keys });
        }
        town
    }

    fn certificate(&self, act: Act) -> Certificate {
        Certificate::new(self.directory.community(), NOW, act)
    }

    /// Puts a party out.
    pub(crate) fn expel(&mut self, party: PartyId) {
        let under = self.directory.officers().0;
        let act = Act::Expel { under, subject: Subject::Party(party) };
        let expelled = self.certificate(act).signed(&self.officer);
        self.directory.add([expelled]);
    }

    /// Begins to run a member's node.
    pub(crate) fn core(&self, member: usize) -> Core {
        let Member { party, keys } = &self.members[member];
        Core::load(keys.clone(), *party, Vec::new()).unwrap()
    }

    /// Begins a space of the first member, which others may write to.
    pub(crate) fn begin(
        &mut self,
        core: &mut Core,
        held: &mut Nothing,
        with: &[PartyId],
    ) -> (SpaceTag, Vec<Entry>) {
        let owner = Owner::Party(core.party());
        let grants = with.iter().map(|party| grant(*party)).collect();
        let new = NewSpace { kind: "care", owner, steward: None, grants };
        let mut rng = self.rng.clone();
        let (tag, authored) = core.begin_space(self.world(held), &mut rng, new).unwrap();
        self.rng = rng;
        (tag, self.store(core, held, authored))
    }

    pub(crate) fn world<'a>(&'a self, held: &'a Nothing) -> World<'a> {
        World { now: NOW, directory: &self.directory, index: &held.0, held }
    }

    /// Calls what a core wrote durable, and returns it.
    pub(crate) fn store(
        &mut self,
        core: &mut Core,
        held: &mut Nothing,
        authored: Authored,
    ) -> Vec<Entry> {
        let mut entries = Vec::new();
        for page in authored.pages {
            let new = page.entries().to_vec();
            held.0.admit(page, &Nothing::default()).unwrap();
            held.0.persisted(&new);
            entries.extend(new);
        }
        let mut rng = self.rng.clone();
        core.receive(self.world(held), &mut rng, None, &entries).unwrap();
        self.rng = rng;
        entries
    }
}

pub(crate) fn grant(party: PartyId) -> Grant {
    let (right, purpose) = (Right::Write, "care".to_owned());
    Grant { party, right, purpose, ends: None, consent: None, history: true }
}

/// Says whether an entry is sealed to an inbox.
pub(crate) fn is_item(entry: &Entry) -> bool {
    entry.header().suite == Suite::Inbox
}

/// How far each log is held; the entries themselves are asked for by nobody here.
#[derive(Default)]
pub(crate) struct Nothing(Index);

impl Held for Nothing {
    fn entries(&self, _: DocTag, _: LogKey, _: u64, _: usize) -> Result<Vec<Entry>, HeldError> {
        Ok(Vec::new())
    }
}
