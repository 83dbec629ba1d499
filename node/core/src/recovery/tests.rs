use ed25519_dalek::SigningKey;
use linli_replica::certificate::{Act, Certificate, OfficerSet, PartyKind};
use linli_replica::directory::Directory;
use linli_replica::id::{CertificateId, CommunityId, EpochId, OfficerId, SpaceTag, Timestamp};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::authority::{Epoch, mint};
use crate::identity::{
    NodeKeys, SealKey, officer_id, officer_seal_key, officer_seal_public, party_id,
};
use crate::secret::Secret;

const PLACE: (SpaceTag, EpochId) = (SpaceTag([1; 32]), EpochId([2; 32]));
const SET: CertificateId = CertificateId([3; 32]);
const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn officers(m: u8, n: u8) -> (Vec<SigningKey>, OfficerSet) {
    let keys: Vec<SigningKey> = (1..=n).map(key).collect();
    let mut officers: Vec<OfficerId> = keys.iter().map(officer_id).collect();
    officers.sort();
    (keys, OfficerSet { officers, threshold: m })
}

fn epoch(rng: &mut ChaCha20Rng) -> (Epoch, Secret) {
    mint(rng, &[(EpochId([8; 32]), Secret::new([9; 32]))].into(), []).unwrap()
}

fn shares(split: &Split, set: &OfficerSet, keys: &[SigningKey]) -> Vec<(OfficerId, Share)> {
    let open = |key: &SigningKey| (officer_id(key), split.open_share(PLACE, set, key).unwrap());
    keys.iter().map(open).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_m_of_n_recover_and_fewer_do_not(
        (n, m) in (1_u8..=7).prop_flat_map(|n| (Just(n), 1..=n)),
        seed: u64,
        order in Just((0_usize..7).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (keys, set) = officers(m, n);
        let (epoch, secret) = epoch(&mut rng);
        let split = Split::new(&mut rng, PLACE, (SET, &set), &epoch, &secret).unwrap();
        let split = Split::decode(&split.encode()).unwrap();
        prop_assert_eq!(&split.parents, &[EpochId([8; 32])]);
        let chosen: Vec<SigningKey> =
            order.into_iter().filter_map(|at| keys.get(at).cloned()).collect();
        let (m, n) = (usize::from(m), usize::from(n));
        for given in 0..=n {
            let shares = shares(&split, &set, &chosen[..given]);
            let expected = if given < m {
                Err(RecoveryError::Missing { had: given, needed: m })
            } else {
                Ok(secret.clone())
            };
            prop_assert_eq!(split.combine(&set, &shares), expected);
            // Nor do fewer make it by giving one of theirs twice.
            let twice = [shares.clone(), shares].concat();
            prop_assert_eq!(split.combine(&set, &twice).is_ok(), given >= m);
        }
        if m > 1 {
            // What too few shares make when nobody counts them is not the secret.
            let few = shares(&split, &set, &chosen[..m - 1]);
            let mut lax = split;
            lax.threshold = u8::try_from(m - 1).unwrap();
            prop_assert_eq!(lax.combine(&set, &few), Err(RecoveryError::BadSplit));
        }
    }
}

#[test]
fn an_officers_two_halves_are_one_key() {
    for seed in 0..32 {
        let own = officer_seal_key(&key(seed)).unwrap();
        assert_eq!(officer_seal_public(&officer_id(&key(seed))), Some(*own.public()));
    }
}

#[test]
fn a_wrong_share_is_named() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (keys, set) = officers(2, 3);
    let (epoch, secret) = epoch(&mut rng);
    let mut new = || Split::new(&mut rng, PLACE, (SET, &set), &epoch, &secret).unwrap();
    let (split, other) = (new(), new());
    let [a, b, _] = [0, 1, 2].map(|at| officer_id(&keys[at]));
    let good = shares(&split, &set, &keys);
    // One of another split of the same secret.
    let mixed = [good[0].clone(), shares(&other, &set, &keys)[1].clone()];
    assert_eq!(split.combine(&set, &mixed), Err(RecoveryError::WrongShare(b)));
    // One changed in a bit, one under another officer's name, one of no officer.
    let mut bytes = good[0].1.expose().to_vec();
    bytes[7] ^= 1;
    let flipped = Share::decode(bytes.into()).unwrap();
    let flipped = [(a, flipped), good[1].clone()];
    assert_eq!(split.combine(&set, &flipped), Err(RecoveryError::WrongShare(a)));
    let swapped = [(a, good[1].1.clone()), (b, good[0].1.clone())];
    assert_eq!(split.combine(&set, &swapped), Err(RecoveryError::WrongShare(a)));
    let stranger = [(officer_id(&key(9)), good[0].1.clone())];
    assert_eq!(split.combine(&set, &stranger), Err(RecoveryError::NoOfficer));
    // Genuine shares of a split that states another commitment.
    let mut wrong = split;
    wrong.commitment = [0; 32].into();
    assert_eq!(wrong.combine(&set, &good), Err(RecoveryError::BadSplit));
}

