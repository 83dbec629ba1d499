//! Documents name paths that exist, and words mean what the glossary says.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most events of Markdown are of no concern here"
)]

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::{
    Findings,
    tree::{self, File},
};

/// Where a path in a document may begin; anything else in backticks is not taken for a path.
const ROOMS: [&str; 8] =
    [".ci/", ".config/", "cli/", "crdt-model/", "docs/", "node/", "relay/", "tests/"];

/// Words the design gives one meaning; each must stand in the glossary.
const WORDS: [&str; 32] = [
    "alert",
    "arbiter",
    "carrier",
    "certificate",
    "checkpoint",
    "claim",
    "community",
    "courier",
    "cut",
    "digest",
    "document",
    "entry",
    "epoch",
    "frame",
    "frontier",
    "grant",
    "inbox",
    "ladder",
    "lane",
    "log",
    "node",
    "officer",
    "order",
    "page",
    "party",
    "person",
    "receipt",
    "relay",
    "session",
    "space",
    "standing offer",
    "tip",
];

/// Every path a document names, in backticks or as the target of a link, exists.
fn named_paths(documents: &[File], existing: &BTreeSet<String>) -> Findings {
    let mut findings = Findings::default();
    for document in documents {
        findings.look();
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for event in Parser::new_ext(&document.text, Options::ENABLE_TABLES) {
            let path = match event {
                Event::Code(code) => path_in(&code),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    target_of(&dest_url).map(|target| resolve(folder, target))
                }
                _ => None,
            };
            if let Some(path) = path {
                findings.demand(existing.contains(&path), || {
                    format!("{}: there is no {path}", document.path)
                });
            }
        }
    }
    findings
}

/// The path of the tree that a piece of code names, without line number, anchor or what follows a
/// wildcard; `None` where it names none.
fn path_in(code: &str) -> Option<String> {
    let first = code.split_whitespace().next()?;
    let room = ROOMS.iter().find(|room| first.starts_with(**room))?;
    let plain = first.split(['*', '<', '{', '…']).next()?;
    let plain = match plain == first {
        true => plain.split(['#', ':']).next()?,
        false => plain.rsplit_once('/')?.0,
    };
    let path = plain.trim_end_matches('/');
    Some(if path.is_empty() { room.trim_end_matches('/') } else { path }.to_owned())
}

/// The file a link points to, where it points into the tree.
fn target_of(link: &str) -> Option<&str> {
    let outside = link.contains("://") || link.starts_with("mailto:") || link.starts_with('#');
    (!outside).then(|| link.split('#').next().unwrap_or_default().trim_end_matches('/'))
}

/// A link's target as a path from the root.
fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The glossary: for each word, the words that must not stand for it.
type Glossary = BTreeMap<String, Vec<String>>;

/// Reads the rows of the tables whose last column is headed "not".
fn glossary(text: &str, findings: &mut Findings) -> Glossary {
    let mut glossary = Glossary::new();
    for row in rows(text) {
        let [word, meaning, avoided] = row.as_slice() else { continue };
        findings.look();
        findings.demand(!meaning.is_empty(), || format!("glossary: {word} has no meaning"));
        let avoided = avoided.split(',').map(|word| word.trim().to_lowercase());
        let avoided = avoided.filter(|word| !word.is_empty() && word != "–").collect();
        let twice = glossary.insert(word.to_lowercase(), avoided).is_some();
        findings.demand(!twice, || format!("glossary: {word} stands twice"));
    }
    for (word, avoided) in &glossary {
        for other in avoided.iter().filter(|other| glossary.contains_key(*other)) {
            findings.report(format!("glossary: {word} avoids {other}, which is a word of ours"));
        }
    }
    glossary
}

/// The three-column rows of the tables headed "word | meaning | not", without the headings.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut concerned = false;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Text(text) | Event::Code(text) => cell.push_str(&text),
            Event::SoftBreak => cell.push(' '),
            Event::Start(Tag::TableCell) => cell.clear(),
            Event::End(TagEnd::TableCell) => row.push(cell.trim().to_owned()),
            Event::End(TagEnd::TableHead) => {
                concerned = row == ["word", "meaning", "not"];
                row.clear();
            }
            Event::End(TagEnd::TableRow) => {
                if concerned {
                    rows.push(row.clone());
                }
                row.clear();
            }
            _ => {}
        }
    }
    rows
}

