//! What a node has to write into its audit: every certificate that it signs.

use std::cell::RefCell;
use std::collections::BTreeSet;

use linli_core::audit::{AuditRecord, What};
use linli_core::authority::{Owner, Right};
use linli_core::engine::{Authored, Core, CoreError, Edit, NewSpace, World};
use linli_model::profile::{self, ProfileField};
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{CertificateId, NodeId, SpaceTag};
use linli_tests::neighbourhood::{Neighbourhood, grant};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// What a node was told to record: each certificate, and what it does.
#[derive(Default)]
struct Told(RefCell<Vec<(CertificateId, What)>>);

impl Told {
    /// Lets a node act and notes what it is to record.
    fn act(
        &self,
        net: &mut Neighbourhood,
        id: NodeId,
        act: impl FnOnce(&mut Core, World<'_>, &mut ChaCha8Rng) -> Result<Authored, CoreError>,
    ) {
        net.act(id, |core, world, rng| {
            let authored = act(core, world, rng)?;
            for told in &authored.acts {
                let (space, certificate) = (told.space, &told.certificate);
                let mut own = ChaCha8Rng::seed_from_u64(1);
                let record =
                    AuditRecord::of_space_certificate(&mut own, space, "care", certificate);
                let record = record.unwrap();
                assert_eq!(record.space, Some(space));
                self.0.borrow_mut().push((certificate.id(), record.what));
            }
            Ok::<_, CoreError>(authored)
        })
        .unwrap();
    }

    fn take(&self) -> Vec<What> {
        self.0.borrow().iter().map(|(_, what)| *what).collect()
    }
}

/// The certificates of a space that a node signed, as the node holds them.
fn signed(net: &mut Neighbourhood, id: NodeId, space: SpaceTag) -> BTreeSet<CertificateId> {
    let mut found = BTreeSet::new();
    net.act(id, |core, world, _| {
        let certificates = core.space(world, space)?.certificates();
        let own = certificates.iter().filter(|(_, certificate)| certificate.body().by == id);
        found = own.map(|(id, _)| *id).collect();
        Ok::<_, CoreError>(Authored::default())
    })
    .unwrap();
    found
}

#[test]
fn every_certificate_that_a_node_signs_is_to_be_recorded_once() {
    let mut net = Neighbourhood::new(90);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let c = net.join(PartyKind::Provider);
    let to_b = grant(net.party(b), Right::Steward, true);
    let to_c = grant(net.party(c), Right::Write, true);
    let (told, owner) = (Told::default(), Owner::Party(net.party(a)));
    let mut space = SpaceTag([0; 32]);
    told.act(&mut net, a, |core, world, rng| {
        let new = NewSpace { kind: "care", owner, steward: None, grants: vec![to_b.clone()] };
        let (tag, authored) = core.begin_space(world, rng, new)?;
        space = tag;
        Ok(authored)
    });
    assert_eq!(told.take().len(), 3, "genesis, grant and epoch: {:?}", told.take());
    told.act(&mut net, a, |core, world, rng| core.grant(world, rng, space, to_c));
    assert_eq!(told.take().last(), Some(&What::Granted));
    let write = |core: &mut Core, world: World<'_>, rng: &mut ChaCha8Rng| {
        let what = Edit {
            space,
            name: "profile",
            urgency: Urgency::Normal,
            isolated: false,
            person: None,
        };
        let written =
            core.edit(world, rng, what, |doc| profile::set(doc, ProfileField::Name, "Wang"));
        Ok(written.unwrap().unwrap_or_default())
    };
    let before = told.take().len();
    told.act(&mut net, a, write);
    assert_eq!(told.take().len(), before, "an edit is no act of authority");
    net.heal();
    let removed = net.party(c);
    told.act(&mut net, a, |core, world, rng| core.revoke(world, rng, space, removed));
    let whats = told.take();
    for what in [What::SpaceBegun, What::Granted, What::Revoked, What::Cut, What::Rotated] {
        assert!(whats.contains(&what), "{what:?}: {whats:?}");
    }
    net.heal();
    let listed: BTreeSet<CertificateId> = told.0.borrow().iter().map(|(id, _)| *id).collect();
    assert_eq!(listed.len(), whats.len(), "none is recorded twice");
    assert_eq!(listed, signed(&mut net, a, space));
    told.act(&mut net, a, |core, world, rng| core.restate(world, rng, space));
    assert_eq!(told.take().len(), whats.len(), "what is written again is not done again");
    // Who receives certificates has not done what they say.
    let other = Told::default();
    other.act(&mut net, b, |core, world, rng| {
        let party = core.party();
        core.revoke(world, rng, space, party)
    });
    assert_eq!(other.take(), [What::Revoked], "leaving is recorded by whoever leaves");
}
