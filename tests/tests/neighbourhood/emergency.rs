//! The emergency card, opened by what an alert carries and closed again.

use linli_core::authority::Right;
use linli_core::document::Withheld;
use linli_core::engine::{CoreError, Edit, EditError};
use linli_core::opening::Opening;
use linli_model::alert::{AlertFact, AlertKind, CardKey, CauseId, Ladder, alert_id};
use linli_model::author::Author;
use linli_model::card::{self, CardField, SheetId, sheets, write_sheet};
use linli_model::event::{Fact, Facts, put_fact};
use linli_model::profile::ProfileField;
use linli_model::time::Timestamp;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::id::{EpochId, NodeId, SpaceTag};
use linli_replica::replica::Input;
use linli_tests::neighbourhood::{Neighbourhood, grant};

const BEFORE: &str = "entry code 1357";
const DURING: &str = "penicillin";
const AFTER: &str = "entry code 8642";

struct Scene {
    net: Neighbourhood,
    hub: NodeId,
    daughter: NodeId,
    desk: NodeId,
    carrier: NodeId,
    space: SpaceTag,
}

/// A card that was written in one epoch and again in the next.
fn scene(seed: u64) -> Scene {
    let mut net = Neighbourhood::new(seed);
    let [hub, daughter, desk, carrier] =
        [PartyKind::Household, PartyKind::Family, PartyKind::Centre, PartyKind::Carrier]
            .map(|kind| net.join(kind));
    let space = net.begin(hub, vec![grant(net.party(daughter), Right::Write, true)]);
    let mut scene = Scene { net, hub, daughter, desk, carrier, space };
    scene.write(hub, CardField::Entry, BEFORE);
    scene.net.heal();
    scene.rotate(hub);
    scene.write(hub, CardField::Entry, "");
    scene.write(hub, CardField::Allergies, DURING);
    scene.net.heal();
    scene
}

impl Scene {
    fn name(epoch: EpochId) -> String {
        format!("card/{}", SheetId(epoch.0))
    }

    fn present(&mut self, id: NodeId) -> EpochId {
        let mut found = None;
        let space = self.space;
        let done = self.net.act(id, |core, world, _| {
            found = core.present_epoch(world, space)?;
            Ok::<_, CoreError>(linli_core::engine::Authored::default())
        });
        done.unwrap();
        found.unwrap()
    }

    fn rotate(&mut self, id: NodeId) {
        let space = self.space;
        self.net.act(id, |core, world, rng| core.rotate(world, rng, space)).unwrap();
        self.net.act(id, |core, world, rng| core.restate(world, rng, space)).unwrap();
    }

    /// Writes a field of the card, and the card whole for the present epoch.
    fn write(&mut self, id: NodeId, field: CardField, value: &str) {
        let (space, urgency) = (self.space, Urgency::Normal);
        let what = Edit { space, name: "card", urgency, isolated: false, person: None };
        match value.is_empty() {
            true => self.net.edit(id, what, |doc| card::clear(doc, field)).unwrap(),
            false => self.net.edit(id, what, |doc| card::set(doc, field, value)).unwrap(),
        }
        let name = Self::name(self.present(id));
        let read = self.net.with_document(id, space, "card", card::view);
        let view = read.unwrap();
        let what = Edit { space, name: &name, urgency, isolated: false, person: None };
        self.net.edit(id, what, |doc| write_sheet(doc, &view)).unwrap();
    }

    fn opening(&mut self) -> Opening {
        let (hub, space) = (self.hub, self.space);
        let mut found = None;
        let done = self.net.act(hub, |core, world, _| {
            found = core.opening(world, space)?;
            Ok::<_, CoreError>(linli_core::engine::Authored::default())
        });
        done.unwrap();
        // As an alert carries it.
        let bytes = found.unwrap().encode().unwrap();
        Opening::decode(&bytes).unwrap()
    }

    fn open_with(&mut self, id: NodeId, opening: &Opening) {
        let done = self.net.act(id, |core, world, rng| {
            core.open_with(world, rng, opening).map(|arrival| arrival.authored)
        });
        done.unwrap();
    }

