//! Same changes, same view: whatever the order, the split and the repetition in which they arrive.

use automerge::{AutoCommit, Change};
use linli_model::alert::{
    self, AlertFact, AlertKind, CardKey, CauseId, Ladder, LadderAct, Outcome, Step, alert_id,
};
use linli_model::author::{PartyKind, Role};
use linli_model::card::{self, CardField, SheetId};
use linli_model::consent::{self, Category, Consent, ConsentFact, Giver, Obtained, State};
use linli_model::document::canonical;
use linli_model::event::{Body, FactId};
use linli_model::joins::{self, JoinFact, RecordRef};
use linli_model::matching::Doubt;
use linli_model::order::{self, Arbiter, Channel, OrderFact, Priority, Request, order_id};
use linli_model::profile::{self, ProfileField};
use linli_model::readings::{self, Measure, Reading};
use linli_model::standing::{self, OfferFact, Offers, StandingOffer};
use linli_model::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use crate::community::{Directory, Node, commit, directory, node};

/// The writers: number 4 is not in the directory, so nothing it writes counts.
fn writers() -> (Vec<Node>, Directory) {
    let writers = vec![
        node(0, PartyKind::Household, Some(Role::Family)),
        node(1, PartyKind::Centre, Some(Role::Operator)),
        node(2, PartyKind::Provider, Some(Role::Carer)),
        node(3, PartyKind::Family, Some(Role::Family)),
        node(4, PartyKind::Centre, Some(Role::Clerk)),
    ];
    let people = directory(&writers.iter().take(4).collect::<Vec<_>>());
    (writers, people)
}

/// One step of a random history: who acts, what, and upon which earlier thing; or two writers exchange what they have.
type Move = (u8, u8, u8, bool);

fn moves() -> impl Strategy<Value = (Vec<Move>, u64)> {
    (prop::collection::vec((0_u8..5, any::<u8>(), any::<u8>(), any::<bool>()), 1..24), any::<u64>())
}

/// Runs a history at one document per writer, then merges them into the first.
fn play(history: &[Move], act: impl Fn(&Node, &mut AutoCommit, u64, u8, u8)) -> AutoCommit {
    let (writers, _) = writers();
    let mut docs: Vec<AutoCommit> = writers.iter().map(Node::doc).collect();
    for (at, (who, what, other, exchange)) in (1_u64..).zip(history) {
        let who = usize::from(*who);
        if *exchange {
            let mut from = docs[usize::from(*other) % docs.len()].clone();
            docs[who].merge(&mut from).unwrap();
        } else {
            act(&writers[who], &mut docs[who], at, *what, *other);
        }
    }
    let mut all = docs.remove(0);
    for mut doc in docs {
        all.merge(&mut doc).unwrap();
    }
    all
}

/// Brings changes to a document in a random order, split into random batches, some twice. Changes are given only when
/// their dependencies are there, as the replica does.
fn deliver(changes: &[Change], rng: &mut ChaCha8Rng) -> AutoCommit {
    let mut doc = AutoCommit::new();
    let mut left: Vec<Change> = changes.to_vec();
    left.shuffle(rng);
    while !left.is_empty() {
        let here: Vec<_> = doc.get_changes(&[]).iter().map(Change::hash).collect();
        let ready = |c: &Change| c.deps().iter().all(|dependency| here.contains(dependency));
        let (mut now, later): (Vec<_>, Vec<_>) = left.into_iter().partition(ready);
        left = later;
        let held_over = now.split_off(rng.random_range(1..=now.len()));
        let again = changes.iter().filter(|c| here.contains(&c.hash())).take(2).cloned();
        doc.apply_changes(again.collect::<Vec<_>>()).unwrap();
        doc.apply_changes(now).unwrap();
        left.extend(held_over);
        left.shuffle(rng);
    }
    doc
}

