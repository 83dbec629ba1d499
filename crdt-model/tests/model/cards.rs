//! The emergency card in an alert: who opens it, who refuses, who read it; and the sheet that is opened.

use automerge::AutoCommit;
use automerge::transaction::Transactable as _;
use linli_model::alert::{
    self, AlertFact as F, AlertKind, AlertView, CardKey, CauseId, Ladder, Outcome, alert_id,
};
use linli_model::author::{PartyKind, Role};
use linli_model::card::{self, CardField, CardPlace, SheetError, SheetId, sheets, write_sheet};
use linli_model::document::canonical;
use linli_model::event::{FactId, Reason};
use linli_model::field::{self, ContactField};
use linli_model::limits::SHEET_BYTES_MAX;
use uuid::Uuid;

use crate::community::{Directory, Node, commit, directory, node, sync};

struct Scene {
    hub: Node,
    desk: Node,
    daughter: Node,
    people: Directory,
    doc: AutoCommit,
}

fn cause() -> CauseId {
    CauseId("button/1".to_owned())
}

fn key(n: u8) -> CardKey {
    CardKey { epoch: SheetId([n; 32]), opening: "5ec7e7".into() }
}

fn raise(card: Option<CardKey>) -> F {
    let ladder = Ladder::default();
    let (what, place, note, drill) = (AlertKind::Button, None, None, false);
    F::Raised { cause: cause(), what, ladder, place, note, card, drill, happened: None }
}

fn scene() -> Scene {
    let hub = node(1, PartyKind::Household, None);
    let desk = node(2, PartyKind::Centre, Some(Role::Operator));
    let daughter = node(3, PartyKind::Family, Some(Role::Family));
    let people = directory(&[&hub, &desk, &daughter]);
    let doc = hub.doc();
    Scene { hub, desk, daughter, people, doc }
}

impl Scene {
    fn say(&mut self, who: &Node, at: u64, fact: F) -> FactId {
        self.doc.set_actor(who.actor.clone());
        who.say(&mut self.doc, &self.people, at, fact)
    }

    fn view(&mut self) -> AlertView {
        alert::view(alert_id(&cause()), self.doc.document(), &self.people)
    }

    fn keys(&mut self) -> Vec<CardKey> {
        let facts = alert::facts(self.doc.document(), &self.people);
        let view = alert::fold(alert_id(&cause()), &facts);
        alert::card_keys(&facts, &view).cloned().collect()
    }

    /// Why a fact does not stand.
    fn reason(&mut self, id: FactId) -> Option<Reason> {
        self.view().timeline.iter().find(|e| e.id == id).unwrap().not_standing.clone()
    }
}

#[test]
fn a_raise_of_the_household_carries_the_key_and_no_view_shows_it() {
    let mut s = scene();
    let (hub, desk, daughter) = (s.hub.clone(), s.desk.clone(), s.daughter.clone());
    let raised = s.say(&hub, 1, raise(Some(key(1))));
    assert!(s.view().card.asked);
    s.say(&desk, 2, F::CardRead { raise: raised, reason: Some("cannot speak".into()) });
    s.say(&daughter, 3, F::CardGiven { raise: raised, card: Some(key(2)) });
    assert_eq!(s.keys(), [key(2), key(1)], "the latest first");
    let view = s.view();
    assert_eq!(view.card.read_by.len(), 1);
    assert_eq!(view.card.read_by[0].author.person.as_ref().unwrap().id, "p2");
    let shown = String::from_utf8(canonical(&view).unwrap()).unwrap();
    assert!(shown.contains("cannot speak") && !shown.contains("5ec7e7"), "{shown}");
    assert!(!format!("{:?}", key(1)).contains("5ec7e7"));
}

#[test]
fn only_those_to_whom_the_card_is_sealed_give_or_refuse_it() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raised = s.say(&desk, 1, raise(Some(key(1))));
    let given = s.say(&desk, 2, F::CardGiven { raise: raised, card: Some(key(2)) });
    let refused = s.say(&desk, 3, F::CardRefused { raise: raised });
    assert!(s.keys().is_empty() && !s.view().card.asked);
    assert!(s.view().card.disclosed.is_empty(), "the desk has no key to disclose");
    assert_eq!(s.reason(raised), None, "the raise stands, its key does not");
    assert_eq!(s.reason(given), Some(Reason::PartyMayNot));
    assert_eq!(s.reason(refused), Some(Reason::PartyMayNot));
    let empty = s.say(&hub, 4, F::CardGiven { raise: raised, card: None });
    assert_eq!(s.reason(empty), Some(Reason::OutOfRange));
    let refused = s.say(&hub, 5, F::CardRefused { raise: raised });
    assert_eq!(s.view().card.refused, Some(refused));
    s.say(&hub, 6, F::CardGiven { raise: raised, card: Some(key(3)) });
    assert_eq!(s.keys(), [key(3)]);
}

