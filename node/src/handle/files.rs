//! Files of elders and beside orders: sealed and opened on a thread of their own, so that an alert never waits for them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use linli_core::audit::What;
use linli_core::blob::{BlobError, open, seal};
use linli_core::engine::Acting;
use linli_core::limits::FILE_BYTES_MAX;
use linli_core::secret::Secret;
use linli_model::attachment::{
    self, ATTACHMENTS_MAX, Attached, Attachment, FileBody, RECORD_FILES_MAX,
};
use linli_model::author::PartyKind;
use linli_model::document::DocumentName;
use linli_model::event::{Entry, FactId, Facts, Reason};
use linli_model::files::{self, FileFact};
use linli_model::order::{OrderFact, OrderView};
use linli_model::private::Private;
use linli_model::time::Timestamp;
use linli_replica::blob::Blob;
use linli_replica::entry::Urgency;
use linli_replica::id::{BlobId, DocTag, SpaceTag};
use linli_replica::replica::{Input, Save};
use serde_json::Value;
use uuid::Uuid;

use super::refusals::unusable;
use super::{Outcome, Work, elders, facts, invalid, not_found, now_known, orders};
use crate::api::blobs::{FileRow, PhotoAdd, PhotoList, PhotoRemove, PhotoSave};
use crate::api::{ApiError, Code, Done, Method as _};
use crate::audit::Asked;
use crate::catalogue::Name;
use crate::node::{Node, now, world};

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

/// The document that a file stands beside: an order, or the files of an elder.
struct Beside {
    space: SpaceTag,
    document: DocTag,
    name: Name,
}

/// What stands there, and what this node may do about it.
struct Standing {
    attached: Vec<Attached>,
    /// Facts that do not stand, and why.
    refused: BTreeMap<FactId, Reason>,
    /// The order's opening.
    opened: Option<FactId>,
    elder: Option<Uuid>,
    may_attach: bool,
    /// Whether it takes away what others attached.
    may_detach: bool,
}

impl Beside {
    fn find(node: &mut Node, elder: Option<&str>, order: Option<&str>) -> Result<Self, ApiError> {
        match (elder, order) {
            (Some(text), None) => {
                let elder = elders::find(node, text)?;
                let care = elders::care_of(node, elder);
                let space = care.ok_or_else(|| not_found("error-elder-no-profile"))?;
                let name = Name::Elder(elder, DocumentName::Files);
                let world = world(&node.replica, &node.store);
                let document = node.core.space(world, space)?.document(&name.to_string());
                Ok(Self { space, document, name })
            }
            (None, Some(text)) => {
                let document = orders::document(node, text)?;
                let row = node.catalogue.get(&document);
                let row = row.ok_or_else(|| not_found("error-order-none"))?;
                Ok(Self { space: row.space, document, name: row.name.clone() })
            }
            (Some(_), Some(_)) | (None, None) => Err(invalid("error-photo-beside")),
        }
    }

    fn read(&self, node: &mut Node) -> Result<Standing, ApiError> {
        let Name::Elder(elder, _) = self.name else {
            let view = orders::read(node, self.document)?;
            let me = node.core.node().0;
            return Ok(Standing {
                may_attach: may_attach(node, &view),
                may_detach: view.arbiter.is_some_and(|arbiter| arbiter.node.0 == me),
                refused: refused(&view.timeline),
                opened: view.opened,
                elder: view.request.map(|request| request.elder),
                attached: view.attached,
            });
        };
        let author = node.core.own_author(world(&node.replica, &node.store), None);
        let may = |rule: fn(&_) -> Result<(), Reason>| {
            author.as_ref().is_some_and(|author| rule(author).is_ok())
        };
        let (may_attach, may_detach) = (may(files::may_attach), may(files::may_detach));
        let world = world(&node.replica, &node.store);
        let opened = node.core.document(world, self.space, &self.name.to_string())?;
        let (doc, authors) = opened.parts();
        let view = files::view(doc.document(), authors);
        let (refused, elder) = (refused(&view.timeline), Some(elder));
        let attached = view.attached;
        Ok(Standing { attached, refused, opened: None, elder, may_attach, may_detach })
    }