    /// What a node reads on the sheet of an epoch, as one text, with the parties that wrote it.
    fn sheet(&mut self, id: NodeId, epoch: EpochId) -> Option<(String, Vec<NodeId>)> {
        let view = self.net.with_document(id, self.space, &Self::name(epoch), sheets);
        let found = view.ok()?;
        let by = found.iter().flat_map(|sheet| &sheet.by).map(|by| NodeId(by.author.node.0));
        let text: String = found.iter().map(|sheet| sheet.card.to_string()).collect();
        (!found.is_empty()).then(|| (text, by.collect()))
    }
}

#[test]
fn an_alert_opens_the_card_and_its_end_closes_it() {
    let mut s = scene(40);
    let (hub, daughter, desk, carrier, space) = (s.hub, s.daughter, s.desk, s.carrier, s.space);
    assert!(!s.net.spaces(desk).contains(&space));
    // The hub raises and is cut off; the carrier has what it wrote.
    let opening = s.opening();
    let first = opening.epoch();
    s.net.isolate(hub);
    s.net.isolate(daughter);
    s.open_with(desk, &opening);
    s.net.settle();
    let (text, by) = s.sheet(desk, first).unwrap();
    assert!(text.contains(DURING) && !text.contains(BEFORE), "{text}");
    assert_eq!(by, [hub]);
    assert!(s.net.node(carrier).replica.index().has_space(&space));

    // It is no member: nothing from before opens, and it can write and grant nothing.
    let card = s.net.view(desk, space, "card").unwrap();
    assert_eq!(card.changes, 0, "the card builds on what was written before");
    let reasons: Vec<Withheld> = card.withheld.iter().map(|entry| entry.reason).collect();
    assert!(reasons.contains(&Withheld::NoKey), "{reasons:?}");
    let refused = s.net.set(desk, space, ProfileField::Name, "mine");
    assert!(matches!(refused, Err(EditError::Core(CoreError::Forbidden(Right::Write)))));
    let refused = s.net.grant(desk, space, grant(s.net.party(desk), Right::Read, true));
    assert!(matches!(refused, Err(CoreError::Forbidden(_))), "{refused:?}");
    let refused = s.net.act(desk, |core, world, rng| core.rotate(world, rng, space));
    assert!(matches!(refused, Err(CoreError::Forbidden(_))), "{refused:?}");

    // What it took up is there after a power cut.
    s.net.settle();
    s.net.crash(desk);
    s.net.heal();
    assert!(s.sheet(desk, first).unwrap().0.contains(DURING));

    // The alert is closed: the hub begins an epoch and writes the card whole.
    s.rotate(hub);
    s.write(hub, CardField::Entry, AFTER);
    s.net.heal();
    let second = s.present(hub);
    assert_ne!(first, second);
    for reader in [hub, daughter] {
        let (text, _) = s.sheet(reader, second).unwrap();
        assert!(text.contains(AFTER) && text.contains(DURING), "{text}");
    }
    assert_eq!(
        s.net.node(desk).replica.index().documents(&space).collect::<Vec<_>>(),
        s.net.node(hub).replica.index().documents(&space).collect::<Vec<_>>(),
        "it holds every byte that the hub does"
    );
    assert_eq!(s.sheet(desk, second), None);
    assert!(s.sheet(desk, first).unwrap().0.contains(DURING), "what it read it keeps");

    // An alert that is open still gets the new key, and opens the card again. That the daughter may
    // write it stands in a certificate of a former epoch.
    s.write(daughter, CardField::Hospital, "第一医院");
    let opening = s.opening();
    s.open_with(desk, &opening);
    s.net.heal();
    let (text, by) = s.sheet(desk, second).unwrap();
    assert!(text.contains(AFTER) && text.contains("第一医院"), "{text}");
    assert_eq!(by, [daughter]);
}

