use std::os::unix::fs::PermissionsExt as _;

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
    assert_eq!(tablets.admits(Some(&token), Counted::Look, 9), Admission::Tablet);
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
    assert_eq!(again.admits(Some(&kitchen), Counted::Look, 0), Admission::Tablet);
    again.remove("kitchen").unwrap();
    assert!(matches!(again.remove("kitchen"), Err(PairError::Unknown)));
    for strange in [None, Some(""), Some("0"), Some(kitchen.as_str()), Some(&hall[..63])] {
        assert_eq!(again.admits(strange, Counted::Look, 0), Admission::Stranger, "{strange:?}");
    }
    let later = Tablets::load(&tablets.home, tablets.address());
    assert_eq!(later.admits(Some(&kitchen), Counted::Look, 0), Admission::Stranger);
    assert_eq!(later.admits(Some(&hall), Counted::Look, 0), Admission::Tablet);
    // Who reads the file is no tablet.
    let file = std::fs::read_to_string(tablets.home.path().join(TABLETS_FILE)).unwrap();
    assert!(file.contains("hall") && !file.contains(&hall), "{file}");
    let hash = later.state().paired[0].token.clone();
    assert_eq!(later.admits(Some(&hash), Counted::Look, 0), Admission::Stranger);
}

#[test]
fn a_tablet_asks_so_often_and_there_are_so_many() {
    let (_dir, tablets) = tablets();
    let token = pair(&tablets, "0");
    for _ in 0..REQUESTS_PER_MINUTE {
        assert_eq!(tablets.admits(Some(&token), Counted::Look, 0), Admission::Tablet);
    }
    assert_eq!(tablets.admits(Some(&token), Counted::Look, 0), Admission::TooMany);
    // However much it looked, it presses.
    assert_eq!(tablets.admits(Some(&token), Counted::Press, 0), Admission::Tablet);
    assert_eq!(tablets.admits(Some(&token), Counted::Not, 0), Admission::Tablet);
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
    assert_eq!(again.admits(Some(&token), Counted::Look, 0), Admission::Stranger);
    assert!(again.rows().is_empty());
}

#[test]
fn a_file_that_cannot_be_read_makes_nobody_a_stranger_and_is_not_written_over() {
    let (_dir, tablets) = tablets();
    let token = pair(&tablets, "kitchen");
    let path = tablets.home.path().join(TABLETS_FILE);
    let mode =
        |bits| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(bits)).unwrap();
    mode(0o644);
    let again = Tablets::load(&tablets.home, tablets.address());
    for token in [None, Some(token.as_str())] {
        assert_eq!(again.admits(token, Counted::Look, 0), Admission::Unknown);
    }
    assert!(matches!(again.draw("hall", 0), Err(PairError::Unreadable)));
    assert!(matches!(again.remove("kitchen"), Err(PairError::Unreadable)));
    mode(0o600);
    let later = Tablets::load(&tablets.home, tablets.address());
    assert_eq!(later.admits(Some(&token), Counted::Look, 0), Admission::Tablet);
}

#[test]
fn one_address_holds_few_connections_and_others_get_theirs() {
    let mut admit = serve::few_of_each();
    let [one, other] = ["192.168.1.7:1", "192.168.1.8:1"].map(|at| at.parse().unwrap());
    let mut held: Vec<_> = (0..limits::PER_ADDRESS_MAX).map(|_| admit(&one).unwrap()).collect();
    assert!(admit(&one).is_none());
    assert!(admit(&other).is_some());
    held.pop();
    assert!(admit(&one).is_some(), "one has ended");
}

/// Counts how often it is asked for what the page shows.
#[derive(Default)]
struct Looked(std::sync::atomic::AtomicUsize);

impl crate::control::Handler for Looked {
    async fn call(
        &self,
        method: String,
        _: serde_json::Value,
    ) -> Result<serde_json::Value, crate::api::ApiError> {
        if method == "tablet.state" {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        Ok(serde_json::json!({ "stored": true }))
    }

    async fn ill(&self) -> Option<String> {
        None
    }

    async fn figures(&self) -> Option<String> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn one_look_serves_all_tablets_until_something_is_pressed() {
    use hyper::service::Service as _;
    let (_dir, tablets) = tablets();
    let cookie = format!("linli-tablet={}", pair(&tablets, "kitchen"));
    let looked = std::sync::Arc::new(Looked::default());
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let words = Words::default();
    let handler = std::sync::Arc::clone(&looked);
    let router = routes::routes(std::sync::Arc::new(tablets), &words, None, handler, stopped);
    let service = hyper_util::service::TowerToHyperService::new(router);
    let ask = async |method: &str, path: &str, body: &str| {
        let request = axum::http::Request::builder().method(method).uri(path);
        let request = request.header("host", "127.0.0.1:8080").header("cookie", &cookie);
        let request = request.header("content-type", "application/json");
        let request = request.body(axum::body::Body::from(body.to_owned())).unwrap();
        let answer = service.call(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        looked.0.load(std::sync::atomic::Ordering::SeqCst)
    };
    assert_eq!(ask("GET", "/state", "").await, 1);
    assert_eq!(ask("GET", "/state", "").await, 1);
    let press = r#"{"press":"0b9aa7c0-5e4d-4f3a-9d53-2f7f5c7b9a11","kind":"help","elder":null}"#;
    assert_eq!(ask("POST", "/press", press).await, 1);
    assert_eq!(ask("GET", "/state", "").await, 2, "what was pressed is shown");
}
