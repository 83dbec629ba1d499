//! Orders: one holder even when split, a hub that orders alone, satisfaction nobody can forge.

use automerge::AutoCommit;
use linli_model::attachment::{self, Attachment, BlobId, sealed_bytes};
use linli_model::author::{PartyKind, Role};
use linli_model::document::canonical;
use linli_model::event::{FactId, Reason};
use linli_model::order::{
    self, Arbiter, CALLBACK_MS, Channel, OrderFact as F, OrderView, Priority, Request, Stage,
    WaitsFor, order_id,
};
use linli_model::standing::{self, OfferFact, Offers, StandingOffer};
use linli_model::time::Timestamp;
use uuid::Uuid;

use crate::community::{Directory, Node, directory, node, sync};

const NONCE: Uuid = Uuid::from_u128(77);

struct Scene {
    hub: Node,
    centre: Node,
    kitchen: Node,
    cook: Node,
    people: Directory,
    doc: AutoCommit,
    offers: Offers,
    opener: Node,
}

fn scene() -> Scene {
    let hub = node(1, PartyKind::Household, Some(Role::Family));
    let centre = node(2, PartyKind::Centre, Some(Role::Operator));
    let kitchen = node(3, PartyKind::Provider, Some(Role::Carer));
    let cook = node(4, PartyKind::Provider, Some(Role::Carer));
    let people = directory(&[&hub, &centre, &kitchen, &cook]);
    let (doc, opener) = (centre.doc(), centre.clone());
    Scene { hub, centre, kitchen, cook, people, doc, offers: Offers::default(), opener }
}

impl Scene {
    fn say(&mut self, who: &Node, at: u64, fact: F) -> FactId {
        self.doc.set_actor(who.actor.clone());
        who.say(&mut self.doc, &self.people, at, fact)
    }

    fn open(&self, arbiter: &Node) -> F {
        F::Opened {
            nonce: NONCE,
            request: Request {
                service: "daily.meal_delivery".to_owned(),
                household: self.hub.author.party,
                channel: Channel::Phone,
                priority: Priority::Routine,
                elder: Uuid::from_u128(7),
                wanted_at: None,
                addresses: vec!["西安市莲湖区桃园路街道丰镐东路社区21号楼".into()],
                note: None,
            },
            arbiter: Arbiter::of(&arbiter.author),
        }
    }

    fn view(&mut self) -> OrderView {
        let id = order_id(self.opener.author.node, NONCE);
        order::view(id, self.doc.document(), &self.people, &self.offers)
    }

    fn stage(&mut self) -> Stage {
        self.view().stage
    }
}

fn reason(view: &OrderView, id: FactId) -> Option<Reason> {
    view.timeline.iter().find(|e| e.id == id).unwrap().not_standing.clone()
}

fn offer(opened: FactId, to: &Node) -> F {
    F::Offered { opened, to: to.author.party, under: None }
}

/// Opens, offers to both providers and lets both accept.
fn two_claims(s: &mut Scene) -> (FactId, [FactId; 2]) {
    let (centre, kitchen, cook) = (s.centre.clone(), s.kitchen.clone(), s.cook.clone());
    let opened = s.say(&centre, 1, s.open(&centre));
    let to_kitchen = s.say(&centre, 2, offer(opened, &kitchen));
    let to_cook = s.say(&centre, 2, offer(opened, &cook));
    let mut apart = s.doc.fork().with_actor(cook.actor.clone());
    let a = s.say(&kitchen, 3, F::Accepted { offer: to_kitchen, price_fen: 1_500 });
    let fact = F::Accepted { offer: to_cook, price_fen: 1_200 };
    let b = cook.say(&mut apart, &s.people, 3, fact);
    sync(&mut s.doc, &mut apart);
    (opened, [a, b])
}

