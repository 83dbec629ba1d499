//! What an officer does on any machine, without a node: keys, and requests as files.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use linli_core::{
    hand_over::HandOverRequest,
    identity::{
        KeyFile, KeyKind, officer_id, officer_word, printed_key, read_officer, read_printed,
    },
    limits,
};
use linli_node::{
    api::officers::RequestRow,
    home::Home,
    setup::{self, Founded, NewFounding, SetupError},
};
use linli_replica::{certificate::PartyKind, limits::REQUEST_BYTES_MAX, request::Request};
use tokio::task::spawn_blocking;

use super::error;
use crate::{failure::CliError, prompt::Secret};

/// Bytes of a key file; it holds one key.
const KEY_FILE_BYTES_MAX: u64 = 4 << 10;
/// What all public keys begin with, and eight digits more.
const BEGINNING: usize = 17;
/// Nobody but the owner may read what is written.
const FILE_MODE: u32 = 0o600;

/// Reads a file up to a cap; one byte more shows that it is too large.
fn read(path: &Path, max: u64) -> anyhow::Result<Vec<u8>> {
    let failed = |source| CliError::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Writes a file that is not there yet, durably and for its owner only.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = |source| CliError::Unwritten { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create_new(true).mode(FILE_MODE).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(())
}

/// Writes a file anew: after a crash the old or the new one is there, never a part.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let failed = |source| CliError::Unwritten { path: path.to_owned(), source };
    let mut draft = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))
        .map_err(failed)?;
    draft.write_all(bytes).and_then(|()| draft.as_file().sync_all()).map_err(failed)?;
    draft.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Draws an officer's key, or takes a printed one over, and writes its file.
pub(crate) fn new_key(
    out: &Path,
    printed: Option<KeyFile>,
    passphrase: &Secret,
) -> anyhow::Result<KeyFile> {
    let (key, bytes) = setup::seal_officer_key(printed, passphrase).map_err(error::setup)?;
    write_new(out, &bytes)?;
    // What lies on the disk is what was sealed: a key that nobody can open is no key.
    match fs::read(out) {
        Ok(written) if written == bytes => Ok(key),
        Ok(_) => Err(error::setup(SetupError::Damaged)),
        Err(source) => Err(CliError::File { path: out.to_owned(), source }.into()),
    }
}

/// Reads an officer's key file, still sealed: nobody types a passphrase for a file that is not there.
pub(crate) fn read_key(path: &Path) -> anyhow::Result<Vec<u8>> {
    read(path, KEY_FILE_BYTES_MAX)
}

/// Opens an officer's key file.
pub(crate) fn open_key(sealed: &[u8], passphrase: &Secret) -> anyhow::Result<KeyFile> {
    setup::open_officer_key(sealed, passphrase).map_err(error::setup)
}

/// The public key of an officer as people write it.
pub(crate) fn word(key: &KeyFile) -> String {
    officer_word(&officer_id(&key.key))
}

/// Enough of an officer's public key for people to tell it from the others.
pub(crate) fn beginning(word: &str) -> String {
    word.chars().take(BEGINNING).chain(['…']).collect()
}

/// The secret key as it is printed.
pub(crate) fn printed(key: &KeyFile) -> Secret {
    printed_key(&key.key)
}

/// Reads the printed form of a secret key.
pub(crate) fn of_printed(text: &str) -> anyhow::Result<KeyFile> {
    let key = read_printed(text).map_err(error::word)?;
    Ok(KeyFile { kind: KeyKind::Officer, key })
}

/// Checks a public key, and writes it as it is meant to be.
pub(crate) fn checked_word(text: &str) -> anyhow::Result<String> {
    Ok(officer_word(&read_officer(text).map_err(error::word)?))
}

/// Reads a request's file, bounded.
pub(crate) fn read_request(path: &Path) -> anyhow::Result<Vec<u8>> {
    read(path, u64::try_from(REQUEST_BYTES_MAX).unwrap_or(u64::MAX))
}

