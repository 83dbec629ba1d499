//! Recovery: officers open one space again, from what carriers hold, and nothing else.

use linli_core::authority::Right;
use linli_core::engine::{Arrival, CoreError, Proved, prove, splits, wanted};
use linli_core::recovery::{Opened, RecoveryError, Request, Split, Words};
use linli_core::seal::{Place, clear_page};
use linli_core::secret::Secret;
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Urgency;
use linli_replica::id::{EntryId, EpochId, NodeId, SpaceTag};
use linli_replica::replica::Input;
use linli_tests::neighbourhood::{Neighbourhood, grant};

const DAY_MS: u64 = 24 * 3_600_000;

/// Begins a request at a node, as its command does.
fn request(net: &mut Neighbourhood, at: NodeId, space: SpaceTag) -> Result<Request, RecoveryError> {
    let now = net.now;
    let node = net.nodes.get_mut(&at).unwrap();
    node.with_core(now, |core, world, _| {
        let wanted = wanted(world, space, splits(world, space).unwrap());
        let words = Words { reason: "the hub burnt".into(), ..Words::default() };
        let key = core.signing_key().clone();
        Request::new(&key, world.directory, (space, words), wanted, (now, false))
    })
}

/// Lets officers answer, each reading the file that the one before wrote.
fn answer(net: &mut Neighbourhood, request: &mut Request, by: &[usize]) {
    for at in by {
        let mut file = Request::decode(&request.encode()).unwrap();
        let key = net.community.officers()[*at].clone();
        assert_eq!(file.answer(&mut net.rng, &key, net.now), Ok(true));
        *request = file;
    }
}

fn open(net: &Neighbourhood, at: NodeId, request: &Request) -> Result<Opened, RecoveryError> {
    let node = net.node(at);
    request.open((at, node.core.seal_key()), node.replica.directory(), net.now)
}

fn proved(
    net: &mut Neighbourhood,
    at: NodeId,
    space: SpaceTag,
    opened: &Opened,
) -> Result<Proved, RecoveryError> {
    let now = net.now;
    let node = net.nodes.get_mut(&at).unwrap();
    node.with_core(now, |_, world, _| prove(world, space, opened)).unwrap()
}

/// Opens a space with what officers gave.
fn recover(net: &mut Neighbourhood, at: NodeId, request: &Request) -> Proved {
    let space = request.statement().space;
    let opened = open(net, at, request).unwrap();
    let again = proved(net, at, space, &opened).unwrap();
    let proved = proved(net, at, space, &opened).unwrap();
    let record = request.record();
    net.act(at, |core, world, rng| {
        let arrival: Arrival = core.open_recovered(world, rng, proved, &record)?;
        Ok::<_, CoreError>(arrival.authored)
    })
    .unwrap();
    net.settle();
    again
}

/// Asks carriers for a space of which only the tag is known.
fn ask_for(net: &mut Neighbourhood, at: NodeId, space: SpaceTag) {
    net.input(at, Input::Want(space));
    net.settle();
}

fn name(net: &mut Neighbourhood, at: NodeId, space: SpaceTag) -> Vec<String> {
    net.values(at, space, "name").into_iter().map(|(value, _)| value).collect()
}

#[test]
fn officers_open_the_space_of_a_household_whose_nodes_are_all_gone() {
    let mut net = Neighbourhood::with_officers(70, 2, 3);
    let [hub, centre] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let carrier = net.join(PartyKind::Carrier);
    let [space, other] = [(); 2].map(|()| net.begin(hub, Vec::new()));
    net.set(hub, space, ProfileField::Name, "Wang").unwrap();
    net.set(hub, other, ProfileField::Name, "Li").unwrap();
    net.heal();
    net.isolate(hub);

    // The centre knows the tags only: the sealed entries come from the carrier.
    assert_eq!(request(&mut net, centre, space).err(), Some(RecoveryError::NothingHeld));
    ask_for(&mut net, centre, space);
    ask_for(&mut net, centre, other);
    let mut file = request(&mut net, centre, space).unwrap();
    answer(&mut net, &mut file, &[2]);
    let missing = RecoveryError::Missing { had: 1, needed: 2 };
    assert_eq!(missing.to_string(), "1 of 2 officers have given their shares; 1 more must");
    assert_eq!(open(&net, centre, &file).err(), Some(missing));
    answer(&mut net, &mut file, &[0]);
    assert_eq!(net.spaces(centre), []);
    let shown = recover(&mut net, centre, &file);
    assert_eq!((shown.kind(), shown.epochs()), ("care", 1));
    assert_eq!(net.spaces(centre), [space]);
    assert_eq!(name(&mut net, centre, space), ["Wang"]);

    // It opens no other space, here or anywhere.
    let opened = open(&net, centre, &file).unwrap();
    assert_eq!(proved(&mut net, centre, other, &opened).err(), Some(RecoveryError::OtherKey));
    // Who recovers reads, and is no member.
    assert!(net.set(centre, space, ProfileField::Phone, "13800138000").is_err());

    // The household's hub was not gone after all: it sees by whom, why, and with whose shares.
    net.heal();
    let now = net.now;
    let (records, officers) = net.nodes.get_mut(&hub).unwrap().with_core(now, |core, world, _| {
        let records = core.recoveries(world, space).unwrap();
        let officers: Vec<_> = records.iter().map(|r| r.officers(world.directory)).collect();
        (records, officers)
    });
    let [record] = records.as_slice() else { panic!("{} records", records.len()) };
    assert_eq!(record.statement().node, centre);
    assert_eq!(record.statement().words.reason, "the hub burnt");
    let key = |at: usize| linli_core::identity::officer_id(&net.community.officers()[at]);
    assert_eq!(officers, [([key(0), key(2)].into(), true)]);
    // The record is nobody's fact: what the household shows is as it was.
    assert_eq!(net.values(hub, space, "name"), [("Wang".to_owned(), vec![hub])]);
    assert_eq!(net.spaces(carrier), []);
    // It stays recovered when the power fails.
    net.crash(centre);
    net.heal();
    assert_eq!(name(&mut net, centre, space), ["Wang"]);
}