    fn attach(
        &self,
        node: &mut Node,
        person: Option<&Acting>,
        file: Attachment,
    ) -> Outcome<FactId> {
        let Self { space, name, .. } = self;
        if let Name::Elder(..) = name {
            let fact = FileFact::Attached { file };
            return facts::add_to(node, *space, name, Urgency::Normal, person, fact);
        }
        let opened = self.read(node)?.opened;
        let opened = opened.ok_or_else(|| orders::not_yet("error-order-not-opened"))?;
        let fact = OrderFact::Attached { opened, file };
        facts::add_to(node, *space, name, Urgency::Normal, person, fact)
    }

    fn detach(
        &self,
        node: &mut Node,
        person: Option<&Acting>,
        attached: FactId,
    ) -> Outcome<FactId> {
        let Self { space, name, .. } = self;
        if let Name::Elder(..) = name {
            let fact = FileFact::Detached { attached };
            return facts::add_to(node, *space, name, Urgency::Normal, person, fact);
        }
        let fact = OrderFact::Detached { attached };
        facts::add_to(node, *space, name, Urgency::Normal, person, fact)
    }

    /// The keys of files that stand, one each.
    fn keys(&self, node: &mut Node, of: &[&Attached]) -> Result<Vec<Secret>, ApiError> {
        let world = world(&node.replica, &node.store);
        let opened = node.core.document(world, self.space, &self.name.to_string())?;
        let (doc, authors) = opened.parts();
        let doc = doc.document();
        match self.name {
            Name::Elder(..) => keys(&Facts::<FileFact>::read(doc, authors), of),
            Name::Plain(_) => keys(&Facts::<OrderFact>::read(doc, authors), of),
        }
    }
}

fn keys<B: FileBody>(facts: &Facts<B>, of: &[&Attached]) -> Result<Vec<Secret>, ApiError> {
    let key = |of: &&Attached| {
        let text = attachment::file(facts, of)?.key.as_ref()?;
        let mut key = [0; 32];
        hex::decode_to_slice(text.as_str(), &mut key).ok()?;
        Some(Secret::new(key))
    };
    let keys: Option<Vec<Secret>> = of.iter().map(key).collect();
    keys.ok_or_else(|| ApiError::internal("there is no key of this file"))
}

fn refused<B>(timeline: &[Entry<B>]) -> BTreeMap<FactId, Reason> {
    let refused = timeline.iter().filter_map(|entry| Some((entry.id, entry.not_standing.clone()?)));
    refused.collect()
}

/// Says so before a file is worked through for nothing; the rules of the order have the last word.
fn may_attach(node: &Node, view: &OrderView) -> bool {
    let author = node.core.own_author(world(&node.replica, &node.store), None);
    let holder = view.holder.as_ref().map(|holder| holder.provider);
    author.is_some_and(|author| match author.kind {
        PartyKind::Centre | PartyKind::Station | PartyKind::Household | PartyKind::Family => true,
        PartyKind::Provider => holder == Some(author.party),
        PartyKind::Regulator | PartyKind::Evaluator => false,
    })
}

/// Says so before a file is sealed that could not stand: each party keeps so many at once.
fn has_room(node: &Node, place: &Beside, standing: &Standing) -> Result<(), ApiError> {
    let max = match place.name {
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
    beside: Beside,
    person: Option<Acting>,
    file: Attachment,
    sealed: Receiver<Result<(BlobId, u64), ApiError>>,
    waits: bool,
}

/// Begins to seal a file.
pub(super) fn add(node: &mut Node, request: PhotoAdd) -> Result<Box<dyn Work>, ApiError> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let place = Beside::find(node, request.elder.as_deref(), request.order.as_deref())?;
    let standing = place.read(node)?;
    if standing.opened.is_none() && request.order.is_some() {
        return Err(orders::not_yet("error-order-not-opened"));
    }
    if !standing.may_attach {
        return Err(ApiError::new(Code::Forbidden, "error-photo-may-not"));
    }
    has_room(node, &place, &standing)?;
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
    beside(move || {
        let sealed = seal(&key, file, length, &mut draft).map_err(|error| unsealed(&path, error));
        let sealed = sealed.and_then(|()| Ok(draft.finish()?));
        // Whoever asked may have gone; the blob is removed at the next start.
        let _ = answer.send(sealed);
    })?;
    Ok(Box::new(Adding { beside: place, person, file: of, sealed, waits: false }))
}