#[test]
fn the_way_of_an_order() {
    let mut s = scene();
    let (centre, kitchen) = (s.centre.clone(), s.kitchen.clone());
    let opened = s.say(&centre, 1, s.open(&centre));
    assert_eq!(s.view().waits_for, WaitsFor::ArbiterToOffer);
    let offered = s.say(&centre, 2, offer(opened, &kitchen));
    assert_eq!(s.view().waits_for, WaitsFor::ProviderToAnswer);
    let claim = s.say(&kitchen, 3, F::Accepted { offer: offered, price_fen: 1_500 });
    let view = s.view();
    assert_eq!((view.stage, view.waits_for), (Stage::Claimed, WaitsFor::ArbiterToConfirm));
    assert!(view.holder.is_none(), "a claim is not a confirmation");
    let too_soon = s.say(&kitchen, 4, F::Started { confirmed: claim });
    assert_eq!(reason(&s.view(), too_soon), Some(Reason::NotHolder));
    let confirmed = s.say(&centre, 5, F::Confirmed { claim });
    let started = s.say(&kitchen, 6, F::Started { confirmed });
    let done_at = 7_000;
    let done = s.say(&kitchen, done_at, F::Done { started, note: None });
    let view = s.view();
    let due = Timestamp(done_at + CALLBACK_MS);
    assert_eq!(view.callback_due(), Some(due));
    assert!(!view.callback_overdue(due));
    assert!(view.callback_overdue(due.plus_ms(1)));

    let own = s.say(&kitchen, 8, F::CalledBack { done, rating: 5, improvements: None });
    let out = s.say(&centre, 9, F::CalledBack { done, rating: 6, improvements: None });
    let view = s.view();
    assert_eq!(reason(&view, own), Some(Reason::SatisfactionByProvider));
    assert_eq!(reason(&view, out), Some(Reason::OutOfRange));
    assert_eq!(view.stage, Stage::Done);
    s.say(&centre, 10, F::CalledBack { done, rating: 4, improvements: Some("hotter".into()) });
    let view = s.view();
    assert_eq!((view.stage, view.waits_for), (Stage::CalledBack, WaitsFor::Nothing));
    assert_eq!(view.callbacks[0].rating, 4);
    assert!(!view.callback_overdue(due.plus_ms(1)));
}

#[test]
fn two_claims_end_with_one_holder_and_the_loser_is_told() {
    let mut s = scene();
    let (_, claims) = two_claims(&mut s);
    let centre = s.centre.clone();
    let view = s.view();
    assert_eq!(view.claims.len(), 2);
    let mut ordered = claims;
    ordered.sort();
    assert_eq!(view.next_claim(), Some(ordered[0]), "the same on every node");
    let confirmed = s.say(&centre, 5, F::Confirmed { claim: claims[1] });
    let again = s.say(&centre, 6, F::Confirmed { claim: claims[0] });
    let view = s.view();
    let cook = s.cook.author.party;
    assert_eq!(view.holder.as_ref().unwrap().provider, cook);
    assert_eq!(view.lost, [s.kitchen.author.party]);
    assert_eq!(reason(&view, again), Some(Reason::HeldByOther { holder: cook, by: confirmed }));
    let kitchen = s.kitchen.clone();
    let anyway = s.say(&kitchen, 7, F::Started { confirmed });
    assert_eq!(
        reason(&s.view(), anyway),
        Some(Reason::HeldByOther { holder: cook, by: confirmed })
    );
}

