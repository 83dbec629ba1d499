//! Checkpoints: what a steward says of a whole document is compared by everybody who holds it.

use std::io::{Read as _, Write as _};

use linli_core::authority::Right;
use linli_core::checkpoint::{Checkpoint, Finding, Flaw, Manifest};
use linli_core::engine::{CoreError, NewSpace};
use linli_core::payload::Content;
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Entry;
use linli_replica::id::{EntryId, NodeId, SpaceTag};
use linli_tests::neighbourhood::{ENDS, Neighbourhood, View, grant};

use crate::persons::person;

const PROFILE: &str = "profile";

/// A household and a centre that are stewards of a space, and a family that writes in it.
fn street(seed: u64) -> (Neighbourhood, [NodeId; 3], SpaceTag) {
    let mut net = Neighbourhood::new(seed);
    let nodes = [PartyKind::Household, PartyKind::Centre, PartyKind::Family].map(|k| net.join(k));
    let [a, b, c] = nodes;
    let grants =
        vec![grant(net.party(b), Right::Steward, true), grant(net.party(c), Right::Write, true)];
    let space = net.begin(a, grants);
    net.heal();
    for round in 0..4 {
        for id in [a, b, c] {
            net.set(id, space, ProfileField::Note, &format!("round {round} by {id:?}")).unwrap();
        }
        net.heal();
    }
    (net, nodes, space)
}

/// Lets a node write a checkpoint of the profile; says whether it wrote any.
fn make(net: &mut Neighbourhood, id: NodeId, space: SpaceTag) -> Result<bool, CoreError> {
    let mut made = false;
    net.act(id, |core, world, rng| {
        let document = core.space(world, space)?.document(PROFILE);
        let authored = core.checkpoint(world, rng, space, document)?;
        made = authored.is_some();
        Ok::<_, CoreError>(authored.unwrap_or_default())
    })?;
    net.drain();
    Ok(made)
}

fn seen(net: &mut Neighbourhood, id: NodeId, space: SpaceTag) -> Vec<Checkpoint> {
    net.checkpoints(id, space, PROFILE)
}

fn findings(net: &mut Neighbourhood, id: NodeId, space: SpaceTag) -> Vec<(NodeId, Finding)> {
    seen(net, id, space).iter().map(|found| (found.node, found.finding)).collect()
}

fn view(net: &mut Neighbourhood, id: NodeId, space: SpaceTag) -> View {
    net.view(id, space, PROFILE).unwrap()
}

/// Writes a checkpoint that says what its steward likes: the honest one, with one entry's id exchanged.
pub(crate) fn lie(net: &mut Neighbourhood, id: NodeId, space: SpaceTag, victim: EntryId) {
    rewrite(net, id, space, |_, table| {
        let at = table.windows(32).position(|bytes| bytes == victim.as_bytes()).unwrap();
        table[at..at + 32].copy_from_slice(&[7; 32]);
    });
}

/// Has a steward write an honest checkpoint of the profile, and the same again with other words.
pub(crate) fn rewrite(
    net: &mut Neighbourhood,
    id: NodeId,
    space: SpaceTag,
    change: impl FnOnce(&mut Manifest, &mut Vec<u8>),
) {
    assert!(make(net, id, space).unwrap());
    let mut forger = net.forger(id, space, PROFILE);
    let honest: Vec<Content> = net
        .entries(id, space)
        .iter()
        .filter(|entry| entry.header().log == forger.log_id())
        .filter_map(|entry| forger.open(entry))
        .map(|payload| payload.content)
        .filter(|content| matches!(content, Content::Checkpoint(_)))
        .collect();
    let items = honest.last().unwrap().items().to_vec();
    let mut manifest: Manifest = minicbor::decode(&items[0]).unwrap();
    let mut table = Vec::new();
    flate2::read::DeflateDecoder::new(items[1].as_slice()).read_to_end(&mut table).unwrap();
    change(&mut manifest, &mut table);
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    deflate.write_all(&table).unwrap();
    let bytes = deflate.finish().unwrap();
    manifest.bytes = u32::try_from(bytes.len()).unwrap();
    manifest.hash = (*blake3::hash(&bytes).as_bytes()).into();
    let mut encoded = Vec::new();
    minicbor::encode(&manifest, &mut encoded).unwrap();
    let mut rng = net.rng.clone();
    let content = Content::Checkpoint(vec![encoded.into(), bytes.into()]);
    let entry = forger.write_content(&mut rng, content, None);
    net.inject(id, &[entry]);
    net.drain();
    net.crash(id);
    net.heal();
}

