//! Facts of several writers, whatever they say, in any order: one view.

use std::collections::BTreeMap;

use automerge::transaction::Transactable as _;
use automerge::{ActorId, AutoCommit, Automerge, Change, ROOT};
use linli_model::author::{Author, NodeId, PartyId, PartyKind, Person, Role};
use linli_model::document::{DocumentName, canonical, commit_options, state_schema};
use linli_model::event::{FactId, own_heads};
use linli_model::time::Timestamp;
use linli_model::{alert, card, consent, joins, order, profile, standing};

use crate::moves::Moves;

/// Facts in one input.
const FACTS_MAX: usize = 40;

/// Who writes: the last is not in the directory.
const WRITERS: [(PartyKind, Role); 5] = [
    (PartyKind::Household, Role::Family),
    (PartyKind::Centre, Role::Operator),
    (PartyKind::Provider, Role::Carer),
    (PartyKind::Family, Role::Family),
    (PartyKind::Centre, Role::Clerk),
];

type Directory = BTreeMap<ActorId, Author>;

fn actor(who: usize) -> ActorId {
    ActorId::from([who as u8; 16].as_slice())
}

fn author(who: usize) -> Author {
    let (kind, role) = WRITERS[who];
    let proved = who % 2 == 1;
    let person = Person { id: format!("p{who}"), name: "某人".into(), role };
    let (node, party) = (NodeId([who as u8; 32]), PartyId([who as u8; 32]));
    let (person, attested_by) = (proved.then_some(person), Vec::new());
    Author { node, party, kind, person, attested_by }
}

/// One byte says of what kind the document is. A move is who writes, whose document is taken over before, and the text
/// of a fact: `#3` stands for the id of the fact number 3, `@2` for the node of the writer 2.
pub(super) fn fold(bytes: &[u8]) {
    let mut moves = Moves(bytes);
    let Some(kind) = moves.byte() else { return };
    let mut docs: Vec<AutoCommit> =
        (0..WRITERS.len()).map(|who| AutoCommit::new().with_actor(actor(who))).collect();
    let mut ids = Vec::new();
    while let Some([who, from]) = moves.bytes().filter(|_| ids.len() < FACTS_MAX) {
        let who = usize::from(who) % WRITERS.len();
        let mut other = docs[usize::from(from) % WRITERS.len()].clone();
        assert!(docs[who].merge(&mut other).is_ok());
        let text = filled(moves.string(), &ids);
        write(&mut docs[who], who, &text, ids.len() as u64);
        ids.push(FactId::of(&text));
    }
    let mut changes: Vec<Change> = Vec::new();
    for doc in &mut docs {
        changes.extend(doc.get_changes(&[]));
    }
    changes.sort_by_key(Change::hash);
    changes.dedup_by_key(|change| change.hash());
    let people: Directory = (0..4).map(|who| (actor(who), author(who))).collect();
    let shown = view(kind, &arrived(changes.iter()), &people);
    let reversed = view(kind, &arrived(changes.iter().rev()), &people);
    assert_eq!(shown, reversed, "the order of arrival decides");
    // Whoever is not in the directory changes nothing that is shown but as refused.
    let others = changes.iter().filter(|change| *change.actor_id() != actor(4));
    let without = facts(kind, &arrived(others), &people);
    assert!(without <= facts(kind, &arrived(changes.iter()), &people), "a stranger hides facts");
}

/// Puts ids into a text.
fn filled(text: &[u8], ids: &[FactId]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut filled = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let number =
            |next: Option<char>| next.and_then(|next| next.to_digit(36)).unwrap_or(0) as usize;
        match letter {
            '#' => {
                let id = ids.get(number(letters.next())).copied();
                filled += &id.unwrap_or(FactId([9; 32])).to_string();
            }
            '@' => filled += &NodeId([number(letters.next()) as u8; 32]).to_string(),
            letter => filled.push(letter),
        }
    }
    filled
}

fn write(doc: &mut AutoCommit, who: usize, text: &str, at: u64) {
    let heads = own_heads(doc.document(), &actor(who));
    doc.isolate(&heads);
    // The same fact twice is no second change.
    let _ = state_schema(doc).and_then(|()| doc.put(ROOT, FactId::of(text).key(), text));
    let _ = doc.commit_with(commit_options(Timestamp(at)));
    doc.integrate();
}

fn arrived<'a>(changes: impl Iterator<Item = &'a Change>) -> Automerge {
    let mut doc = Automerge::new();
    for change in changes {
        assert!(doc.apply_changes([change.clone()]).is_ok());
    }
    doc
}

fn view(kind: u8, doc: &Automerge, people: &Directory) -> Vec<u8> {
    let name = "order/018cc251-f400-7000-8000-000000000001".parse();
    let Ok(DocumentName::Order(id)) = name else { return Vec::new() };
    let offers = standing::view(doc, people);
    let shown = match kind % 7 {
        0 => canonical(&order::view(id, doc, people, &offers)),
        1 => canonical(&alert::view(id, doc, people)),
        2 => canonical(&joins::view(doc, people)),
        3 => canonical(&consent::view(doc, people)),
        4 => canonical(&offers),
        5 => canonical(&profile::view(doc, people)),
        _ => canonical(&card::view(doc, people)),
    };
    assert!(shown.is_ok(), "a view is JSON");
    shown.unwrap_or_default()
}

fn facts(kind: u8, doc: &Automerge, people: &Directory) -> usize {
    match kind % 7 {
        0 => order::facts(doc, people).known.len(),
        1 => alert::facts(doc, people).known.len(),
        2 => joins::facts(doc, people).known.len(),
        3 => consent::facts(doc, people).known.len(),
        4 => standing::facts(doc, people).known.len(),
        _ => 0,
    }
}
