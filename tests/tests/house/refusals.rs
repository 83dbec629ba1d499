//! Rules about what the node refuses: each refusal names a message, and people read it in their language.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Findings,
    tree::{self, File},
};

/// Where the messages stand, and the titles of the codes.
const MESSAGES: [&str; 2] = ["cli/locales/en/refusals.ftl", "cli/locales/zh/refusals.ftl"];
const TITLES: &str = "cli/locales/en/errors.ftl";

/// What makes a refusal out of a key.
const CALLS: [&str; 3] = ["ApiError::new(", "invalid(", "not_found("];

/// The names in `{ $name }` of a message; none where it holds another placeable.
fn arguments(message: &str) -> Option<BTreeSet<&str>> {
    let parts = message.split('{').skip(1);
    let named = parts.map(|part| part.strip_prefix(" $")?.split_once(" }").map(|(name, _)| name));
    named.collect()
}

/// The messages of a file: each key with its message.
fn messages<'a>(files: &'a [File], path: &str) -> BTreeMap<&'a str, &'a str> {
    let file = files.iter().find(|file| file.path == path);
    let lines = file.into_iter().flat_map(|file| file.text.lines());
    lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = ")).collect()
}

/// Both languages say each refusal in one line, in their own letters, and name the same things.
fn said_in_both(files: &[File]) -> Findings {
    let mut findings = Findings::default();
    let [en, zh] = MESSAGES.map(|path| messages(files, path));
    for file in files.iter().filter(|file| MESSAGES.contains(&file.path.as_str())) {
        for (number, line) in file.lines() {
            let plain = line.is_empty() || line.starts_with('#');
            let message = line.split_once(" = ").filter(|(key, _)| key.starts_with("error-"));
            findings.demand(
                plain || message.is_some_and(|(_, text)| arguments(text).is_some()),
                || format!("{}:{number}: is not `error-… = …` with `{{ $name }}` only", file.path),
            );
        }
    }
    for key in en.keys().chain(zh.keys()).collect::<BTreeSet<_>>() {
        findings.look();
        let (Some(english), Some(chinese)) = (en.get(key), zh.get(key)) else {
            findings.report(format!("{key}: is not in both languages"));
            continue;
        };
        findings.demand(arguments(english) == arguments(chinese), || {
            format!("{key}: the languages name different things")
        });
        findings.demand(chinese.chars().any(|letter| ('一'..='鿿').contains(&letter)), || {
            format!("{key}: is not Chinese in Chinese")
        });
    }
    findings
}

fn is_source(file: &File) -> bool {
    let ours = ["node/src/", "cli/src/"].iter().any(|folder| file.path.starts_with(folder));
    ours && file.extension() == "rs" && !file.path.ends_with("tests.rs")
}

