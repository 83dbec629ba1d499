//! Rules about source files: size, names, unfinished work, purity, traces of one machine.

use crate::{
    Findings,
    tree::{self, File},
};

/// No file is longer: a reader can hold one in mind.
const LINES_MAX: usize = 800;

/// Kinds of files a person reads and writes; data, vectors and lock files are not measured.
const WRITTEN: [&str; 11] =
    ["rs", "md", "toml", "sh", "py", "js", "mjs", "css", "html", "ftl", "service"];

/// The crates that take time and randomness as arguments, by their source folders.
const PURE: [&str; 3] = ["crdt-model/src/", "node/replica/src/", "node/core/src/"];

/// What would make two runs of a pure crate differ.
const IMPURE: [&str; 17] = [
    "::now",
    "SystemTime",
    "env::",
    "std::env",
    "fs::",
    "process::",
    "thread::",
    "HashMap",
    "HashSet",
    "RandomState",
    "thread_rng",
    "rand::rng",
    "OsRng",
    "SysRng",
    "getrandom",
    "new_v4",
    "now_v7",
];

/// Signs of unfinished or switched-off work. Split, so that this list does not find itself.
const UNFINISHED: [&str; 6] = [
    concat!("#[", "ignore"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
];

/// Paths of one machine and hosts of package registries. Split for the same reason.
const MACHINE: [&str; 13] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("/tmp/", "team"),
    concat!("C:\\", "Users"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("artifac", "tory"),
    concat!("registry.", "npmjs"),
    concat!("pypi", ".org"),
    concat!("deb.", "debian.org"),
    concat!("rs", "proxy"),
];

/// Every written file has at most 800 lines, and no module is a `mod.rs`.
fn shape(files: &[File]) -> Findings {
    let mut findings = Findings::default();
    for file in files {
        let is_script = file.text.starts_with("#!");
        if !is_script && !WRITTEN.contains(&file.extension()) {
            continue;
        }
        findings.look();
        let lines = file.text.lines().count();
        findings.demand(lines <= LINES_MAX, || {
            format!("{}: {lines} lines, more than {LINES_MAX}: split it", file.path)
        });
        findings.demand(!format!("/{}", file.path).ends_with("/mod.rs"), || {
            format!("{}: name the module's file after the module", file.path)
        });
    }
    findings
}

/// No source holds a switched-off test or a mark of work left for later.
fn finished(files: &[File]) -> Findings {
    search(files, |file| file.extension() == "rs", &UNFINISHED, "is unfinished work", |line| line)
}

/// No text file names one machine's folders or a package registry's host.
fn portable(files: &[File]) -> Findings {
    let lock = |file: &File| file.path.ends_with("Cargo.lock");
    search(files, |file| !lock(file), &MACHINE, "belongs to one machine", |line| line)
}

/// No code of a pure crate reads a clock, the environment, a file, or randomness of its own, nor
/// iterates in an order that differs from run to run.
fn pure(files: &[File]) -> Findings {
    let is_pure = |file: &File| {
        file.extension() == "rs" && PURE.iter().any(|folder| file.path.starts_with(folder))
    };
    search(files, is_pure, &IMPURE, "makes a pure crate depend on its surroundings", code_of)
}

fn search(
    files: &[File],
    concerned: impl Fn(&File) -> bool,
    patterns: &[&str],
    rule: &str,
    part: fn(&str) -> &str,
) -> Findings {
    let mut findings = Findings::default();
    for file in files.iter().filter(|file| concerned(file)) {
        findings.look();
        for (number, line) in file.lines() {
            for pattern in patterns.iter().filter(|pattern| has_word(part(line), pattern)) {
                findings.report(format!("{}:{number}: `{pattern}` {rule}", file.path));
            }
        }
    }
    findings
}

/// The line without its comment.
fn code_of(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.split_once(" // ").map_or(line, |(code, _)| code)
}

/// Whether `line` holds `word` and not merely a longer name around it.
fn has_word(line: &str, word: &str) -> bool {
    let in_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(start, _)| {
        let (before, from) = line.split_at(start);
        let after = from.get(word.len()..).unwrap_or_default();
        let open_start = word.starts_with(in_name) && before.ends_with(in_name);
        let open_end = word.ends_with(in_name) && after.starts_with(in_name);
        !open_start && !open_end
    })
}

#[test]
fn files_are_short_and_modules_bear_their_names() {
    shape(&tree::files()).assert_clean();
}

#[test]
fn long_files_and_mod_rs_are_caught() {
    let line = "x\n";
    let files = [
        File::new("a/mod.rs", ""),
        File::new("a/nomod.rs", &line.repeat(LINES_MAX)),
        File::new("a/long.md", &line.repeat(LINES_MAX + 1)),
        File::new("a/script", &format!("#!/bin/sh\n{}", line.repeat(LINES_MAX))),
        File::new("a/data.csv", &line.repeat(LINES_MAX + 1)),
    ];
    shape(&files).assert_found(&["a/mod.rs", "a/long.md: 801 lines", "a/script: 801 lines"]);
}

#[test]
fn nothing_is_left_for_later() {
    finished(&tree::files()).assert_clean();
}

#[test]
fn unfinished_work_is_caught() {
    let text = UNFINISHED.map(|mark| format!("{mark}\n")).concat() + "fn autodocs() {}";
    finished(&[File::new("a.rs", &text), File::new("a.md", &text)])
        .assert_found(&["a.rs:1:", "a.rs:2:", "a.rs:3:", "a.rs:4:", "a.rs:5:", "a.rs:6:"]);
}

#[test]
fn nothing_names_one_machine() {
    portable(&tree::files()).assert_clean();
}

#[test]
fn traces_of_one_machine_are_caught() {
    for trace in MACHINE {
        portable(&[File::new("docs/a.md", trace)]).assert_found(&["docs/a.md:1:"]);
    }
    portable(&[File::new("Cargo.lock", MACHINE[6]), File::new("a.md", MACHINE[0])])
        .assert_found(&["a.md:1:"]);
}

#[test]
fn pure_crates_depend_on_nothing_around_them() {
    let files = tree::files();
    for folder in PURE {
        let own: Vec<File> = files.iter().filter(|f| f.path.starts_with(folder)).cloned().collect();
        pure(&own).assert_clean();
    }
}

#[test]
fn impure_code_is_caught() {
    for word in IMPURE {
        let file = File::new("node/core/src/a.rs", &format!("let a = {word};"));
        let findings = pure(std::slice::from_ref(&file));
        assert!(format!("{findings:?}").contains(&format!("a.rs:1: `{word}`")), "{findings:?}");
    }
    let harmless = "// HashMap and SystemTime\nlet a = MyHashMapLike; // env::var\nenv!(\"A\");\n";
    pure(&[File::new("node/core/src/a.rs", harmless)]).assert_clean();
    let elsewhere = File::new("node/store/src/a.rs", "Instant::now()");
    let inside = File::new("crdt-model/src/a/b.rs", "\nlet t = Instant::now();");
    pure(&[elsewhere, inside]).assert_found(&["crdt-model/src/a/b.rs:2: `::now`"]);
}
