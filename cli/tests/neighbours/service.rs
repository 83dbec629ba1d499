//! The node and the relay as services of systemd: what the manager is told, and what the units let them do.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use linli_tests::{Capability, requires};
use serde_json::Value;

use crate::{
    at_rest::Running,
    community::{LOOPBACK, centre, folder, join},
    site::{Site, finished, plain},
};

/// Hears what a process tells its manager until it says so.
fn hears(socket: &UnixDatagram, word: &str) {
    let mut bytes = [0; 1024];
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    loop {
        let length = socket.recv(&mut bytes).unwrap_or_else(|error| panic!("no {word}: {error}"));
        let told = String::from_utf8_lossy(&bytes[..length]);
        if told.lines().any(|line| line == word) {
            return;
        }
    }
}

#[test]
fn the_manager_hears_that_a_node_runs_lives_and_stops() {
    let folder = folder();
    let mut site = centre(folder.path(), None, LOOPBACK);
    site.stop();
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    let mut up = site.command(&["up"]);
    up.env("NOTIFY_SOCKET", folder.path().join("notify")).env("WATCHDOG_USEC", "4000000");
    let mut node = Running(up.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    hears(&socket, "READY=1");
    hears(&socket, "WATCHDOG=1");
    hears(&socket, "WATCHDOG=1");
    site.ask(&["stop"]);
    hears(&socket, "STOPPING=1");
    assert!(node.0.wait().unwrap().success());
}

#[test]
fn the_manager_hears_that_a_relay_runs_lives_and_stops() {
    let folder = folder();
    let mut site = centre(folder.path(), None, LOOPBACK);
    let relay = Site::init(folder.path().join("relay"), None, LOOPBACK);
    join(&site, &relay, &["carrier", "--name", "relay"]);
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    let mut up = relay.command(&["relay", "up", "--http", "127.0.0.1:0"]);
    up.env("NOTIFY_SOCKET", folder.path().join("notify")).env("WATCHDOG_USEC", "4000000");
    let mut up = Running(up.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    hears(&socket, "READY=1");
    hears(&socket, "WATCHDOG=1");
    hears(&socket, "WATCHDOG=1");
    let process = up.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    hears(&socket, "STOPPING=1");
    assert!(up.0.wait().unwrap().success());
    site.stop();
}

/// What would be installed.
fn unit(site: &Site, words: &[&str]) -> String {
    let all = [&["service", "install", "--dry-run"], words].concat();
    let answer: Value = site.ask(&all);
    assert_eq!(answer["told"], false);
    answer["unit"].as_str().unwrap().to_owned()
}

fn systemd(words: &[&str], unit: &Path) -> String {
    let out = Command::new("systemd-analyze").args(words).arg(unit).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{words:?}: {said}");
    said
}

#[test]
fn the_units_are_what_systemd_reads_and_leave_little_to_take() {
    let folder = folder();
    let site = Site::init(folder.path().join("a node"), None, LOOPBACK);
    let credential = folder.path().join("passphrase.cred");
    fs::write(&credential, "sealed").unwrap();
    let sealed = ["--credential", credential.to_str().unwrap()];
    let node = unit(&site, &sealed);
    assert!(node.contains("a node\" \"up\"") || node.contains("a node\" up"), "{node}");
    let tail = ["--relay", "--", "--http", "0.0.0.0:3340"];
    let relay = unit(&site, &[&sealed[..], &tail].concat());
    assert!(relay.contains(r#"relay up "--http" "0.0.0.0:3340""#), "{relay}");
    let mut user = site.command(&["service", "install", "--dry-run", "--user"]);
    user.env("XDG_CONFIG_HOME", folder.path());
    let user = finished(&mut plain(&user)).out;
    assert!(user.starts_with("[Unit]\n") && !user.contains("User="), "{user}");
    assert!(user.contains("LINLI_PASSPHRASE_FROM=keyring"), "{user}");
    let without = site.run(&["service", "install", "--dry-run"]);
    assert_eq!(without.code, 2, "a node that nobody can unlock: {without:?}");
    let gone = site.run(&["service", "install", "--dry-run", "--credential", "/nowhere/x.cred"]);
    assert_eq!(gone.code, 3, "{gone:?}");

    for text in [&node, &relay, &user] {
        let places = text.replace("@system-service", "");
        assert!(!places.contains('@'), "a place that nothing was put in: {text}");
    }
    if !requires(Capability::Program("systemd-analyze")) {
        return;
    }
    for (name, text) in [("linli", node), ("linli-relay", relay)] {
        let file = folder.path().join(format!("{name}.service"));
        fs::write(&file, text).unwrap();
        assert_eq!(systemd(&["verify", "--man=no"], &file), "");
        systemd(&["security", "--offline=yes", "--threshold=30"], &file);
    }
}
