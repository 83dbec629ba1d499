//! Reading and writing courier files beside the driver: a stick may take seconds for what the loop has
//! milliseconds for.

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread;

use linli_replica::courier::{CourierError, PREAMBLE_BYTES, Preamble, chunk_bytes};
use tempfile::{NamedTempFile, TempPath};

/// Pieces between the driver and a stick: each has at most 1 MiB, mostly 128 KiB.
const PIECES_MAX: usize = 4;

/// What is read of a file, in order.
pub(super) enum Piece {
    /// Its beginning.
    Preamble(Preamble),
    /// A chunk.
    Chunk(Vec<u8>),
    /// Its end: nothing more, or what no chunk can be.
    End(Result<(), CourierError>),
    /// It cannot be read.
    Unreadable(io::Error),
}

/// A file that is being read.
pub(super) struct Incoming(Receiver<Piece>);

impl Incoming {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // Before it is opened: a pipe would be waited for.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
        }
        let file = File::open(path)?;
        let (pieces, incoming) = sync_channel(PIECES_MAX);
        let read = move || {
            let last = match pieces_of(BufReader::new(file), &pieces) {
                Ok(end) => Piece::End(end),
                Err(error) => Piece::Unreadable(error),
            };
            // Whoever read may have had enough.
            let _ = pieces.send(last);
        };
        thread::Builder::new().name("courier".to_owned()).spawn(read)?;
        Ok(Self(incoming))
    }

    /// The next piece, where it has been read.
    pub(super) fn next(&self) -> Option<Piece> {
        match self.0.try_recv() {
            Ok(piece) => Some(piece),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Piece::Unreadable(gone())),
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that works on the file has ended")
}

/// Reads pieces until the file ends or whoever takes them has had enough.
fn pieces_of(
    mut file: BufReader<File>,
    pieces: &SyncSender<Piece>,
) -> io::Result<Result<(), CourierError>> {
    let mut preamble = [0; PREAMBLE_BYTES];
    if !fill(&mut file, &mut preamble)? {
        return Ok(Err(CourierError::NotCourier));
    }
    let preamble = match Preamble::decode(&preamble) {
        Ok(preamble) => preamble,
        Err(error) => return Ok(Err(error)),
    };
    let mut taken = pieces.send(Piece::Preamble(preamble)).is_ok();
    let mut part = 0;
    while taken {
        let mut prefix = [0; 4];
        if !fill(&mut file, &mut prefix)? {
            return Ok(Err(CourierError::Cut { parts: part }));
        }
        let Some(length) = chunk_bytes(prefix) else {
            return Ok(Err(CourierError::Damaged { part }));
        };
        let mut chunk = vec![0; length];
        if !fill(&mut file, &mut chunk)? {
            return Ok(Err(CourierError::Cut { parts: part }));
        }
        part += 1;
        taken = pieces.send(Piece::Chunk(chunk)).is_ok();
    }
    Ok(Ok(()))
}

/// Fills a buffer; false where the file ends before.
fn fill(file: &mut BufReader<File>, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Why a file was not written.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// There is something at the path.
    Taken,
    /// There is no room; so many bytes are needed.
    Full(u64),
    /// Something else.
    Other(io::Error),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Other(error)
    }
}

enum Word {
    Bytes(Vec<u8>),
    End,
}

/// A file that is being written: as `<file>.part`, until all of it is on the stick.
pub(super) struct Outgoing {
    words: SyncSender<Word>,
    written: Receiver<Result<u64, Unwritten>>,
}

