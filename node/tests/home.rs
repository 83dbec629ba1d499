//! The data directory: who may use it, and what its errors say.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected has failed")]

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use linli_node::{
    config::Environment,
    home::{Home, HomeError, KEY_FILE},
};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder closed to others.
fn closed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    set_mode(dir.path(), 0o700);
    dir
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn it_is_made_closed_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    let missing = Home::open(&path).unwrap_err();
    assert!(matches!(missing, HomeError::Missing { .. }), "{missing:?}");
    let home = Home::create(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    let unfinished = Home::open(&path).unwrap_err();
    assert!(matches!(unfinished, HomeError::Missing { .. }), "{unfinished:?}");
    home.write_private(KEY_FILE, b"sealed").unwrap();
    assert_eq!(mode(&home.key()), 0o600);
    assert_eq!(Home::open(&path).unwrap(), home);
    let exists = Home::create(&path).unwrap_err();
    assert!(matches!(exists, HomeError::Exists { .. }), "{exists:?}");
}

#[test]
fn a_file_or_a_folder_of_other_things_is_not_taken() {
    let dir = closed();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.as_path(), dir.path()] {
        let error = Home::create(path).unwrap_err();
        assert!(matches!(error, HomeError::NotOurs { .. }), "{error:?}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"x");
}

#[test]
fn a_configuration_may_lie_there_before() {
    let dir = closed();
    fs::write(dir.path().join("linli.toml"), "").unwrap();
    assert!(!Home::create(dir.path()).unwrap().is_initialised());
}

#[test]
fn an_open_directory_is_refused_with_the_command_that_closes_it() {
    let dir = tempfile::tempdir().unwrap();
    set_mode(dir.path(), 0o755);
    let error = Home::create(dir.path()).unwrap_err();
    assert!(matches!(error, HomeError::Open { mode: 0o755, .. }), "{error:?}");
    assert!(error.to_string().contains("chmod go-rwx"), "{error}");
}

#[test]
fn one_program_at_a_time() {
    let dir = closed();
    let home = Home::create(dir.path()).unwrap();
    let lock = home.lock().unwrap();
    assert!(matches!(home.lock().unwrap_err(), HomeError::InUse { .. }));
    drop(lock);
    home.lock().unwrap();
}

#[test]
fn a_private_file_is_replaced_whole_and_read_only_when_closed() {
    let dir = closed();
    let home = Home::create(dir.path()).unwrap();
    assert_eq!(home.read_private("x").unwrap(), None);
    home.write_private("x", b"first, and longer").unwrap();
    home.write_private("x", b"second").unwrap();
    assert_eq!(home.read_private("x").unwrap().unwrap(), b"second");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    set_mode(&home.path().join("x"), 0o640);
    assert!(matches!(home.read_private("x").unwrap_err(), HomeError::Open { .. }));
}

#[test]
fn the_default_follows_the_variables_in_order() {
    let variables = [("LINLI_DATA", "/a"), ("XDG_DATA_HOME", "/b"), ("HOME", "/c")];
    let expected = ["/a", "/b/linli", "/c/.local/share/linli"];
    for (start, expected) in expected.iter().enumerate() {
        let environment = Environment::of(variables.get(start..).unwrap());
        assert_eq!(Home::default_path(&environment).unwrap(), Path::new(expected));
    }
    let relative = Environment::of(&[("XDG_DATA_HOME", "b"), ("HOME", "")]);
    assert!(matches!(Home::default_path(&relative).unwrap_err(), HomeError::NoPlace));
}

#[test]
fn what_the_operating_system_says_becomes_what_to_do() {
    let path = Path::new("/x");
    let of = |kind: io::ErrorKind| HomeError::from_io(path, kind.into());
    assert!(matches!(of(io::ErrorKind::ReadOnlyFilesystem), HomeError::ReadOnly { .. }));
    assert!(matches!(of(io::ErrorKind::StorageFull), HomeError::Full { .. }));
    assert!(matches!(of(io::ErrorKind::PermissionDenied), HomeError::Denied { .. }));
    assert!(matches!(of(io::ErrorKind::Interrupted), HomeError::Io { .. }));
    // A full device of the kernel's own: writing a byte to it fails as a full disk does.
    let error =
        io::Write::write_all(&mut fs::File::create("/dev/full").unwrap(), b"x").unwrap_err();
    assert!(matches!(HomeError::from_io(path, error), HomeError::Full { .. }));
}
