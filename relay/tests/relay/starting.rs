//! What a relay says when it cannot start, and what its pages say when it has.

use std::os::unix::fs::PermissionsExt as _;

use linli_net::{Lane, NetEvent};
use linli_relay::{Options, Relay, RelayError, STATUS_SOCKET, Status};
use linli_replica::frame::{Certificates, Frame, Hello};
use linli_replica::id::CommunityId;
use linli_replica::replica::Input;
use linli_store::StoreError;
use linli_store::keyring::KeyringError;
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use crate::community::{RELAY, SPACE, certificates, endpoint, expel, log, node};
use crate::home::{Running, ask, get, home, options, page};
use crate::member::{Member, config};

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
    assert_eq!((code, health), (200, serde_json::json!({ "ok": true })));
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

#[tokio::test(flavor = "multi_thread")]
async fn its_figures_count_and_name_nobody() {
    let all = certificates(&[1, 2]);
    let home = home(all.clone());
    let relay = Running::on(&home).await;
    let mut writer = Member::of(1, &relay.addresses, all).await;
    writer.input(Input::Want(SPACE));
    let written = log(1, 3, 1_000);
    writer.write(&written);
    writer.receipted(&written).await;
    let (code, text) = ask(relay.status, "localhost", "/metrics").await;
    assert_eq!(code, 200, "{text}");
    for line in [
        "linli_relay_healthy 1",
        "linli_relay_members 2",
        "linli_relay_entries 3",
        "linli_relay_quota_bytes 68719476736",
        "linli_net_peers{path=\"direct\"} 1",
        "linli_net_peers{path=\"away\"} 1",
        "relayserver_bytes_recv_total 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    let memory = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    assert!(memory.and_then(|bytes| bytes.parse::<u64>().ok()) > Some(1 << 20), "{text}");
    // No id, no address, no name: a label is one of a few words.
    let words: Vec<&str> = text.split(|letter: char| !letter.is_ascii_hexdigit()).collect();
    assert!(words.iter().all(|word| word.len() < 16), "{text}");
    assert!(!text.contains("127.0.0.1") && !text.contains("North"), "{text}");
    writer.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_was_put_out_is_not_healthy_and_says_why() {
    let all = certificates(&[1]);
    let home = home(all.clone());
    let relay = Running::on(&home).await;
    // The officer's own node talks no more to whom it put out: somebody brings the word who has not read it.
    let (courier, mut events) = linli_net::start(config(1, &[RELAY])).await.unwrap();
    courier.set_addresses(endpoint(RELAY), relay.addresses.clone(), &[]).unwrap();
    while !matches!(events.recv().await.unwrap(), NetEvent::Connected { .. }) {}
    let community = CommunityId(all[0].id().0);
    let agreed = [0; 16].into();
    let hello = Hello { version: 1, community, agreed, spaces: 0, carrier: false };
    let certificates = vec![expel(RELAY).encode().into()];
    for frame in [Frame::Hello(hello), Frame::Certificates(Certificates { certificates })] {
        courier.try_send(&endpoint(RELAY), Lane::Normal, frame.encode()).unwrap();
    }
    relay.shows(|status| status["admitted"] == false).await;
    let (code, health) = get(relay.status, "/health").await;
    assert_eq!((code, &health["ok"]), (503, &false.into()), "{health}");
    assert!(health["reason"].as_str().unwrap().contains("officers put it out"), "{health}");
    let (_, text) = ask(relay.status, "localhost", "/metrics").await;
    assert!(text.contains("linli_relay_healthy 0\n"), "{text}");
    courier.shutdown().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_enter_its_directory_may_ask_without_an_address() {
    let home = home(certificates(&[1]));
    let socket = home.path().join(STATUS_SOCKET);
    // Left behind by a relay that was killed.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let relay = Running::start(Options { status: None, ..options(home.path()) }).await;
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (code, body) = page(UnixStream::connect(&socket).await.unwrap(), "x", "/status").await;
    let status: Status = serde_json::from_str(&body).unwrap();
    assert_eq!((code, status.node), (200, node(RELAY).to_string()));
    relay.stop().await;
}

#[test]
fn options_do_not_show_their_passphrase() {
    let shown = format!("{:?}", options(std::path::Path::new("data")));
    assert!(!shown.contains(crate::home::PASSPHRASE), "{shown}");
}
