//! What some tests need from the machine, and how a test that cannot have it says so.
//!
//! `cargo nextest run` passes on any machine: a test that needs more is *not run*, and is listed.
//! `tests/run --all` sets `LINLI_TEST_ALL=1`: then every such test runs, and a machine that cannot
//! give what it needs makes it fail. `LINLI_TEST_ALL=possible` runs what the machine can give.
//! Tests that need [`Capability::Namespaces`] are named `lab_…`, which makes the runner take them
//! one at a time (`.config/nextest.toml`).

use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    panic::Location,
    process::{Command, Stdio},
    thread,
};

/// Something a test needs that not every machine gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// The right to make network namespaces: Linux, as root.
    Namespaces,
    /// The right to mount file systems: Linux, as root.
    Mounts,
    /// A program on the search path, by its command name.
    Program(&'static str),
    /// A browser and what drives it: Chromium, Node.js, and what `tests/run` installs in `tests/browser`.
    Browser,
    /// Minutes of time or hundreds of megabytes; always there, but only spent when asked for.
    Patience,
}

/// How much of what needs a [`Capability`] is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Nothing that needs one.
    Ordinary,
    /// What the machine can give.
    Possible,
    /// Everything: a missing capability is a failure.
    All,
}

/// What becomes of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Run,
    NotRun(String),
    Fail(String),
}

/// Says whether the calling test may go on; where it may not, records that it was not run.
///
/// ```text
/// #[test]
/// fn lab_cable_pulled_and_plugged() {
///     if !requires(Capability::Namespaces) {
///         return;
///     }
/// ```
///
/// A test that is not run adds the line `NOT RUN: <test>: <why>` to the file that
/// `LINLI_NOT_RUN_FILE` names, or to standard error where it names none.
///
/// # Panics
///
/// When `LINLI_TEST_ALL` is `1` and the machine lacks the capability; when the variable holds an
/// unknown value; when the line cannot be recorded.
#[must_use]
#[track_caller]
#[expect(clippy::panic, reason = "a test that must run and cannot has failed")]
pub fn requires(capability: Capability) -> bool {
    let extent = extent(env::var("LINLI_TEST_ALL").ok().as_deref());
    let lack = if extent == Extent::Ordinary { None } else { capability.lack() };
    match verdict(extent, capability, lack) {
        Verdict::Run => true,
        Verdict::NotRun(why) => {
            let line = format!("NOT RUN: {}: {why}\n", test_name(Location::caller()));
            let recorded = record(&line);
            assert!(recorded.is_ok(), "cannot record that a test was not run: {recorded:?}");
            false
        }
        Verdict::Fail(why) => panic!("LINLI_TEST_ALL=1, but {why}"),
    }
}

impl Capability {
    /// Why the machine cannot give this, or `None` where it can.
    fn lack(self) -> Option<String> {
        let probe: (&str, &[&str]) = match self {
            Self::Namespaces => ("unshare", &["--net", "true"]),
            Self::Mounts => ("unshare", &["--mount", "mount", "-t", "tmpfs", "none", "/mnt"]),
            Self::Program(name) => {
                let found = env::var_os("PATH").is_some_and(|path| {
                    env::split_paths(&path).any(|dir| dir.join(name).is_file())
                });
                return (!found).then(|| format!("the program `{name}` is not installed"));
            }
            Self::Browser => {
                let driver =
                    concat!(env!("CARGO_MANIFEST_DIR"), "/browser/node_modules/playwright-core");
                if !std::path::Path::new(driver).is_dir() {
                    return Some(
                        "there is no tests/browser/node_modules: see tests/run".to_owned(),
                    );
                }
                let programs = ["node", "chromium"].into_iter();
                return programs.filter_map(|name| Self::Program(name).lack()).next();
            }
            Self::Patience => return None,
        };
        let (program, arguments) = probe;
        let outcome = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match outcome {
            Ok(status) if status.success() => None,
            Ok(_) => Some(format!("{} are refused here (root is needed)", self.words())),
            Err(error) => Some(format!("`{program}` cannot be started: {error}")),
        }
    }

    /// What is needed, in words.
    fn words(self) -> String {
        match self {
            Self::Namespaces => "network namespaces".to_owned(),
            Self::Mounts => "mounts".to_owned(),
            Self::Program(name) => format!("the program `{name}`"),
            Self::Browser => "a browser".to_owned(),
            Self::Patience => "much time".to_owned(),
        }
    }
}

fn extent(variable: Option<&str>) -> Extent {
    match variable {
        None | Some("" | "0") => Extent::Ordinary,
        Some("possible") => Extent::Possible,
        Some(value) => {
            assert!(value == "1", "LINLI_TEST_ALL is `{value}`; use `1`, `possible` or nothing");
            Extent::All
        }
    }
}

fn verdict(extent: Extent, capability: Capability, lack: Option<String>) -> Verdict {
    match (extent, lack) {
        (Extent::Ordinary, _) => {
            Verdict::NotRun(format!("needs {}; `tests/run --all` runs it", capability.words()))
        }
        (Extent::Possible | Extent::All, None) => Verdict::Run,
        (Extent::Possible, Some(why)) => Verdict::NotRun(why),
        (Extent::All, Some(why)) => Verdict::Fail(why),
    }
}

/// The test's name as the runner knows it, else where it stands.
fn test_name(caller: &Location<'_>) -> String {
    if let Ok(name) = env::var("NEXTEST_TEST_NAME") {
        let binary = env::var("NEXTEST_BINARY_ID").unwrap_or_default();
        return format!("{binary} {name}").trim_start().to_owned();
    }
    match thread::current().name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => format!("{}:{}", caller.file(), caller.line()),
    }
}

fn record(line: &str) -> io::Result<()> {
    match env::var_os("LINLI_NOT_RUN_FILE") {
        Some(path) => append(OpenOptions::new().append(true).create(true).open(path)?, line),
        None => io::stderr().write_all(line.as_bytes()),
    }
}

/// Appends in one write, so that lines of tests that run at the same time do not mix.
fn append(mut file: File, line: &str) -> io::Result<()> {
    file.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_run_leaves_privileged_tests_out_and_says_so() {
        let verdict = verdict(extent(None), Capability::Namespaces, None);
        let Verdict::NotRun(why) = verdict else { panic!("{verdict:?}") };
        assert!(why.contains("network namespaces") && why.contains("tests/run --all"), "{why}");
    }

    #[test]
    fn a_full_run_fails_where_the_capability_is_missing() {
        let lack = Some("refused".to_owned());
        assert_eq!(
            verdict(extent(Some("1")), Capability::Mounts, lack.clone()),
            Verdict::Fail("refused".to_owned())
        );
        assert_eq!(
            verdict(extent(Some("possible")), Capability::Mounts, lack),
            Verdict::NotRun("refused".to_owned())
        );
        assert_eq!(verdict(extent(Some("1")), Capability::Mounts, None), Verdict::Run);
    }

    #[test]
    #[should_panic(expected = "LINLI_TEST_ALL is `yes`")]
    fn an_unknown_extent_is_refused() {
        let _ = extent(Some("yes"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let lack = Capability::Program("linli-no-such-program").lack();
        assert_eq!(lack.as_deref(), Some("the program `linli-no-such-program` is not installed"));
        assert_eq!(Capability::Program("cargo").lack(), None);
    }
}
