//! Which crate may depend on which.
//!
//! Three rules, each asserted over `cargo metadata`:
//!
//! 1. **Arrows point down.** A crate of the workspace declares only the crates of the workspace that
//!    [`BELOW`] names for it, whatever the kind of dependency, the platform or the feature.
//! 2. **The relay cannot open what it carries.** The crates of ours that `linli-relay` reaches are the
//!    store, the net and the replica: neither the core, which holds keys, nor the model, which reads
//!    documents. None of everything it reaches, others' crates included, opens what is sealed to an
//!    inbox (HPKE, X25519), joins shares of a secret, or reads a document ([`OPENERS`]). A cipher
//!    itself cannot be banned from the whole graph: TLS needs one, and the store seals at rest. So
//!    of our crates in that graph only the store may *declare* a cipher ([`CIPHERS`]), for its own
//!    storage key.
//! 3. **Pure crates are pure.** Nothing the model, the replica or the core reaches in a build opens a
//!    socket, drives a task or keeps a file ([`SURROUNDINGS`]); and they declare no source of
//!    randomness or of time of their own ([`RANDOMNESS`]). What a crate of others' keeps inside
//!    (Automerge draws ids unless it is given them) is for its caller to avoid.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

use crate::{Findings, tree};

/// For each crate of the workspace, the crates of the workspace it may declare.
const BELOW: [(&str, &[&str]); 8] = [
    ("linli-model", &[]),
    ("linli-replica", &[]),
    ("linli-core", &["linli-model", "linli-replica"]),
    ("linli-store", &["linli-replica"]),
    ("linli-net", &["linli-replica"]),
    ("linli-relay", &["linli-net", "linli-replica", "linli-store"]),
    ("linli-node", &["linli-core", "linli-model", "linli-net", "linli-replica", "linli-store"]),
    (
        "linli",
        &[
            "linli-core",
            "linli-model",
            "linli-net",
            "linli-node",
            "linli-relay",
            "linli-replica",
            "linli-store",
            // Its end-to-end tests say by the tests' own means what they need.
            TESTS,
        ],
    ),
];

/// The tests stand above everything.
const TESTS: &str = "linli-tests";

/// What opens an inbox, joins a recovered secret or reads a document.
const OPENERS: [&str; 7] =
    ["linli-core", "linli-model", "automerge", "hpke", "x25519-dalek", "crypto_box", "vsss-rs"];

/// Ciphers a crate of ours could unseal an entry with.
const CIPHERS: [&str; 7] = [
    "aead-stream",
    "chacha20poly1305",
    "chacha20",
    "aes-gcm",
    "aes-gcm-siv",
    "crypto_secretbox",
    "orion",
];

/// What ties a crate to a machine: run times, sockets, databases, servers.
const SURROUNDINGS: [&str; 13] = [
    "tokio",
    "mio",
    "async-std",
    "smol",
    "iroh",
    "iroh-relay",
    "noq",
    "quinn",
    "redb",
    "axum",
    "hyper",
    "mdns-sd",
    "ureq",
];

/// Randomness or time that is not an argument.
const RANDOMNESS: [&str; 6] = ["getrandom", "rand", "fastrand", "chrono", "time", "web-time"];

const PURE: [&str; 3] = ["linli-model", "linli-replica", "linli-core"];

/// An arrow between two crates, as declared or as resolved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    from: String,
    to: String,
    /// Whether only tests, examples and benches see it.
    dev: bool,
}

impl Arrow {
    fn new(from: &str, to: &str, dev: bool) -> Self {
        Self { from: from.to_owned(), to: to.to_owned(), dev }
    }
}

/// What `cargo metadata` says.
#[derive(Debug, Default)]
struct Metadata {
    members: BTreeSet<String>,
    /// Every dependency a manifest of the workspace names, for all platforms and features.
    declared: BTreeSet<Arrow>,
    /// The dependencies of all crates as resolved for this platform.
    resolved: BTreeSet<Arrow>,
}

impl Metadata {
    /// Asks cargo, which must neither change the lock file nor go out.
    fn read() -> Self {
        let platform = cargo(&["-vV"]);
        let platform = platform.lines().find_map(|line| line.strip_prefix("host: "));
        let text = cargo(&[
            "metadata",
            "--format-version=1",
            "--locked",
            "--offline",
            "--filter-platform",
            platform.unwrap_or_default(),
        ]);
        Self::parse(&serde_json::from_str(&text).unwrap_or_default())
    }

