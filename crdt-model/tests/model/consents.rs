//! Consents: one party, one purpose, nothing sensitive bundled; withdrawn at once and for good.

use std::collections::BTreeSet;

use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, ROOT};
use linli_model::author::{PartyId, PartyKind, Role};
use linli_model::consent::{
    self, Category, Consent, ConsentFact as F, ConsentsView, Giver, Obtained, State,
};
use linli_model::document::commit_options;
use linli_model::event::{FactId, Reason};
use linli_model::time::Timestamp;
use uuid::Uuid;

use crate::community::{Directory, Node, directory, node, sync};

const PROVIDER: PartyId = PartyId([3; 32]);

struct Scene {
    desk: Node,
    people: Directory,
    doc: AutoCommit,
}

fn scene() -> Scene {
    let desk = node(1, PartyKind::Centre, Some(Role::SocialWorker));
    let people = directory(&[
        &desk,
        &node(2, PartyKind::Household, None),
        &node(3, PartyKind::Provider, None),
        &node(4, PartyKind::Station, None),
        &node(5, PartyKind::Provider, None),
    ]);
    let doc = desk.doc();
    Scene { desk, people, doc }
}

fn consent(to: PartyId, categories: &[Category]) -> Consent {
    Consent {
        by: Giver::Elder,
        to,
        purpose: "visits".to_owned(),
        categories: categories.iter().copied().collect(),
        obtained: Obtained::Paper { kept: "folder 7".into() },
        begins: Timestamp(10),
        ends: Some(Timestamp(20)),
        necessity: None,
        keep_days: Some(90),
    }
}

impl Scene {
    fn say(&mut self, who: &Node, fact: F) -> FactId {
        self.doc.set_actor(who.actor.clone());
        who.say(&mut self.doc, &self.people, 1, fact)
    }

    fn give(&mut self, consent: Consent) -> FactId {
        let desk = self.desk.clone();
        self.say(&desk, F::Given { consent })
    }

    fn withdraw(&mut self, who: &Node, given: FactId) -> FactId {
        self.say(who, F::Withdrawn { given, by: Giver::Elder, note: None })
    }

    fn view(&mut self) -> ConsentsView {
        consent::view(self.doc.document(), &self.people)
    }

    fn reason(&mut self, id: FactId) -> Option<Reason> {
        let view = self.view();
        view.timeline.iter().find(|entry| entry.id == id).unwrap().not_standing.clone()
    }
}

#[test]
fn a_consent_holds_for_its_party_purpose_kind_and_time() {
    let mut s = scene();
    let order = Category::Order(Uuid::from_u128(7));
    let id = s.give(consent(PROVIDER, &[Category::Care, order]));
    let view = s.view();
    let standing = &view.consents[&id];
    assert!(standing.is_about(PROVIDER, "visits", Category::Care));
    assert!(standing.is_about(PROVIDER, "visits", order));
    for (to, purpose, category) in [
        (PartyId([4; 32]), "visits", Category::Care),
        (PROVIDER, "study", Category::Care),
        (PROVIDER, "visits", Category::Health),
        (PROVIDER, "visits", Category::Order(Uuid::from_u128(8))),
    ] {
        assert!(!standing.is_about(to, purpose, category), "{purpose} {category}");
    }
    let at = |ms| standing.state(Timestamp(ms));
    assert_eq!(
        [at(9), at(10), at(20), at(21)],
        [State::NotYet, State::Standing, State::Standing, State::Ended]
    );
    assert_eq!(standing.recorded_by.person.as_ref().unwrap().id, "p1");
}

#[test]
fn what_is_sensitive_is_consented_to_by_itself() {
    let mut s = scene();
    for sensitive in [Category::Health, Category::Emergency] {
        let alone = s.give(consent(PROVIDER, &[sensitive]));
        assert_eq!(s.reason(alone), None);
        let bundled = s.give(consent(PROVIDER, &[Category::Care, sensitive]));
        assert_eq!(s.reason(bundled), Some(Reason::Bundled));
    }
    let both = s.give(consent(PROVIDER, &[Category::Health, Category::Emergency]));
    assert_eq!(s.reason(both), Some(Reason::Bundled));
    let nothing = s.give(consent(PROVIDER, &[]));
    assert_eq!(s.reason(nothing), Some(Reason::OutOfRange));
    assert_eq!(s.view().consents.len(), 2);
}

#[test]
fn a_withdrawal_holds_at_once_and_for_good() {
    let mut s = scene();
    let id = s.give(consent(PROVIDER, &[Category::Care]));
    let hub = node(2, PartyKind::Household, Some(Role::Family));
    let withdrawn = s.withdraw(&hub, id);
    let again = s.withdraw(&hub, id);
    assert_eq!((s.reason(withdrawn), s.reason(again)), (None, Some(Reason::AlreadyDone)));
    let view = s.view();
    let standing = &view.consents[&id];
    assert_eq!(standing.withdrawn.as_ref().unwrap().fact, withdrawn);
    for ms in [0, 15, 100] {
        assert_eq!(standing.state(Timestamp(ms)), State::Withdrawn);
    }
    let anew = s.give(consent(PROVIDER, &[Category::Care]));
    assert_eq!(s.view().consents[&anew].state(Timestamp(15)), State::Standing);
    assert_eq!(s.view().consents[&id].state(Timestamp(15)), State::Withdrawn);
}

