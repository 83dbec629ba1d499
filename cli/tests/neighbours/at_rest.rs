//! How a node's keys are opened and kept: a changed passphrase, a systemd credential, and a process
//! whose memory stays its own.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use linli_tests::{Capability, requires};

use crate::{
    community::{LOOPBACK, centre, folder},
    site::{Desk, PASSPHRASE, Run, Site, finished, wait},
};

const OTHER: &str = "another passphrase of a test";

/// Changes the passphrase from one to another.
fn change(desk: &Desk, from: &str, to: &str) -> Command {
    let mut command = desk.command(&["keys", "passphrase"]);
    command.env("LINLI_PASSPHRASE", from).env("LINLI_NEW_PASSPHRASE", to);
    command
}

fn code(run: &Run) -> (i32, String) {
    (run.code, if run.code == 0 { String::new() } else { run.refusal().0 })
}

#[test]
fn a_changed_passphrase_opens_the_node_and_the_former_one_does_not() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let running = finished(&mut change(&centre, PASSPHRASE, OTHER));
    assert_eq!(code(&running), (5, "conflict".to_owned()), "the node must be stopped first");
    centre.stop();
    let wrong = finished(&mut change(&centre, "a passphrase of a thief", OTHER));
    assert_eq!(code(&wrong), (4, "forbidden".to_owned()), "{wrong:?}");
    let mut thief = change(&centre, "a passphrase of a thief", OTHER);
    let thief = finished(thief.env_remove("LINLI_NEW_PASSPHRASE"));
    assert_eq!(thief.code, 4, "before a new one is asked for: {thief:?}");
    let short = finished(&mut change(&centre, PASSPHRASE, "short"));
    assert_eq!(short.code, 2, "{short:?}");
    let changed = finished(&mut change(&centre, PASSPHRASE, OTHER));
    assert_eq!(changed.answer()["party_key"], true);
    let former = finished(&mut centre.command(&["up"]));
    assert_eq!(former.code, 4, "{former:?}");
    // Back again, which the new passphrase alone can do; then the node runs as before.
    assert_eq!(finished(&mut change(&centre, OTHER, PASSPHRASE)).code, 0);
    centre.up();
    centre.stop();
}

#[test]
fn an_interrupted_change_of_passphrase_leaves_one_that_opens_and_can_be_done_again() {
    let folder = folder();
    let site = Site::init(folder.path().join("node"), None, LOOPBACK);
    between_the_files(&site);
    // Which moment the kill meets is left to the machine: it comes later and later, until one change
    // was over before it.
    let (mut unfinished, mut into_ms, mut over) = (0, 0, false);
    while !over {
        let mut changing = change(&site, PASSPHRASE, OTHER).spawn().unwrap();
        thread::sleep(Duration::from_millis(into_ms));
        changing.kill().unwrap();
        changing.wait().unwrap();
        let again = finished(&mut change(&site, PASSPHRASE, OTHER));
        if again.code == 0 {
            unfinished += 1;
            assert_eq!(again.answer()["party_key"], true, "both files after {into_ms} ms");
        } else {
            over = true;
            assert_eq!(code(&again), (4, "forbidden".to_owned()), "it was done already");
        }
        let back = finished(&mut change(&site, OTHER, PASSPHRASE));
        assert_eq!(back.code, 0, "after {into_ms} ms neither opens: {back:?}");
        assert_eq!(back.answer()["party_key"], true);
        into_ms += 350;
    }
    assert!(unfinished > 0, "no kill came before the end");
}

/// The change stops after the party's key has the new passphrase and before the node's keys have it.
fn between_the_files(site: &Site) {
    let party = || fs::read(site.data().join("party.key")).unwrap();
    let before = party();
    let in_the_way = site.data().join("key.partial");
    fs::create_dir(&in_the_way).unwrap();
    let stopped = finished(&mut change(site, PASSPHRASE, OTHER));
    assert_ne!(stopped.code, 0, "{stopped:?}");
    assert_ne!(party(), before, "the first file was sealed anew");
    fs::remove_dir(&in_the_way).unwrap();
    let other = finished(&mut change(site, OTHER, PASSPHRASE));
    assert_eq!(code(&other), (4, "forbidden".to_owned()), "the former one opens still");
    let again = finished(&mut change(site, PASSPHRASE, OTHER));
    assert_eq!(again.answer()["party_key"], true, "both files: {again:?}");
    assert_eq!(finished(&mut change(site, OTHER, PASSPHRASE)).code, 0);
}

#[test]
fn a_systemd_credential_opens_the_node() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    centre.stop();
    // As systemd lays it out: a directory of its own, both read-only.
    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    let file = credentials.join("linli-passphrase");
    let write = |text: &str| {
        drop(fs::remove_file(&file));
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
    };
    let up = || {
        let mut command = centre.command(&["up"]);
        command.env_remove("LINLI_PASSPHRASE").env("CREDENTIALS_DIRECTORY", &credentials);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let missing = finished(&mut up());
    assert_eq!(missing.code, 2, "without passphrase or credential: {missing:?}");
    write("a passphrase of a thief\n");
    let wrong = finished(&mut up());
    assert_eq!(wrong.code, 4, "{wrong:?}");
    write(&format!("{PASSPHRASE}\n"));
    let mut node = Running(up().spawn().unwrap());
    wait("the node answers", || (centre.run(&["status"]).code == 0).then_some(()));
    centre.ask(&["stop"]);
    assert!(node.0.wait().unwrap().success());
}