    fn parse(json: &Value) -> Self {
        let names: BTreeMap<&str, &str> = list(json, "packages")
            .map(|package| (text(package, "id"), text(package, "name")))
            .collect();
        let name_of = |id: &str| names.get(id).copied().unwrap_or(id).to_owned();
        let members: BTreeSet<String> = list(json, "workspace_members")
            .map(|id| name_of(id.as_str().unwrap_or_default()))
            .collect();
        let mut metadata = Self { members, ..Self::default() };
        for package in list(json, "packages") {
            let from = text(package, "name");
            if metadata.members.contains(from) {
                for dependency in list(package, "dependencies") {
                    let dev = dependency.get("kind").and_then(Value::as_str) == Some("dev");
                    metadata.declared.insert(Arrow::new(from, text(dependency, "name"), dev));
                }
            }
        }
        let nothing = Value::Null;
        for node in list(json.get("resolve").unwrap_or(&nothing), "nodes") {
            for dependency in list(node, "deps") {
                let dev = list(dependency, "dep_kinds")
                    .all(|kind| kind.get("kind").and_then(Value::as_str) == Some("dev"));
                metadata.resolved.insert(Arrow {
                    from: name_of(text(node, "id")),
                    to: name_of(text(dependency, "pkg")),
                    dev,
                });
            }
        }
        metadata
    }
}

#[expect(clippy::panic, reason = "a check that cannot see the dependencies has failed")]
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    match Command::new(program).args(arguments).current_dir(tree::root()).output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        other => panic!("cargo {arguments:?} failed; run `cargo fetch`: {other:?}"),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Everything `start` reaches in a build, itself included.
fn reach(start: &str, arrows: &BTreeSet<Arrow>) -> BTreeSet<String> {
    let mut reached = BTreeSet::from([start.to_owned()]);
    let mut waiting = vec![start.to_owned()];
    while let Some(from) = waiting.pop() {
        for arrow in arrows.iter().filter(|arrow| !arrow.dev && arrow.from == from) {
            if reached.insert(arrow.to.clone()) {
                waiting.push(arrow.to.clone());
            }
        }
    }
    reached
}

/// Rule 1.
fn arrows_point_down(metadata: &Metadata) -> Findings {
    let mut findings = Findings::default();
    for member in metadata.members.iter().filter(|member| *member != TESTS) {
        findings.look();
        let Some((_, below)) = BELOW.iter().find(|(name, _)| name == member) else {
            findings.report(format!("{member} has no place in the house: add it to `BELOW`"));
            continue;
        };
        for arrow in metadata.declared.iter().filter(|arrow| arrow.from == *member) {
            let ours = metadata.members.contains(&arrow.to);
            findings.demand(!ours || below.contains(&arrow.to.as_str()), || {
                format!("{member} → {}: this arrow does not point down", arrow.to)
            });
        }
    }
    findings
}

/// Rule 2.
fn relay_cannot_open(metadata: &Metadata) -> Findings {
    let mut findings = Findings::default();
    let declared = reach("linli-relay", &metadata.declared);
    let resolved = reach("linli-relay", &metadata.resolved);
    for name in declared.union(&resolved) {
        findings.look();
        findings.demand(!OPENERS.contains(&name.as_str()), || {
            format!("linli-relay reaches {name}, which opens what a relay only carries")
        });
    }
    for arrow in metadata.declared.iter().filter(|arrow| declared.contains(&arrow.from)) {
        let allowed = arrow.from == "linli-store" || arrow.dev;
        findings.demand(allowed || !CIPHERS.contains(&arrow.to.as_str()), || {
            format!(
                "{} declares the cipher {}: in a relay only linli-store may",
                arrow.from, arrow.to
            )
        });
    }
    findings
}

/// Rule 3.
fn pure_crates_are_pure(metadata: &Metadata) -> Findings {
    let mut findings = Findings::default();
    for pure in PURE {
        for name in reach(pure, &metadata.resolved).union(&reach(pure, &metadata.declared)) {
            findings.look();
            findings.demand(!SURROUNDINGS.contains(&name.as_str()), || {
                format!("{pure} reaches {name}: a pure crate touches nothing around it")
            });
        }
        let own = metadata.declared.iter().filter(|arrow| arrow.from == pure && !arrow.dev);
        for arrow in own.filter(|arrow| RANDOMNESS.contains(&arrow.to.as_str())) {
            findings
                .report(format!("{pure} declares {}: it is given time and randomness", arrow.to));
        }
    }
    findings
}