/// Checks that a history gives one view and one set of heads, in whatever way it arrives.
fn converges(
    mut all: AutoCommit,
    seed: u64,
    view: impl Fn(&mut AutoCommit) -> Vec<u8>,
) -> Result<(), TestCaseError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let changes = all.get_changes(&[]);
    let expected = view(&mut all);
    for _ in 0..2 {
        let mut other = deliver(&changes, &mut rng);
        prop_assert_eq!(other.get_heads(), all.get_heads());
        prop_assert_eq!(view(&mut other), expected.clone());
    }
    let mut loaded = AutoCommit::load(&all.save()).unwrap();
    prop_assert_eq!(view(&mut loaded), expected);
    Ok(())
}

/// Runs a property over histories from a fixed seed.
fn check(property: impl Fn(Vec<Move>, u64) -> Result<(), TestCaseError>) {
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    runner.run(&moves(), |(history, seed)| property(history, seed)).unwrap();
}

#[test]
fn profiles_and_cards() {
    let (_, people) = writers();
    check(|history, seed| {
        let all = play(&history, |_, doc, at, what, value| {
            let field = [ProfileField::Name, ProfileField::Note][usize::from(what) % 2];
            let text = format!("v{}", value % 3);
            match what % 5 {
                0 => profile::clear(doc, field).unwrap(),
                1 => card::set(doc, CardField::Entry, &text).unwrap(),
                _ => profile::set(doc, field, &text).unwrap(),
            }
            commit(doc, at);
        });
        converges(all, seed, |doc| {
            let mut bytes = canonical(&profile::view(doc.document(), &people)).unwrap();
            bytes.extend(canonical(&card::view(doc.document(), &people)).unwrap());
            bytes
        })
    });
}

#[test]
fn months_of_readings() {
    let (_, people) = writers();
    let month = "2024-01".parse().unwrap();
    check(|history, seed| {
        let all = play(&history, |_, doc, at, what, value| {
            let reading = Reading {
                at: Timestamp(1_704_100_680_000 + u64::from(what % 4)),
                measure: Measure::Glucose,
                device: "cgm-1".to_owned(),
                value: (value % 4).to_string().parse().unwrap(),
            };
            readings::add(doc, month, &reading).unwrap();
            commit(doc, at);
        });
        converges(all, seed, |doc| {
            canonical(&readings::view(month, doc.document(), &people)).unwrap()
        })
    });
}

/// A fact seen so far, chosen by a number; an id of nothing where there is none.
fn earlier<B: Body>(doc: &mut AutoCommit, people: &Directory, number: u8) -> FactId {
    let facts = linli_model::event::Facts::<B>::read(doc.document(), people);
    let known = facts.known;
    let index = usize::from(number) % known.len().max(1);
    known.get(index).map_or(FactId([number; 32]), |k| k.id)
}

fn cause() -> CauseId {
    CauseId("c".to_owned())
}

fn alert_fact(what: u8, on: FactId) -> AlertFact {
    let card = Some(CardKey { epoch: SheetId([what; 32]), opening: "ab".into() });
    match what % 14 {
        0 | 1 => AlertFact::Raised {
            cause: cause(),
            what: AlertKind::Button,
            ladder: Ladder::default(),
            place: None,
            note: None,
            card: card.filter(|_| what.is_multiple_of(2)),
            drill: what == 1,
            happened: None,
        },
        2 => AlertFact::Delivered { raise: on },
        3 | 4 => AlertFact::Acknowledged { raise: on },
        5 => AlertFact::TookOver { from: on },
        6 => AlertFact::Responding { ack: on, within_ms: None },
        7 => AlertFact::Resolved { ack: on, outcome: Outcome::Helped, note: None },
        8 => AlertFact::CardGiven { raise: on, card },
        9 => AlertFact::CardRefused { raise: on },
        10 => AlertFact::CardRead { raise: on, reason: None },
        11 => AlertFact::Climbed { raise: on, step: Step { after_ms: 0, does: LadderAct::Siren } },
        12 => AlertFact::StepEnded { climbed: on, done: what.is_multiple_of(2), call: None },
        _ => AlertFact::Reopened { resolved: on, note: None },
    }
}