#[test]
fn a_recovered_key_opens_what_was_before_and_nothing_after() {
    let mut net = Neighbourhood::with_officers(71, 2, 3);
    let [hub, station, centre] =
        [PartyKind::Household, PartyKind::Station, PartyKind::Centre].map(|kind| net.join(kind));
    net.join(PartyKind::Carrier);
    let space = net.begin(hub, vec![grant(net.party(station), Right::Write, true)]);
    net.set(hub, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    ask_for(&mut net, centre, space);
    let mut early = request(&mut net, centre, space).unwrap();
    answer(&mut net, &mut early, &[0, 1]);
    let early_opened = open(&net, centre, &early).unwrap();

    net.revoke(hub, space, net.party(station)).unwrap();
    net.set(hub, space, ProfileField::Health, "after the rotation").unwrap();
    net.heal();
    assert_eq!(proved(&mut net, centre, space, &early_opened).unwrap().epochs(), 1);
    recover(&mut net, centre, &early);
    assert_eq!(name(&mut net, centre, space), ["Wang"]);
    assert_eq!(net.values(centre, space, "health"), []);

    // Asked for again, the officers' shares of the present epoch are enough for both.
    let mut late = request(&mut net, centre, space).unwrap();
    answer(&mut net, &mut late, &[1, 2]);
    assert_eq!(recover(&mut net, centre, &late).epochs(), 2);
    let health = [("after the rotation".to_owned(), vec![hub])];
    assert_eq!(net.values(centre, space, "health"), health);
    assert_eq!(name(&mut net, centre, space), ["Wang"]);
}

#[test]
fn present_epochs_are_split_again_when_the_officers_change() {
    let mut net = Neighbourhood::with_officers(72, 2, 3);
    let [hub, centre, other] =
        [PartyKind::Household, PartyKind::Centre, PartyKind::Provider].map(|kind| net.join(kind));
    net.join(PartyKind::Carrier);
    let steward = vec![grant(net.party(centre), Right::Steward, true)];
    let spaces = [(); 5].map(|()| net.begin(hub, steward.clone()));
    for space in spaces {
        net.set(hub, space, ProfileField::Name, "Wang").unwrap();
    }
    net.heal();
    let again = |net: &mut Neighbourhood, id: NodeId, space: SpaceTag| {
        let mut written = 0;
        net.act(id, |core, world, rng| {
            let authored = core.split_again(world, rng, space)?;
            let document = linli_core::kdf::recovery_tag(&space);
            let entries = authored.pages.iter().flat_map(|page| page.entries());
            written = entries.filter(|entry| entry.header().document == document).count();
            Ok::<_, CoreError>(authored)
        })
        .unwrap();
        written
    };
    assert_eq!(spaces.map(|space| again(&mut net, hub, space)), [0; 5], "nothing has changed");

    let former: Vec<_> = net.community.officers().to_vec();
    let now = net.now;
    let changed = net.community.replace_officers(&mut net.rng, (3, 4), now);
    for id in [hub, centre, other] {
        net.certify(id, vec![changed.clone()]);
    }
    net.drain();
    // The hub began the epochs, so it splits them; it is interrupted, and goes on.
    let done: Vec<usize> = spaces[..2].iter().map(|space| again(&mut net, hub, *space)).collect();
    assert_eq!(done, [1, 1]);
    assert_eq!(again(&mut net, hub, spaces[0]), 0, "while it is on its way to disk");
    net.drain();
    net.crash(hub);
    net.heal();
    net.settle();
    let open_with = |net: &mut Neighbourhood, space, by: &[usize]| {
        ask_for(net, other, space);
        let mut file = request(net, other, space).unwrap();
        answer(net, &mut file, by);
        let opened = open(net, other, &file).unwrap();
        proved(net, other, space, &opened).unwrap().epochs()
    };
    net.connect_all();
    assert_eq!(open_with(&mut net, spaces[0], &[0, 1, 3]), 1, "the officers in force");
    // Those not split again are still the former officers', and nobody else's.
    let mut file = {
        ask_for(&mut net, other, spaces[2]);
        request(&mut net, other, spaces[2]).unwrap()
    };
    let mut give = |key| file.answer(&mut net.rng, key, net.now);
    assert_eq!(give(&net.community.officers()[0]), Err(RecoveryError::NoOfficer));
    assert_eq!([give(&former[0]), give(&former[2])], [Ok(true), Ok(true)]);
    assert!(open(&net, other, &file).is_ok());

    // The centre, a steward, leaves them to the hub for a day, and then does not.
    assert_eq!(spaces.map(|space| again(&mut net, centre, space)), [0; 5]);
    net.tick(DAY_MS + 1);
    assert_eq!(spaces.map(|space| again(&mut net, centre, space)), [0, 0, 1, 1, 1]);
    net.heal();
    assert_eq!(spaces.map(|space| again(&mut net, hub, space)), [0; 5], "the centre has done it");
    assert_eq!(open_with(&mut net, spaces[4], &[3, 2, 1]), 1);
}

#[test]
fn a_false_split_misleads_nobody() {
    let mut net = Neighbourhood::with_officers(73, 2, 3);
    let [hub, centre] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let carrier = net.join(PartyKind::Carrier);
    let space = net.begin(hub, Vec::new());
    net.set(hub, space, ProfileField::Name, "Wang").unwrap();
    net.heal();
    ask_for(&mut net, centre, space);
    let now = net.now;
    let (genuine, officers) = net.nodes.get_mut(&centre).unwrap().with_core(now, |_, world, _| {
        let held = splits(world, space).unwrap();
        assert_eq!(held.len(), 1);
        (held[0].clone(), world.directory.officers().clone())
    });
    // Somebody enrolled puts splits of a secret of their own there: for that epoch, and for one that
    // is said to open it.
    let false_split = |net: &mut Neighbourhood, epoch: EpochId, parents: Vec<EpochId>| {
        let secret = Secret::new([7; 32]);
        let (mut act, _) =
            linli_core::authority::mint(&mut net.rng, &Default::default(), []).unwrap();
        act.commitment =
            linli_core::authority::EpochKey::Secret(secret.clone()).commitment().into();
        let (set, officers) = (officers.0, &officers.1);
        let mut split =
            Split::new(&mut net.rng, (space, epoch), (set, officers), &act, &secret).unwrap();
        split.parents = parents;
        let log_key = linli_core::identity::draw_signing_key(&mut net.rng);
        let document = linli_core::kdf::recovery_tag(&space);
        let (sequence, previous, urgency) = (1, EntryId::default(), Urgency::Normal);
        let place = Place { space, document, log_key: &log_key, sequence, previous, urgency };
        let page = clear_page(&place, epoch, &split.encode()).unwrap();
        net.inject(carrier, page.entries());
        net.settle();
    };
    false_split(&mut net, genuine.epoch, Vec::new());
    let mut file = request(&mut net, centre, space).unwrap();
    answer(&mut net, &mut file, &[0, 2]);
    // Both splits combine; the epoch's own certificate says which is its.
    assert_eq!(open(&net, centre, &file).unwrap().candidates.len(), 2);
    recover(&mut net, centre, &file);
    assert_eq!(name(&mut net, centre, space), ["Wang"]);

    // Where only the false one is asked for, the rehearsal already finds out.
    let mut opened = open(&net, centre, &file).unwrap();
    opened.candidates.retain(|candidate| candidate.secret == Secret::new([7; 32]));
    assert_eq!(opened.candidates.len(), 1);
    assert_eq!(proved(&mut net, centre, space, &opened).err(), Some(RecoveryError::OtherKey));
    // What is said to be opened by another's epoch is asked for all the same.
    false_split(&mut net, EpochId([9; 32]), vec![genuine.epoch]);
    let mut file = request(&mut net, centre, space).unwrap();
    answer(&mut net, &mut file, &[1, 2]);
    recover(&mut net, centre, &file);
}

#[test]
fn what_recovery_costs_an_epoch() {
    for (m, n, bytes) in [(1, 1, 256), (2, 3, 512), (4, 7, 1_024)] {
        let mut net = Neighbourhood::with_officers(75, m, n);
        let hub = net.join(PartyKind::Household);
        net.drain();
        let space = net.begin(hub, Vec::new());
        net.drain();
        net.set(hub, space, ProfileField::Name, "Wang").unwrap();
        net.drain();
        let document = linli_core::kdf::recovery_tag(&space);
        let entries: Vec<_> = net.node(hub).told.acknowledged.clone();
        let of_space = entries.iter().filter(|entry| entry.header().space == space);
        let (shares, others): (Vec<_>, Vec<_>) =
            of_space.partition(|entry| entry.header().document == document);
        // One entry an epoch, whatever the number of officers, besides certificates and profile.
        assert_eq!((shares.len(), others.len()), (1, 2));
        assert!(shares[0].ciphertext().len() <= bytes, "{}", shares[0].ciphertext().len());
    }
}
