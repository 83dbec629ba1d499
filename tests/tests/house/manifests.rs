//! Every package inherits what the workspace decides: lints, versions, licence.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::{
    Findings,
    tree::{self, File},
};

/// What a package takes from the workspace.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// Lints without which the others mean little.
const DEMANDED: [(&str, &str, &str); 4] = [
    ("rust", "unsafe_code", "forbid"),
    ("clippy", "unwrap_used", "deny"),
    ("clippy", "panic", "deny"),
    ("clippy", "allow_attributes_without_reason", "deny"),
];

fn check(files: &[File]) -> Findings {
    let mut findings = Findings::default();
    let manifests: Vec<(&str, Table)> = files
        .iter()
        .filter(|file| file.path == "Cargo.toml" || file.path.ends_with("/Cargo.toml"))
        .map(|file| (file.path.as_str(), file.text.parse().unwrap_or_default()))
        .collect();
    let root = manifests.iter().find(|(path, _)| *path == "Cargo.toml");
    let Some((_, root)) = root else {
        findings.report("Cargo.toml: no manifest of the workspace".to_owned());
        return findings;
    };
    check_root(root, &mut findings);
    let members: BTreeSet<&str> = at(root, &["workspace", "members"])
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (path, manifest) in manifests.iter().filter(|(path, _)| *path != "Cargo.toml") {
        findings.look();
        let folder = path.trim_end_matches("/Cargo.toml");
        // A fuzzing crate needs a workspace of its own, and says so.
        let own = manifest.contains_key("workspace");
        findings.demand(own || members.contains(folder), || {
            format!("{path}: not a member of the workspace")
        });
        if !own {
            check_member(path, manifest, root, &mut findings);
        }
    }
    findings
}

fn check_root(root: &Table, findings: &mut Findings) {
    for (group, lint, level) in DEMANDED {
        let found = at(root, &["workspace", "lints", group, lint]).and_then(Value::as_str);
        findings.demand(found == Some(level), || {
            format!("Cargo.toml: the lint {group}::{lint} is not `{level}`")
        });
    }
}

fn check_member(path: &str, manifest: &Table, root: &Table, findings: &mut Findings) {
    let inherits = |keys: &[&str]| at(manifest, keys).and_then(Value::as_bool) == Some(true);
    findings.demand(inherits(&["lints", "workspace"]), || {
        format!("{path}: does not inherit the workspace's lints")
    });
    for key in INHERITED {
        findings.demand(inherits(&["package", key, "workspace"]), || {
            format!("{path}: does not inherit `{key}`")
        });
    }
    for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (name, asked) in at(manifest, &[kind]).and_then(Value::as_table).into_iter().flatten() {
            let shared = at(root, &["workspace", "dependencies", name]);
            let same = version(asked).is_some() && version(asked) == shared.and_then(version);
            let inherited = asked.get("workspace").and_then(Value::as_bool) == Some(true);
            findings.demand(inherited || same, || {
                format!("{path}: the version of {name} is not the workspace's")
            });
        }
    }
}

/// The version a dependency asks for, in either way of writing it.
fn version(dependency: &Value) -> Option<&str> {
    dependency.as_str().or_else(|| dependency.get("version").and_then(Value::as_str))
}

fn at<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(key))
}

#[test]
fn every_package_inherits_from_the_workspace() {
    check(&tree::files()).assert_clean();
}

#[test]
fn a_package_that_goes_its_own_way_is_caught() {
    let inherited: String =
        INHERITED.iter().map(|key| format!("{key}.workspace = true\n")).collect();
    let root = "[workspace]\nmembers = ['a', 'b']\n[workspace.dependencies]\nx = '1'\n\
        [workspace.lints.rust]\nunsafe_code = 'warn'\n[workspace.lints.clippy]\n\
        unwrap_used = 'deny'\npanic = 'deny'\nallow_attributes_without_reason = 'deny'\n";
    let good = format!("[package]\n{inherited}[dependencies]\nx = {{ version = '1' }}\n");
    let files = [
        File::new("Cargo.toml", root),
        File::new("a/Cargo.toml", &format!("{good}[lints]\nworkspace = true\n")),
        File::new(
            "b/Cargo.toml",
            &good.replace("'1'", "'2'").replace("edition.workspace = true", ""),
        ),
        File::new("c/Cargo.toml", &format!("{good}[lints]\nworkspace = true\n")),
        File::new("d/Cargo.toml", "[workspace]"),
    ];
    check(&files).assert_found(&[
        "rust::unsafe_code is not `forbid`",
        "b/Cargo.toml: does not inherit the workspace's lints",
        "b/Cargo.toml: does not inherit `edition`",
        "b/Cargo.toml: the version of x",
        "c/Cargo.toml: not a member",
    ]);
    check(&[]).assert_found(&["no manifest"]);
}