#[test]
fn alerts() {
    let (_, people) = writers();
    check(|history, seed| {
        let all = play(&history, |who, doc, at, what, number| {
            let on = earlier::<AlertFact>(doc, &people, number);
            who.say(doc, &people, at, alert_fact(what, on));
        });
        converges(all, seed, |doc| {
            let view = alert::view(alert_id(&cause()), doc.document(), &people);
            assert_illegal_facts_change_nothing(doc, &people);
            canonical(&view).unwrap()
        })
    });
}

/// The state is that of the standing facts alone: folding without those that do not stand gives the same state.
fn assert_illegal_facts_change_nothing(doc: &mut AutoCommit, people: &Directory) {
    let mut facts = alert::facts(doc.document(), people);
    let full = alert::fold(alert_id(&cause()), &facts);
    // What was superseded without its author's knowing keeps a meaning of its own: it may be built upon.
    let illegal = |id: FactId| {
        let entry = full.timeline.iter().find(|e| e.id == id).unwrap();
        let superseded =
            matches!(entry.body, AlertFact::Acknowledged { .. } | AlertFact::TookOver { .. });
        entry.not_standing.is_some() && !superseded
    };
    facts.known.retain(|known| !illegal(known.id));
    let legal = alert::fold(alert_id(&cause()), &facts);
    assert_eq!(
        (full.stage, &full.owner, full.resolved, full.since, &full.raises, &full.delivered),
        (legal.stage, &legal.owner, legal.resolved, legal.since, &legal.raises, &legal.delivered)
    );
    assert_eq!(full.card, legal.card);
    if full.owner.is_some() {
        let owners =
            full.timeline.iter().filter(|e| Some(e.id) == full.owner.as_ref().map(|o| o.fact));
        assert_eq!(owners.count(), 1);
    }
}

fn order_fact(writers: &[Node], what: u8, on: FactId) -> OrderFact {
    let request = Request {
        service: "daily.haircut".to_owned(),
        household: writers[0].author.party,
        channel: Channel::App,
        priority: Priority::Urgent,
        elder: Uuid::nil(),
        wanted_at: None,
        addresses: Vec::new(),
        note: None,
    };
    let arbiter = Arbiter::of(&writers[1].author);
    let to = writers[2].author.party;
    match what % 14 {
        0 | 1 => OrderFact::Opened { nonce: Uuid::nil(), request, arbiter },
        2 | 3 => OrderFact::Offered { opened: on, to, under: None },
        4 => OrderFact::Accepted { offer: on, price_fen: u64::from(what) },
        5 => OrderFact::Declined { offer: on, note: None },
        6 => OrderFact::Confirmed { claim: on },
        7 => OrderFact::Withdrawn { confirmed: on, note: None },
        8 => OrderFact::Started { confirmed: on },
        9 => OrderFact::Done { started: on, note: None },
        10 => OrderFact::CalledBack { done: on, rating: what % 7, improvements: None },
        _ => OrderFact::HandedOver { opened: on, to: arbiter },
    }
}

#[test]
fn orders() {
    let (all_writers, people) = writers();
    let id = order_id(all_writers[1].author.node, Uuid::nil());
    check(|history, seed| {
        let opened = (1, 0, 0, false);
        let history: Vec<Move> = std::iter::once(opened).chain(history).collect();
        let all = play(&history, |who, doc, at, what, number| {
            let on = earlier::<OrderFact>(doc, &people, number);
            who.say(doc, &people, at, order_fact(&all_writers, what, on));
        });
        converges(all, seed, |doc| {
            let view = order::view(id, doc.document(), &people, &Offers::default());
            let standing = view.timeline.iter().filter(|e| e.not_standing.is_none());
            let mut holder = None;
            for entry in standing {
                match &entry.body {
                    OrderFact::Confirmed { .. } => {
                        assert_eq!(holder, None, "two confirmations stand at once");
                        holder = Some(entry.id);
                    }
                    OrderFact::Withdrawn { .. } => holder = None,
                    OrderFact::CalledBack { .. } => {
                        assert_ne!(entry.author.kind, PartyKind::Provider);
                    }
                    OrderFact::Opened { .. }
                    | OrderFact::Offered { .. }
                    | OrderFact::Accepted { .. }
                    | OrderFact::Declined { .. }
                    | OrderFact::HandedOver { .. }
                    | OrderFact::Started { .. }
                    | OrderFact::Done { .. }
                    | OrderFact::Attached { .. }
                    | OrderFact::Detached { .. }
                    | OrderFact::Cancelled { .. } => {}
                }
            }
            assert_eq!(view.holder.as_ref().map(|h| h.confirmed), holder);
            canonical(&view).unwrap()
        })
    });
}