#[test]
fn a_share_opens_in_its_place_and_for_its_officer_only() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (keys, set) = officers(2, 3);
    let (epoch, secret) = epoch(&mut rng);
    let split = Split::new(&mut rng, PLACE, (SET, &set), &epoch, &secret).unwrap();
    let sealed = Err(RecoveryError::Sealed(officer_id(&keys[0])));
    let open = |split: &Split, place| split.open_share(place, &set, &keys[0]).map(drop);
    assert_eq!(open(&split, PLACE), Ok(()));
    assert_eq!(open(&split, (SpaceTag([9; 32]), PLACE.1)), sealed);
    assert_eq!(open(&split, (PLACE.0, EpochId([9; 32]))), sealed);
    let changes: [fn(&mut Split); 4] = [
        |s| s.officers = CertificateId([9; 32]),
        |s| s.threshold = 1,
        |s| s.commitment = [9; 32].into(),
        |s| s.shares.rotate_left(1),
    ];
    for change in changes {
        let mut changed = split.clone();
        change(&mut changed);
        assert_eq!(open(&changed, PLACE), sealed);
    }
    let none = split.open_share(PLACE, &set, &key(9)).map(drop);
    assert_eq!(none, Err(RecoveryError::NoOfficer));
}

#[test]
fn an_officers_unusable_key_costs_their_share_only() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (keys, mut set) = officers(2, 3);
    let at = set.officers.iter().position(|o| *o == officer_id(&keys[0])).unwrap();
    // A point of small order: nothing can be sealed to it.
    set.officers[at] = OfficerId([0; 32]);
    let (epoch, secret) = epoch(&mut rng);
    let split = Split::new(&mut rng, PLACE, (SET, &set), &epoch, &secret).unwrap();
    assert!(split.open_share(PLACE, &set, &keys[0]).is_err());
    assert_eq!(split.combine(&set, &shares(&split, &set, &keys[1..])), Ok(secret));
}

/// A community of three officers, two of whom must sign, with one node.
struct Town {
    officers: Vec<SigningKey>,
    directory: Directory,
    node: NodeKeys,
    split: Split,
    secret: Secret,
    rng: ChaCha20Rng,
}

