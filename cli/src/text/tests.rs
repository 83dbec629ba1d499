//! Both languages say the same things, and everything that is said exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::*;

/// For each message, the arguments it uses.
type Messages = BTreeMap<String, BTreeSet<String>>;

/// Reads the messages of one language, file by file.
fn messages(language: &str) -> BTreeMap<String, Messages> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(language);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let resource = FluentResource::try_new(text.clone());
        assert!(resource.is_ok(), "{path:?}: {:?}", resource.err().map(|(_, errors)| errors));
        (path.file_name().unwrap().to_str().unwrap().to_owned(), keys(&text))
    };
    fs::read_dir(folder).unwrap().map(|file| read(file.unwrap().path())).collect()
}

/// The keys of a file, each with the `$arguments` of its message.
fn keys(text: &str) -> Messages {
    let mut messages = Messages::new();
    let mut key = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, _)) = line.split_once(" =")
            && !line.starts_with(' ')
        {
            name.clone_into(&mut key);
            assert!(messages.insert(key.clone(), BTreeSet::new()).is_none(), "{key} stands twice");
        }
        for part in line.split('$').skip(1) {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = part.get(..end.unwrap_or(part.len())).unwrap();
            messages.get_mut(&key).unwrap().insert(name.to_owned());
        }
    }
    messages
}

/// The text of every source file of this crate.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// The string after each `call("`, white space aside.
fn literals<'a>(source: &'a str, call: &str) -> Vec<&'a str> {
    let literal = |rest: &'a str| rest.trim_start().strip_prefix('"')?.split('"').next();
    source.split(call).skip(1).filter_map(literal).collect()
}

#[test]
fn both_languages_have_the_same_messages_with_the_same_arguments() {
    let (zh, en) = (messages("zh"), messages("en"));
    assert!(zh.values().map(Messages::len).sum::<usize>() > 150);
    assert_eq!(zh, en);
}

#[test]
fn every_file_of_messages_is_built_in() {
    let built_in: usize = ZH.iter().map(|file| keys(file).len()).sum();
    assert_eq!(built_in, messages("zh").values().map(Messages::len).sum::<usize>());
}

#[test]
fn no_key_stands_in_two_files() {
    let files = messages("en");
    let all: BTreeSet<&String> = files.values().flat_map(|file| file.keys()).collect();
    assert_eq!(all.len(), files.values().map(Messages::len).sum::<usize>());
}

/// Keys that are put together begin with one of these; others are said by their full name.
const FAMILIES: [&str; 53] = [
    "about",
    "error-",
    "home-",
    "kind-",
    "path-",
    "state-",
    "waits-",
    "held-",
    "handed-",
    "check-",
    "column-",
    "act-",
    "broken-",
    "seat-",
    "inbox-",
    "deed-",
    "request-",
    "section-",
    "erased-kind-",
    "consent-how-",
    "field-",
    "value-",
    "measure-",
    "alert-kind-",
    "contact-",
    "found-",
    "hazard-",
    "plan-",
    "due-",
    "outcome-",
    "fact-",
    "way-",
    "step-",
    "reason-",
    "role-",
    "detail-",
    "by-",
    "data-",
    "ground-",
    "right-",
    "may-",
    "checkpoint-",
    "flaw-",
    "desk-act-",
    "desk-way-",
    "desk-service-",
    "paper-to-",
    "sensor-state-",
    "prune-flaw-",
    "severity-",
    "doubt-",
    "missing-",
    "payload-by-",
];

#[test]
fn everything_that_is_said_exists_and_everything_that_exists_is_said() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let existing: BTreeSet<String> =
        messages("en").into_values().flat_map(Messages::into_keys).collect();
    let said: BTreeSet<&str> =
        files.iter().flat_map(|file| literals(file, concat!("text", ".say("))).collect();
    assert!(said.len() > 60, "{}", said.len());
    let missing: Vec<_> = said.iter().filter(|key| !existing.contains(**key)).collect();
    assert!(missing.is_empty(), "said and not written: {missing:?}");
    let everything = files.concat();
    let idle: Vec<_> = existing
        .iter()
        .filter(|key| !FAMILIES.iter().any(|family| key.starts_with(family)))
        .filter(|key| !everything.contains(&format!("\"{key}\"")))
        .collect();
    assert!(idle.is_empty(), "written and never said: {idle:?}");
}

#[test]
fn the_columns_of_tables_exist() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/verb"), &mut files);
    let named: Vec<&str> = files
        .iter()
        .flat_map(|file| file.split("Columns(&[").skip(1))
        .filter_map(|rest| rest.split("])").next())
        .flat_map(|list| list.split('"').skip(1).step_by(2))
        .collect();
    assert!(named.len() > 20, "{named:?}");
    let text = Text::of(Language::Zh);
    let missing: Vec<_> =
        named.iter().filter(|name| text.find(&format!("column-{name}")).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_language_is_the_one_asked_for_then_the_variables() {
    type Variables = &'static [(&'static str, &'static str)];
    let cases: [(Option<&str>, Variables, Language); 7] = [
        (Some("en"), &[("LINLI_LANG", "zh")], Language::En),
        (None, &[("LINLI_LANG", "zh"), ("LANG", "en_US.UTF-8")], Language::Zh),
        (None, &[("LANG", "zh_CN.UTF-8")], Language::Zh),
        (None, &[("LC_ALL", "en_GB.UTF-8"), ("LANG", "zh_CN.UTF-8")], Language::En),
        (None, &[("LANG", "C.UTF-8")], Language::En),
        (None, &[("LANG", "中")], Language::En),
        (None, &[], Language::En),
    ];
    for (asked, variables, language) in cases {
        let text = Text::choose(asked, &Environment::of(variables));
        let expected = Text::of(language);
        assert_eq!(
            text.find("not-running"),
            expected.find("not-running"),
            "{asked:?} {variables:?}"
        );
    }
    let (zh, en) = (Text::of(Language::Zh), Text::of(Language::En));
    assert_ne!(zh.find("not-running"), en.find("not-running"));
}

#[test]
fn a_word_without_a_translation_is_shown_as_it_is() {
    let text = Text::of(Language::Zh);
    assert_eq!(text.word("kind", "household"), "家庭");
    assert_eq!(text.word("kind", "something"), "something");
}