impl Adding {
    fn attach(
        &mut self,
        node: &mut Node,
        (id, size): (BlobId, u64),
    ) -> Result<(Value, BTreeSet<Save>), ApiError> {
        let Beside { space, document, .. } = self.beside;
        let file = Attachment { blob: attachment::BlobId(id.0), sealed: size, ..self.file.clone() };
        node.feed(Input::KeepBlob(Blob { id, space, document, size }));
        let mut saves = BTreeSet::from([node.replica.last_save()]);
        let attached = self.beside.attach(node, self.person.as_ref(), file);
        if attached.is_err() {
            node.feed(Input::DropBlobs(BTreeSet::from([id])));
        }
        let (fact, more) = attached?;
        saves.extend(more);
        let standing = self.beside.read(node)?;
        if let Some(of) = standing.attached.iter().find(|of| of.fact == fact) {
            // It is answered once it is durable, hence here.
            let row = FileRow { here: true, come: of.file.sealed, ..row(node, of) };
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
fn beside(work: impl FnOnce() + Send + 'static) -> Result<(), ApiError> {
    let thread = std::thread::Builder::new().name("file".to_owned()).spawn(work);
    thread.map(drop).map_err(ApiError::internal)
}

fn stopped() -> ApiError {
    ApiError::internal("the file was not worked through to its end")
}

fn row(node: &Node, of: &Attached) -> FileRow {
    let id = BlobId(of.file.blob.0);
    let here = node.replica.blob(&id).is_some();
    let come = node.replica.blob_bytes(&id).unwrap_or_default();
    FileRow {
        file: of.file.blob.to_string(),
        fact: of.fact.to_string(),
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

pub(super) fn list(node: &mut Node, request: PhotoList) -> Outcome<Vec<FileRow>> {
    let place = Beside::find(node, request.elder.as_deref(), request.order.as_deref())?;
    let standing = place.read(node)?;
    now_known(standing.attached.iter().map(|of| row(node, of)).collect())
}

/// Finds a file by its id or its fact's, or the beginning of one: the preferred one first, and behind it what other parties
/// attached of the same blob.
fn find<'a>(
    standing: &'a Standing,
    text: &str,
    preferred: impl Fn(&Attached) -> bool,
) -> Result<(&'a Attached, Vec<&'a Attached>), ApiError> {
    let fits = |of: &&Attached| {
        of.file.blob.to_string().starts_with(text) || of.fact.to_string().starts_with(text)
    };
    let mut found: Vec<&Attached> = standing.attached.iter().filter(fits).collect();
    found.sort_by_key(|of| !preferred(of));
    let first = *found.first().ok_or_else(|| not_found("error-photo-none"))?;
    if found.iter().any(|of| of.file.blob != first.file.blob) {
        return Err(not_found("error-photo-several"));
    }
    Ok((first, found))
}

pub(super) fn remove(node: &mut Node, request: PhotoRemove) -> Outcome<Done> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let place = Beside::find(node, request.elder.as_deref(), request.order.as_deref())?;
    let standing = place.read(node)?;
    let is_own = |of: &Attached| of.by.party.0 == node.core.party().0;
    let (of, _) = find(&standing, &request.file, is_own)?;
    if !is_own(of) && !standing.may_detach {
        return Err(ApiError::new(Code::Forbidden, "error-photo-remover"));
    }
    let (_, saves) = place.detach(node, person.as_ref(), of.fact)?;
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
    let place = Beside::find(node, request.elder.as_deref(), request.order.as_deref())?;
    let standing = place.read(node)?;
    let (of, same) = find(&standing, &request.file, |of| of.proof)?;
    let blob = node.replica.blob(&BlobId(of.file.blob.0)).copied();
    let blob = blob.ok_or_else(|| {
        let row = row(node, of);
        let (come, all) = (row.come, row.sealed);
        ApiError::new(Code::Waits, "error-photo-coming").with("come", come).with("all", all)
    })?;
    let keys = place.keys(node, &same)?;
    let rows = same.into_iter().map(|of| row(node, of)).collect();
    let sealed = node.blobs.bytes(&blob)?;
    let path = PathBuf::from(&request.path);
    let (answer, opened) = sync_channel(1);
    beside(move || {
        // Whoever asked may have gone.
        let _ = answer.send(write_out(&keys, sealed, blob.size, &path));
    })?;
    let save = node.read_by_somebody(What::Read, PhotoSave::NAME, standing.elder, 1, asked);
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