/// The padded length of the first entry of an alert's log.
fn alert_length(s: &mut Scene, cause: &str, card: Option<CardKey>) -> usize {
    let (hub, space) = (s.hub, s.space);
    let cause = CauseId(cause.to_owned());
    let name = format!("alert/{}", alert_id(&cause));
    let (what, ladder, place) = (AlertKind::Button, Ladder::default(), None);
    let note = Some("5d9c3cf0-2b4b-4a44-9a2c-3c1c5d8f0a11".into());
    let raised =
        AlertFact::Raised { cause, what, ladder, place, note, card, drill: false, happened: None };
    let party = s.net.party(hub);
    let author = Author {
        node: linli_model::author::NodeId(hub.0),
        party: linli_model::author::PartyId(party.0),
        kind: linli_model::author::PartyKind::Household,
        person: None,
        attested_by: Vec::new(),
    };
    let fact = Fact::new(Timestamp(1), &author, &Facts::empty(), raised);
    let urgency = Urgency::Urgent;
    let what = Edit { space, name: &name, urgency, isolated: true, person: None };
    s.net.edit(hub, what, |doc| put_fact(doc, &fact).map(drop)).unwrap();
    s.net.drain();
    let acknowledged = &s.net.node(hub).told.acknowledged;
    let urgent = |entry: &&Entry| entry.header().urgency == Urgency::Urgent;
    acknowledged.iter().rfind(urgent).unwrap().ciphertext().len()
}

#[test]
fn an_alert_that_opens_the_card_looks_like_any_other() {
    let mut s = scene(43);
    let opening = s.opening();
    let epoch = SheetId(opening.epoch().0);
    let bytes = opening.encode().unwrap();
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let card = CardKey { epoch, opening: digits.into() };
    let plain = alert_length(&mut s, "a", None);
    assert_eq!(alert_length(&mut s, "b", Some(card)), plain);
}

#[test]
fn who_reads_by_an_opening_cannot_put_words_on_the_card() {
    let mut s = scene(41);
    let (hub, desk, space) = (s.hub, s.desk, s.space);
    let opening = s.opening();
    let ambulance = s.net.join(PartyKind::Provider);
    s.net.heal();
    for reader in [desk, ambulance] {
        s.open_with(reader, &opening);
    }
    s.net.heal();
    let honest = s.sheet(ambulance, opening.epoch()).unwrap();

    let name = Scene::name(opening.epoch());
    let mut forger = s.net.forger(desk, space, &name);
    let mut doc = s.net.copy(hub, space, &name);
    let empty = s.net.with_document(hub, space, "card/none", card::view);
    let empty = empty.unwrap();
    let change = forger.change(&mut doc, |doc| write_sheet(doc, &empty).unwrap());
    let mut rng = s.net.rng.clone();
    let entry = forger.write(&mut rng, vec![change.raw_bytes().to_vec()]);
    s.net.inject(desk, &[entry]);
    s.net.heal();
    for reader in [hub, ambulance] {
        assert_eq!(s.sheet(reader, opening.epoch()), Some(honest.clone()));
        let view = s.net.view(reader, space, &name).unwrap();
        let reasons: Vec<_> = view.withheld.iter().map(|e| (e.node, e.reason)).collect();
        assert_eq!(reasons, [(Some(desk), Withheld::NoRight)]);
    }
}

#[test]
fn a_card_that_was_opened_is_forgotten_and_members_forget_nothing() {
    let mut s = scene(42);
    let (hub, desk, space) = (s.hub, s.desk, s.space);
    let opening = s.opening();
    s.open_with(desk, &opening);
    s.net.heal();
    let mut forgotten = true;
    let mut forget = |s: &mut Scene, id| {
        let done = s.net.act(id, |core, world, _| {
            let authored = core.forget(world, space)?;
            forgotten = authored.is_some();
            Ok::<_, CoreError>(authored.unwrap_or_default())
        });
        done.unwrap();
        forgotten
    };
    assert!(!forget(&mut s, hub));
    assert!(forget(&mut s, desk));
    s.net.input(desk, Input::Forget(space));
    s.net.settle();
    assert!(!s.net.spaces(desk).contains(&space) && s.net.spaces(hub).contains(&space));
    s.net.crash(desk);
    assert!(!s.net.spaces(desk).contains(&space), "nor does it come back with the power");
    s.write(hub, CardField::Entry, AFTER);
    let held = s.net.node(desk).replica.index().documents(&space).count();
    s.rotate(hub);
    s.write(hub, CardField::Hospital, "第一医院");
    s.net.heal();
    let now = s.net.node(desk).replica.index().documents(&space).count();
    assert_eq!(held, now, "it asks for nothing of it");
}
