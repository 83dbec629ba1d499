//! Files of elders and beside orders: sealed and opened on a thread of their own, so that an alert never waits for them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use linli_core::audit::What;
use linli_core::blob::{BlobError, open, seal};
use linli_core::engine::Acting;
use linli_core::limits::FILE_BYTES_MAX;
use linli_core::secret::Secret;
use linli_model::attachment::{self, ATTACHMENTS_MAX, Attached, Attachment, RECORD_FILES_MAX};
use linli_model::private::Private;
use linli_model::time::Timestamp;
use linli_replica::blob::Blob;
use linli_replica::id::BlobId;
use linli_replica::replica::{Input, Save};
use serde_json::Value;

use self::beside::{Beside, Place, Standing};
use super::refusals::unusable;
use super::{Outcome, Work, invalid, not_found, now_known, orders};
use crate::api::blobs::{FileRow, PhotoAdd, PhotoList, PhotoRemove, PhotoSave};
use crate::api::{ApiError, Code, Done, Method as _};
use crate::audit::Asked;
use crate::catalogue::Name;
use crate::node::{Node, now};

mod beside;

/// How files are sealed.
const SUITE: u8 = 1;

/// Says why a file is not sealed or opened.
fn unsealed(path: &Path, error: BlobError) -> ApiError {
    match error {
        BlobError::TooLarge => invalid("error-file-large").with("max", FILE_BYTES_MAX),
        BlobError::Empty => invalid("error-file-empty"),
        BlobError::Changed => invalid("error-file-changed"),
        BlobError::Damaged => ApiError::new(Code::Internal, "error-file-damaged"),
        BlobError::Io(error) => unusable(path, &error),
    }
}

/// Says so before a file is sealed that could not stand: each party keeps so many at once.
fn may_add(node: &mut Node, beside: &Beside) -> Result<(), ApiError> {
    let standing = beside.read(node)?;
    if standing.opened.is_none() && beside.scope.is_none() {
        return Err(orders::not_yet("error-order-not-opened"));
    }
    if !standing.may_attach {
        return Err(ApiError::new(Code::Forbidden, "error-photo-may-not"));
    }
    let max = match beside.name {
        Name::Elder(..) => RECORD_FILES_MAX,
        Name::Plain(_) => ATTACHMENTS_MAX,
    };
    let party = node.core.party();
    let own = standing.attached.iter().filter(|of| of.by.party.0 == party.0);
    if own.count() < max {
        return Ok(());
    }
    Err(ApiError::new(Code::Conflict, "error-photo-many").with("max", max))
}

/// A file that is being sealed.
struct Adding {
    place: Place,
    person: Option<Acting>,
    file: Attachment,
    sealed: Receiver<Result<(BlobId, u64), ApiError>>,
    waits: bool,
}

/// Begins to seal a file.
pub(super) fn add(node: &mut Node, request: PhotoAdd) -> Result<Box<dyn Work>, ApiError> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let PhotoAdd { elder, order, scope, .. } = &request;
    let place = beside::place(node, elder.as_deref(), order.as_deref(), scope.as_deref())?;
    if let Place::There(beside) = &place {
        may_add(node, beside)?;
    }
    // Before it is opened: a pipe would be waited for.
    let meta = std::fs::metadata(&request.path).map_err(|error| unusable(&request.path, &error))?;
    if !meta.is_file() {
        return Err(invalid("error-file-no-file").with("path", &request.path));
    }
    let mut file = File::open(&request.path).map_err(|error| unusable(&request.path, &error))?;
    let content_type = media_type(&mut file).map_err(|error| unusable(&request.path, &error))?;
    let title = request.title.or_else(|| name_of(&request.path));
    let key = Secret::draw(&mut node.rng);
    let mut draft = node.blobs.draft()?;
    let of = Attachment {
        content_type: content_type.to_owned(),
        size: meta.len(),
        title: title.map(Private::new),
        creation: Timestamp(now().0),
        blob: attachment::BlobId([0; 32]),
        sealed: 0,
        suite: SUITE,
        key: Some(Private::new(hex::encode(key.expose()))),
    };
    let (answer, sealed) = sync_channel(1);
    let (path, length) = (PathBuf::from(request.path), meta.len());
    aside(move || {
        let sealed = seal(&key, file, length, &mut draft).map_err(|error| unsealed(&path, error));
        let sealed = sealed.and_then(|()| Ok(draft.finish()?));
        // Whoever asked may have gone; the blob is removed at the next start.
        let _ = answer.send(sealed);
    })?;
    Ok(Box::new(Adding { place, person, file: of, sealed, waits: false }))
}

