//! Facts: added once, never edited, bound to their author, independent of other authors' changes.

use automerge::{ROOT, transaction::Transactable};
use linli_model::alert::{self, AlertFact, AlertKind, CauseId, Ladder};
use linli_model::author::{PartyKind, Role};
use linli_model::event::{Fact, FactId, Facts, Reason, commit_fact, own_heads};
use linli_model::time::Timestamp;

use crate::community::{Node, commit, directory, node};

fn raise(cause: &str) -> AlertFact {
    AlertFact::Raised {
        cause: CauseId(cause.to_owned()),
        what: AlertKind::Fall,
        ladder: Ladder::default(),
        place: None,
        drill: false,
        note: None,
        card: None,
        happened: None,
    }
}

fn pair() -> (Node, Node) {
    (node(1, PartyKind::Household, None), node(2, PartyKind::Centre, Some(Role::Operator)))
}

#[test]
fn a_fact_depends_on_its_own_authors_changes_only() {
    let (hub, desk) = pair();
    let people = directory(&[&hub, &desk]);
    let mut doc = hub.doc();
    let first = hub.say(&mut doc, &people, 1, raise("a"));
    let mut doc = doc.fork().with_actor(desk.actor.clone());
    desk.say(&mut doc, &people, 2, AlertFact::Acknowledged { raise: first });
    let mut doc = doc.fork().with_actor(hub.actor.clone());
    hub.say(&mut doc, &people, 3, raise("a"));
    desk_again(&desk, &mut doc, first);
    for change in doc.get_changes(&[]) {
        let own = doc.get_changes(&[]);
        let own: Vec<_> = own.iter().filter(|c| c.actor_id() == change.actor_id()).collect();
        assert!([&hub.actor, &desk.actor].contains(&change.actor_id()), "no derived actor");
        for dependency in change.deps() {
            assert!(own.iter().any(|c| c.hash() == *dependency));
        }
    }
}

fn desk_again(desk: &Node, doc: &mut automerge::AutoCommit, raise: FactId) {
    doc.set_actor(desk.actor.clone());
    let people = directory(&[desk]);
    desk.say(doc, &people, 4, AlertFact::Delivered { raise });
}

#[test]
fn adding_a_fact_twice_changes_nothing() {
    let (hub, _) = pair();
    let people = directory(&[&hub]);
    let mut doc = hub.doc();
    let fact = Fact::new(Timestamp(1), &hub.author, &Facts::empty(), raise("a"));
    let (id, hash) = commit_fact(&mut doc, &[], &fact).unwrap();
    assert!(hash.is_some());
    let own = own_heads(doc.document(), &hub.actor);
    let heads = doc.get_heads();
    let (again, hash) = commit_fact(&mut doc, &own, &fact).unwrap();
    assert_eq!((again, hash), (id, None));
    assert_eq!(doc.get_heads(), heads);
    assert_eq!(alert::facts(doc.document(), &people).known.len(), 1);
}

#[test]
fn a_second_value_an_edit_and_a_deletion_are_refused_and_visible() {
    let (hub, desk) = pair();
    let people = directory(&[&hub, &desk]);
    let mut doc = hub.doc();
    let id = hub.say(&mut doc, &people, 1, raise("a"));

    // A second value written without knowing of the first.
    let mut apart = desk.doc();
    apart.put(ROOT, id.key(), "{}").unwrap();
    commit(&mut apart, 2);
    doc.merge(&mut apart).unwrap();
    // An edit that replaces the first in Automerge's own view, and a deletion.
    let mut doc = doc.fork().with_actor(desk.actor.clone());
    doc.put(ROOT, id.key(), 7_i64).unwrap();
    commit(&mut doc, 3);
    doc.delete(ROOT, id.key()).unwrap();
    commit(&mut doc, 4);

    let facts = alert::facts(doc.document(), &people);
    assert_eq!(facts.known.len(), 1, "the fact stands as it was written");
    assert_eq!(facts.known[0].author.node, hub.author.node);
    let mut reasons: Vec<_> = facts.refused.iter().map(|r| r.reason.clone()).collect();
    reasons.sort();
    assert_eq!(reasons, [Reason::NotText, Reason::Deletion, Reason::NotItsId]);
    assert!(facts.refused.iter().all(|r| r.author.as_ref().unwrap().node == desk.author.node));
}