#[test]
fn the_keyring_of_a_desktop_opens_the_node() {
    let needed = ["dbus-run-session", "gnome-keyring-daemon", "secret-tool"];
    if !needed.into_iter().all(|program| requires(Capability::Program(program))) {
        return;
    }
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    centre.stop();
    // A session bus and an unlocked keyring of their own, then these words, then the node.
    let session = |words: &str| {
        let unlock = "printf 'a login' | gnome-keyring-daemon --unlock --components=secrets >&2";
        let script = format!("{unlock} && {words} exec {} up", env!("CARGO_BIN_EXE_linli"));
        let given = centre.command(&[]);
        let mut command = Command::new("dbus-run-session");
        command.args(["--", "sh", "-c", &script]).stdin(Stdio::null());
        command.env_clear().envs(given.get_envs().filter_map(|(k, v)| Some((k, v?))));
        command.env_remove("LINLI_PASSPHRASE").env("LINLI_PASSPHRASE_FROM", "keyring");
        command.env("LINLI_DATA", centre.data());
        for (variable, name) in [("HOME", "h"), ("XDG_RUNTIME_DIR", "r"), ("XDG_DATA_HOME", "d")] {
            let path = folder.path().join(name);
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
            command.env(variable, path);
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let nothing = finished(&mut session(""));
    assert!(nothing.code == 2 && nothing.err.contains("secret-tool store"), "{nothing:?}");
    let store = |secret: &str| {
        format!("printf '{secret}' | secret-tool store --label=linli linli \"$LINLI_DATA\" &&")
    };
    let wrong = finished(&mut session(&store("a passphrase of a thief")));
    assert_eq!(wrong.code, 4, "{wrong:?}");
    let mut command = session(&store(PASSPHRASE));
    let mut node = Running(command.stderr(Stdio::null()).spawn().unwrap());
    wait("the node answers", || (centre.run(&["status"]).code == 0).then_some(()));
    centre.ask(&["stop"]);
    assert!(node.0.wait().unwrap().success());
}

/// A process that ends with the test, however that ends.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_nodes_memory_is_not_read_by_other_programs_of_its_user_and_leaves_no_core() {
    let nobody = another_user();
    if nobody.is_some() && !requires(Capability::Program("setpriv")) {
        return;
    }
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    centre.stop();
    if let Some(user) = nobody {
        own(folder.path(), user);
    }
    let program = env!("CARGO_BIN_EXE_linli");
    // A limit that would let cores through, as far as this machine does.
    let up = format!("ulimit -c unlimited; exec {program} up");
    let mut command = as_user(nobody, &["sh", "-c", &up]);
    let given = centre.command(&[]);
    command.env_clear().envs(given.get_envs().filter_map(|(k, v)| Some((k, v?))));
    command.env("LINLI_DATA", centre.data()).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut node = Running(command.spawn().unwrap());
    let status = || {
        let mut ask = as_user(nobody, &[program, "--json", "status", "--data"]);
        finished(ask.arg(centre.data())).code == 0
    };
    wait("the node answers", || status().then_some(()));
    let mut other = Running(as_user(nobody, &["sleep", "600"]).spawn().unwrap());
    wait("the other program runs", || name(other.0.id()).filter(|name| name == "sleep"));

    // The same user reads the other program's memory, so that the refusal is the node's doing.
    assert_eq!(reads(nobody, other.0.id()), Ok(()), "nothing is proved where nobody can read");
    assert!(reads(nobody, node.0.id()).is_err(), "the node's memory can be read");
    let limits = fs::read_to_string(format!("/proc/{}/limits", node.0.id())).unwrap();
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let limit: Vec<&str> = cores.split_whitespace().skip(4).take(2).collect();
    assert_eq!(limit, ["0", "0"], "{cores}");

    let crash = |running: &mut Running| {
        let pid = running.0.id().to_string();
        // Rust's own handler takes the first one for a stack that has overflowed, and stands aside.
        wait("it dies", || {
            let ended = running.0.try_wait().unwrap();
            if ended.is_none() {
                drop(Command::new("kill").args(["-SEGV", &pid]).stderr(Stdio::null()).status());
            }
            ended
        })
    };
    let ended = crash(&mut node);
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(11), false));
    assert_eq!(crash(&mut other).signal(), Some(11));
    assert!(cores_in(folder.path()).is_empty() && cores_in(centre.data()).is_empty());
}

/// Another user to run as where the tests run as root, who may read everything.
fn another_user() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    (uid.split_whitespace().nth(1) == Some("0")).then_some(60_123)
}

/// A command of that user.
fn as_user(user: Option<u32>, words: &[&str]) -> Command {
    let Some(user) = user else {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        return command;
    };
    let mut command = Command::new("setpriv");
    let id = user.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--"]).args(words);
    command
}

/// Gives all in a folder to a user.
fn own(folder: &Path, user: u32) {
    std::os::unix::fs::lchown(folder, Some(user), Some(user)).unwrap();
    for item in fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        if item.file_type().unwrap().is_dir() {
            own(&item.path(), user);
        } else {
            std::os::unix::fs::lchown(item.path(), Some(user), Some(user)).unwrap();
        }
    }
}

fn name(process: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{process}/comm")).ok().map(|name| name.trim().to_owned())
}

/// Whether a program of that user can open the memory of a process.
fn reads(user: Option<u32>, process: u32) -> Result<(), String> {
    let file = format!("/proc/{process}/mem");
    let run = as_user(user, &["sh", "-c", &format!("exec 3<{file}")]).output().unwrap();
    match run.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&run.stderr).into_owned()),
    }
}

fn cores_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name == "core" || name.starts_with("core.")).collect()
}
