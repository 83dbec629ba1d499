//! Bugs can be planted for the simulator, and in nothing that anybody runs.

use crate::{Findings, dependencies::cargo, tree};

/// The feature without which nothing can be planted.
const FEATURE: &str = "planted";

/// What people are given.
const GIVEN: [&str; 2] = ["linli", "linli-relay"];

/// Lists the packages that a build of one has the feature in.
fn planted_in(package: &str) -> String {
    let tree = ["tree", "--offline", "--locked", "--edges", "normal,build", "--prefix", "none"];
    let text = cargo(&[&tree[..], &["--package", package, "--format", "{p} [{f}]"]].concat());
    assert!(text.contains("linli-replica"), "the packages of {package} were not read");
    text
}

/// Nothing that people are given has the feature.
fn given_without(read: impl Fn(&str) -> String) -> Findings {
    let mut findings = Findings::default();
    for package in GIVEN {
        for line in read(package).lines() {
            findings.look();
            let features = line.rsplit_once('[').map_or("", |(_, features)| features);
            let features = features.trim_end_matches(']').split(',');
            findings.demand(!features.into_iter().any(|feature| feature == FEATURE), || {
                format!("{package} is built with `{FEATURE}`: {line}")
            });
        }
    }
    findings
}

/// No profile for release turns on what planting needs besides.
fn released_without(manifest: &str) -> Findings {
    let mut findings = Findings::default();
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let profiles = manifest.get("profile").and_then(toml::Value::as_table);
    for (name, profile) in profiles.into_iter().flatten().filter(|(name, _)| *name != "dev") {
        findings.look();
        let asserts = profile.get("debug-assertions").and_then(toml::Value::as_bool);
        findings.demand(asserts != Some(true), || {
            format!(
                "Cargo.toml: the profile {name} has assertions, so that bugs could be planted in it"
            )
        });
    }
    findings
}

#[test]
fn nothing_that_people_are_given_has_planted_bugs() {
    given_without(planted_in).assert_clean();
    assert!(planted_in("linli-tests").contains(&format!("[{FEATURE}]")), "the simulator has none");
    let manifest = tree::files().into_iter().find(|file| file.path == "Cargo.toml");
    released_without(&manifest.map(|file| file.text).unwrap_or_default()).assert_clean();
}

#[test]
fn a_planted_bug_that_would_be_given_away_is_caught() {
    let line = |_: &str| "linli-replica v0.1.0 [a,planted]\nother v1.0.0 [unplanted]\n".to_owned();
    given_without(line).assert_found(&["linli is built with", "linli-relay is built with"]);
    released_without("[profile.release]\ndebug-assertions = true\n[profile.dev]\nopt-level = 1\n")
        .assert_found(&["the profile release"]);
}