#[test]
fn a_fact_stands_under_its_own_author_only() {
    let (hub, desk) = pair();
    let people = directory(&[&hub, &desk]);
    let fact = Fact::new(Timestamp(1), &hub.author, &Facts::empty(), raise("a"));
    let mut doc = desk.doc();
    commit_fact(&mut doc, &[], &fact).unwrap();
    let facts = alert::facts(doc.document(), &people);
    assert!(facts.known.is_empty());
    assert_eq!(facts.refused[0].reason, Reason::NotItsAuthor);

    // The true author adds the same text: the copy does not shadow it.
    let mut own = hub.doc();
    commit_fact(&mut own, &[], &fact).unwrap();
    doc.merge(&mut own).unwrap();
    assert_eq!(alert::facts(doc.document(), &people).known[0].author.node, hub.author.node);
}

#[test]
fn an_unknown_author_is_never_shown_as_fact() {
    let (hub, desk) = pair();
    let mut doc = hub.doc();
    hub.say(&mut doc, &directory(&[&hub]), 1, raise("a"));
    let facts = alert::facts(doc.document(), &directory(&[&desk]));
    assert!(facts.known.is_empty());
    assert_eq!(facts.refused[0].reason, Reason::UnknownAuthor);
    assert_eq!(facts.refused[0].author, None);
}

#[test]
fn a_person_must_fit_the_party_and_the_proof() {
    let mut hub = node(1, PartyKind::Household, Some(Role::Operator));
    let mut people = directory(&[&hub]);
    let mut doc = hub.doc();
    hub.say(&mut doc, &people, 1, raise("a"));
    assert_eq!(alert::facts(doc.document(), &people).refused[0].reason, Reason::RoleNotOfParty);

    // Where the directory proves a person, the fact must name that one.
    let proved = node(1, PartyKind::Household, Some(Role::Family)).author;
    people.insert(hub.actor.clone(), proved.clone());
    hub.author.person = None;
    let mut doc = hub.doc();
    hub.say(&mut doc, &people, 1, raise("a"));
    assert_eq!(alert::facts(doc.document(), &people).refused[0].reason, Reason::NotItsPerson);
    hub.author = proved;
    let mut doc = hub.doc();
    hub.say(&mut doc, &people, 1, raise("a"));
    assert_eq!(alert::facts(doc.document(), &people).known.len(), 1);
}

#[test]
fn what_is_not_understood_or_too_large_is_kept_and_said() {
    let (hub, _) = pair();
    let people = directory(&[&hub]);
    let mut doc = hub.doc();
    let node = hub.author.node;
    let newer = format!(
        r#"{{"at":1,"node":"{node}","person":null,"after":[],"body":{{"kind":"teleported"}}}}"#
    );
    doc.put(ROOT, FactId::of(&newer).key(), newer.as_str()).unwrap();
    let large = "x".repeat(20_000);
    doc.put(ROOT, FactId::of(&large).key(), large.as_str()).unwrap();
    doc.put(ROOT, "fact/zz", "").unwrap();
    commit(&mut doc, 1);
    let facts = alert::facts(doc.document(), &people);
    let mut reasons: Vec<_> = facts.refused.iter().map(|r| r.reason.clone()).collect();
    reasons.sort();
    assert_eq!(reasons, [Reason::TooLarge, Reason::NotItsId, Reason::NotUnderstood]);
}

#[test]
fn a_fact_waits_for_what_it_acts_upon() {
    let (hub, desk) = pair();
    let people = directory(&[&hub, &desk]);
    let mut first = hub.doc();
    let raised = hub.say(&mut first, &people, 1, raise("a"));
    let mut second = desk.doc();
    let ack = desk.say(&mut second, &people, 2, AlertFact::Acknowledged { raise: raised });
    let took = desk.say(&mut second, &people, 3, AlertFact::TookOver { from: ack });
    let facts = alert::facts(second.document(), &people);
    assert!(facts.known.is_empty());
    assert_eq!(facts.waiting.len(), 2);
    second.merge(&mut first).unwrap();
    let facts = alert::facts(second.document(), &people);
    let order: Vec<_> = facts.known.iter().map(|k| k.id).collect();
    assert_eq!(order, [raised, ack, took]);
    assert!(facts.had_seen(took, raised) && !facts.had_seen(raised, took));
}
