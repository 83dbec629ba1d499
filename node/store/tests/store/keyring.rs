//! The key file.

use std::fs;

use linli_store::keyring::{self, Cost, KEY_FILE, KeyringError, SealedKey};
use linli_store::limits::KEY_FILE_BYTES_MAX;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

#[test]
fn a_passphrase_unlocks_and_can_be_changed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut rng = StdRng::seed_from_u64(1);
    assert!(matches!(keyring::unlock(path, "one"), Err(KeyringError::Missing)));
    let key = keyring::create(path, "春天 one", CHEAP, &mut rng).unwrap();
    assert_eq!(keyring::unlock(path, "春天 one").unwrap().as_bytes(), key.as_bytes());
    assert!(matches!(keyring::unlock(path, "one"), Err(KeyringError::WrongPassphrase)));
    let again = keyring::create(path, "two", CHEAP, &mut rng);
    assert!(matches!(again, Err(KeyringError::AlreadyExists)));

    let refused = keyring::change_passphrase(path, "wrong", "two", CHEAP, &mut rng);
    assert!(matches!(refused, Err(KeyringError::WrongPassphrase)));
    let refused = keyring::change_passphrase(path, "春天 one", "", CHEAP, &mut rng);
    assert!(matches!(refused, Err(KeyringError::Empty)));
    keyring::unlock(path, "春天 one").unwrap();

    keyring::change_passphrase(path, "春天 one", "two", CHEAP, &mut rng).unwrap();
    assert_eq!(keyring::unlock(path, "two").unwrap().as_bytes(), key.as_bytes());
    assert!(matches!(keyring::unlock(path, "春天 one"), Err(KeyringError::WrongPassphrase)));
    let bytes = fs::read(path.join(KEY_FILE)).unwrap();
    assert!(!bytes.windows(32).any(|window| window == key.as_bytes()));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    keyring::create(directory.path(), "one", CHEAP, &mut rng).unwrap();
    let mode = fs::metadata(directory.path().join(KEY_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

#[test]
fn changed_and_hostile_files_are_refused_before_they_cost_anything() {
    let mut rng = StdRng::seed_from_u64(1);
    let key = linli_store::StorageKey::generate(&mut rng);
    let good = SealedKey::seal(&key, "one", CHEAP, &mut rng).unwrap().encode();
    assert_eq!(SealedKey::decode(&good).unwrap().open("one").unwrap().as_bytes(), key.as_bytes());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let opened = SealedKey::decode(&bad).and_then(|key| key.open("one"));
        assert!(opened.is_err(), "byte {at} was changed unnoticed");
    }
    let mut newer = good.clone();
    newer[1] = 9;
    let refused = SealedKey::decode(&newer).unwrap_err();
    assert!(matches!(refused, KeyringError::Newer { found: 9, known: 1 }), "{refused:?}");
    let long = vec![0; usize::try_from(KEY_FILE_BYTES_MAX).unwrap() + 1];
    assert!(matches!(SealedKey::decode(&long), Err(KeyringError::Damaged)));
    for cost in [
        Cost { memory_kib: u32::MAX, ..CHEAP },
        Cost { passes: u32::MAX, ..CHEAP },
        Cost { lanes: 17, memory_kib: 1 << 10, ..CHEAP },
    ] {
        // Such a file can be written by hand only: the cost is the second field.
        let fields = |cost: Cost| linli_replica::codec::encode(&cost);
        let (old, new) = (fields(CHEAP), fields(cost));
        let hostile = [&good[..2], &new, &good[2 + old.len()..]].concat();
        assert!(matches!(SealedKey::decode(&hostile), Err(KeyringError::Damaged)), "{cost:?}");
    }
}
