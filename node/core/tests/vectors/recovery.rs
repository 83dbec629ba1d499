use linli_core::authority::{Epoch, mint};
use linli_core::identity::{NodeKeys, officer_id, party_id};
use linli_core::recovery::{Record, RecoveryError, Request, Split, Words};
use linli_replica::certificate::{Act, Certificate, OfficerSet, PartyKind};
use linli_replica::directory::Directory;
use linli_replica::id::{CommunityId, OfficerId, SpaceTag, Timestamp};
use linli_replica::signed::Envelope;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;

const SPACE: SpaceTag = SpaceTag([1; 32]);
const EPOCH: EpochId = EpochId([2; 32]);
const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Three officers, of whom two must sign, and one node.
struct Town {
    directory: Directory,
    node: NodeKeys,
    split: Split,
    secret: Secret,
    rng: ChaCha20Rng,
}

fn epoch(rng: &mut ChaCha20Rng) -> (Epoch, Secret) {
    mint(rng, &[(EpochId([8; 32]), Secret::new([9; 32]))].into(), []).unwrap()
}

impl Town {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let sign = |mut certificate: Certificate| {
            (1..=3).for_each(|officer| certificate.sign(&key(officer)));
            certificate
        };
        let mut officers: Vec<OfficerId> = (1..=3).map(|seed| officer_id(&key(seed))).collect();
        officers.sort();
        let officers = OfficerSet { officers, threshold: 2 };
        let act = Act::Genesis { name: "North".into(), officers, nonce: [0; 32].into() };
        let genesis = sign(Certificate::new(CommunityId::default(), NOW, act));
        let community = CommunityId(genesis.id().0);
        let node = NodeKeys::draw(&mut rng);
        let (under, party) = (genesis.id(), party_id(&key(100)));
        let enrol = Act::Enrol { under, party, kind: PartyKind::Centre, name: Some("C".into()) };
        let certify = Act::Node {
            party,
            node: node.id(),
            seal_key: (*node.seal().public()).into(),
            ends: NOW.plus_ms(1_000_000_000),
            label: "desk".into(),
            carrier: false,
        };
        let mut directory = Directory::new(genesis).unwrap();
        directory.add([
            sign(Certificate::new(community, NOW, enrol)),
            Certificate::new(community, NOW, certify).signed(&key(100)),
        ]);
        let (epoch, secret) = epoch(&mut rng);
        let (set, officers) = directory.officers().clone();
        let split = Split::new(&mut rng, (SPACE, EPOCH), (set, &officers), &epoch, &secret);
        Self { directory, node, split: split.unwrap(), secret, rng }
    }

    fn request(&self, reason: &str, split: Split, by: &NodeKeys) -> Request {
        let words =
            Words { reason: reason.into(), about: "王秀英".into(), person: "Li (clerk)".into() };
        let splits = vec![(EPOCH, split)];
        Request::new(by.signing(), &self.directory, (SPACE, words), splits, (NOW, false)).unwrap()
    }

    fn answered(&mut self, reason: &str, split: Split) -> Request {
        let mut request = self.request(reason, split, &self.node.clone());
        for officer in [1, 3] {
            request.answer(&mut self.rng, &key(officer), NOW).unwrap();
        }
        request
    }
}

/// Replaces the first `from` in `bytes` by `to`, of one length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// What a reader does with a split: it opens the share of the first officer's key there.
fn of_split(town: &Town, bytes: &[u8], space: SpaceTag, epoch: EpochId) -> String {
    let officers = &town.directory.officers().1;
    let opened = Split::decode(bytes).and_then(|split| {
        let open = |seed| {
            let share = split.open_share((space, epoch), officers, &key(seed))?;
            Ok((officer_id(&key(seed)), share))
        };
        split.combine(officers, &[open(1)?, open(2)?])
    });
    match opened {
        Ok(secret) => hex::encode(secret.expose()),
        Err(error) => name(&error),
    }
}

fn of_request(town: &Town, bytes: &[u8]) -> String {
    let opened = Request::decode(bytes).and_then(|request| {
        request.directory(NOW)?;
        let opened = request.open((town.node.id(), town.node.seal()), &town.directory, NOW)?;
        let record = Record::decode(&request.record().encode(), SPACE)?;
        assert!(record.officers(&town.directory).1);
        Ok(opened)
    });
    match opened {
        Ok(opened) => hex::encode(opened.candidates[0].secret.expose()),
        Err(error) => name(&error),
    }
}

fn name(error: &RecoveryError) -> String {
    format!("{error:?}").split(['(', ' ']).next().unwrap().to_owned()
}

