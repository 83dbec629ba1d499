//! Leaks that are made on purpose: each must be found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use linli_replica::batch::Shelf;
use linli_replica::certificate::{Act, Certificate};
use linli_replica::frame::{Bye, ByeReason, Frame};
use linli_tests::sight::{Allowed, Class, Sight, Value};
use linli_tests::{Capability, requires};

use crate::day::Day;

/// The same bytes with one value of them changed, in every way that is tried, at every place: in
/// bytes that hold a value of their own too.
fn changes(value: &Value, other: &[u8; 32]) -> Vec<Value> {
    let mut changed = Vec::new();
    for place in value.places() {
        let mut put = |new: Value| changed.push(value.with(&place, &new));
        match value.at(&place).unwrap() {
            Value::Array(list) => {
                for extra in [Value::Number(0), Value::Null, Value::Bytes(other.to_vec())] {
                    put(Value::Array([list.as_slice(), &[extra]].concat()));
                }
            }
            Value::Map(pairs) => {
                let extra = (Value::Bytes(other.to_vec()), Value::Null);
                put(Value::Map([pairs.as_slice(), &[extra]].concat()));
            }
            Value::Number(_) => put(Value::Number(1 << 50)),
            Value::Bool(_) => put(Value::Text("yes".into())),
            Value::Null => put(Value::Text("Wang Xiulan".into())),
            Value::Text(_) => put(Value::Text("Wang Xiulan".into())),
            Value::Bytes(bytes) => {
                put(Value::Bytes([bytes.as_slice(), b"?????"].concat()));
                if bytes.len() >= 32 {
                    let rest = &bytes[32..];
                    put(Value::Bytes([other.as_slice(), rest].concat()));
                }
                if let Ok(inner @ Value::Array(_)) = Value::read(bytes) {
                    for inner in changes(&inner, other) {
                        put(Value::Bytes(inner.encode()));
                    }
                }
            }
        }
    }
    changed
}