impl Outgoing {
    pub(super) fn create(path: &Path) -> Result<Self, Unwritten> {
        if path.symlink_metadata().is_ok() {
            return Err(Unwritten::Taken);
        }
        let name = path.file_name().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new(".")).to_owned();
        let mut part = name.to_owned();
        part.push(".part");
        // What a stick that was pulled out has left of an earlier attempt.
        let stale = folder.join(&part);
        if stale.symlink_metadata().is_ok_and(|found| found.is_file()) {
            if let Err(TryLockError::WouldBlock) = File::open(&stale)?.try_lock() {
                return Err(Unwritten::Taken);
            }
            std::fs::remove_file(&stale)?;
        }
        // Readable by its owner only, where the stick knows owners.
        let draft = tempfile::Builder::new().prefix(&part).rand_bytes(0).tempfile_in(&folder)?;
        // Where the stick knows no locks nobody else is kept from it.
        let _ = draft.as_file().try_lock();
        let (words, to_write) = sync_channel(PIECES_MAX);
        let (done, written) = sync_channel(1);
        let path = path.to_owned();
        let write = move || {
            if let Some(result) = write_all(draft, &to_write, &path, &folder) {
                // Whoever packed may be gone.
                let _ = done.send(result);
            }
        };
        thread::Builder::new().name("courier".to_owned()).spawn(write)?;
        Ok(Self { words, written })
    }

    /// Takes bytes to be written; gives them back where it has to be asked again.
    pub(super) fn write(&self, bytes: Vec<u8>) -> Result<Option<Vec<u8>>, Unwritten> {
        match self.words.try_send(Word::Bytes(bytes)) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(Word::Bytes(bytes))) => Ok(Some(bytes)),
            Err(TrySendError::Full(Word::End)) => Err(gone().into()),
            // It ended early: it has said why.
            Err(TrySendError::Disconnected(_)) => Err(match self.written.try_recv() {
                Ok(Err(why)) => why,
                Ok(Ok(_)) | Err(_) => gone().into(),
            }),
        }
    }

    /// Says that all bytes were given; false where it has to be said again.
    pub(super) fn finish(&self) -> bool {
        !matches!(self.words.try_send(Word::End), Err(TrySendError::Full(_)))
    }

    /// How many bytes the file has, once it is durable; none until then.
    pub(super) fn written(&self) -> Option<Result<u64, Unwritten>> {
        match self.written.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(gone().into())),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

/// Writes until all was given. Where there is no room it goes on counting, so that it can say how
/// much is needed. Nothing is left behind by what does not come to its end; none where it was
/// given up.
fn write_all(
    draft: NamedTempFile,
    words: &Receiver<Word>,
    path: &Path,
    folder: &Path,
) -> Option<Result<u64, Unwritten>> {
    let (file, draft) = draft.into_parts();
    let mut file = BufWriter::new(file);
    let (mut bytes, mut full) = (0_u64, false);
    loop {
        match words.recv() {
            Err(_) => return None,
            Ok(Word::End) => break,
            Ok(Word::Bytes(more)) => {
                bytes = bytes.saturating_add(u64::try_from(more.len()).unwrap_or(u64::MAX));
                if full {
                    continue;
                }
                match file.write_all(&more) {
                    Ok(()) => {}
                    Err(error) if is_full(&error) => full = true,
                    Err(error) => return Some(Err(error.into())),
                }
            }
        }
    }
    if full {
        return Some(Err(Unwritten::Full(bytes)));
    }
    Some(match settle(file, draft, path, folder) {
        Err(Unwritten::Other(error)) if is_full(&error) => Err(Unwritten::Full(bytes)),
        other => other.map(|()| bytes),
    })
}

/// Gives a file its name once all of it is on the stick.
fn settle(
    file: BufWriter<File>,
    draft: TempPath,
    path: &Path,
    folder: &Path,
) -> Result<(), Unwritten> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    draft.persist_noclobber(path).map_err(|failed| {
        let taken = failed.error.kind() == ErrorKind::AlreadyExists;
        if taken { Unwritten::Taken } else { Unwritten::Other(failed.error) }
    })?;
    // Some file systems of sticks cannot sync a folder: the file itself is there.
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() == ErrorKind::StorageFull => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
