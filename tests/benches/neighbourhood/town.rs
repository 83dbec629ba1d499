//! A community of two: a hub with documents, and a centre that is to get them.

use std::path::Path;

use linli_core::authority::{Owner, Right};
use linli_core::engine::{Authored, Edit, NewSpace};
use linli_core::identity::{NodeKeys, draw_signing_key};
use linli_model::field::FieldName as _;
use linli_model::profile::{self, ProfileField};
use linli_replica::certificate::{Certificate, PartyKind};
use linli_replica::entry::Urgency;
use linli_replica::id::{PartyId, SpaceTag};
use linli_tests::neighbourhood::{Community, ENDS, community::party_of, grant};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::site::{Member, Running, Site, world};

/// Sealed changes in each document.
pub(crate) const CHANGES: usize = 20;

/// How many documents, and in how many spaces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) spaces: usize,
    pub(crate) documents_each: usize,
}

impl Shape {
    pub(crate) const fn documents(self) -> usize {
        self.spaces * self.documents_each
    }
}

pub(crate) struct Town {
    pub(crate) hub: Member,
    pub(crate) centre: Member,
    pub(crate) certificates: Vec<Certificate>,
}

impl Town {
    pub(crate) fn new() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let community = Community::new(&mut rng);
        let mut certificates = vec![community.genesis().clone()];
        let mut member = |kind| {
            let root = draw_signing_key(&mut rng);
            let keys = NodeKeys::draw(&mut rng);
            certificates.push(community.enrol(&root, kind));
            certificates.push(community.certify(&root, &keys, ENDS, false));
            Member { keys, party: party_of(&root) }
        };
        let (hub, centre) = (member(PartyKind::Household), member(PartyKind::Centre));
        Self { hub, centre, certificates }
    }

    pub(crate) fn found(&self, path: &Path) {
        crate::site::found(path, self.certificates.clone());
    }
}

/// Begins a space of the node's party, to which another may write.
pub(crate) fn begin(site: &mut Site, kind: &str, with: PartyId) -> SpaceTag {
    let owner = Owner::Party(site.core.party());
    let grants = vec![grant(with, Right::Write, true)];
    let new = NewSpace { kind, owner, steward: None, grants };
    let world = world(&site.replica, &site.store);
    let (tag, authored) = site.core.begin_space(world, &mut site.rng, new).unwrap();
    site.author(authored);
    tag
}

/// The name of a document of a space.
pub(crate) fn name(space: SpaceTag, number: usize) -> String {
    format!("{space}/{number}/profile")
}

fn value(rng: &mut ChaCha8Rng, field: ProfileField) -> String {
    if field == ProfileField::Phone {
        format!("138{:08}", rng.next_u64() % 100_000_000)
    } else if field == ProfileField::BirthDate {
        format!("19{}-05-23", 30 + rng.next_u64() % 20)
    } else {
        format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64())
    }
}

/// Fields that take what [`value`] makes, as many as there are changes.
pub(crate) fn fields() -> Vec<ProfileField> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut takes = |field: &ProfileField| field.accepts(&value(&mut rng, *field));
    let free: Vec<_> = ProfileField::ALL.iter().copied().filter(|field| takes(field)).collect();
    free.into_iter().cycle().take(CHANGES).collect()
}

/// Documents written before the bench waits until they are durable.
const AT_ONCE: usize = 64;

/// Fills a node with documents, as people would: each change is an edit that is sealed and signed.
pub(crate) async fn populate(hub: &Running, with: PartyId, shape: Shape) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for number in 0..shape.spaces {
        let space = hub.with(move |site| begin(site, "care", with)).await;
        hub.settle().await;
        for document in 0..shape.documents_each {
            rng = hub
                .with(move |site| {
                    let records = write(site, &mut rng, space, document);
                    if document + 1 == shape.documents_each {
                        // The last record of the space holds what the earlier ones hold.
                        site.author(Authored { records, ..Authored::default() });
                    }
                    rng
                })
                .await;
            if (number + document).is_multiple_of(AT_ONCE) {
                hub.settle().await;
            }
        }
    }
    hub.settle().await;
}

fn write(
    site: &mut Site,
    rng: &mut ChaCha8Rng,
    space: SpaceTag,
    document: usize,
) -> Vec<linli_replica::batch::Record> {
    let name = name(space, document);
    let mut last = Vec::new();
    for field in fields() {
        let value = value(rng, field);
        let urgency = Urgency::Normal;
        let what = Edit { space, name: &name, urgency, isolated: false, person: None };
        let world = world(&site.replica, &site.store);
        let edited =
            site.core.edit(world, &mut site.rng, what, |doc| profile::set(doc, field, &value));
        let authored = edited.unwrap().unwrap();
        last = authored.records;
        site.author(Authored { records: Vec::new(), ..authored });
    }
    last
}