impl Town {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (officers, set) = officers(2, 3);
        let sign = |mut certificate: Certificate| {
            officers.iter().for_each(|key| certificate.sign(key));
            certificate
        };
        let act = Act::Genesis { name: "North".into(), officers: set, nonce: [0; 32].into() };
        let genesis = sign(Certificate::new(CommunityId::default(), NOW, act));
        let community = CommunityId(genesis.id().0);
        let (root, node) = (key(100), NodeKeys::draw(&mut rng));
        let enrol = Act::Enrol {
            under: genesis.id(),
            party: party_id(&root),
            kind: PartyKind::Centre,
            name: Some("Centre".into()),
        };
        let certify = Act::Node {
            party: party_id(&root),
            node: node.id(),
            seal_key: (*node.seal().public()).into(),
            ends: NOW.plus_ms(1_000_000_000_000),
            label: "desk".into(),
            carrier: false,
        };
        let mut directory = Directory::new(genesis).unwrap();
        directory.add([
            sign(Certificate::new(community, NOW, enrol)),
            Certificate::new(community, NOW, certify).signed(&root),
        ]);
        let (epoch, secret) = epoch(&mut rng);
        let (set, officer_set) = directory.officers().clone();
        let split = Split::new(&mut rng, PLACE, (set, &officer_set), &epoch, &secret).unwrap();
        Self { officers, directory, node, split, secret, rng }
    }

    fn request(&self, splits: Vec<(EpochId, Split)>) -> Request {
        let words = Words { reason: "the hub burnt".into(), ..Words::default() };
        let (signing, space) = (self.node.signing(), PLACE.0);
        Request::new(signing, &self.directory, (space, words), splits, (NOW, false)).unwrap()
    }

    fn answered(&mut self, by: &[usize]) -> Request {
        let mut request = self.request(vec![(PLACE.1, self.split.clone())]);
        for at in by {
            // Each officer reads the file that the one before wrote.
            request = Request::decode(&request.encode()).unwrap();
            assert_eq!(request.answer(&mut self.rng, &self.officers[*at], NOW), Ok(true));
        }
        request
    }

    fn open(&self, request: &Request) -> Result<Opened, RecoveryError> {
        let request = Request::decode(&request.encode())?;
        request.open((self.node.id(), self.node.seal()), &self.directory, NOW)
    }
}

#[test]
fn two_of_three_officers_answer_a_file_that_goes_round() {
    let mut town = Town::new(4);
    for by in [&[0, 1][..], &[2, 0], &[1, 2, 0]] {
        let request = town.answered(by);
        let opened = town.open(&request).unwrap();
        assert_eq!(opened.candidates.len(), 1);
        assert_eq!(opened.candidates[0].secret, town.secret);
        assert_eq!(opened.refused, []);
        let record = Record::decode(&request.record().encode(), PLACE.0).unwrap();
        let (signers, enough) = record.officers(&town.directory);
        assert!(enough);
        assert_eq!(signers, by.iter().map(|at| officer_id(&town.officers[*at])).collect());
        assert_eq!(record.statement().words.reason, "the hub burnt");
        assert_eq!(
            Record::decode(&record.encode(), SpaceTag([9; 32])),
            Err(RecoveryError::OtherKey)
        );
        let notice = RecoveryNotice::of(&record, &town.directory);
        assert_eq!(RecoveryNotice::decode(&notice.encode()), Some(notice));
    }
    let alone = town.answered(&[1]);
    assert_eq!(town.open(&alone).err(), Some(RecoveryError::Missing { had: 1, needed: 2 }));
    assert!(!alone.record().officers(&town.directory).1);
    // Copies that went to two officers apart are joined.
    let mut copies = [town.request(vec![(PLACE.1, town.split.clone())]), alone];
    copies[0].answer(&mut town.rng, &town.officers[0], NOW).unwrap();
    let [mut one, other] = copies;
    assert!(one.merge(&other) && !one.merge(&other));
    assert!(town.open(&one).is_ok());
    assert_eq!(one.answer(&mut town.rng, &town.officers[0], NOW), Ok(false), "already given");
}