fn splits(town: &Town) -> Vec<(&'static str, Vec<u8>, SpaceTag, EpochId, String)> {
    let good = town.split.encode();
    let secret = hex::encode(town.secret.expose());
    let changed = |change: &dyn Fn(&mut Split)| {
        let mut split = town.split.clone();
        change(&mut split);
        split.encode()
    };
    let at = town.directory.officers().1.officers.iter();
    let first = at.clone().position(|officer| *officer == officer_id(&key(1))).unwrap();
    let other_hash = changed(&|split| {
        let other = split.shares[(first + 1) % 3].hash;
        split.shares[first].hash = other;
    });
    let mut later = good.clone();
    later[1] = 2;
    let nobody = changed(&|split| split.threshold = 4);
    let unordered = changed(&|split| split.parents = vec![EpochId([9; 32]), EpochId([8; 32])]);
    let commitment = changed(&|split| split.commitment = [7; 32].into());
    let refused = |why: &str| why.to_owned();
    let (space, epoch) = (SpaceTag([9; 32]), EpochId([9; 32]));
    vec![
        ("a split", good.clone(), SPACE, EPOCH, secret),
        ("a later version", later, SPACE, EPOCH, refused("Version")),
        ("no share for the threshold", nobody, SPACE, EPOCH, refused("Malformed")),
        ("parents unordered", unordered, SPACE, EPOCH, refused("Malformed")),
        ("cut short", good[..good.len() - 1].to_vec(), SPACE, EPOCH, refused("Malformed")),
        ("the hash of another share", other_hash, SPACE, EPOCH, refused("WrongShare")),
        ("moved to another space", good.clone(), space, EPOCH, refused("Sealed")),
        ("moved to another epoch", good, SPACE, epoch, refused("Sealed")),
        ("another commitment", commitment, SPACE, EPOCH, refused("Sealed")),
    ]
}

fn requests(town: &mut Town) -> Vec<(&'static str, Vec<u8>, String)> {
    let secret = hex::encode(town.secret.expose());
    let request = town.answered("the hub burnt", town.split.clone());
    let (good, record) = (request.encode(), request.record().encode());
    let mut other = town.split.clone();
    other.shares[0].hash = [5; 32].into();
    // The same words and answers over another list of splits.
    let other_splits = replaced(&good, &town.split.encode(), &other.encode());
    let mut foreign = town.split.clone();
    foreign.officers = linli_replica::id::CertificateId([5; 32]);
    let foreign = Request::new(
        town.node.signing(),
        &town.directory,
        (SPACE, Words::default()),
        vec![(EPOCH, town.split.clone()), (EPOCH, foreign)],
        (NOW, false),
    );
    assert_eq!(foreign.err(), Some(RecoveryError::Malformed));
    let unanswered = town.request("the hub burnt", town.split.clone(), &town.node).encode();
    let stranger = NodeKeys::draw(&mut town.rng);
    let strangers = town.request("the hub burnt", town.split.clone(), &stranger).encode();
    // An answer of the second officer, who signed nothing: the third's under another name.
    let unsigned = {
        let third = hex::encode(officer_id(&key(3)).0);
        let second = hex::encode(officer_id(&key(2)).0);
        let at = hex::encode(&good).rfind(&third).unwrap();
        let mut text = hex::encode(&good);
        text.replace_range(at..at + 64, &second);
        hex::decode(text).unwrap()
    };
    let later = {
        let body = Envelope::decode(&record).unwrap().body().to_vec();
        let body = replaced(&body, b"linli recovery\x01", b"linli recovery\x02");
        let mut later = Envelope::new(body);
        [town.node.signing(), &key(1), &key(3)].into_iter().for_each(|key| later.sign(key));
        replaced(&good, &record, &later.encode())
    };
    let refused = |why: &str| why.to_owned();
    vec![
        ("a request with two answers", good.clone(), secret),
        ("a request without answers", unanswered, refused("Missing")),
        ("a later request", later, refused("Version")),
        ("other words", replaced(&good, b"burnt", b"stood"), refused("BadSignature")),
        ("other splits", other_splits, refused("BadSignature")),
        ("signed by another node", strangers, refused("Requester")),
        ("an answer without a signature", unsigned, refused("Malformed")),
        ("a request cut short", good[..good.len() - 1].to_vec(), refused("Malformed")),
    ]
}

#[test]
fn splits_and_requests() {
    let mut town = Town::new();
    let mut made = Vec::new();
    for (name, bytes, space, epoch, expect) in splits(&town) {
        let (space, epoch) = (hex::encode(space.0), hex::encode(epoch.0));
        let bytes = hex::encode(bytes);
        made.push(json!({
            "name": name, "split": bytes, "space": space, "epoch": epoch, "expect": expect,
        }));
    }
    for (name, bytes, expect) in requests(&mut town) {
        made.push(json!({ "name": name, "request": hex::encode(bytes), "expect": expect }));
    }
    let mut accepted = 0;
    for vector in vectors("recovery.json", made) {
        let said = match vector.get("split") {
            Some(split) => {
                let (space, epoch) =
                    (SpaceTag(array(&vector["space"])), EpochId(array(&vector["epoch"])));
                of_split(&town, &bytes(split), space, epoch)
            }
            None => of_request(&town, &bytes(&vector["request"])),
        };
        assert_eq!(vector["expect"], said.as_str(), "{}", vector["name"]);
        accepted += usize::from(said.len() == 64);
    }
    assert_eq!(accepted, 2);
}