#[test]
fn no_arrow_turns() {
    let metadata = Metadata::read();
    for (name, _) in BELOW {
        assert!(metadata.members.contains(name), "{name} is not in the workspace");
    }
    arrows_point_down(&metadata).assert_clean();
}

#[test]
fn the_relay_cannot_open_what_it_carries() {
    let metadata = Metadata::read();
    let reached = reach("linli-relay", &metadata.resolved);
    for expected in ["linli-store", "iroh-relay", "tokio"] {
        assert!(reached.contains(expected), "the relay's graph was not read: no {expected}");
    }
    relay_cannot_open(&metadata).assert_clean();
}

#[test]
fn the_pure_crates_reach_nothing_around_them() {
    let metadata = Metadata::read();
    let reached = reach("linli-core", &metadata.resolved);
    for expected in ["linli-replica", "automerge", "chacha20poly1305"] {
        assert!(reached.contains(expected), "the core's graph was not read: no {expected}");
    }
    pure_crates_are_pure(&metadata).assert_clean();
}

/// A workspace of `(from, to, dev)` arrows between every crate [`BELOW`] names.
fn example(arrows: &[(&str, &str, bool)]) -> Metadata {
    let arrows: BTreeSet<Arrow> =
        arrows.iter().map(|(from, to, dev)| Arrow::new(from, to, *dev)).collect();
    let members = BELOW.iter().map(|(name, _)| (*name).to_owned()).collect();
    Metadata { members, declared: arrows.clone(), resolved: arrows }
}

#[test]
fn a_turned_arrow_is_caught() {
    let mut metadata = example(&[
        ("linli-core", "linli-replica", false),
        ("linli-replica", "linli-core", true),
        ("linli-store", "linli-net", false),
        ("linli-model", "serde", false),
    ]);
    metadata.members.insert("linli-novelty".to_owned());
    metadata.members.insert(TESTS.to_owned());
    arrows_point_down(&metadata).assert_found(&[
        "linli-novelty has no place",
        "linli-replica → linli-core",
        "linli-store → linli-net",
    ]);
}

#[test]
fn a_relay_that_could_open_is_caught() {
    let metadata = example(&[
        ("linli-relay", "linli-net", false),
        ("linli-relay", "linli-store", false),
        ("linli-store", "chacha20poly1305", false),
        ("linli-net", "aes-gcm", false),
        ("linli-net", "middleman", false),
        ("middleman", "hpke", false),
        ("linli-relay", "linli-core", true),
        ("linli-node", "automerge", false),
    ]);
    relay_cannot_open(&metadata).assert_found(&["reaches hpke", "linli-net declares the cipher"]);
    let direct = example(&[("linli-relay", "linli-model", false)]);
    relay_cannot_open(&direct).assert_found(&["reaches linli-model"]);
}

#[test]
fn an_impure_dependency_is_caught() {
    let metadata = example(&[
        ("linli-model", "helper", false),
        ("helper", "tokio", false),
        ("helper", "getrandom", false),
        ("linli-core", "rand", true),
        ("linli-core", "getrandom", false),
        ("linli-node", "axum", false),
    ]);
    pure_crates_are_pure(&metadata)
        .assert_found(&["linli-model reaches tokio", "linli-core declares getrandom"]);
}

#[test]
fn metadata_is_read_with_its_kinds() {
    let json = serde_json::json!({
        "packages": [
            {"id": "a 1", "name": "a", "dependencies": [
                {"name": "b", "kind": null}, {"name": "c", "kind": "dev"}]},
            {"id": "b 2", "name": "b", "dependencies": [{"name": "z", "kind": null}]}],
        "workspace_members": ["a 1"],
        "resolve": {"nodes": [{"id": "a 1", "deps": [
            {"pkg": "b 2", "dep_kinds": [{"kind": "dev"}, {"kind": null}]}]}]},
    });
    let metadata = Metadata::parse(&json);
    assert_eq!(metadata.members, BTreeSet::from(["a".to_owned()]));
    assert_eq!(
        metadata.declared,
        BTreeSet::from([Arrow::new("a", "b", false), Arrow::new("a", "c", true)])
    );
    assert_eq!(metadata.resolved, BTreeSet::from([Arrow::new("a", "b", false)]));
}
