//! What an operator sees of a node and a relay: figures, health, which way others are reached, and what is wrong.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

use serde_json::Value;

use crate::{
    community::{LOOPBACK, centre_and_hub, folder, id, join},
    site::{Desk, Site, finished, plain},
};

/// An address of this machine where nobody listens.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Writes a configuration beside mDNS on loopback.
fn configure(site: &Site, more: &str) {
    let text = format!("mdns = {LOOPBACK}\n{more}");
    fs::write(site.data().join("linli.toml"), text).unwrap();
}

/// Asks for a page without a token; returns all that came.
fn page(api: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(api).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The words that a person reads.
fn said(desk: &Desk, words: &[&str], language: &str) -> String {
    let run = finished(plain(&desk.command(words)).env("LINLI_LANG", language));
    assert!(run.code < 2, "{run:?}");
    run.out
}

fn check(doctor: &Value, name: &str) -> Option<Value> {
    doctor.as_array().unwrap().iter().find(|check| check["name"] == name).cloned()
}

#[test]
fn a_relay_and_a_node_say_how_they_stand() {
    let folder = folder();
    let (mut centre, hub) = centre_and_hub(folder.path());
    let mut relay = Site::init(folder.path().join("relay"), None, LOOPBACK);
    assert_eq!(relay.run(&["relay", "status"]).code, 8, "no relay runs yet");
    join(&centre, &relay, &["carrier", "--name", "Street relay"]);
    relay.relay_up();
    relay.await_answer(&["relay", "status"], |status| {
        let peers = status["peers"].as_array()?;
        peers.iter().all(|peer| peer["connected"] == "direct").then_some(())
    });
    let [english, chinese] = ["en", "zh"].map(|lang| said(&relay, &["relay", "status"], lang));
    assert!(english.contains("It does its work."), "{english}");
    assert!(english.contains("North Gate") && english.contains("members: 2"), "{english}");
    assert!(chinese.contains("工作正常") && chinese.contains("成员：2"), "{chinese}");
    assert!(english.lines().count() <= 24, "more than a screen:\n{english}");

    // Both are on this machine, and so on one network.
    let hub_id = id(&hub);
    let status = centre.ask(&["status"]);
    let peers = status["peers"].as_array().unwrap();
    let row = peers.iter().find(|peer| peer["node"] == hub_id).unwrap();
    assert_eq!(
        (&row["path"], &row["lan"], &row["why"]),
        (&"direct".into(), &true.into(), &"lan".into())
    );
    assert!(row["since_ms"].as_u64() > Some(0), "{row}");
    let table = said(&centre, &["peers"], "en");
    assert!(table.contains("direct (LAN)") && table.contains("one local network"), "{table}");
    assert!(said(&centre, &["status"], "zh").contains("直连（局域网）"));

    centre.stop();
    let api = free();
    configure(&centre, &format!("api = \"{api}\"\n"));
    centre.up();
    assert!(page(&api, "/health").ends_with("{\"status\":\"ok\"}"));
    let figures = page(&api, "/metrics");
    for line in ["linli_node_healthy 1", "linli_node_disk_full 0", "# EOF"] {
        assert!(figures.lines().any(|found| found == line), "{line} is not in\n{figures}");
    }
    assert!(!figures.contains("alert"), "how people are is nobody's figure:\n{figures}");
    let ids: Vec<&str> = figures.split(|letter: char| !letter.is_ascii_hexdigit()).collect();
    assert!(ids.iter().all(|word| word.len() < 16), "{figures}");
    centre.stop();
    relay.kill();
}

#[test]
fn doctor_says_in_words_why_a_relay_cannot_be_used_and_that_nobody_was_reached() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    hub.stop();
    let mut strange = Site::init(folder.path().join("strange"), None, LOOPBACK);
    strange.ask(&["community", "create", "South Gate"]);
    let at = free();
    // A relay of another community: to it the centre is a stranger.
    strange.relay_up_at(&["--http", &at]);
    centre.stop();
    let dead = free();
    let relays =
        format!("[[relays]]\nurl = \"http://{at}\"\n[[relays]]\nurl = \"http://{dead}\"\n");
    configure(&centre, &relays);
    centre.up();
    let doctor = centre.await_doctor(|doctor| {
        let relays = doctor.as_array()?.iter().filter(|check| check["name"] == "relay");
        (relays.filter(|relay| relay["ok"] == false).count() == 2).then_some(())
    });
    let found = doctor.to_string();
    assert!(found.contains("does not know it as a member"), "{found}");
    assert!(found.contains(&format!("Nobody answers at http://{dead}")), "{found}");
    for name in ["enrolled", "time", "reached"] {
        let check = check(&doctor, name).unwrap_or_else(|| panic!("no {name}: {doctor}"));
        assert_eq!(check["ok"], true, "{check}");
    }
    let chinese = said(&centre, &["doctor"], "zh");
    assert!(chinese.contains("不认识这个成员") && chinese.contains("没有应答"), "{chinese}");
    let status = said(&centre, &["status"], "en");
    assert!(status.contains("(does not let this node in)"), "{status}");
    assert!(status.contains("(no answer)"), "{status}");
    centre.stop();
    strange.kill();
}
