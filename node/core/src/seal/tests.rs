use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::limits::PLAINTEXT_BYTES_MAX;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn log_key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn place(log_key: &SigningKey, urgency: Urgency) -> Place<'_> {
    Place {
        space: SpaceTag([1; 32]),
        document: DocTag([2; 32]),
        log_key,
        sequence: 1,
        previous: EntryId::default(),
        urgency,
    }
}

const EPOCH: EpochId = EpochId([3; 32]);

fn sealed(content: &[u8], urgency: Urgency) -> Entry {
    let key = Secret::new([4; 32]);
    seal_entry(&mut rng(), &place(&log_key(), urgency), EPOCH, &key, content).unwrap()
}

fn opened(entry: &Entry) -> Result<Vec<u8>, OpenError> {
    let key = |epoch: &EpochId| (*epoch == EPOCH).then(|| Secret::new([4; 32]));
    open_entry(entry, key).map(|content| content.to_vec())
}

#[test]
fn what_is_sealed_opens_at_every_size() {
    for size in [0, 1, 251, 252, 253, 4_091, 4_092, 4_093, 100_000, PLAINTEXT_BYTES_MAX] {
        let content = vec![7; size];
        let entry = sealed(&content, Urgency::Normal);
        let entry = Entry::decode(&entry.encode()).unwrap();
        assert_eq!(opened(&entry), Ok(content), "{size} bytes");
    }
    let huge = vec![0; PLAINTEXT_BYTES_MAX + 1];
    let key = Secret::new([4; 32]);
    let refused = seal_entry(&mut rng(), &place(&log_key(), Urgency::Bulk), EPOCH, &key, &huge);
    assert_eq!(refused.unwrap_err(), SealError::TooLarge(huge.len()));
}

#[test]
fn lengths_say_little() {
    let length = |size, urgency| sealed(&vec![0; size], urgency).ciphertext().len();
    assert_eq!(length(0, Urgency::Normal), length(252, Urgency::Normal));
    assert_eq!(length(253, Urgency::Normal), 512 + 16);
    assert_eq!(length(0, Urgency::Urgent), length(4_092, Urgency::Urgent));
    let key = Secret::new([4; 32]);
    let over = [0; 4_093];
    let refused = seal_entry(&mut rng(), &place(&log_key(), Urgency::Urgent), EPOCH, &key, &over);
    assert_eq!(refused.unwrap_err(), SealError::TooLargeForUrgent(4_093));
    for bits in 12..17 {
        let sizes = (1 << bits..2 << bits).step_by(61);
        let lengths: std::collections::BTreeSet<_> = sizes.map(bucket).collect();
        assert!(lengths.len() <= 9, "sizes up to {} fall into {}", 2 << bits, lengths.len());
    }
    for size in (4..PLAINTEXT_BYTES_MAX).step_by(997) {
        let padded = bucket(size);
        assert!(padded >= size && padded.is_multiple_of(PAD_BUCKET_BYTES));
        assert!(padded - size < PAD_BUCKET_BYTES.max(size / 8 + 1));
    }
}

#[test]
fn an_entry_opens_only_under_its_key_and_header() {
    let entry = sealed(b"blood pressure", Urgency::Normal);
    assert!(!entry.ciphertext().windows(5).any(|window| window == b"blood"));
    let other = |_: &EpochId| Some(Secret::new([9; 32]));
    assert_eq!(open_entry(&entry, other).unwrap_err(), OpenError::Damaged);
    assert_eq!(open_entry(&entry, |_| None).unwrap_err(), OpenError::UnknownEpoch(EPOCH));
    let own = SealKey::draw(&mut rng());
    assert_eq!(open_from_inbox(&entry, &own).unwrap_err(), OpenError::NotForUs);
    // The same ciphertext under a changed header, signed again by the log's key.
    for change in 0..4 {
        let mut header = entry.header().clone();
        match change {
            0 => header.space = SpaceTag([9; 32]),
            1 => header.document = DocTag([9; 32]),
            2 => header.urgency = Urgency::Bulk,
            _ => header.nonce = [0; 24].into(),
        }
        let moved = Entry::assemble(&header, entry.ciphertext().to_vec(), &log_key()).unwrap();
        assert_eq!(opened(&moved), Err(OpenError::Damaged), "change {change}");
    }
    let flipped: Vec<u8> = entry.ciphertext().iter().map(|byte| byte ^ 1).collect();
    let damaged = Entry::assemble(entry.header(), flipped, &log_key()).unwrap();
    assert_eq!(opened(&damaged), Err(OpenError::Damaged));
}

#[test]
fn a_wrong_frame_is_refused() {
    let framed = |bytes: Vec<u8>| unpad(Zeroizing::new(bytes)).map(|content| content.to_vec());
    assert_eq!(framed([vec![1, 0, 0, 0, 9], vec![0; 251]].concat()), Ok(vec![9]));
    assert_eq!(framed(vec![1, 0, 0]), Err(OpenError::Damaged));
    assert_eq!(framed([vec![253, 0, 0, 0], vec![0; 252]].concat()), Err(OpenError::Damaged));
    assert_eq!(framed([vec![1, 0, 0, 0, 9], vec![1; 251]].concat()), Err(OpenError::Damaged));
}

#[test]
fn an_inbox_opens_for_its_owner_only() {
    let (own, other) = (SealKey::draw(&mut rng()), SealKey::from_secret(&Secret::new([8; 32])));
    let key = log_key();
    let place = place(&key, Urgency::Normal);
    let entry = seal_to_inbox(&mut rng(), &place, own.public(), b"a grant").unwrap();
    let entry = Entry::decode(&entry.encode()).unwrap();
    assert_eq!(open_from_inbox(&entry, &own).unwrap().as_slice(), b"a grant");
    assert_eq!(open_from_inbox(&entry, &other.unwrap()).unwrap_err(), OpenError::Damaged);
    assert_eq!(opened(&entry), Err(OpenError::NotForUs));
    let kept = SealKey::from_secret(&own.to_secret()).unwrap();
    assert_eq!(kept.public(), own.public());
    assert!(open_from_inbox(&entry, &kept).is_ok());
    let mut header = entry.header().clone();
    header.document = DocTag([9; 32]);
    let moved = Entry::assemble(&header, entry.ciphertext().to_vec(), &key).unwrap();
    assert_eq!(open_from_inbox(&moved, &own).unwrap_err(), OpenError::Damaged);
    // An all-zero key would make a secret that everybody knows (RFC 9180, section 7.1.4).
    let refused = seal_to_inbox(&mut rng(), &place, &[0; 32], b"a grant");
    assert_eq!(refused.unwrap_err(), SealError::BadRecipient);
}