impl Adding {
    fn attach(
        &mut self,
        node: &mut Node,
        (id, size): (BlobId, u64),
    ) -> Result<(Value, BTreeSet<Save>), ApiError> {
        let beside = self.place.there(node)?;
        let Beside { space, document, scope, .. } = beside;
        let file = Attachment { blob: attachment::BlobId(id.0), sealed: size, ..self.file.clone() };
        node.feed(Input::KeepBlob(Blob { id, space, document, size }));
        let mut saves = BTreeSet::from([node.replica.last_save()]);
        let attached = beside.attach(node, self.person.as_ref(), file);
        if attached.is_err() {
            node.feed(Input::DropBlobs(BTreeSet::from([id])));
        }
        let (fact, more) = attached?;
        saves.extend(more);
        let standing = beside.read(node)?;
        if let Some(of) = standing.attached.iter().find(|of| of.fact == fact) {
            // It is answered once it is durable, hence here.
            let row = FileRow { here: true, come: of.file.sealed, ..row(node, scope, of) };
            return Ok((super::json(&row)?, saves));
        }
        // The blob stays for as long as any that no document names: the fact may come to stand.
        let refused = ApiError::new(Code::Forbidden, "error-photo-not-standing");
        Err(match standing.refused.get(&fact) {
            Some(why) => refused.because(why),
            None => refused,
        })
    }
}

impl Work for Adding {
    fn step(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        let sealed = match self.sealed.try_recv() {
            Ok(sealed) => sealed,
            Err(TryRecvError::Empty) => {
                self.waits = true;
                return None;
            }
            Err(TryRecvError::Disconnected) => Err(stopped()),
        };
        Some(sealed.and_then(|blob| self.attach(node, blob)))
    }

    fn waits(&self) -> bool {
        self.waits
    }
}

/// Works on a file beside the driver.
fn aside(work: impl FnOnce() + Send + 'static) -> Result<(), ApiError> {
    let thread = std::thread::Builder::new().name("file".to_owned()).spawn(work);
    thread.map(drop).map_err(ApiError::internal)
}

fn stopped() -> ApiError {
    ApiError::internal("the file was not worked through to its end")
}

fn row(node: &Node, scope: Option<&str>, of: &Attached) -> FileRow {
    let id = BlobId(of.file.blob.0);
    let here = node.replica.blob(&id).is_some();
    let come = node.replica.blob_bytes(&id).unwrap_or_default();
    FileRow {
        file: of.file.blob.to_string(),
        fact: of.fact.to_string(),
        scope: scope.map(str::to_owned),
        title: of.file.title.as_ref().map(|title| title.as_str().to_owned()),
        content_type: of.file.content_type.clone(),
        bytes: of.file.size,
        at_ms: of.at.0,
        party: of.by.party.to_string(),
        person: of.by.person.as_ref().map(|person| person.name.as_str().to_owned()),
        proof: of.proof,
        here,
        come: if here { of.file.sealed } else { come },
        sealed: of.file.sealed,
    }
}

/// What files stand beside, with what stands there.
type Shelf = (Beside, Standing);

fn shelves(
    node: &mut Node,
    elder: Option<&str>,
    order: Option<&str>,
) -> Result<Vec<Shelf>, ApiError> {
    let places = beside::places(node, elder, order)?.into_iter();
    places.map(|beside| beside.read(node).map(|standing| (beside, standing))).collect()
}

pub(super) fn list(node: &mut Node, request: PhotoList) -> Outcome<Vec<FileRow>> {
    let shelves = shelves(node, request.elder.as_deref(), request.order.as_deref())?;
    let rows = shelves.iter().flat_map(|(beside, standing)| {
        standing.attached.iter().map(|of| row(node, beside.scope, of))
    });
    now_known(rows.collect())
}

/// Finds a file by its id or its fact's, or the beginning of one: the preferred one first, and behind it what else was
/// attached of the same blob.
fn find<'a>(
    shelves: &'a [Shelf],
    text: &str,
    preferred: impl Fn(&Attached) -> bool,
) -> Result<Vec<(&'a Shelf, &'a Attached)>, ApiError> {
    let fits = |of: &Attached| {
        of.file.blob.to_string().starts_with(text) || of.fact.to_string().starts_with(text)
    };
    let all = shelves.iter().flat_map(|shelf| shelf.1.attached.iter().map(move |of| (shelf, of)));
    let mut found: Vec<(&Shelf, &Attached)> = all.filter(|(_, of)| fits(of)).collect();
    found.sort_by_key(|(_, of)| !preferred(of));
    let (_, first) = found.first().ok_or_else(|| not_found("error-photo-none"))?;
    if found.iter().any(|(_, of)| of.file.blob != first.file.blob) {
        return Err(not_found("error-photo-several"));
    }
    Ok(found)
}

pub(super) fn remove(node: &mut Node, request: PhotoRemove) -> Outcome<Done> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let shelves = shelves(node, request.elder.as_deref(), request.order.as_deref())?;
    let is_own = |of: &Attached| of.by.party.0 == node.core.party().0;
    let found = find(&shelves, &request.file, is_own)?;
    let may = |(shelf, of): &&(&Shelf, &Attached)| is_own(of) || shelf.1.may_detach;
    let remover = || ApiError::new(Code::Forbidden, "error-photo-remover");
    let (shelf, of) = *found.iter().find(may).ok_or_else(remover)?;
    let (_, saves) = shelf.0.detach(node, person.as_ref(), of.fact)?;
    Ok((Done {}, saves))
}