/// The entries that a node wrote to the profile.
fn written(net: &mut Neighbourhood, id: NodeId, space: SpaceTag) -> Vec<Entry> {
    let forger = net.forger(id, space, PROFILE);
    let document = net.space(id, space, |space| space.document(PROFILE));
    let mut entries = net.entries(id, space);
    entries.retain(|e| e.header().document == document && e.header().log == forger.log_id());
    entries
}

#[test]
fn a_checkpoint_agrees_with_what_everybody_holds_and_changes_nothing() {
    let (mut net, [a, b, c], space) = street(300);
    let before = view(&mut net, a, space);
    assert!(make(&mut net, b, space).unwrap());
    net.heal();
    for id in [a, b, c] {
        assert_eq!(findings(&mut net, id, space), [(b, Finding::Agrees)], "{id:?}");
        assert_eq!(view(&mut net, id, space), before, "{id:?}");
        let frontier = &seen(&mut net, id, space)[0].manifest.frontier;
        assert_eq!(frontier.iter().map(|upto| upto.sequence).sum::<u64>(), 12);
        // Opened a second time, and after a start, it is the same.
        net.crash(id);
        assert_eq!(findings(&mut net, id, space), [(b, Finding::Agrees)], "{id:?}");
        assert_eq!(view(&mut net, id, space), before, "{id:?}");
    }
    // There is nothing new that another one could hold.
    assert!(!make(&mut net, b, space).unwrap());
    net.connect_all();
    net.settle();
    assert!(!make(&mut net, a, space).unwrap());
    net.set(c, space, ProfileField::Note, "later").unwrap();
    net.heal();
    assert!(make(&mut net, a, space).unwrap());
    net.heal();
    for id in [a, b, c] {
        let expected = [(b, Finding::Agrees), (a, Finding::Agrees)];
        assert_eq!(findings(&mut net, id, space), expected, "{id:?}");
    }
    assert!(net.check_same(&[a, b, c], space) > 30);
}

#[test]
fn whoever_lacks_entries_knows_nothing_of_them_and_believes_no_row() {
    let (mut net, [a, b, c], space) = street(301);
    net.isolate(c);
    net.set(b, space, ProfileField::Health, "unseen").unwrap();
    net.settle();
    let before = view(&mut net, c, space);
    assert!(make(&mut net, a, space).unwrap());
    net.settle();
    // The checkpoint alone reaches the family: the entry that it stands for does not.
    let own = written(&mut net, a, space);
    net.inject(c, &own[4..]);
    net.drain();
    net.crash(c);
    assert_eq!(findings(&mut net, c, space), [(a, Finding::Unknown(1))]);
    let after = view(&mut net, c, space);
    assert_eq!((after.heads, after.changes), (before.heads, before.changes));
}

#[test]
fn a_steward_who_lies_is_refused_and_reported_and_another_one_replaces_it() {
    let (mut net, [a, b, c], space) = street(302);
    let victim = written(&mut net, c, space)[1].id();
    let before = view(&mut net, a, space);
    lie(&mut net, b, space, victim);
    for id in [a, b, c] {
        // Both say that they reach as far.
        let mut found = findings(&mut net, id, space);
        found.sort();
        let wrong = (b, Finding::Wrong(Flaw::OtherEntry));
        assert_eq!(found, [(b, Finding::Agrees), wrong], "{id:?}");
        assert_eq!(view(&mut net, id, space), before, "{id:?}");
        let reported = net.node(id).core.wrong_checkpoints().map(|(.., found)| found.node);
        assert_eq!(reported.collect::<Vec<_>>(), [b], "{id:?}");
    }
    net.set(c, space, ProfileField::Note, "later").unwrap();
    net.heal();
    assert!(make(&mut net, a, space).unwrap());
    net.heal();
    for id in [a, b, c] {
        assert_eq!(findings(&mut net, id, space).last(), Some(&(a, Finding::Agrees)), "{id:?}");
    }
}