/// The glossary holds every word of the design, and the documentation of every crate uses the
/// glossary's words and none that the glossary avoids.
fn words(glossary_text: &str, crates: &[File]) -> Findings {
    let mut findings = Findings::default();
    let glossary = glossary(glossary_text, &mut findings);
    for word in WORDS.iter().filter(|word| !glossary.contains_key(**word)) {
        findings.report(format!("glossary: {word} is missing"));
    }
    for file in crates {
        findings.look();
        let docs: Vec<&str> =
            file.text.lines().filter_map(|line| line.trim_start().strip_prefix("//!")).collect();
        let docs = format!(" {} ", plain(&docs.join(" ")));
        let used = glossary.keys().any(|word| holds(&docs, word));
        findings.demand(used, || format!("{}: its docs use no word of the glossary", file.path));
        for (word, avoided) in &glossary {
            for other in avoided.iter().filter(|other| holds(&docs, other)) {
                findings.report(format!("{}: says “{other}” for {word}", file.path));
            }
        }
    }
    findings
}

/// Lower case, with everything but letters, digits and hyphens turned into single spaces.
fn plain(text: &str) -> String {
    let text = text.to_lowercase();
    let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether the plain text holds the word, in the singular or the regular plural.
fn holds(docs: &str, word: &str) -> bool {
    let ies =
        word.strip_suffix('y').map_or_else(|| format!("{word}es"), |stem| format!("{stem}ies"));
    [word.to_owned(), format!("{word}s"), ies]
        .iter()
        .any(|form| docs.contains(&format!(" {} ", plain(form))))
}

#[test]
fn every_path_a_document_names_exists() {
    let documents: Vec<File> =
        tree::files().into_iter().filter(|file| file.extension() == "md").collect();
    for expected in ["docs/glossary.md", "docs/threat-model.md", "CHANGELOG.md"] {
        assert!(documents.iter().any(|file| file.path == expected), "{expected} was not read");
    }
    let mut existing: BTreeSet<String> = tree::paths().into_iter().collect();
    existing.insert(String::new());
    named_paths(&documents, &existing).assert_clean();
}

#[test]
fn a_path_that_is_gone_is_caught() {
    let text = "`node/core/src/a.rs:12` `node/core/gone.rs` `alert/<uuid>` `cli/src/*.rs` \
        `tests/gone/*.rs` `node/{core,store}/src` [a](../node/core) [b](gone.md#x) \
        [c](https://example.org/x) [d](#here) `tests/run --all` `node/`\n\n```text\nnode/no\n```\n";
    let existing = ["node", "node/core", "node/core/src/a.rs", "cli/src", "tests/run"];
    let existing = existing.map(str::to_owned).into();
    named_paths(&[File::new("docs/a.md", text)], &existing).assert_found(&[
        "no node/core/gone.rs",
        "no tests/gone",
        "no docs/gone.md",
    ]);
}

/// The texts that document the workspace's crates.
fn crate_roots() -> Vec<File> {
    let files = tree::files().into_iter();
    files
        .filter(|file| {
            let folder = file.path.trim_end_matches("src/lib.rs").trim_end_matches("src/main.rs");
            folder != file.path && tree::root().join(folder).join("Cargo.toml").is_file()
        })
        .collect()
}

#[test]
fn words_mean_what_the_glossary_says() {
    let glossary = tree::files().into_iter().find(|file| file.path == "docs/glossary.md");
    let crates = crate_roots();
    assert!(crates.len() >= 9, "not all crates were found: {}", crates.len());
    words(&glossary.map(|file| file.text).unwrap_or_default(), &crates).assert_clean();
}

#[test]
fn a_second_word_for_one_thing_is_caught() {
    let head = "| word | meaning | not |\n|---|---|---|\n";
    let known: String = WORDS.iter().map(|word| format!("| {word} | m | – |\n")).collect();
    let good = format!("{head}{known}| **vessel** | m | box, big jar |\n");
    let crates = [
        File::new("a/src/lib.rs", "//! Keeps entries; see `toolbox`.\n// a box\n"),
        File::new("b/src/lib.rs", "//! An entry in boxes, or a big\n//! jar.\n"),
        File::new("c/src/lib.rs", "//! Nothing.\n"),
    ];
    words(&good, &crates).assert_found(&[
        "b/src/lib.rs: says “box” for vessel",
        "b/src/lib.rs: says “big jar” for vessel",
        "c/src/lib.rs: its docs use no word",
    ]);
    let bad =
        format!("{}| vessel | | tip |\n| tip | m | |\n", good.replace("| alert | m | – |\n", ""));
    words(&bad, &[]).assert_found(&[
        "vessel has no meaning",
        "vessel stands twice",
        "tip stands twice",
        "vessel avoids tip",
        "alert is missing",
    ]);
    assert_eq!(rows("| a | b | c |\n|---|---|---|\n| d | e | f |\n").len(), 0);
}
