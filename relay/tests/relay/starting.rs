//! What a relay says when it cannot start, and what its pages say when it has.

use linli_relay::{Options, Relay, RelayError};
use linli_store::StoreError;
use linli_store::keyring::KeyringError;
use zeroize::Zeroizing;

use crate::community::{RELAY, certificates, expel, node};
use crate::home::{Running, ask, get, home, options};

#[tokio::test]
async fn what_keeps_it_from_starting_is_told_apart() {
    let empty = tempfile::TempDir::new().unwrap();
    let error = Relay::start(options(empty.path())).await.unwrap_err();
    assert!(matches!(error, RelayError::Keyring(KeyringError::Missing)), "{error}");

    let lonely = home(Vec::new());
    let error = Relay::start(options(lonely.path())).await.unwrap_err();
    assert!(matches!(error, RelayError::NotEnrolled), "{error}");
    assert!(error.to_string().contains("linli relay join"), "{error}");

    let home = home(certificates(&[1]));
    let wrong = Options { passphrase: Zeroizing::new("six".to_owned()), ..options(home.path()) };
    let error = Relay::start(wrong).await.unwrap_err();
    assert!(matches!(error, RelayError::Keyring(KeyringError::WrongPassphrase)), "{error}");

    let open = Options { status: Some("0.0.0.0:0".parse().unwrap()), ..options(home.path()) };
    let error = Relay::start(open).await.unwrap_err();
    assert!(matches!(error, RelayError::StatusNotLoopback(_)), "{error}");

    let first = Running::on(&home).await;
    let error = Relay::start(options(home.path())).await.unwrap_err();
    assert!(matches!(error, RelayError::Store(StoreError::Locked { .. })), "{error}");
    let taken = Options { status: Some(first.status), ..options(home.path()) };
    let error = Relay::start(taken).await.unwrap_err();
    assert!(matches!(error, RelayError::Listen { .. }), "{error}");
    first.stop().await;
}

#[tokio::test]
async fn an_address_in_use_is_named_and_leaves_the_store_closed() {
    let home = home(certificates(&[1]));
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = Options { http: other.local_addr().unwrap(), ..options(home.path()) };
    let error = Relay::start(taken).await.unwrap_err();
    assert!(matches!(error, RelayError::Server(_)), "{error}");
    Running::on(&home).await.stop().await;
}

#[tokio::test]
async fn an_expelled_relay_does_not_serve() {
    let mut all = certificates(&[1]);
    all.push(expel(RELAY));
    let home = home(all);
    let error = Relay::start(options(home.path())).await.unwrap_err();
    assert!(matches!(error, RelayError::NotMember(_)), "{error}");
    assert!(error.to_string().contains("expelled"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_say_how_it_stands() {
    let home = home(certificates(&[1, 2]));
    let relay = Running::on(&home).await;
    let (code, health) = get(relay.status, "/health").await;
    assert_eq!((code, &health["ok"]), (200, &true.into()));
    let status = relay.status().await;
    assert_eq!(status["node"], node(RELAY).to_string());
    assert_eq!(status["peers"].as_array().unwrap().len(), 2);
    assert_eq!(status["quota"]["bytes"], 1 << 30);
    assert_eq!(status["problem"], serde_json::Value::Null);
    assert!(!status.to_string().contains("127.0.0.1"), "no addresses: {status}");
    // A web page that points its own name at this machine is not told either.
    let (code, _) = ask(relay.status, "attacker.example", "/status").await;
    assert_eq!(code, 403);
    let port = relay.status.port();
    let (code, _) = ask(relay.status, &format!("localhost:{port}"), "/status").await;
    assert_eq!(code, 200);
    relay.stop().await;
}

#[test]
fn options_do_not_show_their_passphrase() {
    let shown = format!("{:?}", options(std::path::Path::new("data")));
    assert!(!shown.contains(crate::home::PASSPHRASE), "{shown}");
}
