//! Field documents: nothing is decided by the last writer.

use automerge::{ROOT, ReadDoc, transaction::Transactable};
use linli_model::author::PartyKind;
use linli_model::document::canonical;
use linli_model::field::{self, ContactField, Place, WriteError};
use linli_model::profile::{self, ProfileField as F};
use uuid::Uuid;

use crate::community::{commit, directory, node, sync};

#[test]
fn different_fields_edited_apart_are_both_there() {
    let (a, b) = (node(1, PartyKind::Centre, None), node(2, PartyKind::Station, None));
    let people = directory(&[&a, &b]);
    let (mut left, mut right) = (a.doc(), b.doc());
    profile::set(&mut left, F::Name, "刘秀珍").unwrap();
    commit(&mut left, 10);
    profile::set(&mut right, F::Phone, "15974763649").unwrap();
    commit(&mut right, 20);
    sync(&mut left, &mut right);
    let view = profile::view(left.document(), &people);
    assert_eq!(view.fields["name"].single(), Some("刘秀珍"));
    assert_eq!(view.fields["phone"].single(), Some("15974763649"));
    assert_eq!(view.fields["phone"].values[0].by[0].author.node, b.author.node);
    assert_eq!(view.fields["phone"].values[0].by[0].at.0, 20);
    assert!(view.conflicts().is_empty());
    assert_eq!(
        canonical(&view).unwrap(),
        canonical(&profile::view(right.document(), &people)).unwrap()
    );
}

#[test]
fn a_conflict_shows_every_value_until_a_person_resolves_it() {
    let (a, b) = (node(1, PartyKind::Centre, None), node(2, PartyKind::Station, None));
    let people = directory(&[&a, &b]);
    let (mut left, mut right) = (a.doc(), b.doc());
    profile::set(&mut left, F::Address, "桃园路 1").unwrap();
    commit(&mut left, 1);
    profile::set(&mut right, F::Address, "桃园路 7").unwrap();
    commit(&mut right, 2);
    sync(&mut left, &mut right);
    let view = profile::view(left.document(), &people);
    assert_eq!(view.conflicts(), ["address"]);
    assert_eq!(view.fields["address"].single(), None);
    assert_eq!(view.fields["address"].values.len(), 2);

    profile::set(&mut left, F::Address, "桃园路 7").unwrap();
    commit(&mut left, 3);
    sync(&mut left, &mut right);
    let view = profile::view(right.document(), &people);
    assert_eq!(view.fields["address"].single(), Some("桃园路 7"));
    assert_eq!(view.fields["address"].values[0].by.len(), 1);
    assert_eq!(view.fields["address"].values[0].by[0].author.node, a.author.node);
}

#[test]
fn one_value_by_two_authors_is_one_value() {
    let (a, b) = (node(1, PartyKind::Centre, None), node(2, PartyKind::Station, None));
    let people = directory(&[&a, &b]);
    let (mut left, mut right) = (a.doc(), b.doc());
    profile::set(&mut left, F::Sex, "2").unwrap();
    commit(&mut left, 1);
    profile::set(&mut right, F::Sex, "2").unwrap();
    commit(&mut right, 2);
    sync(&mut left, &mut right);
    let view = profile::view(left.document(), &people);
    assert!(view.conflicts().is_empty());
    assert_eq!(view.fields["sex"].values.len(), 1);
    assert_eq!(view.fields["sex"].values[0].by.len(), 2);
}

#[test]
fn a_write_that_does_not_count_hides_nothing() {
    let (a, stranger) = (node(1, PartyKind::Centre, None), node(9, PartyKind::Provider, None));
    let people = directory(&[&a]);
    let mut left = a.doc();
    profile::set(&mut left, F::Name, "刘秀珍").unwrap();
    commit(&mut left, 1);
    let mut foreign = left.fork().with_actor(stranger.actor);
    profile::set(&mut foreign, F::Name, "冒名").unwrap();
    commit(&mut foreign, 2);
    profile::clear(&mut foreign, F::Name).unwrap();
    commit(&mut foreign, 3);
    left.merge(&mut foreign).unwrap();
    assert!(left.get(ROOT, "name").unwrap().is_none(), "Automerge itself shows nothing");
    let view = profile::view(left.document(), &people);
    assert_eq!(view.fields["name"].single(), Some("刘秀珍"));
    assert_eq!(view.fields["name"].held_back, 2);

    // What an author who counts writes over it replaces what lay under it, too.
    let mut later = left.fork().with_actor(node(2, PartyKind::Station, None).actor);
    profile::set(&mut later, F::Name, "刘秀贞").unwrap();
    commit(&mut later, 4);
    let people = directory(&[&a, &node(2, PartyKind::Station, None)]);
    let view = profile::view(later.document(), &people);
    // The stranger had deleted the value, so Automerge saw nothing to replace: both stand, and a person decides.
    assert_eq!(view.conflicts(), ["name"]);
}