/// Counts the changes of `bytes`, and asserts that each is found by `read`.
fn try_all(
    what: &str,
    day: &Day,
    bytes: &[u8],
    other: &[u8; 32],
    read: impl Fn(&mut Sight<'_>, &[u8]),
) -> usize {
    let mut sight = Sight::new(&day.known);
    read(&mut sight, bytes);
    assert!(sight.findings.is_empty(), "{what}, unchanged: {:?}", sight.findings);
    let mut tried = 0;
    for changed in changes(&Value::read(bytes).unwrap(), other) {
        let mut sight = Sight::new(&day.known);
        read(&mut sight, &changed.encode());
        assert!(!sight.findings.is_empty(), "{what}: a leak was not found: {changed:?}");
        tried += 1;
    }
    tried
}

#[test]
fn one_more_field_anywhere_is_found() {
    let mut day = Day::run(4);
    // Somebody of whom the directory knows nothing: no value of any class.
    let other = [0xa5; 32];
    day.known.forbid("somebody", &other);
    let mut samples: BTreeMap<u64, (Vec<u8>, [u8; 32])> = BTreeMap::new();
    for seen in &day.net.wire.seen {
        let kind = Sight::new(&day.known).frame(&seen.bytes, &seen.secret).unwrap();
        let known = samples.get(&kind).map_or(0, |(bytes, _)| bytes.len());
        // The richest of moderate length: an empty list has nowhere to hide anything.
        if (known..3_000).contains(&seen.bytes.len()) || known == 0 {
            samples.insert(kind, (seen.bytes.clone(), seen.secret));
        }
    }
    let bye = Frame::Bye(Bye { reason: ByeReason::Closing }).encode();
    samples.insert(10, (bye, [0; 32]));
    assert_eq!(samples.len(), 12, "a sample of each kind of frame");
    let mut tried = 0;
    for (kind, (bytes, secret)) in &samples {
        let what = format!("frame {kind}");
        tried += try_all(&what, &day, bytes, &other, |sight, bytes| {
            sight.frame(bytes, secret);
        });
    }
    let mut certificates: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    let disk = &day.net.node(day.carrier).disk;
    for certificate in disk.store.certificates() {
        let bytes = certificate.encode();
        certificates.insert(act_of(&bytes), bytes);
    }
    assert!(certificates.len() >= 5, "{:?}", certificates.keys());
    for (act, bytes) in &certificates {
        let what = format!("act {act}");
        tried += try_all(&what, &day, bytes, &other, |sight, bytes| sight.certificate(bytes));
    }
    let notice = relay_notice(&day);
    tried += try_all("a relay", &day, &notice, &other, |sight, bytes| sight.certificate(bytes));
    println!("{tried} leaks were tried and found");
    assert!(tried > 300);
}

/// Where a relay is, as its node says.
fn relay_notice(day: &Day) -> Vec<u8> {
    let pin = Value::Bytes(vec![1; 32]);
    let url = Value::Text("https://relay.example:443".into());
    let relay = Value::Array(vec![url, Value::Number(7_842), pin]);
    let body = Value::Array(vec![Value::Number(1), Value::Array(vec![relay])]).encode();
    let node = day.net.node(day.carrier);
    let (community, topic) = (node.replica.directory().community(), "relay".to_owned());
    let act = Act::Notice { node: node.id(), topic, body: body.into() };
    Certificate::new(community, day.net.now, act).signed(node.keys.signing()).encode()
}

/// The kind of a certificate's act.
fn act_of(envelope: &[u8]) -> u8 {
    let envelope = Value::read(envelope).unwrap();
    let Some(Value::Bytes(body)) = envelope.at(&[0]) else { panic!("no body") };
    let body = Value::read(body).unwrap();
    let Some(Value::Number(act)) = body.at(&[3, 0]) else { panic!("no act") };
    u8::try_from(*act).unwrap()
}

#[test]
fn other_sizes_records_and_names_are_found() {
    let day = Day::run(5);
    let party = day.net.party(*day.net.nodes.keys().next().unwrap());
    assert!(day.known.has(Class::Party, party.as_bytes()));
    let finds = |read: &dyn Fn(&mut Sight<'_>)| {
        let mut sight = Sight::new(&day.known);
        read(&mut sight);
        !sight.findings.is_empty()
    };
    assert!(finds(&|sight| sight.search("a log", "…王秀兰…".as_bytes(), Allowed::Directory)));
    assert!(finds(&|sight| sight.search("a log", party.as_bytes(), Allowed::Endpoints)));
    let node = day.carrier.as_bytes();
    assert!(finds(&|sight| sight.search("a file", node, Allowed::Nothing)));
    assert!(!finds(&|sight| sight.search("a log", node, Allowed::Endpoints)));
    let hex: String = party.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(finds(&|sight| sight.search("a log", hex.as_bytes(), Allowed::Nothing)));
    assert!(!finds(&|sight| {
        sight.search("a certificate", party.as_bytes(), Allowed::Directory);
    }));

    let (key, value) = day.net.node(day.carrier).disk.store.records(Shelf::Own).remove(0);
    assert!(!finds(&|sight| sight.record(&key, &value)));
    assert!(finds(&|sight| sight.record(&key, &[value.as_slice(), b"?"].concat())));
    assert!(finds(&|sight| sight.record(b"space/", &value)));

    // Names in another order than their own.
    let mut lists = day.net.wire.seen.iter().filter_map(|seen| match Frame::decode(&seen.bytes) {
        Ok(Frame::Spaces(list)) if list.names.len() > 16 => Some((list, seen.secret)),
        _ => None,
    });
    let (mut list, secret) = lists.next_back().unwrap();
    list.names.rotate_left(16);
    let bytes = Frame::Spaces(list).encode();
    assert!(finds(&|sight| {
        sight.frame(&bytes, &secret);
    }));

    // An urgent entry of another size, a normal one between two buckets.
    let entries = || {
        day.net.wire.seen.iter().filter_map(|seen| {
            if let Ok(Frame::Pages(pages)) = Frame::decode(&seen.bytes) {
                Some(pages.pages)
            } else {
                None
            }
        })
    };
    let mut tried = [0; 2];
    for entry in entries().flatten().flatten() {
        let value = Value::read(&entry).unwrap();
        let Some(Value::Bytes(header)) = value.at(&[0]) else { panic!("no header") };
        let header = Value::read(header).unwrap();
        let urgent = header.at(&[8]) == Some(&Value::Number(0));
        let length = if urgent { 4_352 + 16 } else { 4_096 + 256 + 8 + 16 };
        let header = header.with(&[10], &Value::Number(length));
        let ciphertext = Value::Bytes(vec![7; usize::try_from(length).unwrap()]);
        let changed = value.with(&[0], &Value::Bytes(header.encode())).with(&[1], &ciphertext);
        assert!(finds(&|sight| sight.entry(&changed.encode())), "urgent: {urgent}");
        tried[usize::from(urgent)] += 1;
    }
    assert!(tried[0] > 20 && tried[1] > 5, "{tried:?}");
}

/// A line of the product's sources, and what stands there in a build that leaks.
const LEAK: [(&str, &str, &str); 4] = [
    // Of a version of its own, or it would stand in the place of what is built here.
    ("Cargo.toml", "version = \"0.1.0\"", "version = \"0.1.0-leak\""),
    (
        "node/replica/src/frame.rs",
        "    #[n(2)]\n    pub urgent: bool,\n}",
        "    #[n(2)]\n    pub urgent: bool,\n    /// Whose it is.\n    #[n(3)]\n    \
         pub party: Option<crate::id::PartyId>,\n}",
    ),
    (
        "node/replica/src/session/compare.rs",
        "Offer { document, frontier, urgent }",
        "Offer { document, frontier, urgent, \
         party: world.directory.node(&world.me).map(|node| node.party) }",
    ),
    (
        "node/replica/src/session/fetch.rs",
        "Offer { document, frontier, urgent } in",
        "Offer { document, frontier, urgent, .. } in",
    ),
];

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name == ".git" || name == "target" {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// Where this test was built: its dependencies are there already.
fn target() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    exe.ancestors().nth(3).unwrap().to_owned()
}

fn cargo(at: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO"));
    // What cargo says of this test to its process would have build scripts run anew, there and when the product is
    // built the next time.
    for (name, _) in std::env::vars_os() {
        let said = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "NEXTEST"];
        if said.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
        .args(["test", "--offline", "--workspace", "--test", "sight"])
        .args(arguments)
        .current_dir(at)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .unwrap()
}

/// The product's own encoder writes one field more, a party, into one frame.
#[test]
fn a_build_that_writes_one_field_more_fails() {
    if !requires(Capability::Patience) {
        return;
    }
    let copied = tempfile::tempdir().unwrap();
    copy(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")), copied.path());
    for (file, line, leak) in LEAK {
        let path = copied.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(line).count(), 1, "{file} has changed: choose another leak");
        std::fs::write(path, text.replace(line, leak)).unwrap();
    }
    let built = cargo(copied.path(), &["--no-run"]);
    let words = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "the build that leaks does not build: {words}");
    let test = ["--", "--exact", "a_carrier_learns_what_the_list_says_and_nothing_else"];
    let ran = cargo(copied.path(), &test);
    let words = [ran.stdout, ran.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    assert!(!ran.status.success(), "a party in a frame was not found: {words}");
    assert!(words.contains("an offer has 4 elements, not 3"), "another failure: {words}");
    assert!(words.contains("a party stands in it"), "{words}");
}