#[test]
fn a_refusal_is_for_one_round_and_a_reading_is_recorded_whenever_it_was() {
    let mut s = scene();
    let (hub, desk) = (s.hub.clone(), s.desk.clone());
    let raised = s.say(&desk, 1, raise(None));
    s.say(&hub, 2, F::CardRefused { raise: raised });
    let ack = s.say(&desk, 3, F::Acknowledged { raise: raised });
    let resolved = s.say(&desk, 4, F::Resolved { ack, outcome: Outcome::Drill, note: None });
    let late = s.say(&hub, 5, F::CardGiven { raise: raised, card: Some(key(1)) });
    assert_eq!(s.reason(late), Some(Reason::AlreadyResolved));
    let view = s.view();
    assert!(view.card.given.is_empty());
    let lies_there = [key(1).epoch].into();
    assert_eq!(view.card.disclosed, lies_there, "its readers have the key all the same");
    let read = s.say(&desk, 6, F::CardRead { raise: raised, reason: None });
    let nobody = node(2, PartyKind::Centre, None);
    let nameless = s.say(&nobody, 7, F::CardRead { raise: raised, reason: None });
    assert_eq!(s.reason(nameless), Some(Reason::PersonNeeded));
    let stray = s.say(&desk, 8, F::CardRead { raise: ack, reason: None });
    assert_eq!(s.reason(stray), Some(Reason::WrongReference));
    assert_eq!(s.view().card.read_by.iter().map(|r| r.fact).collect::<Vec<_>>(), [read]);

    let again = s.say(&hub, 9, F::Reopened { resolved, note: None });
    let view = s.view();
    assert_eq!((view.card.refused, view.card.asked, view.round), (None, true, Some(again)));
    let former = s.say(&hub, 10, F::CardGiven { raise: raised, card: Some(key(1)) });
    assert_eq!(s.reason(former), Some(Reason::EarlierRound));
    s.say(&hub, 11, F::CardGiven { raise: again, card: Some(key(2)) });
    assert_eq!(s.keys(), [key(2)]);
    assert_eq!(s.view().card.read_by.len(), 1, "what was read stays on the record");
}

#[test]
fn a_sheet_holds_the_card_whole_and_is_written_only_when_it_differs() {
    let s = scene();
    let mut doc = s.hub.doc();
    card::set(&mut doc, CardField::Allergies, "penicillin").unwrap();
    commit(&mut doc, 1);
    let mut other = s.daughter.doc();
    card::set(&mut other, CardField::Allergies, "none known").unwrap();
    commit(&mut other, 2);
    sync(&mut doc, &mut other);
    let view = card::view(doc.document(), &s.people);

    let mut sheet = s.hub.doc();
    write_sheet(&mut sheet, &view).unwrap();
    commit(&mut sheet, 3);
    let heads = sheet.get_heads();
    write_sheet(&mut sheet, &view).unwrap();
    commit(&mut sheet, 4);
    assert_eq!(sheet.get_heads(), heads);
    let found = sheets(sheet.document(), &s.people);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].card, serde_json::to_value(&view).unwrap(), "both values, both authors");
    assert_eq!(found[0].by[0].author.node, s.hub.author.node);

    let stranger = node(9, PartyKind::Provider, None);
    sheet.set_actor(stranger.actor);
    write_sheet(&mut sheet, &card::view(s.hub.doc().document(), &s.people)).unwrap();
    commit(&mut sheet, 5);
    assert_eq!(sheets(sheet.document(), &s.people), found, "who does not count replaces nothing");
}

#[test]
fn a_sheet_has_a_largest_size() {
    let s = scene();
    let mut doc = s.hub.doc();
    let text = "药".repeat(5_000);
    for contact in 0..100 {
        let view = card::view(doc.document(), &s.people);
        let bytes = canonical(&view).unwrap().len();
        let mut sheet = s.hub.doc();
        match write_sheet(&mut sheet, &view) {
            Ok(()) => assert!(bytes <= SHEET_BYTES_MAX),
            Err(SheetError::TooLarge) => {
                assert!(bytes > SHEET_BYTES_MAX);
                assert_eq!(sheet.pending_ops(), 0);
                return;
            }
            Err(error) => panic!("{error}"),
        }
        let place = CardPlace::Contact(Uuid::from_u128(contact), ContactField::Name);
        field::set(&mut doc, place, &text).unwrap();
        commit(&mut doc, 1);
    }
    panic!("a card of 1.5 MB was written whole");
}
