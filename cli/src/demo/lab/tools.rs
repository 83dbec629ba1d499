//! The programs of other people that the namespaces need.

use std::{
    env,
    ffi::OsStr,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// Where system programs are when the search path of an ordinary user does not say so.
const SYSTEM: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// Where each needed program is.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    pub(super) ip: PathBuf,
    pub(super) nsenter: PathBuf,
    pub(super) setpriv: PathBuf,
    pub(super) sh: PathBuf,
    pub(super) tc: PathBuf,
    pub(super) unshare: PathBuf,
}

impl Tools {
    /// Finds them all, or names those that are missing.
    pub(super) fn find() -> Result<Self, Vec<String>> {
        let mut missing = Vec::new();
        let mut find = |name: &str| {
            locate(name).unwrap_or_else(|| {
                missing.push(name.to_owned());
                PathBuf::new()
            })
        };
        let tools = Self {
            ip: find("ip"),
            nsenter: find("nsenter"),
            setpriv: find("setpriv"),
            sh: find("sh"),
            tc: find("tc"),
            unshare: find("unshare"),
        };
        if missing.is_empty() { Ok(tools) } else { Err(missing) }
    }
}

fn locate(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = SYSTEM.into_iter().map(PathBuf::from);
    env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Runs a command to its end with this text as its input, and returns what it wrote.
///
/// # Errors
/// It cannot be started, or it failed: then with the first line of its complaint.
pub(super) fn run(command: &mut Command, input: &str) -> Result<String> {
    let name = name(command.get_program());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} cannot be started"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that ended early says why by its exit code, below.
        let _early_end = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(|| format!("{name} cannot be awaited"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaint = complaint.lines().next().unwrap_or("it did not say why");
    ensure!(output.status.success(), "{name} failed: {complaint}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn name(program: &OsStr) -> String {
    PathBuf::from(program).file_name().unwrap_or(program).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_says_why() {
        let mut command = Command::new("sh");
        let error = run(command.args(["-c", "echo no such luck >&2; exit 3"]), "").unwrap_err();
        assert_eq!(error.to_string(), "sh failed: no such luck");
    }

    #[test]
    fn a_command_reads_its_input() {
        assert_eq!(run(&mut Command::new("cat"), "frames\n").unwrap(), "frames\n");
    }

    #[test]
    fn a_program_nobody_has_is_not_found() {
        assert_eq!(locate("linli-no-such-program"), None);
        assert!(locate("sh").is_some());
    }
}