#[test]
fn replacing_reaches_through_a_write_that_does_not_count() {
    let (a, stranger) = (node(1, PartyKind::Centre, None), node(9, PartyKind::Provider, None));
    let third = node(2, PartyKind::Station, None);
    let people = directory(&[&a, &third]);
    let mut doc = a.doc();
    profile::set(&mut doc, F::Note, "one").unwrap();
    commit(&mut doc, 1);
    let mut doc = doc.fork().with_actor(stranger.actor);
    profile::set(&mut doc, F::Note, "two").unwrap();
    commit(&mut doc, 2);
    let mut doc = doc.fork().with_actor(third.actor);
    profile::set(&mut doc, F::Note, "three").unwrap();
    commit(&mut doc, 3);
    assert_eq!(profile::view(doc.document(), &people).fields["note"].single(), Some("three"));
}

#[test]
fn clearing_and_writing_apart_keeps_the_written_value() {
    let (a, b) = (node(1, PartyKind::Centre, None), node(2, PartyKind::Station, None));
    let people = directory(&[&a, &b]);
    let mut left = a.doc();
    profile::set(&mut left, F::Note, "old").unwrap();
    commit(&mut left, 1);
    let mut right = left.fork().with_actor(b.actor);
    profile::clear(&mut left, F::Note).unwrap();
    commit(&mut left, 2);
    assert!(!profile::view(left.document(), &people).fields.contains_key("note"));
    profile::set(&mut right, F::Note, "new").unwrap();
    commit(&mut right, 3);
    sync(&mut left, &mut right);
    assert_eq!(profile::view(left.document(), &people).fields["note"].single(), Some("new"));
}

#[test]
fn contacts_lie_flat_and_unknown_keys_are_kept() {
    let a = node(1, PartyKind::Centre, None);
    let people = directory(&[&a]);
    let mut doc = a.doc();
    let id = Uuid::from_u128(7);
    for (part, value) in [
        (ContactField::Name, "张三"),
        (ContactField::Phone, "13564837176"),
        (ContactField::Kinship, "3"),
    ] {
        field::set::<F>(&mut doc, Place::Contact(id, part), value).unwrap();
    }
    doc.put(ROOT, "shoe_size", 39_i64).unwrap();
    doc.put(ROOT, "contact/x/name", "?").unwrap();
    doc.put(ROOT, "ability_level", "9").unwrap();
    doc.put(ROOT, "schema", 2_u64).unwrap();
    commit(&mut doc, 1);
    let view = profile::view(doc.document(), &people);
    assert_eq!(view.contacts[&id]["phone"].single(), Some("13564837176"));
    assert_eq!(view.unknown["shoe_size"].single(), Some("39"));
    assert!(!view.unknown["shoe_size"].values[0].understood);
    assert!(view.unknown.contains_key("contact/x/name"));
    assert!(!view.fields["ability_level"].values[0].understood);
    assert!(view.schema.newer);
}

#[test]
fn values_of_another_form_are_refused_and_change_nothing() {
    let a = node(1, PartyKind::Centre, None);
    let people = directory(&[&a]);
    let mut doc = a.doc();
    for (field, value) in [
        (F::Sex, "男"),
        (F::BirthDate, "1936.5.23"),
        (F::BirthDate, "1937-02-29"),
        (F::NationalId, "110105194912310021"),
        (F::NationalId, "11010519491231002x"),
        (F::Phone, "abc"),
        (F::Name, "  "),
        (F::PaymentClass, "free"),
    ] {
        assert!(matches!(profile::set(&mut doc, field, value), Err(WriteError::Form { .. })));
    }
    let long = "长".repeat(1_000_000);
    assert!(matches!(profile::set(&mut doc, F::Note, &long), Err(WriteError::TooLong { .. })));
    assert!(profile::view(doc.document(), &people).fields.is_empty());
    let shown = format!("{:?}", profile::set(&mut doc, F::Phone, "刘秀珍").unwrap_err());
    assert!(!shown.contains("刘秀珍"));
}