#[test]
fn nobody_but_a_steward_spoils_or_adds_a_part() {
    let (mut net, [a, b, c], space) = street(303);
    assert!(make(&mut net, b, space).unwrap());
    net.heal();
    let reader = net.forger(b, space, PROFILE);
    let parts = net.entries(b, space).into_iter().filter_map(|entry| reader.open(&entry));
    let parts: Vec<Content> =
        parts.map(|p| p.content).filter(|c| matches!(c, Content::Checkpoint(_))).collect();
    // The family writes the same parts, parts of nothing and rubbish, in its own log.
    let mut forger = net.forger(c, space, PROFILE);
    let mut rng = net.rng.clone();
    let rubbish = [vec![vec![9; 40].into()], vec![vec![1].into(), vec![2].into()], Vec::new()];
    let contents = parts.into_iter().chain(rubbish.map(Content::Checkpoint));
    let entries: Vec<Entry> =
        contents.map(|content| forger.write_content(&mut rng, content, None)).collect();
    net.inject(c, &entries);
    net.drain();
    net.crash(c);
    net.heal();
    for id in [a, b, c] {
        assert_eq!(findings(&mut net, id, space), [(b, Finding::Agrees)], "{id:?}");
    }
}

#[test]
fn nothing_is_sealed_anew_for_whoever_may_not_read_what_is_older() {
    let (mut net, [a, b, _], space) = street(304);
    let d = net.join(PartyKind::Provider);
    let from_now = grant(net.party(d), Right::Read, false);
    net.grant(a, space, from_now).unwrap();
    net.heal();
    assert_eq!(make(&mut net, b, space), Err(CoreError::NotForAll));
    let gone = net.party(d);
    net.revoke(a, space, gone).unwrap();
    net.heal();
    assert!(make(&mut net, b, space).unwrap());
    // The space whose latest key an alert gives away.
    let owner = linli_core::authority::Owner::Party(net.party(a));
    let new = NewSpace { kind: "emergency", owner, steward: None, grants: Vec::new() };
    let mut card = SpaceTag([0; 32]);
    net.act(a, |core, world, rng| {
        let (tag, authored) = core.begin_space(world, rng, new)?;
        card = tag;
        Ok::<_, CoreError>(authored)
    })
    .unwrap();
    net.set(a, card, ProfileField::Note, "allergies").unwrap();
    assert_eq!(make(&mut net, a, card), Err(CoreError::NotForAll));
}

#[test]
fn only_a_steward_makes_one_and_what_does_not_count_is_not_in_it() {
    let (mut net, [a, b, c], space) = street(305);
    assert_eq!(make(&mut net, c, space), Err(CoreError::Forbidden(Right::Steward)));
    // Somebody's device writes two histories: nothing of its log is covered.
    let forger = net.forger(c, space, PROFILE);
    let doc = net.copy(c, space, PROFILE);
    let mut rng = net.rng.clone();
    net.isolate_all();
    for (at, id) in [a, b].into_iter().enumerate() {
        let (mut forger, mut doc) = (forger.clone(), doc.clone());
        let note = |doc: &mut _| {
            let text = format!("branch {at}");
            linli_model::profile::set(doc, ProfileField::Note, &text).unwrap();
        };
        let change = forger.change(&mut doc, note).raw_bytes().to_vec();
        net.inject(id, &[forger.write(&mut rng, vec![change])]);
        net.drain();
        net.crash(id);
    }
    net.heal();
    assert!(make(&mut net, b, space).unwrap());
    net.heal();
    let checkpoint = &seen(&mut net, a, space)[0];
    assert_eq!(checkpoint.finding, Finding::Agrees);
    assert!(checkpoint.manifest.frontier.iter().all(|upto| upto.log != forger.log_id()));
}

#[test]
fn a_checkpoint_of_forty_signed_changes_takes_less_than_a_fifth_of_their_entries() {
    let mut net = Neighbourhood::new(308);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let space = net.begin(a, vec![grant(net.party(b), Right::Steward, true)]);
    net.heal();
    let people = [a, b].map(|id| {
        let (signer, party) = (net.node(id).keys.signing().clone(), net.party(id));
        (id, person(&mut net, &signer, party, ENDS))
    });
    for round in 0..20 {
        for (id, person) in &people {
            let note = format!("note {round} of {id:?}");
            net.set_as(*id, space, ProfileField::Note, &note, Some(person)).unwrap();
            net.drain();
        }
    }
    net.heal();
    assert!(make(&mut net, b, space).unwrap());
    let bytes = |entries: &[Entry]| entries.iter().map(Entry::size_bytes).sum::<usize>();
    let (by_a, by_b) = (written(&mut net, a, space), written(&mut net, b, space));
    let (full, checkpoint) = (bytes(&by_a) + bytes(&by_b[..20]), bytes(&by_b[20..]));
    println!("{checkpoint} of {full} bytes");
    assert!(checkpoint * 5 <= full, "{checkpoint} of {full} bytes");
}