#[test]
fn nobody_but_the_arbiter_confirms_withdraws_or_hands_over() {
    let mut s = scene();
    let (opened, [claim, _]) = two_claims(&mut s);
    let (hub, kitchen, centre) = (s.hub.clone(), s.kitchen.clone(), s.centre.clone());
    for who in [&hub, &kitchen] {
        let id = s.say(who, 5, F::Confirmed { claim });
        assert_eq!(reason(&s.view(), id), Some(Reason::NotArbiter));
        let to = Arbiter::of(&who.author);
        let id = s.say(who, 6, F::HandedOver { opened, to });
        assert_eq!(reason(&s.view(), id), Some(Reason::NotArbiter));
    }
    let confirmed = s.say(&centre, 7, F::Confirmed { claim });
    let id = s.say(&hub, 8, F::Withdrawn { confirmed, note: None });
    assert_eq!(reason(&s.view(), id), Some(Reason::NotArbiter));
    let to_provider = F::HandedOver { opened, to: Arbiter::of(&kitchen.author) };
    let id = s.say(&centre, 9, to_provider);
    assert_eq!(reason(&s.view(), id), Some(Reason::PartyMayNot));
    s.say(&centre, 10, F::HandedOver { opened, to: Arbiter::of(&hub.author) });
    let id = s.say(&centre, 11, F::Withdrawn { confirmed, note: None });
    assert_eq!(reason(&s.view(), id), Some(Reason::NotArbiter), "the office is handed over");
    s.say(&hub, 12, F::Withdrawn { confirmed, note: None });
    assert!(s.view().holder.is_none());
}

#[test]
fn a_withdrawn_order_goes_to_somebody_else() {
    let mut s = scene();
    let (_, [kitchen_claim, cook_claim]) = two_claims(&mut s);
    let (centre, kitchen) = (s.centre.clone(), s.kitchen.clone());
    let confirmed = s.say(&centre, 5, F::Confirmed { claim: kitchen_claim });
    let started = s.say(&kitchen, 6, F::Started { confirmed });
    s.say(&centre, 7, F::Withdrawn { confirmed, note: None });
    let late = s.say(&kitchen, 8, F::Done { started, note: None });
    assert_eq!(reason(&s.view(), late), Some(Reason::NotHolder));
    s.say(&centre, 9, F::Confirmed { claim: cook_claim });
    let view = s.view();
    assert_eq!(view.stage, Stage::Confirmed);
    assert_eq!(view.holder.unwrap().provider, s.cook.author.party);
}

#[test]
fn an_order_is_opened_by_its_opener_only_and_once() {
    let mut s = scene();
    let (hub, centre, kitchen) = (s.hub.clone(), s.centre.clone(), s.kitchen.clone());
    let copied = s.say(&hub, 1, s.open(&hub));
    let provider = s.say(&kitchen, 1, s.open(&centre));
    assert_eq!(s.stage(), Stage::NotOpen);
    s.say(&centre, 2, s.open(&centre));
    let twice = s.say(&centre, 3, s.open(&hub));
    let view = s.view();
    assert_eq!(reason(&view, copied), Some(Reason::OtherDocument));
    assert_eq!(reason(&view, provider), Some(Reason::PartyMayNot));
    assert_eq!(reason(&view, twice), Some(Reason::AlreadyOpened));
    assert_eq!(view.stage, Stage::Open);
}

#[test]
fn cancelling_ends_an_order_for_everybody() {
    let mut s = scene();
    let (opened, [claim, _]) = two_claims(&mut s);
    let (hub, kitchen, centre) = (s.hub.clone(), s.kitchen.clone(), s.centre.clone());
    let by_provider = s.say(&kitchen, 5, F::Cancelled { opened, note: None });
    assert_eq!(reason(&s.view(), by_provider), Some(Reason::PartyMayNot));
    s.say(&hub, 6, F::Cancelled { opened, note: None });
    let id = s.say(&centre, 7, F::Confirmed { claim });
    assert_eq!(reason(&s.view(), id), Some(Reason::Cancelled));
    assert_eq!(s.stage(), Stage::Cancelled);
}

fn standing_offer(s: &Scene) -> StandingOffer {
    StandingOffer {
        provider: s.kitchen.author.party,
        service: "daily.meal_delivery".to_owned(),
        area: "莲湖区 桃园路街道".to_owned(),
        ceiling_fen: 2_000,
        begins: Timestamp(0),
        ends: Timestamp(1_000),
    }
}

/// A scene in which the hub decides, and the centre gave one standing offer.
fn alone() -> (Scene, FactId) {
    let mut s = scene();
    s.opener = s.hub.clone();
    let mut doc = s.centre.doc();
    let given = OfferFact::Given { offer: standing_offer(&s) };
    let id = s.centre.say(&mut doc, &s.people, 0, given);
    s.offers = standing::view(doc.document(), &s.people);
    assert!(s.offers.get(id).is_some());
    (s, id)
}

