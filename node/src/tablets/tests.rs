use super::*;

fn tablets() -> (tempfile::TempDir, Tablets) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::create(&dir.path().join("data")).unwrap();
    let tablets = Tablets::load(&home, "127.0.0.1:8080".parse().unwrap());
    (dir, tablets)
}

fn pair(tablets: &Tablets, label: &str) -> String {
    let (code, _) = tablets.draw(label, 0).unwrap();
    tablets.redeem(&code, 7).unwrap().unwrap()
}

#[test]
fn a_code_pairs_one_tablet_once() {
    let (_dir, tablets) = tablets();
    assert_eq!(tablets.redeem("", 0).unwrap(), None, "there is no code yet");
    let (code, expires) = tablets.draw("kitchen", 1_000).unwrap();
    assert_eq!((code.len(), expires), (12, 601_000));
    assert!(code.bytes().all(|letter| ALPHABET.contains(&letter)));
    assert_eq!(tablets.redeem("", 0).unwrap(), None);
    assert_eq!(tablets.redeem(&code[1..], 0).unwrap(), None);
    // As a person types it.
    let typed = format!("{}-{}", &code[..4], &code[4..]).to_lowercase();
    let token = tablets.redeem(&typed, 7).unwrap().unwrap();
    assert_eq!(tablets.redeem(&code, 0).unwrap(), None, "it was used");
    assert_eq!(tablets.admits(Some(&token), 9), Admission::Tablet);
    let [row] = <[TabletRow; 1]>::try_from(tablets.rows()).unwrap();
    assert_eq!((row.label.as_str(), row.since_ms, row.seen_ms), ("kitchen", 7, Some(9)));
    // A later code ends the earlier one.
    let (earlier, _) = tablets.draw("hall", 0).unwrap();
    tablets.draw("bedroom", 0).unwrap();
    assert_eq!(tablets.redeem(&earlier, 0).unwrap(), None);
}

#[test]
fn a_code_that_has_expired_pairs_nobody() {
    let (_dir, tablets) = tablets();
    let (code, _) = tablets.draw("kitchen", 0).unwrap();
    tablets.state().code.as_mut().unwrap().until = Instant::now();
    assert_eq!(tablets.redeem(&code, 0).unwrap(), None);
}

#[test]
fn strangers_and_removed_tablets_are_not_admitted_also_after_a_restart() {
    let (_dir, tablets) = tablets();
    let (kitchen, hall) = (pair(&tablets, "kitchen"), pair(&tablets, "hall"));
    let again = Tablets::load(&tablets.home, tablets.address());
    assert_eq!(again.admits(Some(&kitchen), 0), Admission::Tablet);
    again.remove("kitchen").unwrap();
    assert!(matches!(again.remove("kitchen"), Err(PairError::Unknown)));
    for strange in [None, Some(""), Some("0"), Some(kitchen.as_str()), Some(&hall[..63])] {
        assert_eq!(again.admits(strange, 0), Admission::Stranger, "{strange:?}");
    }
    let later = Tablets::load(&tablets.home, tablets.address());
    assert_eq!(later.admits(Some(&kitchen), 0), Admission::Stranger);
    assert_eq!(later.admits(Some(&hall), 0), Admission::Tablet);
    // Who reads the file is no tablet.
    let file = std::fs::read_to_string(tablets.home.path().join(TABLETS_FILE)).unwrap();
    assert!(file.contains("hall") && !file.contains(&hall), "{file}");
    let hash = later.state().paired[0].token.clone();
    assert_eq!(later.admits(Some(&hash), 0), Admission::Stranger);
}

#[test]
fn a_tablet_asks_so_often_and_there_are_so_many() {
    let (_dir, tablets) = tablets();
    let token = pair(&tablets, "0");
    for _ in 0..REQUESTS_PER_MINUTE {
        assert_eq!(tablets.admits(Some(&token), 0), Admission::Tablet);
    }
    assert_eq!(tablets.admits(Some(&token), 0), Admission::TooMany);
    for number in 1..TABLETS_MAX {
        pair(&tablets, &number.to_string());
    }
    assert!(matches!(tablets.draw("one more", 0), Err(PairError::TooMany)));
    tablets.remove("1").unwrap();
    for label in ["", "2", "a\nb", &"x".repeat(41)] {
        assert!(matches!(tablets.draw(label, 0), Err(PairError::Label)), "{label}");
    }
}

#[test]
fn a_file_that_is_damaged_pairs_nobody() {
    let (_dir, tablets) = tablets();
    let token = pair(&tablets, "kitchen");
    tablets.home.write_private(TABLETS_FILE, b"[{").unwrap();
    let again = Tablets::load(&tablets.home, tablets.address());
    assert_eq!(again.admits(Some(&token), 0), Admission::Stranger);
    assert!(again.rows().is_empty());
}
