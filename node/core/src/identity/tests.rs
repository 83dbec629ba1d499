use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;

use super::*;

const FAST: Stretch = Stretch { memory_kib: 8, passes: 1, lanes: 1 };

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(3)
}

#[test]
fn a_nodes_keys_can_be_kept() {
    let keys = NodeKeys::draw(&mut rng());
    let (signing, seal) = keys.to_secrets();
    let kept = NodeKeys::from_secrets(&signing, &seal).unwrap();
    assert_eq!((kept.id(), kept.seal().public()), (keys.id(), keys.seal().public()));
    assert!(!format!("{keys:?}").contains(&hex::encode(signing.expose())));
}

#[test]
fn a_key_file_opens_with_its_passphrase() {
    let key = draw_signing_key(&mut rng());
    let file = seal_key_file(&mut rng(), KeyKind::Officer, &key, "桂花 三里", FAST).unwrap();
    let opened = open_key_file(&file, "桂花 三里").unwrap();
    assert_eq!((opened.kind, officer_id(&opened.key)), (KeyKind::Officer, officer_id(&key)));
    let refusal = |bytes: &[u8], passphrase| open_key_file(bytes, passphrase).unwrap_err();
    assert_eq!(refusal(&file, "桂花 四里"), KeyFileError::WrongPassphrase);
    assert_eq!(refusal(&file[1..], "桂花 三里"), KeyFileError::Malformed);
    assert_eq!(refusal(&vec![0; KEY_FILE], "桂花 三里"), KeyFileError::Malformed);
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(open_key_file(&changed, "桂花 三里").is_err(), "byte {at} was changed unnoticed");
    }
}

const KEY_FILE: usize = crate::limits::KEY_FILE_BYTES_MAX + 1;

#[test]
fn a_file_cannot_ask_for_too_much() {
    use crate::limits::{ARGON_LANES_MAX, ARGON_MEMORY_KIB_MAX, ARGON_PASSES_MAX};
    let greedy = [
        Stretch { memory_kib: ARGON_MEMORY_KIB_MAX + 1, ..FAST },
        Stretch { passes: ARGON_PASSES_MAX + 1, ..FAST },
        Stretch { lanes: ARGON_LANES_MAX + 1, ..FAST },
        Stretch { passes: 0, ..FAST },
        Stretch { memory_kib: 1, ..FAST },
    ];
    let key = draw_signing_key(&mut rng());
    for stretch in greedy {
        let refused = seal_key_file(&mut rng(), KeyKind::Party, &key, "x", stretch);
        assert_eq!(refused.unwrap_err(), KeyFileError::Stretch);
    }
    // Opening meets the same caps: the parameters stand in the file, found here by their encoding.
    let file = seal_key_file(&mut rng(), KeyKind::Party, &key, "x", FAST).unwrap();
    let at = file.windows(4).position(|window| window == [0x83, 8, 1, 1]).unwrap();
    let mut greedy = file;
    greedy[at + 2] = u8::try_from(ARGON_PASSES_MAX + 1).unwrap();
    assert_eq!(open_key_file(&greedy, "x").unwrap_err(), KeyFileError::Stretch);
}

#[test]
fn an_officers_key_is_written_down_and_read_in_any_way() {
    let key = draw_signing_key(&mut rng());
    let (word, printed) = (officer_word(&officer_id(&key)), printed_key(&key));
    assert_eq!((word.len(), printed.replace('-', "").len()), (67, 70));
    assert_eq!(read_officer(&word), Ok(officer_id(&key)));
    assert_eq!(read_officer(&word.to_uppercase().replace("1", "1 ")), Ok(officer_id(&key)));
    for form in [printed.to_string(), printed.to_uppercase(), printed.replace('-', " ")] {
        assert_eq!(read_printed(&form).unwrap(), key);
        assert!(is_printed(&form));
    }
    assert!(!is_printed(&word) && !is_printed("") && !is_printed("linlí"));
    // One takes neither for the other, and every wrong character is found.
    assert_eq!(read_officer(&printed), Err(NotAWord::Officer));
    assert_eq!(read_printed(&word), Err(NotAWord::Printed));
    for at in 0..printed.len() {
        let mut wrong = printed.to_string().into_bytes();
        wrong[at] = if wrong[at] == b'q' { b'p' } else { b'q' };
        let wrong = String::from_utf8(wrong).unwrap();
        assert_eq!(read_printed(&wrong), Err(NotAWord::Printed), "{wrong}");
    }
    for at in 0..word.len() {
        let mut wrong = word.clone().into_bytes();
        wrong[at] = if wrong[at] == b'q' { b'p' } else { b'q' };
        assert_eq!(read_officer(&String::from_utf8(wrong).unwrap()), Err(NotAWord::Officer));
    }
    // A key that every signature fits is nobody's.
    assert_eq!(read_officer(&officer_word(&OfficerId([0; 32]))), Err(NotAWord::Officer));
    assert_eq!(read_officer(&"q".repeat(300)), Err(NotAWord::Officer));
}

#[test]
fn a_key_file_says_whose_key_it_holds() {
    let key = draw_signing_key(&mut rng());
    let file = seal_key_file(&mut rng(), KeyKind::Officer, &key, "桂花 三里", FAST).unwrap();
    assert_eq!(key_file_of(&file), Ok((KeyKind::Officer, officer_id(&key).0)));
    assert_eq!(key_file_of(&file[1..]), Err(KeyFileError::Malformed));
    assert_eq!(key_file_of(&vec![0; KEY_FILE]), Err(KeyFileError::Malformed));
}