#[test]
fn a_hub_cut_off_orders_under_a_standing_offer() {
    let (mut s, under) = alone();
    let (hub, kitchen, cook) = (s.hub.clone(), s.kitchen.clone(), s.cook.clone());
    let opened = s.say(&hub, 10, s.open(&hub));
    let bare = s.say(&hub, 11, offer(opened, &kitchen));
    let other = F::Offered { opened, to: cook.author.party, under: Some(under) };
    let other = s.say(&hub, 12, other);
    let right = F::Offered { opened, to: kitchen.author.party, under: Some(under) };
    let right = s.say(&hub, 13, right);
    let view = s.view();
    assert_eq!(reason(&view, bare), Some(Reason::NoStandingOffer));
    assert_eq!(reason(&view, other), Some(Reason::NoStandingOffer));
    let claim = s.say(&kitchen, 14, F::Accepted { offer: right, price_fen: 2_000 });
    s.say(&hub, 15, F::Confirmed { claim });
    assert_eq!(s.view().holder.unwrap().provider, kitchen.author.party);
}

#[test]
fn a_standing_offer_holds_where_every_address_lies_in_its_area() {
    let here = "西安市莲湖区桃园路街道丰镐东路社区21号楼";
    let (elsewhere, east) = ("莲湖区红庙坡街道 3号", "莲湖区东桃园路街道 3号");
    let cases: [(&[&str], &str, bool); 8] = [
        (&[here], "丰镐东路社区", true),
        (&[here], "莲湖区", true),
        (&[elsewhere], "桃园路街道", false),
        (&[east], "桃园路街道", false),
        (&[here, elsewhere], "桃园路街道", false),
        (&[here, elsewhere], "莲湖区", true),
        (&[], "莲湖区", false),
        (&[], "", true),
    ];
    for (addresses, area, covered) in cases {
        let (mut s, under) = alone();
        s.offers.standing.get_mut(&under).unwrap().area = area.to_owned();
        let (hub, to) = (s.hub.clone(), s.kitchen.author.party);
        let mut fact = s.open(&hub);
        if let F::Opened { request, .. } = &mut fact {
            request.addresses = addresses.iter().map(|address| (*address).into()).collect();
        }
        let opened = s.say(&hub, 10, fact);
        let waits_for = s.view().waits_for;
        let offered = s.say(&hub, 11, F::Offered { opened, to, under: Some(under) });
        let (reason, expected) = match covered {
            true => (None, WaitsFor::ArbiterToOffer),
            false => (Some(Reason::NoStandingOffer), WaitsFor::StandingOffer),
        };
        assert_eq!(self::reason(&s.view(), offered), reason, "{addresses:?} in {area}");
        assert_eq!(waits_for, expected, "{addresses:?} in {area}");
    }
}

#[test]
fn a_standing_offer_has_a_ceiling_and_an_end() {
    let (mut s, under) = alone();
    let (hub, kitchen) = (s.hub.clone(), s.kitchen.clone());
    let opened = s.say(&hub, 10, s.open(&hub));
    let to = kitchen.author.party;
    let right = s.say(&hub, 11, F::Offered { opened, to, under: Some(under) });
    let claim = s.say(&kitchen, 12, F::Accepted { offer: right, price_fen: 2_001 });
    let dear = s.say(&hub, 13, F::Confirmed { claim });
    let late = s.say(&hub, 1_001, F::Offered { opened, to, under: Some(under) });
    let view = s.view();
    assert_eq!(reason(&view, dear), Some(Reason::OverCeiling));
    assert_eq!(reason(&view, late), Some(Reason::OfferEnded));
    assert!(view.holder.is_none());
}