/// A file that is being opened.
struct Saving {
    /// What each key of it was attached as.
    rows: Vec<FileRow>,
    saves: BTreeSet<Save>,
    opened: Receiver<Result<usize, ApiError>>,
    waits: bool,
}

/// Begins to open a file and to write it where somebody can read it.
pub(super) fn save(
    node: &mut Node,
    request: PhotoSave,
    asked: Asked,
) -> Result<Box<dyn Work>, ApiError> {
    let shelves = shelves(node, request.elder.as_deref(), request.order.as_deref())?;
    let found = find(&shelves, &request.file, |of| of.proof)?;
    let rows: Vec<FileRow> =
        found.iter().map(|((beside, _), of)| row(node, beside.scope, of)).collect();
    let id = found.first().map(|(_, of)| BlobId(of.file.blob.0));
    let blob = id.and_then(|id| node.replica.blob(&id)).copied();
    let blob = blob.ok_or_else(|| {
        let (come, all) = rows.first().map_or((0, 0), |row| (row.come, row.sealed));
        ApiError::new(Code::Waits, "error-photo-coming").with("come", come).with("all", all)
    })?;
    let mut keys = Vec::new();
    for ((beside, _), of) in &found {
        keys.push(beside.key(node, of)?);
    }
    let elder = found.first().and_then(|(shelf, _)| shelf.1.elder);
    let sealed = node.blobs.bytes(&blob)?;
    let path = PathBuf::from(&request.path);
    let (answer, opened) = sync_channel(1);
    aside(move || {
        // Whoever asked may have gone.
        let _ = answer.send(write_out(&keys, sealed, blob.size, &path));
    })?;
    let save = node.read_by_somebody(What::Read, PhotoSave::NAME, elder, 1, asked);
    Ok(Box::new(Saving { rows, saves: BTreeSet::from([save]), opened, waits: false }))
}

/// Writes a file that is opened with the first of these keys that fits, and says which that is: whoever knows a blob's id can
/// attach it with another key.
fn write_out(
    keys: &[Secret],
    mut sealed: impl Read + Seek,
    size: u64,
    path: &Path,
) -> Result<usize, ApiError> {
    let failed = |error: std::io::Error| unusable(path, &error);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut refused = BlobError::Damaged;
    for (at, key) in keys.iter().enumerate() {
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        sealed.rewind().map_err(failed)?;
        match open(key, &mut sealed, size, &mut file) {
            Ok(_) => {
                file.as_file().sync_all().map_err(failed)?;
                file.persist_noclobber(path).map_err(|error| failed(error.error))?;
                return Ok(at);
            }
            Err(error) => refused = error,
        }
        if !matches!(refused, BlobError::Damaged) {
            break;
        }
    }
    Err(unsealed(path, refused))
}

impl Work for Saving {
    fn step(&mut self, _: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>> {
        let opened = match self.opened.try_recv() {
            Ok(opened) => opened,
            Err(TryRecvError::Empty) => {
                self.waits = true;
                return None;
            }
            Err(TryRecvError::Disconnected) => Err(stopped()),
        };
        let saves = std::mem::take(&mut self.saves);
        Some(opened.and_then(|at| Ok((super::json(&self.rows.get(at))?, saves))))
    }

    fn waits(&self) -> bool {
        self.waits
    }
}

fn name_of(path: &str) -> Option<String> {
    let name = Path::new(path).file_name()?.to_str()?;
    (name.len() <= attachment::TITLE_BYTES_MAX).then(|| name.to_owned())
}

/// The media type by the first bytes of a file; those of photos and documents as telephones and scanners make them.
fn media_type(file: &mut File) -> std::io::Result<&'static str> {
    let mut head = [0; 12];
    let count = file.read(&mut head)?;
    file.rewind()?;
    let head = head.get(..count).unwrap_or_default();
    Ok(match head {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'%', b'P', b'D', b'F', ..] => "application/pdf",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => "image/webp",
        [_, _, _, _, b'f', b't', b'y', b'p', b'h', b'e', b'i', b'c' | b'x'] => "image/heic",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "video/mp4",
        _ => "application/octet-stream",
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_copy_with_a_wrong_key_keeps_nobody_from_a_file() {
        let content = vec![5; 70_000];
        let (wrong, right) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let mut sealed = Vec::new();
        seal(&right, &*content, 70_000, &mut sealed).unwrap();
        let size = sealed.len() as u64;
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("letter.pdf");
        let keys = [wrong, right];
        let sealed = Cursor::new(sealed);
        assert!(write_out(&keys[..1], sealed.clone(), size, &out).is_err());
        assert!(!out.exists());
        assert_eq!(write_out(&keys, sealed, size, &out).unwrap(), 1);
        assert!(std::fs::read(&out).unwrap() == content);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
