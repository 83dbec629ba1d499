//! An alert that many have seen: whoever answers it has named them all, or stays urgent.

use linli_core::authority::Right;
use linli_core::engine::{Acting, Authored, CoreError, Edit, EditError};
use linli_core::identity::draw_signing_key;
use linli_core::person::{PersonCertificate, PersonDetails};
use linli_core::seal::SealError;
use linli_model::alert::{self, AlertFact, AlertKind, AlertView, CauseId, Ladder, alert_id};
use linli_model::event::{Body as _, Fact, FactId, Facts, put_fact};
use linli_model::time::Timestamp;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{NodeId, SpaceTag};
use linli_tests::neighbourhood::{ENDS, Neighbourhood, grant};

const HEADS: u64 = 60;

struct Scene {
    net: Neighbourhood,
    hub: NodeId,
    desk: NodeId,
    space: SpaceTag,
    name: String,
    cause: CauseId,
    raise: FactId,
    operator: Acting,
}

/// An alert that a hub has raised, and a centre's operator who is to answer it.
fn scene(seed: u64) -> Scene {
    let mut net = Neighbourhood::new(seed);
    let [hub, desk] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let party = net.party(desk);
    let space = net.begin(hub, vec![grant(party, Right::Write, true)]);
    let key = draw_signing_key(&mut net.rng);
    let details = PersonDetails {
        key: key.verifying_key().to_bytes(),
        party,
        name: "李明".into(),
        role: "operator".into(),
        qualification: None,
        ends: ENDS,
    };
    let signer = net.node(desk).keys.signing().clone();
    let operator = Acting { certificate: PersonCertificate::sign(&signer, details).unwrap(), key };
    let cause = CauseId("button/1".into());
    let name = format!("alert/{}", alert_id(&cause));
    let raise = FactId::of("");
    let mut scene = Scene { net, hub, desk, space, name, cause, raise, operator };
    let (what, ladder) = (AlertKind::Button, Ladder::default());
    let cause = scene.cause.clone();
    let (place, note, card, drill) = (None, None, None, false);
    let raised =
        AlertFact::Raised { cause, what, ladder, place, note, card, drill, happened: None };
    scene.raise = scene.add(hub, Urgency::Urgent, None, raised).unwrap();
    scene.net.heal();
    scene
}

impl Scene {
    fn add(
        &mut self,
        id: NodeId,
        urgency: Urgency,
        person: Option<&Acting>,
        body: AlertFact,
    ) -> Result<FactId, EditError<linli_model::event::FactError>> {
        let what = Edit { space: self.space, name: &self.name, urgency, isolated: true, person };
        let mut added = None;
        self.net.act(id, |core, world, rng| {
            let (id, authored) = core.add_fact(world, rng, what, body)?;
            added = Some(id);
            Ok::<_, EditError<_>>(authored.unwrap_or_default())
        })?;
        Ok(added.unwrap())
    }

    fn read<T>(&mut self, id: NodeId, read: impl FnOnce(&Facts<AlertFact>) -> T) -> T {
        let (space, name, mut found) = (self.space, self.name.clone(), None);
        let done = self.net.act(id, |core, world, _| {
            let (doc, authors) = core.document(world, space, &name)?.parts();
            found = Some(read(&alert::facts(doc.document(), authors)));
            Ok::<_, CoreError>(Authored::default())
        });
        done.unwrap();
        found.unwrap()
    }

    fn view(&mut self, id: NodeId) -> AlertView {
        let of = alert_id(&self.cause);
        self.read(id, |facts| alert::fold(of, facts))
    }

    /// Puts facts beside each other that know of the raise and not of one another.
    fn beside(&mut self, body: &AlertFact, person: Option<&Acting>) {
        let mut author = None;
        let done = self.net.act(self.desk, |core, world, _| {
            author = core.own_author(world, person);
            Ok::<_, CoreError>(Authored::default())
        });
        done.unwrap();
        let (urgency, isolated) = (Urgency::Normal, true);
        for at in 1..=HEADS {
            let fact =
                Fact::new(Timestamp(at), author.as_ref().unwrap(), &Facts::empty(), body.clone());
            let fact = Fact { after: body.builds_on(), ..fact };
            let what = Edit { space: self.space, name: &self.name, urgency, isolated, person };
            self.net.edit(self.desk, what, |doc| put_fact(doc, &fact).map(drop)).unwrap();
        }
        self.net.heal();
    }

    /// The urgency of the last entry that is durable at the desk.
    fn last(&self) -> Urgency {
        self.net.node(self.desk).told.acknowledged.last().unwrap().header().urgency
    }
}

#[test]
fn an_alert_that_sixty_nodes_have_is_acknowledged_urgently() {
    let mut s = scene(1);
    let (desk, raise, operator) = (s.desk, s.raise, s.operator.clone());
    s.beside(&AlertFact::Delivered { raise }, None);
    assert_eq!(s.read(desk, Facts::heads).len(), 60);
    let before = s.net.node(desk).told.acknowledged.len();
    let ack = s.add(desk, Urgency::Urgent, Some(&operator), AlertFact::Acknowledged { raise });
    let ack = ack.unwrap();
    s.net.heal();
    assert_eq!((s.last(), s.net.node(desk).told.acknowledged.len()), (Urgency::Urgent, before + 1));
    let hub = s.hub;
    assert_eq!(s.view(hub).owner.map(|owner| owner.fact), Some(ack));
    // Nothing that is judged by who had seen what was left out.
    let named = s.read(hub, |facts| facts.get(ack).unwrap().fact.after.clone());
    assert_eq!(named, [raise]);
}

#[test]
fn what_sixty_others_answered_at_once_is_taken_over_urgently() {
    let mut s = scene(2);
    let (desk, hub, raise, operator) = (s.desk, s.hub, s.raise, s.operator.clone());
    s.beside(&AlertFact::Acknowledged { raise }, Some(&operator));
    let from = s.view(desk).owner.unwrap().fact;
    let took = s.add(desk, Urgency::Urgent, Some(&operator), AlertFact::TookOver { from }).unwrap();
    s.net.heal();
    assert_eq!(s.last(), Urgency::Urgent);
    assert_eq!(s.view(hub).owner.map(|owner| owner.fact), Some(took));
    let named = s.read(hub, |facts| facts.get(took).unwrap().fact.after.len());
    assert!((8..60).contains(&named), "it names {named}");
}

#[test]
fn a_fact_that_is_too_long_by_itself_is_refused_as_urgent() {
    let mut s = scene(3);
    let (desk, raise, operator) = (s.desk, s.raise, s.operator.clone());
    let read = AlertFact::CardRead { raise, reason: Some("x".repeat(5_000).into()) };
    let refused = s.add(desk, Urgency::Urgent, Some(&operator), read).unwrap_err();
    let EditError::Core(CoreError::Seal(SealError::TooLargeForUrgent(_))) = refused else {
        panic!("{refused:?}");
    };
}