#[test]
fn a_forged_answer_is_named_and_does_no_harm_where_the_others_are_enough() {
    let mut town = Town::new(5);
    let mut other = Town::new(6);
    // The third officer gives a share of another split, sealed as it should be.
    let false_share = |town: &mut Town, other: &mut Town, by: &[usize]| {
        let mut request = town.answered(by);
        let own = std::mem::replace(&mut request.splits[0].1, other.split.clone());
        request.answer(&mut town.rng, &town.officers[2], NOW).unwrap();
        request.splits[0].1 = own;
        request
    };
    other.directory = town.directory.clone();
    let (set, officers) = town.directory.officers().clone();
    let (epoch, secret) = epoch(&mut town.rng);
    other.split = Split::new(&mut town.rng, PLACE, (set, &officers), &epoch, &secret).unwrap();
    let named = RecoveryError::WrongShare(officer_id(&town.officers[2]));
    let few = false_share(&mut town, &mut other, &[0]);
    assert_eq!(town.open(&few).err(), Some(named.clone()));
    let enough = false_share(&mut town, &mut other, &[0, 1]);
    let opened = town.open(&enough).unwrap();
    assert_eq!(opened.refused, [named]);
    assert_eq!(opened.candidates[0].secret, town.secret);
}

#[test]
fn what_is_changed_or_another_nodes_is_refused() {
    let mut town = Town::new(7);
    let request = town.answered(&[0, 1]);
    let good = request.encode();
    let mut accepted = 0;
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        // What still reads is refused by the officers or by the node, or is the same to both.
        if let Ok(changed) = Request::decode(&bad) {
            let opened = changed.open((town.node.id(), town.node.seal()), &town.directory, NOW);
            accepted += usize::from(opened.is_ok_and(|o| o.candidates[0].secret == town.secret));
        }
    }
    // The community's certificates serve the officers alone.
    let certificates: usize = request.certificates.iter().map(|c| c.encode().len()).sum();
    assert!(accepted <= certificates, "{accepted} of {}", good.len());
    let stranger = NodeKeys::draw(&mut town.rng);
    let open = |keys: &NodeKeys, directory: &Directory, now| {
        request.open((keys.id(), keys.seal()), directory, now).map(drop)
    };
    assert_eq!(open(&stranger, &town.directory, NOW), Err(RecoveryError::OtherNode));
    let late = NOW.plus_ms(crate::limits::REQUEST_TERM_MS + 1);
    assert_eq!(open(&town.node, &town.directory, late), Err(RecoveryError::Stale));
    let wrong_seal = SealKey::draw(&mut town.rng);
    let named = RecoveryError::WrongShare(officer_id(&town.officers[0]));
    let opened = request.open((town.node.id(), &wrong_seal), &town.directory, NOW);
    assert!(matches!(opened, Err(RecoveryError::WrongShare(_))), "{opened:?} {named}");
}

#[test]
fn an_officer_gives_nothing_to_a_stranger() {
    let mut town = Town::new(8);
    let mut request = town.request(vec![(PLACE.1, town.split.clone())]);
    let answer = |town: &mut Town, request: &mut Request, key: &SigningKey, now| {
        request.answer(&mut town.rng, key, now)
    };
    let officer = town.officers[0].clone();
    assert_eq!(answer(&mut town, &mut request, &key(9), NOW), Err(RecoveryError::NoOfficer));
    let early = Timestamp(NOW.0 - 3_600_000);
    assert_eq!(answer(&mut town, &mut request, &officer, early), Err(RecoveryError::Stale));
    // A node that the community's certificates in the file do not name.
    request.certificates.retain(|c| !matches!(c.body().act, Act::Node { .. }));
    let refused = answer(&mut town, &mut request, &officer, NOW);
    assert!(matches!(refused, Err(RecoveryError::Requester(_))), "{refused:?}");
    // One that was expelled, by a request that says so.
    let mut directory = town.directory.clone();
    let subject = linli_replica::certificate::Subject::Node(town.node.id());
    let mut expel = Certificate::new(
        directory.community(),
        NOW,
        Act::Expel { under: directory.officers().0, subject },
    );
    town.officers.iter().for_each(|key| expel.sign(key));
    directory.add([expel]);
    let splits = vec![(PLACE.1, town.split.clone())];
    let asked = (PLACE.0, Words::default());
    let mut request =
        Request::new(town.node.signing(), &directory, asked, splits, (NOW, false)).unwrap();
    let refused = answer(&mut town, &mut request, &officer, NOW);
    assert!(matches!(refused, Err(RecoveryError::Requester(_))), "{refused:?}");
}