/// The code of a file before its tests.
fn code(file: &File) -> &str {
    file.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// The string literals of a file that are keys of refusals.
fn keys(file: &File) -> impl Iterator<Item = &str> {
    let literals = code(file).split('"');
    literals.filter(|text| text.starts_with("error-") && !text.contains([' ', '{', '\n']))
}

/// Every key that is named is written, and says what its message names; every key that is written is named.
fn named_and_written(files: &[File]) -> Findings {
    let mut findings = Findings::default();
    let (written, titles) = (messages(files, MESSAGES[0]), messages(files, TITLES));
    let mut named = BTreeSet::new();
    for file in files.iter().filter(|file| is_source(file)) {
        for key in keys(file) {
            findings.look();
            named.insert(key);
            let Some(message) = written.get(key) else {
                findings.demand(titles.contains_key(key), || {
                    format!("{}: `{key}` is not in {}", file.path, MESSAGES[0])
                });
                continue;
            };
            for argument in arguments(message).into_iter().flatten() {
                let told = file.text.contains(&format!("(\"{argument}\", "));
                findings.demand(told || file.path.starts_with("cli/"), || {
                    format!("{}: `{key}` lacks `{argument}`", file.path)
                });
            }
        }
    }
    for key in written.keys().filter(|key| !named.contains(*key)) {
        findings.report(format!("{key}: is written and never named"));
    }
    findings
}

/// A refusal is made of a key: one that is written out, or a variable called `key`.
fn made_of_keys(files: &[File]) -> Findings {
    let mut findings = Findings::default();
    for file in files.iter().filter(|file| is_source(file)) {
        for call in CALLS {
            for rest in code(file).split(call).skip(1) {
                let rest = rest.split(['{', ';']).next().unwrap_or_default();
                let of = if call == CALLS[0] {
                    rest.split_once(',').map(|(_, of)| of)
                } else {
                    Some(rest)
                };
                let of = of.unwrap_or_default().trim_start();
                findings.look();
                let is_key = of.starts_with("\"error-") || of.starts_with("key");
                findings.demand(is_key, || {
                    let of = of.lines().next().unwrap_or_default();
                    format!("{}: `{call}` takes the key of a message: `{of}` is none", file.path)
                });
            }
        }
    }
    findings
}

#[test]
fn refusals_are_said_in_both_languages() {
    said_in_both(&tree::files()).assert_clean();
}

#[test]
fn refusals_that_one_language_lacks_are_caught() {
    let en =
        "# a\nerror-a = a\nerror-b = { $who } is b\nerror-c = c\nerror-d = { -d }\nerror-e =\n";
    let zh = "error-a = 甲\nerror-b = 乙\nerror-d = 丁\nerror-f = f\n";
    let files = [File::new(MESSAGES[0], en), File::new(MESSAGES[1], zh)];
    said_in_both(&files).assert_found(&[
        "en/refusals.ftl:5:",
        "en/refusals.ftl:6:",
        "error-b: the languages",
        "error-c: is not in both",
        "error-d: the languages",
        "error-f: is not in both",
    ]);
    let file = |path| File::new(path, "error-a = a\n");
    said_in_both(&[file(MESSAGES[0]), file(MESSAGES[1])])
        .assert_found(&["error-a: is not Chinese"]);
}

#[test]
fn refusals_are_written_and_named() {
    named_and_written(&tree::files()).assert_clean();
}

#[test]
fn refusals_that_are_not_written_or_not_named_are_caught() {
    let en = "error-a = a\nerror-b = { $who } is b\nerror-c = c\n";
    let code =
        "invalid(\"error-a\"); invalid(\"error-b\"); invalid(\"error-d\"); new(\"error-title\")";
    let told = "invalid(\"error-b\").with(\"who\", 1)";
    let files = [
        File::new(MESSAGES[0], en),
        File::new(TITLES, "error-title = a\n"),
        File::new("node/src/a.rs", code),
        File::new("node/src/b.rs", told),
        File::new("node/core/src/a.rs", "\"error-e\""),
    ];
    named_and_written(&files).assert_found(&[
        "node/src/a.rs: `error-b` lacks `who`",
        "node/src/a.rs: `error-d` is not in",
        "error-c: is written and never named",
    ]);
}

#[test]
fn refusals_are_made_of_keys() {
    made_of_keys(&tree::files()).assert_clean();
}

#[test]
fn refusals_made_of_sentences_are_caught() {
    let code = "invalid(\"error-a\"); not_found(key); invalid(\"no such thing\");\n\
                ApiError::new(Code::Full, \"error-a\"); ApiError::new(code, message);\n\
                ApiError::new(\n    Code::Full,\n    \"no room\",\n)";
    made_of_keys(&[File::new("node/src/a.rs", code)]).assert_found(&[
        "`ApiError::new(` takes the key of a message: `message)`",
        "`ApiError::new(` takes the key of a message: `\"no room\",`",
        "`invalid(` takes the key of a message: `\"no such thing\")`",
    ]);
}