/// Reads a recovery's file, bounded.
pub(crate) fn read_recovery(path: &Path) -> anyhow::Result<Vec<u8>> {
    read(path, u64::try_from(limits::REQUEST_BYTES_MAX).unwrap_or(u64::MAX))
}

/// What officers sign as a file: acts of the community, or the handing over of an elder's spaces.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Acts of the community.
    Acts(Request),
    /// An elder's spaces.
    HandOver(Box<HandOverRequest>),
}

impl Asked {
    /// Says in fields what is asked and who has signed.
    pub(crate) fn row(&self) -> RequestRow {
        match self {
            Self::Acts(request) => RequestRow::of(request, false),
            Self::HandOver(request) => RequestRow::of_hand_over(request, false),
        }
    }

    /// Signs it.
    pub(crate) fn sign(&mut self, key: &KeyFile) -> anyhow::Result<()> {
        let signed = match self {
            Self::Acts(request) => request.sign(&key.key),
            Self::HandOver(request) => request.sign(&key.key),
        };
        signed.map(drop).map_err(|error| error::setup(error.into()))
    }

    /// Returns the file's bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Acts(request) => request.encode(),
            Self::HandOver(request) => request.encode(),
        }
    }
}

/// Reads a request of either kind.
pub(crate) fn parse_request(bytes: &[u8]) -> anyhow::Result<Asked> {
    let read = if HandOverRequest::is_one(bytes) {
        HandOverRequest::decode(bytes).map(|request| Asked::HandOver(Box::new(request)))
    } else {
        Request::decode(bytes).map(Asked::Acts)
    };
    read.map_err(|error| error::setup(error.into()))
}

/// A community to begin with officers who sit elsewhere.
pub(crate) struct Founding {
    pub(crate) name: String,
    pub(crate) officers: Vec<String>,
    pub(crate) threshold: Option<u8>,
    pub(crate) kind: PartyKind,
    pub(crate) party_name: Option<String>,
    pub(crate) again: bool,
}

/// Begins a community whose officers sit elsewhere; returns what goes round among them.
pub(crate) async fn found(
    home: &Home,
    passphrase: &Secret,
    new: Founding,
) -> anyhow::Result<Request> {
    let mut officers = Vec::new();
    for word in &new.officers {
        officers.push(read_officer(word).map_err(error::word)?);
    }
    let fewest = u8::try_from(officers.len() / 2 + 1).unwrap_or(u8::MAX);
    let (lock, passphrase) = (home.lock()?, passphrase.clone());
    let begun = spawn_blocking(move || {
        let founding = NewFounding {
            name: &new.name,
            officers,
            threshold: new.threshold.unwrap_or(fewest),
            kind: new.kind,
            party_name: new.party_name.as_deref(),
            again: new.again,
        };
        setup::begin_founding(lock.home(), &passphrase, &founding)
    });
    begun.await?.map_err(error::setup)
}

/// Takes the signatures of these files for the community that is being founded here.
pub(crate) async fn finish_founding(
    home: &Home,
    passphrase: &Secret,
    files: Vec<Vec<u8>>,
) -> anyhow::Result<Founded> {
    let (lock, passphrase) = (home.lock()?, passphrase.clone());
    let finished = spawn_blocking(move || setup::finish_founding(lock.home(), &passphrase, &files));
    finished.await?.map_err(error::setup)
}

/// What a node lacks whose community waits for its officers; none where no community waits.
pub(crate) async fn founding(home: &Home, passphrase: &Secret) -> Option<anyhow::Error> {
    let Ok(Founded::Waits(request)) = finish_founding(home, passphrase, Vec::new()).await else {
        return None;
    };
    let RequestRow { signed, needed, .. } = RequestRow::of(&request, false);
    let signed = u64::try_from(signed.len()).unwrap_or(u64::MAX);
    Some(CliError::Founding { signed, needed }.into())
}