#[test]
fn without_a_standing_offer_the_order_waits_and_says_so() {
    let (mut s, _) = alone();
    let hub = s.hub.clone();
    s.say(&hub, 10, s.open(&hub));
    assert_eq!(s.view().waits_for, WaitsFor::ArbiterToOffer);
    s.offers = Offers::default();
    assert_eq!(s.view().waits_for, WaitsFor::StandingOffer);
}

#[test]
fn only_a_centre_gives_standing_offers_and_only_the_giver_ends_them() {
    let s = scene();
    let other = node(8, PartyKind::Centre, None);
    let mut people = s.people.clone();
    people.extend(directory(&[&other]));
    let mut doc = s.centre.doc();
    let given = OfferFact::Given { offer: standing_offer(&s) };
    let id = s.centre.say(&mut doc, &people, 0, given.clone());
    doc.set_actor(s.kitchen.actor.clone());
    s.kitchen.say(&mut doc, &people, 1, given);
    doc.set_actor(other.actor.clone());
    other.say(&mut doc, &people, 2, OfferFact::Ended { given: id, from: Timestamp(3) });
    let view = standing::view(doc.document(), &people);
    assert_eq!(view.standing.len(), 1);
    assert_eq!(view.standing[&id].ends, Timestamp(1_000));
    doc.set_actor(s.centre.actor.clone());
    s.centre.say(&mut doc, &people, 4, OfferFact::Ended { given: id, from: Timestamp(500) });
    let view = standing::view(doc.document(), &people);
    assert_eq!(view.standing[&id].ends, Timestamp(500));
    let here = ["莲湖区桃园路街道 7号".into()];
    let at = |time| view.for_service("daily.meal_delivery", &here, Timestamp(time)).len();
    assert_eq!((at(500), at(501)), (1, 0));
    assert_eq!(view.timeline.iter().filter(|e| e.not_standing.is_some()).count(), 2);
}

#[test]
fn facts_that_arrive_in_another_order_give_the_same_order() {
    let mut s = scene();
    let (_, [claim, _]) = two_claims(&mut s);
    let centre = s.centre.clone();
    s.say(&centre, 5, F::Confirmed { claim });
    let expected = canonical(&s.view()).unwrap();
    let mut backwards = s.doc.get_changes(&[]);
    backwards.sort_by_key(|c| std::cmp::Reverse((c.actor_id().clone(), c.seq())));
    backwards.sort_by_key(automerge::Change::seq);
    s.doc = s.hub.doc();
    s.doc.apply_changes(backwards).unwrap();
    assert_eq!(canonical(&s.view()).unwrap(), expected);
}

pub(crate) fn photo(number: u8) -> Attachment {
    Attachment {
        content_type: "image/jpeg".to_owned(),
        size: 2_000_000,
        title: Some("午餐.jpg".into()),
        creation: Timestamp(6),
        blob: BlobId([number; 32]),
        sealed: sealed_bytes(2_000_000),
        suite: 1,
        key: Some("ab".repeat(32).into()),
    }
}

#[test]
fn proof_is_the_holders_and_its_key_is_never_shown() {
    let mut s = scene();
    let (centre, kitchen, cook) = (s.centre.clone(), s.kitchen.clone(), s.cook.clone());
    let (opened, [a, _]) = two_claims(&mut s);
    let early = s.say(&kitchen, 4, F::Attached { opened, file: photo(1) });
    assert_eq!(reason(&s.view(), early), Some(Reason::NotHolder), "nobody holds it yet");
    s.say(&centre, 5, F::Confirmed { claim: a });
    let proof = s.say(&kitchen, 6, F::Attached { opened, file: photo(2) });
    let other = s.say(&cook, 6, F::Attached { opened, file: photo(3) });
    let letter = s.say(&centre, 7, F::Attached { opened, file: photo(4) });
    let again = s.say(&kitchen, 8, F::Attached { opened, file: photo(2) });
    let view = s.view();
    assert!(matches!(reason(&view, other), Some(Reason::HeldByOther { .. })));
    assert_eq!(reason(&view, again), Some(Reason::AlreadyDone), "one blob, one file");
    let attached: Vec<_> = view.attached.iter().map(|of| (of.fact, of.proof)).collect();
    assert_eq!(attached, [(proof, true), (letter, false)]);
    assert_eq!(view.attached[0].by.party, kitchen.author.party);
    let shown = String::from_utf8(canonical(&view).unwrap()).unwrap();
    assert!(!shown.contains(&"ab".repeat(32)), "a view shows the key of a file");
    let facts = order::facts(s.doc.document(), &s.people);
    assert_eq!(attachment::file(&facts, &view.attached[0]), Some(&photo(2)));
}