#[test]
fn joins_and_offers() {
    let (all_writers, people) = writers();
    check(|history, seed| {
        let all = play(&history, |who, doc, at, what, number| {
            let record = |n: u8| RecordRef { source: "r".to_owned(), record: (n % 4).to_string() };
            let (a, b) = (record(what / 8), record(number));
            let on = earlier::<JoinFact>(doc, &people, number);
            let fact = match what % 6 {
                0 | 1 => JoinFact::Proposed { a, b, score: 90, doubts: Vec::new() },
                2 => JoinFact::Proposed { a, b, score: 50, doubts: vec![Doubt::Name] },
                3 => JoinFact::Decided { a, b, same: number % 2 == 0, note: None },
                4 => JoinFact::Undone { fact: on },
                _ => {
                    let offer = StandingOffer {
                        provider: all_writers[2].author.party,
                        service: "daily.haircut".to_owned(),
                        area: "莲湖区".to_owned(),
                        ceiling_fen: u64::from(number),
                        begins: Timestamp(0),
                        ends: Timestamp(9),
                    };
                    who.say(doc, &people, at, OfferFact::Given { offer });
                    return;
                }
            };
            who.say(doc, &people, at, fact);
        });
        converges(all, seed, |doc| {
            let view = joins::view(doc.document(), &people);
            for pair in &view.refused_pairs {
                let by_clerk = view.timeline.iter().any(|e| {
                    e.not_standing.is_none()
                        && matches!(e.body, JoinFact::Decided { same: true, .. })
                });
                let together = view
                    .clusters
                    .iter()
                    .any(|c| pair.records().iter().all(|record| c.contains(*record)));
                assert!(!together || by_clerk, "a machine overruled a clerk");
            }
            let mut bytes = canonical(&view).unwrap();
            bytes.extend(canonical(&standing::view(doc.document(), &people)).unwrap());
            bytes
        })
    });
}

#[test]
fn consents() {
    let (all_writers, people) = writers();
    check(|history, seed| {
        let all = play(&history, |who, doc, at, what, number| {
            let categories: &[Category] = match number % 4 {
                0 => &[Category::Care],
                1 => &[Category::Health],
                2 => &[Category::Emergency],
                _ => &[Category::Care, Category::Health],
            };
            let by = match number % 3 {
                0 => Giver::Guardian { name: "王芳".into() },
                _ => Giver::Elder,
            };
            let fact = match what % 3 {
                0 | 1 => ConsentFact::Given {
                    consent: Consent {
                        by,
                        to: all_writers[usize::from(what) % all_writers.len()].author.party,
                        purpose: "visits".to_owned(),
                        categories: categories.iter().copied().collect(),
                        obtained: Obtained::OnDevice,
                        begins: Timestamp(0),
                        ends: (number % 2 == 0).then_some(Timestamp(u64::from(number))),
                        necessity: None,
                        keep_days: None,
                    },
                },
                _ => {
                    let given = earlier::<ConsentFact>(doc, &people, number);
                    ConsentFact::Withdrawn { given, by, note: None }
                }
            };
            who.say(doc, &people, at, fact);
        });
        converges(all, seed, |doc| {
            let view = consent::view(doc.document(), &people);
            for standing in view.consents.values() {
                let categories = &standing.consent.categories;
                assert!(categories.len() == 1 || !categories.iter().any(|c| c.is_sensitive()));
                let withdrawn = standing.state(Timestamp(0)) == State::Withdrawn;
                assert_eq!(withdrawn, standing.withdrawn.is_some());
            }
            canonical(&view).unwrap()
        })
    });
}
