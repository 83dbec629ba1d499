//! Communities of the tests: a centre that invites, and who joins it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Lines, Read as _},
    path::Path,
    process::{Child, ChildStderr, ChildStdout, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::site::{Desk, Site, wait};

/// The mDNS of nodes that share one machine.
pub(crate) const LOOPBACK: &str = "\"loopback\"";

/// A folder whose path leaves room for the name of a socket.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("ln").tempdir().unwrap()
}

/// Makes the centre of a new community and starts it.
pub(crate) fn centre(folder: &Path, namespace: Option<&str>, mdns: &str) -> Site {
    let mut centre = Site::init(folder.join("centre"), namespace, mdns);
    centre.ask(&["community", "create", "North Gate", "--party-name", "North Gate centre"]);
    centre.up();
    centre
}

/// A centre and a household's hub that has joined it; both run and have met.
pub(crate) fn centre_and_hub(folder: &Path) -> (Site, Site) {
    let centre = centre(folder, None, LOOPBACK);
    let mut hub = Site::init(folder.join("hub"), None, LOOPBACK);
    join(&centre, &hub, &["household"]);
    hub.up();
    met(&centre, &hub);
    met(&hub, &centre);
    (centre, hub)
}

/// An invitation that a person at the centre has begun and waits for.
#[derive(Debug)]
pub(crate) struct Invitation {
    /// What the joiner types.
    pub(crate) code: String,
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    complaints: ChildStderr,
}

impl Invitation {
    /// Begins an invitation for this kind of party; whoever proves the code is confirmed.
    pub(crate) fn begin(centre: &Desk, party: &[&str]) -> Self {
        Self::unconfirmed(centre, &[&["--yes"], party].concat())
    }

    /// Begins an invitation where nobody can be asked.
    pub(crate) fn unconfirmed(centre: &Desk, words: &[&str]) -> Self {
        let mut command = centre.command(&[&["invite"], words].concat());
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let complaints = process.stderr.take().unwrap();
        let mut invitation = Self { code: String::new(), process, lines, complaints };
        let first = invitation.phase();
        invitation.code = first["code"].as_str().unwrap().to_owned();
        invitation
    }

    /// The next answer.
    pub(crate) fn phase(&mut self) -> Value {
        let line = self.lines.next().map(Result::unwrap);
        serde_json::from_str(&line.unwrap_or_else(|| panic!("the invitation ended"))).unwrap()
    }

    /// Stops the program as long as the test lasts, as one that is forgotten on a screen.
    pub(crate) fn stop(&self) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, Signal::STOP).unwrap();
    }

    /// The exit code and what was said on standard error, once it has ended.
    pub(crate) fn end(mut self) -> (i32, String) {
        let mut said = String::new();
        self.complaints.read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap().code().unwrap(), said)
    }
}

impl Drop for Invitation {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Joins as a person does who types the code in; returns the number on the inviter's screen and on
/// the joiner's.
pub(crate) fn join(centre: &Desk, joiner: &Desk, party: &[&str]) -> (String, String) {
    let mut invitation = Invitation::begin(centre, party);
    let joined = joiner.run(&["join", &invitation.code]);
    assert_eq!(joined.code, 0, "{joined:?}");
    let [there, community] = <[Value; 2]>::try_from(joined.answers()).unwrap();
    assert_eq!(community["name"], "North Gate");
    let here = invitation.phase();
    assert_eq!((&here["phase"], &there["phase"]), (&"pending".into(), &"pending".into()));
    let enrolled = invitation.phase();
    assert_eq!(enrolled["phase"], "enrolled", "{enrolled}");
    assert_eq!(invitation.end(), (0, String::new()));
    let number = |phase: &Value| phase["number"].as_str().unwrap().to_owned();
    (number(&here), number(&there))
}

/// The id of a running node.
pub(crate) fn id(node: &Desk) -> Value {
    node.ask(&["status"])["node"].clone()
}

/// Another node, as a node's status has it.
pub(crate) fn peer<'a>(status: &'a Value, other: &Value) -> Option<&'a Value> {
    status["peers"].as_array()?.iter().find(|peer| peer["node"] == *other)
}

/// Waits until one node is connected to the other without a relay and has compared all that both hold.
pub(crate) fn met(node: &Desk, other: &Desk) {
    let other = id(other);
    node.await_answer(&["status"], |status| {
        let peer = peer(status, &other)?;
        (peer["path"] == "direct" && peer["synced"] == true).then_some(())
    });
}

/// Waits until a node no longer takes the other for connected.
pub(crate) fn parted(node: &Desk, other: &Value) {
    node.await_answer(&["status"], |status| {
        let peer = peer(status, other)?;
        (peer["path"] == "away").then_some(())
    });
}

/// Adds an elder and returns the id.
pub(crate) fn add_elder(node: &Desk, name: &str) -> String {
    let answer = node.ask(&["elder", "add", "--name", name, "--birth-date", "1941-05-02"]);
    answer["elder"].as_str().unwrap().to_owned()
}

/// The ids of all elders a node shows.
pub(crate) fn elders(node: &Desk) -> BTreeSet<String> {
    let page = node.ask(&["elder", "list", "--limit", "1000"]);
    let rows = page["elders"].as_array().unwrap();
    assert_eq!(page["total"], rows.len());
    rows.iter().map(|row| row["elder"].as_str().unwrap().to_owned()).collect()
}

/// Waits until a node shows this elder.
pub(crate) fn sees(node: &Desk, elder: &str) {
    wait("the elder is seen", || elders(node).contains(elder).then_some(()));
}

/// Waits until a node shows one elder with this telephone number.
pub(crate) fn finds(node: &Desk, phone: &str) {
    node.await_answer(&["elder", "list", phone], |page| (page["total"] == 1).then_some(()));
}

/// What a node can read: by document its name, Automerge heads and view's digest.
pub(crate) fn documents(node: &Desk) -> BTreeMap<String, [String; 3]> {
    let rows = node.ask(&["documents", "--readable"]);
    let named = rows.as_array().unwrap().iter().filter(|row| !row["name"].is_null());
    named
        .map(|row| {
            let read = ["name", "heads", "view"].map(|key| {
                assert!(!row[key].is_null(), "{key} of {row}");
                row[key].to_string()
            });
            (row["document"].as_str().unwrap().to_owned(), read)
        })
        .collect()
}

/// Waits until two nodes read the same documents with the same heads and the same views, and hold
/// nothing back from being shown.
pub(crate) fn agree(one: &Desk, other: &Desk) -> BTreeMap<String, [String; 3]> {
    let agreed = wait("both read the same", || {
        let read = documents(one);
        (read == documents(other)).then_some(read)
    });
    for node in [one, other] {
        assert_eq!(node.ask(&["status"])["entries_withheld"], 0);
    }
    agreed
}