#[test]
fn a_file_is_taken_away_by_who_attached_it_or_decides() {
    let mut s = scene();
    let (centre, kitchen, hub) = (s.centre.clone(), s.kitchen.clone(), s.hub.clone());
    let (opened, [a, _]) = two_claims(&mut s);
    s.say(&centre, 5, F::Confirmed { claim: a });
    let first = s.say(&kitchen, 6, F::Attached { opened, file: photo(1) });
    let second = s.say(&kitchen, 6, F::Attached { opened, file: photo(2) });
    let by_hub = s.say(&hub, 7, F::Detached { attached: first });
    assert_eq!(reason(&s.view(), by_hub), Some(Reason::NotArbiter));
    s.say(&kitchen, 8, F::Detached { attached: first });
    s.say(&centre, 8, F::Detached { attached: second });
    let twice = s.say(&centre, 9, F::Detached { attached: second });
    let view = s.view();
    assert_eq!(reason(&view, twice), Some(Reason::WrongReference));
    assert!(view.attached.is_empty());
}

#[test]
fn nobody_displaces_the_file_of_another() {
    let mut s = scene();
    let (centre, kitchen) = (s.centre.clone(), s.kitchen.clone());
    let (opened, [a, _]) = two_claims(&mut s);
    s.say(&centre, 5, F::Confirmed { claim: a });
    let copy = s.say(&centre, 6, F::Attached { opened, file: photo(1) });
    let proof = s.say(&kitchen, 7, F::Attached { opened, file: photo(1) });
    let again = s.say(&kitchen, 8, F::Attached { opened, file: photo(1) });
    assert_eq!(reason(&s.view(), again), Some(Reason::AlreadyDone));
    assert_eq!(s.view().attached.len(), 2);
    s.say(&centre, 9, F::Detached { attached: copy });
    let view = s.view();
    let attached: Vec<_> = view.attached.iter().map(|of| (of.fact, of.proof)).collect();
    assert_eq!(attached, [(proof, true)]);
}

#[test]
fn a_file_with_values_out_of_range_is_no_file() {
    let mut s = scene();
    let centre = s.centre.clone();
    let opened = s.say(&centre, 1, s.open(&centre));
    let good = photo(1);
    let bad = [
        Attachment { content_type: "../../etc".to_owned(), ..good.clone() },
        Attachment { content_type: "image".to_owned(), ..good.clone() },
        Attachment { size: 0, ..good.clone() },
        Attachment { size: 51 << 20, sealed: sealed_bytes(51 << 20), ..good.clone() },
        Attachment { sealed: 10, ..good.clone() },
        Attachment { sealed: 65 << 20, ..good.clone() },
        Attachment { sealed: good.sealed + 1, ..good.clone() },
        Attachment { title: Some("长".repeat(86).into()), ..good.clone() },
        Attachment { suite: 2, ..good.clone() },
        Attachment { key: None, ..good.clone() },
        Attachment { key: Some("zz".repeat(32).into()), ..good },
    ];
    for file in bad {
        let fact = s.say(&centre, 2, F::Attached { opened, file: file.clone() });
        assert_eq!(reason(&s.view(), fact), Some(Reason::OutOfRange), "{file:?}");
    }
    for number in 0..65 {
        s.say(&centre, 3, F::Attached { opened, file: photo(number) });
    }
    assert_eq!(s.view().attached.len(), 64);
}