#[test]
fn withdrawals_made_apart_are_one_withdrawal_on_every_node() {
    let mut s = scene();
    let id = s.give(consent(PROVIDER, &[Category::Care]));
    let hub = node(2, PartyKind::Household, Some(Role::Elder));
    let mut apart = s.doc.fork().with_actor(hub.actor.clone());
    let fact = F::Withdrawn { given: id, by: Giver::Elder, note: None };
    let there = hub.say(&mut apart, &s.people, 5, fact);
    let desk = s.desk.clone();
    let here = s.withdraw(&desk, id);
    sync(&mut s.doc, &mut apart);
    let both = consent::view(apart.document(), &s.people);
    assert_eq!(s.view(), both);
    let stands = both.consents[&id].withdrawn.as_ref().unwrap().fact;
    assert_eq!(stands, here.min(there), "the first in the order of facts");
}

#[test]
fn who_may_not_record_does_not() {
    let mut s = scene();
    let given = || F::Given { consent: consent(PROVIDER, &[Category::Care]) };
    let machine = node(1, PartyKind::Centre, None);
    let a = s.say(&machine, given());
    let provider = node(3, PartyKind::Provider, Some(Role::Carer));
    let b = s.say(&provider, given());
    let station = node(4, PartyKind::Station, Some(Role::Clerk));
    let itself = F::Given { consent: consent(PartyId([4; 32]), &[Category::Care]) };
    let c = s.say(&station, itself);
    assert_eq!(s.reason(a), Some(Reason::PersonNeeded));
    assert_eq!(s.reason(b), Some(Reason::PartyMayNot));
    assert_eq!(s.reason(c), Some(Reason::PartyMayNot));
    assert!(s.view().consents.is_empty());

    // Whoever was consented to may say that it no longer is; another provider may not.
    let id = s.give(consent(PROVIDER, &[Category::Care]));
    let other = node(5, PartyKind::Provider, Some(Role::Carer));
    let no = s.withdraw(&other, id);
    assert_eq!(s.reason(no), Some(Reason::PartyMayNot));
    let yes = s.withdraw(&provider, id);
    assert_eq!(s.reason(yes), None);
}

#[test]
fn a_consent_that_cannot_be_shown_later_does_not_stand() {
    let mut s = scene();
    let good = consent(PROVIDER, &[Category::Care]);
    let bad = [
        Consent { obtained: Obtained::Spoken { witness: " ".into() }, ..good.clone() },
        Consent { obtained: Obtained::Recorded { kept: "".into() }, ..good.clone() },
        Consent { by: Giver::Guardian { name: "".into() }, ..good.clone() },
        Consent { purpose: String::new(), ..good.clone() },
        Consent { purpose: "x".repeat(257), ..good.clone() },
        Consent { ends: Some(Timestamp(9)), ..good.clone() },
    ];
    for consent in bad {
        let id = s.give(consent.clone());
        assert_eq!(s.reason(id), Some(Reason::OutOfRange), "{consent:?}");
    }
    let guardian = Giver::Guardian { name: "王芳".into() };
    let id = s.give(Consent { by: guardian, ends: None, obtained: Obtained::OnDevice, ..good });
    assert_eq!(s.reason(id), None);
    assert_eq!(s.view().consents[&id].state(Timestamp(u64::MAX)), State::Standing);
    assert_eq!(s.view().consents.keys().copied().collect::<BTreeSet<_>>(), [id].into());
}

#[derive(serde::Deserialize)]
struct Vector {
    name: String,
    author: Writer,
    body: serde_json::Value,
    verdict: String,
}

#[derive(serde::Deserialize)]
struct Writer {
    kind: PartyKind,
    role: Option<Role>,
}

/// What becomes of a fact that somebody else's program wrote, by the words of the specification.
#[test]
fn vectors_are_accepted_and_refused() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../vectors/consents.json")).unwrap();
    for vector in &vectors {
        let writer = node(1, vector.author.kind, vector.author.role);
        let (people, mut doc) = (directory(&[&writer]), writer.doc());
        let text = serde_json::json!({
            "at": 1,
            "node": writer.author.node,
            "person": writer.author.person,
            "after": [],
            "body": vector.body,
        })
        .to_string();
        doc.put(ROOT, FactId::of(&text).key(), text).unwrap();
        doc.commit_with(commit_options(Timestamp(1)));
        let view = consent::view(doc.document(), &people);
        let reason = |reason: &Reason| serde_json::to_value(reason).unwrap()["reason"].clone();
        let verdict = match (&view.timeline[..], &view.refused[..], &view.waiting[..]) {
            ([entry], [], []) => entry.not_standing.as_ref().map_or("stands".into(), reason),
            ([], [refused], []) => reason(&refused.reason),
            ([], [], [_]) => "waits".into(),
            other => unreachable!("one fact has one verdict: {other:?}"),
        };
        assert_eq!(verdict, vector.verdict, "{}", vector.name);
        assert_eq!(view.consents.len(), usize::from(vector.verdict == "stands"), "{}", vector.name);
    }
    assert!(vectors.iter().filter(|vector| vector.verdict == "stands").count() >= 7);
}
