use ed25519_dalek::SigningKey;
use linli_core::identity::SealKey;
use linli_core::seal::{Place, open_entry, open_from_inbox, seal_entry, seal_to_inbox};
use linli_replica::entry::{Entry, Header, Urgency};
use linli_replica::id::{DocTag, SpaceTag};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;

const EPOCH: EpochId = EpochId([3; 32]);
const CONTENT_KEY: [u8; 32] = [4; 32];
const INBOX_KEY: [u8; 32] = [5; 32];

fn place(log_key: &SigningKey, urgency: Urgency) -> Place<'_> {
    let (space, document) = (SpaceTag([1; 32]), DocTag([2; 32]));
    Place { space, document, log_key, sequence: 1, previous: EntryId::default(), urgency }
}

fn made() -> Vec<Value> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (log, own) = (key(6), SealKey::from_secret(&Secret::new(INBOX_KEY)).unwrap());
    let mut epoch = |content: &[u8], urgency| {
        let key = Secret::new(CONTENT_KEY);
        seal_entry(&mut rng, &place(&log, urgency), EPOCH, &key, content).unwrap()
    };
    let normal = epoch("血压 135/85".as_bytes(), Urgency::Normal);
    let urgent = epoch(b"help", Urgency::Urgent);
    let inbox = seal_to_inbox(&mut rng, &place(&log, Urgency::Normal), own.public(), b"a grant");
    let inbox = inbox.unwrap();
    let changed = |entry: &Entry, change: fn(&mut Header), flip: u8| {
        let mut header = entry.header().clone();
        change(&mut header);
        let mut ciphertext = entry.ciphertext().to_vec();
        ciphertext[0] ^= flip;
        Entry::assemble(&header, ciphertext, &log).unwrap()
    };
    let same = |_: &mut Header| {};
    let to_other_document = |header: &mut Header| header.document = DocTag([9; 32]);
    let to_other_epoch = |header: &mut Header| header.epoch = EpochId([9; 32]);
    let text = hex::encode("血压 135/85");
    let mut vectors = vec![
        ("an entry", normal.encode(), text),
        ("an urgent entry", urgent.encode(), hex::encode("help")),
        ("an inbox entry", inbox.encode(), hex::encode("a grant")),
    ];
    let refused = [
        ("a flipped bit", changed(&normal, same, 1), "Damaged"),
        ("moved to another document", changed(&normal, to_other_document, 0), "Damaged"),
        ("of an epoch not held", changed(&normal, to_other_epoch, 0), "UnknownEpoch"),
        ("an inbox entry, flipped", changed(&inbox, same, 1), "Damaged"),
        ("an inbox entry, moved", changed(&inbox, to_other_document, 0), "Damaged"),
    ];
    vectors.extend(refused.map(|(name, entry, why)| (name, entry.encode(), why.to_owned())));
    vectors.push(("cut short", normal.encode()[..100].to_vec(), "NotAnEntry".to_owned()));
    vectors
        .into_iter()
        .map(|(name, entry, expect)| {
            json!({
                "name": name,
                "entry": hex::encode(entry),
                "epoch": hex::encode(EPOCH.0),
                "content_key": hex::encode(CONTENT_KEY),
                "inbox_key": hex::encode(INBOX_KEY),
                "expect": expect,
            })
        })
        .collect()
}

#[test]
fn sealed_entries() {
    for vector in vectors("seal.json", made()) {
        let Ok(entry) = Entry::decode(&bytes(&vector["entry"])) else {
            assert_eq!(vector["expect"], "NotAnEntry");
            continue;
        };
        let held = EpochId(array(&vector["epoch"]));
        let opened = if entry.header().epoch == EpochId::default() {
            let own = SealKey::from_secret(&Secret::new(array(&vector["inbox_key"]))).unwrap();
            open_from_inbox(&entry, &own)
        } else {
            let key = Secret::new(array(&vector["content_key"]));
            open_entry(&entry, |epoch| (*epoch == held).then_some(key))
        };
        let outcome = match opened {
            Ok(content) => hex::encode(&*content),
            Err(error) => format!("{error:?}").split('(').next().unwrap().to_owned(),
        };
        assert_eq!(vector["expect"], outcome, "{}", vector["name"]);
    }
}
