//! Making a node, a community and a node of a backup, and what an interruption leaves.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected has failed")]

use std::{fs, path::Path};

use linli_node::{
    home::{Home, HomeError, KEY_FILE, PARTY_KEY_FILE},
    setup::{self, NewCommunity, SetupError},
};
use linli_replica::certificate::PartyKind;

const PASSPHRASE: &str = "a passphrase of a test";
const OTHER: &str = "another passphrase";

fn community(officers: u8) -> NewCommunity<'static> {
    NewCommunity {
        name: "桃园",
        officers,
        threshold: officers,
        kind: PartyKind::Centre,
        party_name: None,
        officer_passphrase: "a passphrase of an officer",
    }
}

/// Leaves a directory as an interruption does just before the node counts.
fn interrupt(home: &Home) {
    fs::rename(home.key(), home.path().join("key.sealed.new")).unwrap();
}

fn names(path: &Path) -> Vec<String> {
    let names = fs::read_dir(path).unwrap().map(|item| item.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_node_whose_making_was_interrupted_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let home = Home::create(&path).unwrap();
    let first = setup::init(&home, "hub", PASSPHRASE).unwrap();
    assert_eq!(names(&path), [KEY_FILE, PARTY_KEY_FILE, "store"]);
    // At the end; then at the beginning, when not even the draft of the key was whole.
    for cut in ["whole", ""] {
        interrupt(&home);
        if cut.is_empty() {
            fs::write(path.join("key.sealed.new"), cut).unwrap();
        }
        let none = Home::open(&path).unwrap_err();
        assert!(matches!(none, HomeError::Missing { .. }), "{none:?}");
        let none = setup::create_community(&home, PASSPHRASE, &community(1)).unwrap_err();
        assert!(matches!(none, SetupError::NotInitialised), "{none:?}");
        let again = Home::create(&path).unwrap();
        let second = setup::init(&again, "hub", OTHER).unwrap();
        assert_ne!(first, second);
        assert_eq!(names(&path), [KEY_FILE, PARTY_KEY_FILE, "store"]);
    }
    setup::create_community(&home, OTHER, &community(1)).unwrap();
}

#[test]
fn a_store_without_its_key_is_never_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let home = Home::create(&path).unwrap();
    setup::init(&home, "hub", PASSPHRASE).unwrap();
    let key = fs::read(home.key()).unwrap();
    let again = setup::init(&home, "hub", OTHER).unwrap_err();
    assert!(matches!(again, SetupError::AlreadyInitialised(_)), "{again:?}");
    assert!(matches!(home.begin(b"x").unwrap_err(), HomeError::Exists { .. }));
    assert_eq!(fs::read(home.key()).unwrap(), key);
    // Somebody moved the key out: what is left is no interrupted attempt.
    fs::remove_file(home.key()).unwrap();
    let refused = Home::create(&path).unwrap_err();
    assert!(matches!(refused, HomeError::NotOurs { .. }), "{refused:?}");
    fs::write(home.key(), key).unwrap();
    setup::create_community(&home, PASSPHRASE, &community(1)).unwrap();
    // Nor is anything else that lies beside an interrupted attempt.
    interrupt(&home);
    fs::write(path.join("notes"), "mine").unwrap();
    let refused = Home::create(&path).unwrap_err();
    assert!(matches!(refused, HomeError::NotOurs { .. }), "{refused:?}");
}

#[test]
fn a_restore_that_was_interrupted_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::create(&dir.path().join("data")).unwrap();
    setup::init(&home, "hub", PASSPHRASE).unwrap();
    setup::create_community(&home, PASSPHRASE, &community(1)).unwrap();
    let backup = dir.path().join("backup");
    let key = linli_store::keyring::unlock(home.path(), PASSPHRASE).unwrap();
    let sealed = linli_store::keyring::read(home.path()).unwrap();
    let store = linli_store::Store::open(&home.store(), &key).unwrap();
    fs::create_dir_all(backup.join("blobs")).unwrap();
    store.backup(&backup.join("store.redb"), Some(&sealed)).unwrap();
    drop(store);
    let path = dir.path().join("restored");
    let restored = Home::create(&path).unwrap();
    setup::restore(&restored, &backup, PASSPHRASE).unwrap();
    interrupt(&restored);
    setup::restore(&Home::create(&path).unwrap(), &backup, PASSPHRASE).unwrap();
    let member = setup::create_community(&restored, PASSPHRASE, &community(1)).unwrap_err();
    assert!(matches!(member, SetupError::AlreadyMember), "{member:?}");
}

#[test]
fn officers_keys_of_an_interrupted_attempt_are_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::create(&dir.path().join("data")).unwrap();
    setup::init(&home, "centre", PASSPHRASE).unwrap();
    let first = home.make_dir("officers").unwrap();
    for name in ["officer-1.key", "officer-2.key"] {
        fs::write(first.join(name), "of another").unwrap();
    }
    setup::create_community(&home, PASSPHRASE, &community(1)).unwrap();
    assert_eq!(names(&home.officers()), ["officer-1.key"]);
    assert_ne!(fs::read(home.officers().join("officer-1.key")).unwrap(), b"of another");
    let aside = home.path().join("officers.1");
    assert_eq!(names(&aside), ["officer-1.key", "officer-2.key"]);
    assert_eq!(fs::read(aside.join("officer-1.key")).unwrap(), b"of another");
}
